INSERT INTO ledger.accounts SELECT n, 'owner ' || n FROM generate_series(1, 10) n;
INSERT INTO ledger.transactions (account_id, booked_at_ms, amount, reference)
SELECT n % 10 + 1, (extract(epoch FROM now()) * 1000)::bigint - (5000 - n) * 1800000::bigint, n / 7.0, 'reference ' || n
FROM generate_series(1, 5000) n;
