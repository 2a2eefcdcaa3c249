"""Each finding of the pre-flight, on a table that has just that."""

from __future__ import annotations

import pytest

from convert_support import Session, block
from preflight_support import TABLE, examined, found, serious
from tsmigrate.convert.preflight import checks
from tsmigrate.finding import Severity, exit_code

ROWS = """INSERT INTO readings
SELECT n, '2026-01-01 00:00+00'::timestamptz + n * interval '1 hour', n FROM generate_series(1, 100) n;"""

QUIET = "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"

PARENT = "CREATE TABLE site (id int PRIMARY KEY);"


def test_a_table_that_is_fit_has_no_blocker_and_no_warning(session: Session) -> None:
    session.run(TABLE + ROWS)
    report = examined(session)
    assert serious(report) == []
    assert exit_code(report.findings) == 0
    session.run(block())


# What a table has, and what is told of it: the check, its severity, what was seen, and part of the mend.
CASES: dict[str, tuple[str, str, Severity, str, str]] = {
    "forced row security": (
        TABLE + "ALTER TABLE readings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "row security",
        Severity.NOTE,
        "its row security is forced on its owner",
        "lifts FORCE",
    ),
    "row security": (
        TABLE + "ALTER TABLE readings ENABLE ROW LEVEL SECURITY",
        "row security",
        Severity.NOTE,
        "its row security is enabled",
        "columnstore",
    ),
    "an owner that cannot log in": (
        TABLE + "DO $$ BEGIN IF to_regrole('no_login') IS NULL THEN CREATE ROLE no_login; END IF; END $$;"
        "ALTER TABLE readings OWNER TO no_login",
        "owner login",
        Severity.WARNING,
        "its owner no_login may not log in",
        "ALTER ROLE no_login LOGIN",
    ),
    "an owner that may not create in the schema": (
        TABLE + "DO $$ BEGIN IF to_regrole('no_login') IS NULL THEN CREATE ROLE no_login; END IF; END $$;"
        "CREATE SCHEMA closed; ALTER TABLE readings SET SCHEMA closed; ALTER TABLE closed.readings OWNER TO no_login;"
        "ALTER DATABASE :database SET search_path = closed",
        "may create",
        Severity.WARNING,
        "its owner no_login may not create tables in the schema closed",
        "GRANT CREATE ON SCHEMA closed TO no_login",
    ),
    "time without a zone": (
        "CREATE TABLE readings (ts timestamp NOT NULL)",
        "time zone",
        Severity.WARNING,
        "its column ts is a timestamp without time zone",
        "AT TIME ZONE",
    ),
    "time that may be missing": (
        "CREATE TABLE readings (ts timestamptz)",
        "nullable time",
        Severity.NOTE,
        "its column ts becomes NOT NULL",
        "",
    ),
    "a key that will be wider": (
        "CREATE TABLE readings (id int PRIMARY KEY, ts timestamptz NOT NULL)",
        "lost uniqueness",
        Severity.WARNING,
        "readings_pkey (id) will be unique together with ts only",
        "sequence",
    ),
    "an invalid index": (
        TABLE + "CREATE INDEX broken ON readings (value);"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass",
        "invalid indexes",
        Severity.WARNING,
        "its index broken is INVALID",
        "REINDEX INDEX CONCURRENTLY broken",
    ),
    "an invalid key": (
        TABLE + "CREATE UNIQUE INDEX broken ON readings (value, ts);"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass",
        "invalid keys",
        Severity.BLOCKER,
        "its unique index broken is INVALID",
        "DROP INDEX CONCURRENTLY broken",
    ),
    "an exclusion constraint": (
        "CREATE TABLE readings (ts timestamptz NOT NULL, CONSTRAINT apart EXCLUDE USING btree (ts WITH =))",
        "exclusion constraints",
        Severity.NOTE,
        "its exclusion constraint apart stays",
        "columnstore",
    ),
    "an enabled trigger": (
        TABLE + QUIET + "CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION quiet()",
        "triggers",
        Severity.NOTE,
        "its row trigger t is taken off for the move and made again",
        "",
    ),
    "a statement trigger": (
        TABLE + QUIET + "CREATE TRIGGER t AFTER TRUNCATE ON readings EXECUTE FUNCTION quiet()",
        "triggers",
        Severity.NOTE,
        "its statement trigger t is taken off for the move",
        "",
    ),
    "a disabled trigger": (
        TABLE + QUIET + "CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION quiet();"
        "ALTER TABLE readings DISABLE TRIGGER t",
        "sleeping triggers",
        Severity.WARNING,
        "its trigger t is disabled, and stays off the hypertable",
        "tsmigrate.undo",
    ),
    "a replica trigger": (
        TABLE + QUIET + "CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION quiet();"
        "ALTER TABLE readings ENABLE REPLICA TRIGGER t",
        "sleeping triggers",
        Severity.WARNING,
        "its trigger t is enabled on replicas only, and stays off",
        "tsmigrate.undo",
    ),
    "a trigger that always fires": (
        TABLE + QUIET + "CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION quiet();"
        "ALTER TABLE readings ENABLE ALWAYS TRIGGER t",
        "always triggers",
        Severity.WARNING,
        "its trigger t is enabled ALWAYS",
        "replica",
    ),
    "a trigger that asks for its table": (
        TABLE + "CREATE FUNCTION asks() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''%'', TG_TABLE_NAME; "
        "RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION asks()",
        "trigger table name",
        Severity.WARNING,
        "the row trigger t reads TG_TABLE_NAME or its like",
        "TG_ARGV",
    ),
    "an event trigger": (
        TABLE + "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION watch()",
        "event triggers",
        Severity.NOTE,
        "the event trigger e fires for the statements of the conversion",
        "ALTER TABLE",
    ),
    "a foreign key out": (
        PARENT + "CREATE TABLE readings (ts timestamptz NOT NULL, site int REFERENCES site)",
        "foreign keys out",
        Severity.NOTE,
        "its foreign key readings_site_fkey to site stays",
        "",
    ),
    "a foreign key to a hypertable": (
        "CREATE TABLE hyper (id int, at date, PRIMARY KEY (id, at)); SELECT create_hypertable('hyper', 'at');"
        "CREATE TABLE readings (ts timestamptz NOT NULL, id int, at date, FOREIGN KEY (id, at) REFERENCES hyper)",
        "foreign keys to hypertables",
        Severity.BLOCKER,
        "its foreign key readings_id_at_fkey points at hyper, which is a hypertable",
        "ALTER TABLE readings DROP CONSTRAINT readings_id_at_fkey",
    ),
    "a foreign key that sleeps": (
        PARENT + "CREATE TABLE readings (ts timestamptz NOT NULL, site int REFERENCES site);"
        "ALTER TABLE readings DISABLE TRIGGER ALL",
        "sleeping foreign keys",
        Severity.WARNING,
        "the triggers behind the foreign key readings_site_fkey of readings are not all enabled",
        "ENABLE TRIGGER ALL",
    ),
    "a publication": (
        TABLE + "CREATE PUBLICATION news FOR TABLE readings",
        "published",
        Severity.WARNING,
        "it is taken out of the publication news",
        "subscribers",
    ),
    "a publication of the schema": (
        TABLE + "CREATE PUBLICATION news FOR TABLES IN SCHEMA public",
        "published with schema",
        Severity.WARNING,
        "the publication news holds its schema public",
        "list of tables",
    ),
    "a replica identity by a narrow key": (
        "CREATE TABLE readings (id int NOT NULL UNIQUE, ts timestamptz NOT NULL);"
        "ALTER TABLE readings REPLICA IDENTITY USING INDEX readings_id_key",
        "replica identity",
        Severity.WARNING,
        "its replica identity is the index readings_id_key, which does not hold ts",
        "REPLICA IDENTITY FULL",
    ),
    "a published table that is known by a narrow key": (
        "CREATE TABLE readings (id int PRIMARY KEY, ts timestamptz NOT NULL);"
        "CREATE PUBLICATION news FOR TABLE readings",
        "replica identity",
        Severity.WARNING,
        "its replica identity is the index readings_pkey",
        "subscribers",
    ),
    "a view that groups by the narrow key": (
        "CREATE TABLE readings (id int PRIMARY KEY, ts timestamptz NOT NULL);"
        "CREATE VIEW each AS SELECT id, ts, count(*) FROM readings GROUP BY id",
        "views by narrow key",
        Severity.BLOCKER,
        "each groups by the primary key readings_pkey",
        "GROUP BY",
    ),
    "a view that groups by the key": (
        TABLE + "CREATE VIEW each AS SELECT id, ts, value, count(*) FROM readings GROUP BY id, ts",
        "views by key",
        Severity.NOTE,
        "each groups by the primary key readings_pkey",
        "",
    ),
    "a view": (TABLE + "CREATE VIEW seen AS SELECT ts FROM readings", "views", Severity.NOTE, "seen reads it", ""),
    "another table's policy": (
        TABLE + PARENT + "CREATE POLICY few ON site USING (id IN (SELECT value FROM readings))",
        "views",
        Severity.NOTE,
        "policy few on table site reads it",
        "",
    ),
    "a function by row": (
        TABLE + "CREATE FUNCTION worth(readings) RETURNS int LANGUAGE sql AS 'SELECT $1.value'",
        "row type functions",
        Severity.NOTE,
        "the function worth(readings) takes or returns its row type",
        "",
    ),
    "a column of its row type": (
        TABLE + "CREATE TABLE archive (old readings, more readings[])",
        "row type columns",
        Severity.WARNING,
        "the column old of archive is of its row type",
        "CREATE TYPE",
    ),
    "a column that changes": (
        "CREATE TABLE readings (ts timestamptz NOT NULL, last_updated_at timestamptz)",
        "changing time",
        Severity.WARNING,
        "last_updated_at sounds like the time of the last change",
        "created",
    ),
    "an upsert by the narrow key": (
        TABLE + "CREATE FUNCTION put(bigint) RETURNS void LANGUAGE plpgsql AS 'BEGIN "
        "INSERT INTO public.readings (id, ts) VALUES ($1, now()) -- note\n ON CONFLICT (id) DO NOTHING; END'",
        "upserts",
        Severity.WARNING,
        "the function put(bigint): INSERT … ON CONFLICT (id)",
        "conflict target",
    ),
    "an update of time in a function": (
        TABLE + "CREATE FUNCTION put(bigint) RETURNS void LANGUAGE sql BEGIN ATOMIC "
        "UPDATE readings SET value = 1, ts = now() WHERE id = $1; END",
        "updates of time",
        Severity.WARNING,
        "the function put(bigint): UPDATE of ts",
        "INSERT it again",
    ),
    "an update of time in an upsert": (
        TABLE + "CREATE FUNCTION put(bigint) RETURNS void LANGUAGE sql AS 'INSERT INTO readings VALUES ($1, now()) "
        "ON CONFLICT (id, ts) DO UPDATE SET ts = now()'",
        "updates of time",
        Severity.WARNING,
        "the function put(bigint): UPDATE of ts",
        "INSERT it again",
    ),
    "an update of time in a list": (
        TABLE + "CREATE FUNCTION put(bigint) RETURNS void LANGUAGE sql AS "
        "'UPDATE ONLY public.readings AS r SET (value, ts) = (1, now()) WHERE r.id = $1'",
        "updates of time",
        Severity.WARNING,
        "the function put(bigint): UPDATE of ts",
        "INSERT it again",
    ),
    "an update of time by a trigger": (
        TABLE + "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.ts := now(); RETURN NEW; END';"
        "CREATE TRIGGER t BEFORE UPDATE ON readings FOR EACH ROW EXECUTE FUNCTION touch()",
        "updates of time",
        Severity.WARNING,
        "the trigger function touch() sets NEW.ts on UPDATE",
        "INSERT it again",
    ),
    "an export": (
        TABLE + "CREATE FUNCTION export() RETURNS void LANGUAGE plpgsql AS "
        "$$BEGIN EXECUTE 'COPY readings (id) TO PROGRAM ''true'''; END$$",
        "maintenance",
        Severity.WARNING,
        "the function export(): COPY … TO",
        "COPY (SELECT * FROM readings) TO",
    ),
    "an index built beside the writers": (
        TABLE + "CREATE FUNCTION tune() RETURNS void LANGUAGE plpgsql AS "
        "$$BEGIN PERFORM run('CREATE INDEX CONCURRENTLY IF NOT EXISTS x ON readings (value)'); END$$",
        "maintenance",
        Severity.WARNING,
        "the function tune(): CREATE INDEX or REINDEX … CONCURRENTLY",
        "create_index_per_chunk",
    ),
    "what nobody can see": (TABLE, "afterwards", Severity.NOTE, "may still be somewhere", "Search"),
    "rows that break a check": (
        TABLE + ROWS + "ALTER TABLE readings ADD CONSTRAINT small CHECK (value < 91) NOT VALID",
        "not valid",
        Severity.BLOCKER,
        "10 rows break its NOT VALID constraint small",
        "VALIDATE CONSTRAINT small",
    ),
    "rows without a parent": (
        TABLE + ROWS + PARENT + "INSERT INTO site SELECT generate_series(1, 93);"
        "UPDATE readings SET value = NULL WHERE id = 100;"
        "ALTER TABLE readings ADD CONSTRAINT there FOREIGN KEY (value) REFERENCES site NOT VALID",
        "not valid",
        Severity.BLOCKER,
        "6 rows break its NOT VALID constraint there",
        "VALIDATE CONSTRAINT there",
    ),
    "keys that are not unique": (
        TABLE + ROWS + "UPDATE readings SET value = 7, ts = '2026-01-02' WHERE id < 4;"
        "UPDATE readings SET value = NULL, ts = '2026-01-02' WHERE id IN (5, 6);"
        "CREATE UNIQUE INDEX broken ON readings (ts, (abs(value))) WHERE id < 0;"
        "UPDATE pg_index SET indisvalid = false, indpred = NULL WHERE indexrelid = 'broken'::regclass",
        "duplicates",
        Severity.BLOCKER,
        "3 rows share 1 keys of the unique index broken",
        "REINDEX INDEX CONCURRENTLY broken",
    ),
    "months": (TABLE, "months", Severity.WARNING, "a month in the interval 1 month means a fixed 30 days", "days"),
    "small chunks": (
        TABLE + ROWS,
        "chunks",
        Severity.WARNING,
        "an interval of 00:30 makes 100 chunks of 1 rows each",
        "longer interval",
    ),
    "far rows": (
        TABLE + ROWS + "INSERT INTO readings VALUES (0, '1970-01-01 00:00+00'), (0, '2262-04-11 00:00+00')",
        "outliers",
        Severity.WARNING,
        "2 rows lie far outside of 2026-01-01",
        "correct or delete",
    ),
}

INTERVALS = {"months": "1 month", "small chunks": "00:30"}

COLUMNS = {"a column that changes": "last_updated_at"}


@pytest.mark.parametrize("case", CASES)
def test_a_finding_says_what_was_seen_and_the_mend(session: Session, case: str) -> None:
    given, check, severity, seen, mend = CASES[case]
    session.run(given.replace(":database", f'"{session.database.url.database}"'))
    report = examined(session, interval=INTERVALS.get(case, "1 day"), column=COLUMNS.get(case, "ts"))
    told = [finding for finding in found(report, check) if seen in finding.seen]
    assert told, report.findings
    assert told[0].severity is severity
    assert mend in told[0].mend
    assert check in {known.name for known in checks()}


@pytest.mark.parametrize(
    "body",
    [
        "INSERT INTO readings VALUES (1, now()) ON CONFLICT (ts, id) DO UPDATE SET value = 1",
        "INSERT INTO readings VALUES (1, now()) ON CONFLICT DO NOTHING",
        "INSERT INTO others VALUES (1, now()) ON CONFLICT (id) DO NOTHING",
        "UPDATE readings SET value = 1 WHERE ts = now()",
        "UPDATE others SET ts = now()",
        "UPDATE readings SET value = 1; UPDATE others SET ts = now()",
        "COPY (SELECT * FROM readings) TO STDOUT",
        "CREATE INDEX CONCURRENTLY i ON others (id)",
        "PERFORM 1 -- COPY readings TO STDOUT\n",
    ],
)
def test_what_is_well_written_is_not_warned_of(session: Session, body: str) -> None:
    session.run(TABLE, f"CREATE FUNCTION put() RETURNS void LANGUAGE plpgsql AS $$BEGIN\n{body};\nEND$$")
    assert serious(examined(session)) == []


def test_an_invalid_key_is_refused_by_the_operation_too(session: Session) -> None:
    session.run(CASES["an invalid key"][0])
    assert "its unique index broken is INVALID" in session.attempt(block()).message
