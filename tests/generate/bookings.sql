CREATE TYPE booking_status AS ENUM ('PENDING', 'CONFIRMED', 'USED', 'REIMBURSED', 'CANCELLED');
CREATE TABLE users (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE deposits (
  id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, amount numeric(10, 2) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE offerers (id bigserial PRIMARY KEY, name text NOT NULL);
CREATE TABLE venues (id bigserial PRIMARY KEY, offerer_id bigint NOT NULL REFERENCES offerers, name text NOT NULL);
CREATE TABLE offers (id bigserial PRIMARY KEY, venue_id bigint NOT NULL REFERENCES venues, title text NOT NULL);
CREATE TABLE stocks (
  id bigserial PRIMARY KEY, offer_id bigint NOT NULL REFERENCES offers, quantity int NOT NULL,
  booked int NOT NULL DEFAULT 0, CHECK (booked <= quantity)
);
CREATE TABLE bookings (
  id bigserial PRIMARY KEY,
  date_created timestamptz NOT NULL DEFAULT now(),
  date_used timestamptz,
  date_cancelled timestamptz,
  stock_id bigint NOT NULL CONSTRAINT "bookings of a stock" REFERENCES stocks,
  venue_id bigint NOT NULL REFERENCES venues,
  offerer_id bigint NOT NULL REFERENCES offerers,
  user_id bigint NOT NULL REFERENCES users,
  deposit_id bigint REFERENCES deposits ON DELETE SET NULL,
  cancelled_by bigint REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
  quantity int NOT NULL DEFAULT 1 CHECK (quantity > 0),
  amount numeric(10, 2) NOT NULL,
  token varchar(6) NOT NULL,
  status booking_status NOT NULL DEFAULT 'CONFIRMED',
  CHECK (status <> 'CANCELLED' OR date_cancelled IS NOT NULL)
);
CREATE INDEX bookings_date_created ON bookings (date_created);
CREATE INDEX bookings_venue ON bookings (venue_id, date_created);
CREATE INDEX bookings_venue_alone ON bookings (venue_id);
CREATE INDEX bookings_user ON bookings (user_id);
CREATE INDEX bookings_stock ON bookings (stock_id) WHERE status <> 'CANCELLED';
CREATE INDEX bookings_used ON bookings (date_used) WHERE status = 'USED';
CREATE INDEX bookings_token ON bookings (lower(token));
COMMENT ON TABLE bookings IS 'Who takes what: one row a booking';
COMMENT ON INDEX bookings_stock IS 'For what is left of a stock';
CREATE TABLE incidents (
  id bigserial PRIMARY KEY, booking_id bigint NOT NULL REFERENCES bookings ON DELETE CASCADE, note text NOT NULL
);
CREATE FUNCTION count_booked() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
  UPDATE stocks SET booked = booked + NEW.quantity WHERE id = NEW.stock_id;
  RETURN NULL;
END$$;
CREATE TRIGGER count_booked AFTER INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION count_booked();
