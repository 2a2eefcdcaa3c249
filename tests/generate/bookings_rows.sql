INSERT INTO users (email) SELECT 'user' || n || '@example.org' FROM generate_series(1, 50) n;
INSERT INTO deposits (user_id, amount) SELECT n, 300 FROM generate_series(1, 50) n;
INSERT INTO offerers (name) SELECT 'offerer ' || n FROM generate_series(1, 3) n;
INSERT INTO venues (offerer_id, name) SELECT n % 3 + 1, 'venue ' || n FROM generate_series(1, 6) n;
INSERT INTO offers (venue_id, title) SELECT n % 6 + 1, 'offer ' || n FROM generate_series(1, 20) n;
INSERT INTO stocks (offer_id, quantity) SELECT n, 1000 FROM generate_series(1, 20) n;
INSERT INTO bookings (date_created, date_cancelled, stock_id, venue_id, offerer_id, user_id, deposit_id, cancelled_by,
                      amount, token, status)
SELECT at, CASE WHEN n % 10 = 0 THEN at + interval '1 hour' END, n % 20 + 1, n % 6 + 1, n % 3 + 1, n % 50 + 1, n % 50 + 1,
       CASE WHEN n % 10 = 0 THEN n % 50 + 1 END, n % 40, left(md5(n::text), 6),
       CASE WHEN n % 10 = 0 THEN 'CANCELLED' WHEN n % 3 = 0 THEN 'USED' ELSE 'CONFIRMED' END::booking_status
FROM generate_series(1, 5000) n, LATERAL (SELECT now() - (5000 - n) * interval '30 minutes') AS moment (at);
INSERT INTO incidents (booking_id, note) SELECT n * 100, 'incident ' || n FROM generate_series(1, 40) n;
