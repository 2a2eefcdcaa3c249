-- A partitioned table that carries everything a conversion could lose, in each of its parts. :count rows.
CREATE SCHEMA "o""dd";
CREATE SCHEMA archive;
GRANT USAGE ON SCHEMA "o""dd" TO PUBLIC;
CREATE TABLE "o""dd".parent (id int PRIMARY KEY, name text);
INSERT INTO "o""dd".parent SELECT n, n FROM generate_series(0, 9) n;
CREATE FUNCTION "o""dd".noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION "o""dd".nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';

CREATE TABLE "o""dd"."the 'readings'" (
    gone int,
    id bigserial,
    number bigint DEFAULT 7,
    ts timestamptz NOT NULL DEFAULT now(),
    "per cent %s :colon 'quote' ""double""" text COLLATE "C" DEFAULT E'line\nbreak\\ it''s',
    amount numeric(12, 3) DEFAULT 1 CONSTRAINT positive CHECK (amount > 0),
    twice numeric GENERATED ALWAYS AS (amount * 2) STORED,
    parent int DEFAULT 1 CONSTRAINT "to parent" REFERENCES "o""dd".parent ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    doc json,
    CONSTRAINT "the 'key'" PRIMARY KEY (id, ts)
) PARTITION BY RANGE (ts);
\set t '"o""dd"."the ''readings''"'
SELECT pg_get_serial_sequence(:'t', 'id') AS serial \gset
ALTER TABLE :t DROP COLUMN gone;
ALTER TABLE :t ALTER amount SET STATISTICS 500, ALTER doc SET STORAGE EXTERNAL;
ALTER SEQUENCE :serial INCREMENT 3 CACHE 2;
CREATE INDEX expression ON :t (lower("per cent %s :colon 'quote' ""double""") text_pattern_ops, ts DESC NULLS LAST) INCLUDE (amount);
CREATE INDEX "half of it" ON :t USING brin (ts) WITH (pages_per_range = 64) WHERE amount > 5;
COMMENT ON INDEX "o""dd".expression IS 'some; of them';
COMMENT ON CONSTRAINT "the 'key'" ON :t IS 'the "key"';

CREATE TABLE "o""dd".january PARTITION OF :t FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2026-02-01 00:00+00')
    WITH (fillfactor = 70, autovacuum_enabled = false);
-- In another order of columns, with more of its own, made apart and attached.
CREATE TABLE archive.february (
    doc json,
    ts timestamptz NOT NULL DEFAULT '2026-02-02',
    amount numeric(12, 3) DEFAULT 2 CONSTRAINT positive CHECK (amount > 0),
    twice numeric GENERATED ALWAYS AS (amount * 2) STORED,
    parent int DEFAULT 1,
    dropped int,
    "per cent %s :colon 'quote' ""double""" text COLLATE "C",
    number bigint DEFAULT 8 CONSTRAINT "small number" CHECK (number < 1000000),
    id bigint NOT NULL,
    CONSTRAINT february_key PRIMARY KEY (id, ts) WITH (fillfactor = 66)
);
ALTER TABLE archive.february DROP COLUMN dropped;
ALTER TABLE archive.february ALTER amount SET STATISTICS 77, ALTER id SET (n_distinct = -0.5);
CREATE INDEX february_expression ON archive.february (lower("per cent %s :colon 'quote' ""double""") text_pattern_ops, ts DESC NULLS LAST) INCLUDE (amount);
ALTER TABLE :t ATTACH PARTITION archive.february FOR VALUES FROM ('2026-02-01 00:00+00') TO ('2026-03-01 00:00+00');
CREATE UNIQUE INDEX "its own" ON archive.february (ts, id, number);
ALTER TABLE archive.february CLUSTER ON "its own";
ALTER TABLE archive.february REPLICA IDENTITY FULL;
CREATE STATISTICS archive.february_statistics (dependencies) ON number, amount FROM archive.february;
COMMENT ON TABLE archive.february IS 'a partition';
COMMENT ON COLUMN archive.february.amount IS 'a partition''s column';
COMMENT ON INDEX archive."its own" IS 'its own';
GRANT SELECT ON archive.february TO tsmigrate_reader;
GRANT UPDATE (amount) ON archive.february TO PUBLIC;
-- Of the same name as another one's index, in another schema.
CREATE TABLE archive.january PARTITION OF :t FOR VALUES FROM ('2026-03-01 00:00+00') TO ('2026-04-01 00:00+00')
    PARTITION BY HASH (id);
CREATE TABLE archive.march_even PARTITION OF archive.january FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE archive.march_odd PARTITION OF archive.january FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE "o""dd".april PARTITION OF :t FOR VALUES FROM ('2026-04-01 00:00+00') TO ('2026-05-01 00:00+00');
CREATE TABLE "o""dd".may PARTITION OF :t FOR VALUES FROM ('2026-05-01 00:00+00') TO (MAXVALUE);
CREATE TABLE "o""dd".rest PARTITION OF :t DEFAULT;
CREATE TRIGGER "april's" BEFORE INSERT ON "o""dd".april FOR EACH ROW EXECUTE FUNCTION "o""dd".nothing();
CREATE TRIGGER emptied BEFORE TRUNCATE ON "o""dd".april FOR EACH STATEMENT EXECUTE FUNCTION "o""dd".noted();
ALTER TABLE "o""dd".april DISABLE TRIGGER "april's";
INSERT INTO :t (ts, amount, parent, doc)
SELECT '2025-12-25'::timestamptz + n * interval '6 hours', 1 + n / 7.0, n % 10, '{"a": 1}' FROM generate_series(1, :count) n;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE "o""dd".april ENABLE ALWAYS TRIGGER "april's";

CREATE TRIGGER on_row BEFORE INSERT OR UPDATE OF amount ON :t FOR EACH ROW WHEN (NEW.amount > 1) EXECUTE FUNCTION "o""dd".noted('it''s', 'b');
ALTER TABLE ONLY "o""dd".january DISABLE TRIGGER on_row;
CREATE TRIGGER "off" BEFORE INSERT ON :t FOR EACH ROW EXECUTE FUNCTION "o""dd".nothing();
ALTER TABLE :t DISABLE TRIGGER "off";
CREATE TRIGGER always AFTER UPDATE ON :t FOR EACH ROW EXECUTE FUNCTION "o""dd".noted();
ALTER TABLE :t ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER as_statement AFTER INSERT ON :t REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION "o""dd".noted();
COMMENT ON TRIGGER on_row ON :t IS 'noting; it''s';
ALTER TABLE :t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "only some" ON :t USING (number > 1) WITH CHECK (amount > 0 AND EXISTS (SELECT FROM "o""dd".parent));
COMMENT ON TABLE :t IS E'a comment; it''s\nlong \\';
COMMENT ON COLUMN :t.amount IS 'how much';
GRANT SELECT, INSERT ON :t TO PUBLIC;
GRANT UPDATE, DELETE ON :t TO tsmigrate_reader WITH GRANT OPTION;
GRANT UPDATE (amount), SELECT (id, ts) ON :t TO tsmigrate_reader;
CREATE STATISTICS "o""dd"."related 'x'" (dependencies, mcv) ON number, amount FROM :t;

-- What depends on it
CREATE TABLE "o""dd".other (id bigint, mood text);
ALTER TABLE "o""dd".other ENABLE ROW LEVEL SECURITY;
CREATE POLICY "those seen" ON "o""dd".other USING (id IN (SELECT n.id FROM :t n)) WITH CHECK (true);
CREATE VIEW "o""dd"."seen 'x'" AS SELECT id, ts, amount, n.number FROM :t n WHERE amount > 0;
GRANT SELECT ON "o""dd"."seen 'x'" TO tsmigrate_reader;
CREATE MATERIALIZED VIEW "o""dd".kept AS SELECT number, sum(amount) AS total FROM :t GROUP BY number;
CREATE FUNCTION "o""dd".worth(:t) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT $1.amount * 2';
CREATE FUNCTION "o""dd".counted() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM :t; END;
CREATE PUBLICATION "news 'x'" FOR TABLE :t, "o""dd".parent, archive.february;
