"""A plain table becomes a hypertable without losing a row, or nothing changes and every reason is said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from convert_support import Session, block, plain
from tsmigrate import connect
from tsmigrate.catalog import checksum
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.convert.blocks import MISMATCH
from tsmigrate.convert.preflight import Request, checks, examine
from tsmigrate.convert.preflight.check import Said
from tsmigrate.convert.request import HashDimension
from tsmigrate.errors import UsageError
from tsmigrate.plpgsql import REFUSED, Locking
from tsmigrate.sql import raw

READINGS = """
CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY, ts timestamptz, value numeric, note text,
                       PRIMARY KEY (id, ts));
INSERT INTO readings (ts, value, note)
SELECT '2026-01-01'::timestamptz + n * interval '1 hour', n / 7.0, 'note ' || n FROM generate_series(1, 745) n;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; NEW.note := ''altered''; RETURN NEW; END';
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE heard (what text);
CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO public.heard VALUES (TG_OP || '' '' || TG_LEVEL); RETURN NULL; END';
"""
IS_HYPERTABLE = "SELECT count(*) FROM timescaledb_information.hypertables"
Take = Callable[[], Snapshot]


def rows_of(session: Session, table: str = "readings", schema: str = "public") -> checksum.Rows:
    with connect.connection(session.database) as connection:
        return checksum.of_table(connection, table, schema)


@pytest.mark.parametrize("count", [0, 1, 10_000])
def test_every_row_is_in_a_chunk_afterwards(session: Session, count: int) -> None:
    session.run(
        "CREATE TABLE readings (ts timestamp, value float8, spot point)",
        f"INSERT INTO readings SELECT '2026-01-01'::timestamp + n * interval '1 minute', n, point(n, n) "
        f"FROM generate_series(1, {count}) n",
    )
    before = rows_of(session)
    session.run(block())
    assert rows_of(session) == before
    assert session.value("SELECT count(*) FROM ONLY readings") == 0
    assert session.value(IS_HYPERTABLE) == 1


@pytest.mark.parametrize(
    ("type_", "rows", "interval"),
    [
        ("date", "date '2026-01-01' + n", "7 days"),
        ("timestamp", "timestamp '2026-01-01' + n * interval '1 hour'", "1 day 12:00"),
        ("smallint", "n", 10),
        ("integer", "n", 10),
        ("bigint", "n", 10),
    ],
)
def test_every_kind_of_time_is_taken(session: Session, type_: str, rows: str, interval: str | int) -> None:
    session.run(f"CREATE TABLE readings AS SELECT ({rows})::{type_} AS ts FROM generate_series(1, 50) n")
    session.run(block(interval=interval))
    assert session.value("SELECT count(*) FROM readings") == 50


def test_names_may_be_odd_and_of_any_schema(session: Session) -> None:
    table = Relation("o\"dd 'schema", "é" * 31)
    session.run(
        'CREATE SCHEMA "o""dd \'schema"',
        f'CREATE TABLE {table} ("t\'s "" :x %s" timestamptz)',
        f"INSERT INTO {table} VALUES (now())",
    )
    session.run(block(table, column="t's \" :x %s"))
    assert session.rows("SELECT hypertable_schema, hypertable_name FROM timescaledb_information.hypertables") == [
        (table.schema, table.name)
    ]


def test_a_hash_dimension_and_a_now_function_are_set(session: Session) -> None:
    session.run(
        "CREATE TABLE readings (ts bigint, device int)",
        "INSERT INTO readings SELECT n, n % 5 FROM generate_series(1, 100) n",
        "CREATE FUNCTION ticking() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT 100::bigint'",
        block(interval=50, hash_dimension=HashDimension("device", 3), integer_now=Relation("public", "ticking")),
    )
    assert session.rows(
        "SELECT column_name, integer_interval, integer_now_func, num_partitions "
        "FROM timescaledb_information.dimensions ORDER BY dimension_number"
    ) == [("ts", 50, "ticking", None), ("device", None, None, 3)]


def test_the_callers_settings_come_back(session: Session) -> None:
    session.run(READINGS)
    every = raw("SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'plpgsql.%' ORDER BY name")
    with connect.connection(session.database) as connection:
        connection.execute(raw("SET LOCAL search_path = public; SET LOCAL lock_timeout = '7s'"))
        connection.execute(raw("SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL maintenance_work_mem = '1MB'"))
        before = connection.execute(every).all()
        for statement in (block(), plain()):
            connection.execute(raw(statement))
            assert connection.execute(every).all() == before


# Traps: each loses or alters rows, or does what nobody asked for, with the plain call.
TRAPS = {
    "a BEFORE INSERT trigger": "CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION swallow()",
    "a disabled trigger": """CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION forget();
                             ALTER TABLE readings DISABLE TRIGGER t""",
    "a replica trigger": """CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION forget();
                            ALTER TABLE readings ENABLE REPLICA TRIGGER t""",
    "an always enabled trigger": """CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION swallow();
                                    ALTER TABLE readings ENABLE ALWAYS TRIGGER t""",
    "a constraint trigger": """CREATE CONSTRAINT TRIGGER t AFTER INSERT ON readings DEFERRABLE INITIALLY DEFERRED
                               FOR EACH ROW EXECUTE FUNCTION hear()""",
    "an AFTER row trigger": "CREATE TRIGGER t AFTER INSERT ON readings FOR EACH ROW EXECUTE FUNCTION hear()",
    "a TRUNCATE trigger": "CREATE TRIGGER t BEFORE TRUNCATE ON readings FOR EACH STATEMENT EXECUTE FUNCTION hear()",
}
PLAIN_CALL = "SELECT create_hypertable('readings', 'ts', migrate_data => true)"


@pytest.mark.parametrize("trap", TRAPS)
def test_the_plain_call_is_caught_in_the_trap(session: Session, trap: str) -> None:
    """What the promise below is worth: where this fails, TimescaleDB has mended it."""
    session.run(READINGS, TRAPS[trap])
    before = rows_of(session)
    session.run(PLAIN_CALL)
    heard = session.value("SELECT count(*) FROM heard")
    assert rows_of(session) != before or heard > 0


@pytest.mark.parametrize("trap", TRAPS)
def test_our_call_is_not(session: Session, trap: str) -> None:
    session.run(READINGS, TRAPS[trap])
    before = rows_of(session)
    session.run(block())
    assert rows_of(session) == before
    assert session.value("SELECT count(*) FROM heard") == 0


# Keys that the plain call accepts, and holds within each chunk only: what should be refused is not.
UNKEPT = {
    "time is only included in the key": (
        "CREATE TABLE readings (id int, ts timestamptz NOT NULL, UNIQUE (id) INCLUDE (ts))",
        "the unique constraint readings_id_ts_key does not hold ts among its key columns",
    ),
    "time is compared by another operator": (
        """CREATE EXTENSION btree_gist; CREATE TABLE readings (id int, ts timestamptz NOT NULL,
           EXCLUDE USING gist (id WITH =, ts WITH <>))""",
        "the exclusion constraint readings_id_ts_excl compares ts with <>",
    ),
}


@pytest.mark.parametrize("trap", UNKEPT)
def test_a_key_that_would_no_longer_hold_is_refused(session: Session, trap: str) -> None:
    table, reason = UNKEPT[trap]
    row, far_away = (f"INSERT INTO readings VALUES (1, '{day}')" for day in ("2026-01-01", "2029-01-01"))
    session.run(table, row)
    assert session.attempt(far_away).code in {"23505", "23P01"}
    outcome = session.attempt(block())
    assert (outcome.code, reason in outcome.message) == (REFUSED, True), outcome
    assert session.attempt(far_away).code in {"23505", "23P01"}
    session.run(PLAIN_CALL, far_away)  # what the refusal is worth


def test_a_trigger_that_asks_for_its_table_is_warned_of(session: Session) -> None:
    session.run(
        READINGS,
        """CREATE FUNCTION name_it() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN INSERT INTO public.heard VALUES (TG_TABLE_NAME); RETURN NEW; END';
           CREATE TRIGGER named AFTER INSERT ON readings FOR EACH ROW EXECUTE FUNCTION name_it()""",
    )
    notices = session.run(block()).notices
    assert any("the row trigger named reads TG_TABLE_NAME or its like" in notice for notice in notices), notices
    session.run("INSERT INTO readings (ts) VALUES ('2030-01-01')")
    assert session.value("SELECT what FROM heard").startswith("_hyper_")  # what the warning is worth


@pytest.mark.parametrize("trap", ["a disabled trigger", "a replica trigger"])
def test_a_trigger_that_does_not_fire_does_not_fire_in_chunks_made_later(session: Session, trap: str) -> None:
    session.run(READINGS, TRAPS[trap], block(), "INSERT INTO readings (ts) VALUES ('2030-01-01')")
    assert session.value("SELECT count(*) FROM readings") == 746
    assert "CREATE TRIGGER t BEFORE" in session.value("SELECT definition ->> 'triggers_kept_off' FROM tsmigrate.undo")


def test_triggers_that_fire_are_back_with_their_comments(session: Session) -> None:
    session.run(
        READINGS,
        TRAPS["an AFTER row trigger"],
        "COMMENT ON TRIGGER t ON readings IS 'it''s heard'",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON readings DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION hear()",
        block(),
    )
    triggers = "SELECT tgname, tgenabled, tgdeferrable, obj_description(oid, 'pg_trigger') FROM pg_trigger " + (
        "WHERE tgrelid = 'readings'::regclass AND NOT tgisinternal AND tgname <> 'ts_insert_blocker' ORDER BY 1"
    )
    assert session.rows(triggers) == [("late", "O", True, None), ("t", "O", False, "it's heard")]
    session.run("INSERT INTO readings (ts) VALUES ('2030-01-01')")
    assert session.value("SELECT count(*) FROM heard") == 2


REFUSALS: dict[str, tuple[str, dict[str, Any], list[str], str]] = {
    "no such table": ("", {}, ["there is no such table"], "case-sensitive"),
    "a view": ("CREATE VIEW readings AS SELECT now() AS ts", {}, ["it is a view"], "plain table"),
    "a partition of another table": (
        "CREATE TABLE whole (ts timestamptz) PARTITION BY RANGE (ts); CREATE TABLE readings PARTITION OF whole DEFAULT",
        {},
        ["it is a partition of whole"],
        "DETACH PARTITION readings",
    ),
    "a foreign partition": (
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        "CREATE TABLE readings (ts timestamptz) PARTITION BY RANGE (ts);"
        "CREATE FOREIGN TABLE far PARTITION OF readings DEFAULT SERVER s",
        {},
        ["its partition far is a foreign table"],
        "DETACH PARTITION far",
    ),
    "what depends on a partition alone": (
        "CREATE TABLE readings (ts timestamptz PRIMARY KEY) PARTITION BY RANGE (ts);"
        "CREATE TABLE part PARTITION OF readings DEFAULT; INSERT INTO readings VALUES (now());"
        "CREATE VIEW over AS SELECT FROM part; CREATE TABLE child (ts timestamptz CONSTRAINT up REFERENCES part)",
        {},
        ["rule _RETURN on view over depends on its partition part alone", "the foreign key up of child points at its"],
        "let it read readings",
    ),
    "a key of a partitioned table without the time": (
        "CREATE TABLE readings (id int PRIMARY KEY, ts timestamptz) PARTITION BY LIST (id);"
        "CREATE TABLE part PARTITION OF readings DEFAULT; INSERT INTO readings VALUES (1, NULL), (2, 'infinity')",
        {},
        ["the primary key readings_pkey does not hold ts", "1 rows have no ts", "1 rows have an infinite ts"],
        "widen_primary_key",
    ),
    "a foreign table": (
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        "CREATE FOREIGN TABLE readings (ts timestamptz) SERVER s",
        {},
        ["it is a foreign table"],
        "plain table",
    ),
    "a parent": (
        "CREATE TABLE readings (ts timestamptz); CREATE TABLE child () INHERITS (readings)",
        {},
        ["child inherits from it"],
        "NO INHERIT",
    ),
    "a child": (
        "CREATE TABLE parent (ts timestamptz); CREATE TABLE readings () INHERITS (parent)",
        {},
        ["it inherits from parent"],
        "NO INHERIT",
    ),
    "a typed table": (
        "CREATE TYPE kind AS (ts timestamptz); CREATE TABLE readings OF kind",
        {},
        ["it is a typed table (OF kind)"],
        "NOT OF",
    ),
    "no such column": ("CREATE TABLE readings (x int)", {}, ["it has no column ts"], "case-sensitive"),
    "no time": ("CREATE TABLE readings (ts text)", {}, ["of type text"], "timestamptz"),
    "a domain": (
        "CREATE DOMAIN moment AS timestamptz; CREATE TABLE readings (ts moment)",
        {},
        ["of type moment"],
        "base type",
    ),
    "generated time": (
        "CREATE TABLE readings (d date, ts date GENERATED ALWAYS AS (d + 1) STORED)",
        {},
        ["its column ts is generated"],
        "DROP EXPRESSION",
    ),
    "zero": ("CREATE TABLE readings (ts date)", {"interval": "0 days"}, ["cannot span 0 days"], "greater than zero"),
    "negative": ("CREATE TABLE readings (ts int)", {"interval": -5}, ["cannot span -5"], "greater than zero"),
    "nonsense": ("CREATE TABLE readings (ts date)", {"interval": "often"}, ["'often' is no interval"], "1 day"),
    "hours of a date": ("CREATE TABLE readings (ts date)", {"interval": "36 hours"}, ["whole days"], "whole days"),
    "time by number": ("CREATE TABLE readings (ts date)", {"interval": 7}, ["no interval for the column"], "1 day"),
    "number by time": ("CREATE TABLE readings (ts int)", {}, ["no interval for the column"], "an integer"),
    "too wide": ("CREATE TABLE readings (ts int2)", {"interval": 40000}, ["more than the column"], "smaller"),
    "a hypertable": (
        "CREATE TABLE readings (ts date); SELECT create_hypertable('readings', 'ts')",
        {},
        ["it is a hypertable already, on ts"],
        "set_chunk_interval",
    ),
    "a hypertable with chunks": (
        "CREATE TABLE readings (ts date); SELECT create_hypertable('readings', 'ts');"
        "INSERT INTO readings VALUES ('2026-01-01'), ('2026-02-01')",
        {},
        ["it is a hypertable already, on ts"],
        "set_chunk_interval",
    ),
    "keys without time": (
        """CREATE TABLE readings (id int PRIMARY KEY, ts date, x int, UNIQUE (id, x) INCLUDE (ts));
           CREATE UNIQUE INDEX bare ON readings (x, (ts + 1)) INCLUDE (ts)""",
        {},
        [
            "the primary key readings_pkey does not hold ts",
            "the unique constraint readings_id_x_ts_key does not hold ts",
            "the unique index bare does not hold ts",
        ],
        "widen_unique_constraint",
    ),
    "a key without the hash column": (
        "CREATE TABLE readings (id int, ts date, device int, PRIMARY KEY (id, ts))",
        {"hash_dimension": HashDimension("device", 2)},
        ["the primary key readings_pkey does not hold device"],
        "widen_primary_key",
    ),
    "an exclusion by overlap of time": (
        "CREATE EXTENSION btree_gist; CREATE TABLE readings (ts date, EXCLUDE USING gist (ts WITH <>))",
        {},
        ["compares ts with <>"],
        "compare ts with =",
    ),
    "rows without time": (
        "CREATE TABLE readings (ts date); INSERT INTO readings VALUES (NULL), (NULL), ('infinity'), ('2026-01-01')",
        {},
        ["2 rows have no ts", "1 rows have an infinite ts"],
        "finite",
    ),
    "rows not to be moved": (
        "CREATE TABLE readings (ts date); INSERT INTO readings VALUES ('2026-01-01')",
        {"migrate_data": False},
        ["it holds 1 rows"],
        "migrate_data=True",
    ),
    "foreign keys to it": (
        """CREATE TABLE readings (id int, ts date, PRIMARY KEY (id, ts), up int, uts date,
               CONSTRAINT own FOREIGN KEY (up, uts) REFERENCES readings);
           CREATE TABLE child (id int, ts date, CONSTRAINT far FOREIGN KEY (id, ts) REFERENCES readings);
           ALTER TABLE child DISABLE TRIGGER ALL; INSERT INTO readings VALUES (1, '2026-01-01')""",
        {},
        ["its foreign key own points at itself", "the foreign key far of child points at it"],
        "drop_foreign_key_to",
    ),
    "a rule": (
        "CREATE TABLE readings (ts date); CREATE RULE quiet AS ON INSERT TO readings DO ALSO NOTHING",
        {},
        ["it has the rule quiet"],
        "trigger",
    ),
    "a check that chunks do not inherit": (
        "CREATE TABLE readings (ts date, CONSTRAINT rooted CHECK (ts > '2000-01-01') NO INHERIT)",
        {},
        ["rooted is NO INHERIT"],
        "ordinary",
    ),
    "a row trigger with a transition table": (
        READINGS + "CREATE TRIGGER t AFTER INSERT ON readings REFERENCING NEW TABLE AS n FOR EACH ROW "
        "EXECUTE FUNCTION hear()",
        {},
        ["row trigger t has a transition table"],
        "statement trigger",
    ),
    "a publication of everything": (
        "CREATE TABLE readings (ts date); CREATE PUBLICATION everything FOR ALL TABLES",
        {},
        ["everything is FOR ALL TABLES"],
        "list",
    ),
    "an unknown now": (
        "CREATE TABLE readings (ts int)",
        {"interval": 5, "integer_now": "never"},
        ['function "never" is not there'],
        "without arguments",
    ),
    "many things at once": (
        """CREATE TABLE readings (id int PRIMARY KEY, ts date); INSERT INTO readings VALUES (1, 'infinity');
           CREATE RULE quiet AS ON DELETE TO readings DO ALSO NOTHING""",
        {"interval": "-1 day", "migrate_data": False},
        ["readings_pkey", "infinite ts", "holds 1 rows", "rule quiet", "cannot span"],
        "widen_primary_key",
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_says_every_reason_and_changes_nothing(session: Session, take: Take, what: str) -> None:
    given, asked, reasons, mend = REFUSALS[what]
    if given:
        session.run(given)
    before = take()
    outcome = session.attempt(block(**asked))
    assert outcome.code == REFUSED, outcome
    assert all(reason in outcome.message for reason in reasons), outcome.message
    assert outcome.message.count("\n- ") == len(reasons)
    assert mend in outcome.hint
    assert take() == before


@pytest.mark.parametrize("what", [what for what in REFUSALS if not {*REFUSALS[what][1]} - {"interval"}])
def test_the_preflight_tells_the_same_reasons_and_mends(session: Session, what: str) -> None:
    given, asked, _, _ = REFUSALS[what]
    if given:
        session.run(given)
    outcome = session.attempt(block(**asked))
    interval = asked.get("interval", "1 day")
    with connect.connection(session.database) as connection:
        findings = examine(connection, Request("readings", "ts", interval)).findings
    refused = {check.name for check in checks() if check.said is Said.REFUSED}
    told = [finding for finding in findings if finding.check in refused]
    assert {f"- {finding.seen}" for finding in told} == set(outcome.message.splitlines()[1:])
    assert {finding.mend for finding in told} == set(outcome.hint.splitlines())


def test_a_database_without_the_extension_is_refused(plain_database: Any) -> None:
    session = Session(plain_database)
    session.run("CREATE TABLE readings (ts date)")
    outcome = session.attempt(block())
    assert outcome.code == REFUSED
    assert "this database has no TimescaleDB" in outcome.message
    assert "create_timescaledb_extension" in outcome.hint


def test_a_temporary_table_is_refused(session: Session) -> None:
    outcome = session.attempt("CREATE TEMP TABLE readings (ts date)", block())
    assert (outcome.code, "it is temporary" in outcome.message) == (REFUSED, True)


def test_a_transaction_with_an_old_view_of_the_rows_is_refused(session: Session) -> None:
    session.run(READINGS)
    outcome = session.attempt("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", block())
    assert (outcome.code, "READ COMMITTED" in outcome.message) == (REFUSED, True)


def test_a_stranger_is_refused_and_the_owner_is_not(session: Session, owner: Session) -> None:
    session.run(READINGS)
    outcome = owner.attempt(block())
    assert (outcome.code, "may not change it" in outcome.message) == (REFUSED, True)
    session.run(f"ALTER TABLE readings OWNER TO {owner.role}")
    owner.run(block())
    assert session.value("SELECT count(*) FROM readings") == 745


def test_an_owner_under_forced_row_security_keeps_hidden_rows_and_the_force(session: Session, owner: Session) -> None:
    session.run(READINGS)
    session.run(
        f"ALTER TABLE readings OWNER TO {owner.role}, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY few ON readings USING (id < 10)",
    )
    owner.run(block())
    assert session.value("SELECT count(*) FROM readings") == 745
    assert session.value("SELECT relforcerowsecurity FROM pg_class WHERE oid = 'readings'::regclass")


def test_a_month_is_said_to_be_thirty_days(session: Session) -> None:
    session.run("CREATE TABLE readings (ts date)")
    assert any("fixed 30 days" in notice for notice in session.run(block(interval="1 month")).notices)


def test_publications_and_what_else_the_catalog_forgets_are_remembered(session: Session) -> None:
    session.run(
        "CREATE TABLE readings (ts timestamptz, id int)",
        "CREATE PUBLICATION news FOR TABLE readings (id) WHERE (id > 1)",
    )
    outcome = session.run(block())
    assert any("no longer published" in notice for notice in outcome.notices)
    assert session.value("SELECT definition FROM tsmigrate.undo") == {
        "nullable": True,
        "publications": ["ALTER PUBLICATION news ADD TABLE ONLY public.readings (id) WHERE (id > 1)"],
        "indexes": {"public.readings_ts_idx": "CREATE INDEX readings_ts_idx ON public.readings USING btree (ts DESC)"},
    }


def test_a_table_that_needs_no_memory_leaves_none(session: Session) -> None:
    session.run("CREATE TABLE readings (ts timestamptz NOT NULL)", block(default_indexes=False))
    assert session.value("SELECT to_regnamespace('tsmigrate')") is None


def test_rows_that_change_on_their_way_stop_everything(session: Session, take: Take) -> None:
    session.run(
        READINGS,
        # A check that writes: it runs for every row that moves.
        """CREATE TABLE told (id bigint);
           CREATE FUNCTION meddle(id bigint) RETURNS bool LANGUAGE plpgsql AS $$
           BEGIN
             IF id = 7 AND NOT EXISTS (SELECT FROM public.told) THEN
               INSERT INTO public.told VALUES (id);
               INSERT INTO public.readings (ts, note) VALUES ('2026-01-01', 'meddled');
             END IF;
             RETURN true;
           END $$""",
        "ALTER TABLE readings ADD CHECK (meddle(id)) NOT VALID",
    )
    rows, before = rows_of(session), take()
    outcome = session.attempt(block())
    assert outcome.code == MISMATCH, outcome
    assert "745 rows" in outcome.message
    assert (rows_of(session), take()) == (rows, before)


def test_a_connection_that_dies_on_the_way_leaves_the_table_as_it_was(session: Session, take: Take) -> None:
    session.run(READINGS, TRAPS["a disabled trigger"])
    rows, before = rows_of(session), take()
    outcome = session.attempt(block(), "SELECT pg_terminate_backend(pg_backend_pid())")
    assert outcome.message
    assert (rows_of(session), take()) == (rows, before)


def test_a_busy_table_is_tried_again_and_then_said_to_be_busy(session: Session, connection: Connection) -> None:
    session.run(READINGS)
    connection.execute(raw("SELECT count(*) FROM readings"))
    outcome = session.attempt(block(locking=Locking(timeout_ms=50, retries=2)))
    assert outcome.code == "55P03"
    assert '"readings" could not be locked in 3 attempts of 50 ms' in outcome.message
    assert "lock_timeout" in outcome.hint
    connection.rollback()
    session.run(block())


def test_a_lock_that_is_let_go_in_time_is_no_trouble(session: Session, connection: Connection) -> None:
    session.run(READINGS)
    connection.execute(raw("SELECT count(*) FROM readings"))
    timer = threading.Timer(0.5, connection.rollback)
    timer.start()
    session.run(block(locking=Locking(timeout_ms=100, retries=8)))
    timer.join()
    assert session.value(IS_HYPERTABLE) == 1


def test_a_table_put_in_its_place_meanwhile_is_not_converted(session: Session, connection: Connection) -> None:
    session.run(READINGS)
    connection.execute(raw("ALTER TABLE readings RENAME TO former; CREATE TABLE readings (ts date)"))
    timer = threading.Timer(0.5, connection.commit)
    timer.start()
    outcome = session.attempt(block(locking=Locking(timeout_ms=5_000, retries=0)))
    timer.join()
    assert (outcome.code, "was replaced by another table" in outcome.message) == ("55P03", True), outcome
    assert session.value(IS_HYPERTABLE) == 0


def test_tables_tied_by_foreign_keys_are_locked_too_or_none(session: Session, connection: Connection) -> None:
    session.run(
        "CREATE TABLE site (id int PRIMARY KEY)",
        "CREATE TABLE readings (ts date, site int REFERENCES site)",
    )
    connection.execute(raw("INSERT INTO site VALUES (1)"))
    outcome = session.attempt(block(locking=Locking(timeout_ms=50, retries=1)))
    assert (outcome.code, "in 2 attempts" in outcome.message) == ("55P03", True), outcome
    connection.rollback()
    session.run(block())


def test_pending_deferred_checks_do_not_stand_in_the_way(session: Session) -> None:
    session.run(
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE readings (ts date, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "ALTER TABLE readings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    )
    session.run("INSERT INTO parent VALUES (1)", "INSERT INTO readings VALUES ('2026-01-01', 1)", block())


def test_psql_runs_the_same_text(session: Session, psql: Callable[[str], Any]) -> None:
    done = psql(READINGS + block())
    assert done.returncode == 0, done.stderr
    assert session.value("SELECT count(*) FROM readings") == 745


@pytest.mark.parametrize(("timeout", "retries"), [(0, 1), (-1, 1), (100, -1)])
def test_a_lock_timeout_that_waits_for_ever_is_wrong_use(timeout: int, retries: int) -> None:
    with pytest.raises(UsageError):
        Locking(timeout_ms=timeout, retries=retries)


def test_a_name_that_postgresql_would_cut_off_is_wrong_use() -> None:
    with pytest.raises(UsageError):
        block("x" * 64)
