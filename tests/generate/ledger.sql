CREATE SCHEMA ledger;
CREATE TABLE ledger.accounts (id int PRIMARY KEY, owner text NOT NULL);
CREATE TABLE ledger.transactions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id int NOT NULL REFERENCES ledger.accounts,
  booked_at_ms bigint NOT NULL,
  amount numeric(18, 4) NOT NULL,
  reference text
);
CREATE INDEX transactions_account ON ledger.transactions (account_id, booked_at_ms DESC);
CREATE INDEX transactions_booked ON ledger.transactions (booked_at_ms);
