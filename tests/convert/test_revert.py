"""What a conversion changed comes back byte for byte, with the rows of today; or nothing changes, with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from convert_support import NASTY, Session, assert_same, block, plain, rows_and_sequences
from convert_support import NASTY_TABLE as TABLE
from support import TestServer
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.convert.request import HashDimension
from tsmigrate.plpgsql import REFUSED
from tsmigrate.sql import raw

Take = Callable[[], Snapshot]


@pytest.mark.parametrize("ordinary", [False, True], ids=["superuser", "ordinary owner"])
@pytest.mark.parametrize("count", [0, 1, 10_000])
def test_the_nasty_table_comes_back_byte_for_byte_with_its_rows(  # noqa: PLR0917 - fixtures
    session: Session, owner: Session, reader: str, psql: Callable[..., Any], take: Take, count: int, ordinary: bool
) -> None:
    role = owner if ordinary else session
    done = psql(f"SET SESSION AUTHORIZATION {owner.role};\n{NASTY}" if ordinary else NASTY, count=count)
    assert done.returncode == 0, done.stderr
    before = take()
    role.run(block(TABLE, interval="60 days"))
    # Past the policies, which hide rows from an ordinary owner too.
    session.run(
        f"INSERT INTO {TABLE} (ts, mood, amount) "
        "SELECT '2027-01-01'::timestamptz + n * interval '1 day', 'it''s; fine', n FROM generate_series(1, 20) n",
        f"UPDATE {TABLE} SET amount = 0.25 WHERE id = 3",
        f"DELETE FROM {TABLE} WHERE id = 1",
        """REFRESH MATERIALIZED VIEW "o""dd".kept""",
    )
    rows = rows_and_sequences(session, TABLE)
    assert rows[0].count >= count + 19
    role.run(plain(TABLE))
    assert_same(before, take())
    assert rows_and_sequences(session, TABLE) == rows
    assert session.value("SELECT to_regnamespace('tsmigrate')") is None
    # And once more, with what the first round left.
    role.run(block(TABLE, interval="60 days"))
    role.run(plain(TABLE))
    assert_same(before, take())
    assert rows_and_sequences(session, TABLE) == rows


KEYED = """
CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY, ts timestamptz, v int,
                       PRIMARY KEY (id, ts) WITH (fillfactor = 60) DEFERRABLE,
                       EXCLUDE USING btree (ts WITH =, id WITH =));
INSERT INTO readings (ts, v) SELECT '2026-01-01'::timestamptz + n * interval '1 hour', n FROM generate_series(1, 100) n;
"""


def there_and_back(session: Session, take: Take, *meanwhile: str, **asked: Any) -> None:
    before = take()
    session.run(block(**asked))
    session.run(*meanwhile)
    rows = rows_and_sequences(session, Relation("public", "readings"))
    session.run(plain())
    assert_same(before, take())
    assert rows_and_sequences(session, Relation("public", "readings")) == rows


def test_keys_and_their_options_come_back(session: Session, take: Take) -> None:
    session.run(KEYED, "ALTER TABLE readings REPLICA IDENTITY NOTHING")
    there_and_back(session, take, "INSERT INTO readings (ts) VALUES ('2030-01-01')")


def test_a_replica_identity_by_index_comes_back(session: Session, take: Take) -> None:
    session.run(
        "CREATE TABLE readings (id int NOT NULL, ts timestamptz NOT NULL)",
        "CREATE UNIQUE INDEX by_both ON readings (id, ts)",
        "ALTER TABLE readings REPLICA IDENTITY USING INDEX by_both",
        "ALTER TABLE readings CLUSTER ON by_both",
    )
    there_and_back(session, take, "INSERT INTO readings VALUES (1, '2030-01-01')")


def test_foreign_keys_in_both_directions_come_back(session: Session, take: Take) -> None:
    session.run(
        """CREATE TABLE site (id int PRIMARY KEY); INSERT INTO site VALUES (1);
           CREATE TABLE readings (id int, ts timestamptz,
                                  site int CONSTRAINT "at 'site'" REFERENCES site ON DELETE SET NULL,
                                  PRIMARY KEY (id, ts));
           CREATE TABLE child (id int, ts timestamptz, checked bool,
               CONSTRAINT far FOREIGN KEY (id, ts) REFERENCES readings ON DELETE CASCADE DEFERRABLE,
               CONSTRAINT unchecked FOREIGN KEY (id, ts) REFERENCES readings NOT VALID);
           COMMENT ON CONSTRAINT far ON child IS 'from afar'""",
    )
    there_and_back(
        session, take, "INSERT INTO readings VALUES (1, '2030-01-01', 1)", "INSERT INTO child VALUES (1, '2030-01-01')"
    )
    outcome = session.attempt("INSERT INTO child VALUES (2, '2030-01-01')")
    assert outcome.code == "23503"
    session.run("DELETE FROM readings")
    assert session.value("SELECT count(*) FROM child") == 0


def test_default_privileges_add_nothing(session: Session, take: Take, reader: str) -> None:
    session.run(
        "CREATE TABLE readings (id serial, ts timestamptz)",
        "CREATE FUNCTION f(readings) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    )
    session.run(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {reader}")
    session.run(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO {reader}")
    there_and_back(session, take)


def test_the_default_index_goes_and_a_users_own_stays(session: Session, take: Take) -> None:
    session.run("CREATE TABLE readings (ts timestamptz, v int)", "CREATE INDEX readings_ts_idx ON readings (v)")
    before = take()
    session.run(block())
    added = set(session.value("SELECT definition -> 'indexes' FROM tsmigrate.undo"))
    assert added == {"public.readings_ts_idx1"}
    session.run(plain())
    assert_same(before, take())

    session.run(block(), "DROP INDEX readings_ts_idx1; CREATE INDEX readings_ts_idx1 ON readings (v, ts)", plain())
    assert session.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'readings' ORDER BY 1") == [
        ("readings_ts_idx",),
        ("readings_ts_idx1",),
    ]


def test_what_was_added_to_the_hypertable_since_stays(session: Session) -> None:
    session.run(KEYED, block())
    session.run(
        "ALTER TABLE readings ADD extra text DEFAULT 'more', ALTER v TYPE bigint",
        "CREATE INDEX by_value ON readings (v)",
        "CREATE VIEW over AS SELECT r.*, r AS whole FROM readings r",
    )
    session.run(plain())
    assert session.rows("SELECT DISTINCT extra FROM over") == [("more",)]
    assert session.value("SELECT to_regclass('by_value')") == "by_value"


def test_a_publication_that_is_gone_is_said_to_be_gone(session: Session) -> None:
    session.run("CREATE TABLE readings (ts timestamptz)", "CREATE PUBLICATION news FOR TABLE readings")
    session.run(block())
    session.run("DROP PUBLICATION news")
    assert any("is not published as before" in notice for notice in session.run(plain()).notices)


def test_only_names_that_are_free_are_used_on_the_way(session: Session, take: Take) -> None:
    session.run(
        "CREATE TABLE readings (ts timestamptz)", "CREATE SCHEMA tsmigrate_hold", "CREATE SCHEMA tsmigrate_hold_1"
    )
    there_and_back(session, take, "INSERT INTO readings VALUES ('2030-01-01')")


REFUSALS: dict[str, tuple[str, list[str], str]] = {
    "no such table": ("DROP TABLE readings CASCADE", ["there is no such table"], "case-sensitive"),
    "a plain table": (
        "DROP TABLE readings CASCADE; CREATE TABLE readings (ts date)",
        ["it is not a hypertable"],
        "nothing to take back",
    ),
    "a composite column": (
        "CREATE TABLE keeper (r readings)",
        ["column r of table public.keeper depends on type public.readings"],
        "Drop it first",
    ),
    "a domain and an aggregate": (
        """CREATE DOMAIN reading AS readings;
           CREATE FUNCTION add(int, readings) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1';
           CREATE AGGREGATE total(readings) (SFUNC = add, STYPE = int, INITCOND = '0')""",
        ["type public.reading depends on type", "total(public.readings) depends on type"],
        "Drop it first",
    ),
    "a policy that reads a materialized view": (
        """CREATE MATERIALIZED VIEW kept AS SELECT id FROM readings; CREATE TABLE other (id int);
           CREATE POLICY p ON other USING (id IN (SELECT id FROM kept))""",
        ["policy p on table public.other depends on materialized view public.kept"],
        "Drop it first",
    ),
    "another table's default": (
        """CREATE FUNCTION worth(readings) RETURNS int LANGUAGE sql AS 'SELECT 1';
           CREATE TABLE other (x int DEFAULT worth(NULL))""",
        ["default value for column x of table public.other depends on function"],
        "Drop it first",
    ),
    "foreign keys that sleep": (
        """CREATE TABLE site (id int PRIMARY KEY); CREATE TABLE child (id int, ts timestamptz);
           ALTER TABLE readings ADD CONSTRAINT at_site FOREIGN KEY (v) REFERENCES site NOT VALID;
           ALTER TABLE site DISABLE TRIGGER ALL""",
        ["behind its foreign key at_site are not all enabled"],
        "ENABLE TRIGGER ALL",
    ),
    "grants by others": (
        """GRANT SELECT ON readings TO tsmigrate_reader WITH GRANT OPTION; SET ROLE tsmigrate_reader;
           GRANT SELECT ON readings TO PUBLIC; RESET ROLE""",
        ["tsmigrate_reader, who does not own public.readings, has granted"],
        "Revoke",
    ),
}
COMMUNITY_REFUSALS: dict[str, tuple[str, list[str], str]] = {
    "a retention policy": (
        "SELECT add_retention_policy('readings', interval '90 years')",
        ["(policy_retention) works on it"],
        "add_retention_policy",
    ),
    "a columnstore with all that belongs to it": (
        """ALTER TABLE readings SET (timescaledb.compress, timescaledb.compress_segmentby = 'v');
           SELECT compress_chunk(c) FROM show_chunks('readings') c;
           SELECT add_compression_policy('readings', interval '90 years')""",
        ["chunks are in the columnstore", "(policy_compression) works on it", "columnstore is enabled"],
        "compress_chunks",
    ),
    "a continuous aggregate": (
        """CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS
           SELECT time_bucket('1 day', ts) AS day, count(*) FROM readings GROUP BY 1 WITH NO DATA""",
        ["the continuous aggregate public.daily reads it"],
        "create_continuous_aggregate",
    ),
}


def refused(session: Session, take: Take, given: str, reasons: list[str], mend: str) -> None:
    session.run("CREATE TABLE readings (id int, ts timestamptz NOT NULL, v int)")
    session.run("INSERT INTO readings VALUES (1, '2026-01-01', 1)", block())
    session.run(*re.split(r";\n", given))
    before = take()
    outcome = session.attempt(plain())
    assert outcome.code == REFUSED, outcome
    assert all(reason in outcome.message for reason in reasons), outcome.message
    assert mend in outcome.hint, outcome.hint
    assert_same(before, take())


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_says_every_reason_and_changes_nothing(session: Session, take: Take, reader: str, what: str) -> None:
    refused(session, take, *REFUSALS[what])


@pytest.mark.edition(Edition.COMMUNITY)
@pytest.mark.parametrize("what", COMMUNITY_REFUSALS)
def test_what_must_be_taken_back_first_is_named(edition: Edition, session: Session, take: Take, what: str) -> None:
    refused(session, take, *COMMUNITY_REFUSALS[what])


def test_a_stranger_is_refused(session: Session, owner: Session) -> None:
    session.run(KEYED, block())
    outcome = owner.attempt(plain())
    assert (outcome.code, "may not change it" in outcome.message) == (REFUSED, True)


def test_dependents_of_another_owner_are_refused(session: Session, owner: Session) -> None:
    session.run(KEYED, f"ALTER TABLE readings OWNER TO {owner.role}", "CREATE VIEW theirs AS SELECT * FROM readings")
    owner.run(block())
    outcome = owner.attempt(plain())
    assert (outcome.code, "may not change public.theirs" in outcome.message) == (REFUSED, True), outcome


def test_a_connection_that_dies_on_the_way_leaves_the_hypertable(session: Session, take: Take) -> None:
    session.run(KEYED, block())
    rows, before = rows_and_sequences(session, Relation("public", "readings")), take()
    assert session.attempt(plain(), "SELECT pg_terminate_backend(pg_backend_pid())").message
    assert_same(before, take())
    assert rows_and_sequences(session, Relation("public", "readings")) == rows


def test_a_busy_hypertable_is_said_to_be_busy(session: Session, connection: Connection) -> None:
    session.run(KEYED, block())
    connection.execute(raw("SELECT count(*) FROM readings"))
    assert session.attempt(plain()).code == "55P03"


def test_psql_runs_the_same_text(session: Session, psql: Callable[..., Any], take: Take) -> None:
    session.run(KEYED)
    before = take()
    for text in (block(), plain()):
        done = psql(text)
        assert done.returncode == 0, done.stderr
    assert_same(before, take())


@pytest.fixture
def small_session(edition: Edition, server: Any) -> Iterator[Session]:
    """A server with room for 200 locks, and some to spare."""
    settings = {
        "max_connections": "20",
        "max_locks_per_transaction": "10",
        "max_prepared_transactions": "0",
        "timescaledb.max_background_workers": "0",
    }
    found = sandbox.up(f"small-{edition}", edition=edition, settings=settings)
    session = Session(TestServer.at(found.url).database("sandbox"))
    session.run("CREATE EXTENSION IF NOT EXISTS timescaledb")
    yield session
    sandbox.down(f"small-{edition}")


def test_a_lock_table_that_is_too_small_is_refused_with_the_size_needed(small_session: Session) -> None:
    small_session.run(
        "CREATE TABLE readings (ts date NOT NULL, v int)",
        *(f"CREATE INDEX i{n} ON readings ((v + {n}))" for n in range(40)),
        block(default_indexes=False),
    )
    for day in range(12):
        small_session.run(f"INSERT INTO readings SELECT date '2026-01-01' + {day}")
    outcome = small_session.attempt(plain())
    assert outcome.code == REFUSED, outcome
    assert (
        "it has 12 chunks, and the server's lock table has room for 200 locks where 492 are needed" in outcome.message
    )
    assert "max_locks_per_transaction to 28 or more" in outcome.hint
    assert small_session.value("SELECT count(*) FROM readings") == 12


@pytest.fixture
def tablespace(session: Session) -> Iterator[str]:
    name = "tsmigrate_slow"
    for statement in ("SET allow_in_place_tablespaces = on", f"CREATE TABLESPACE {name} LOCATION ''"):
        with connect.connection(session.database, isolation_level="AUTOCOMMIT") as connection:
            connection.execute(raw("SET allow_in_place_tablespaces = on"))
            connection.execute(raw(statement))
    yield name
    with connect.connection(session.database, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(raw("DROP TABLE readings"))
        connection.execute(raw(f"DROP TABLESPACE {name}"))


def test_tablespaces_come_back(session: Session, take: Take, tablespace: str) -> None:
    session.run(
        f"""CREATE TABLE readings (id int, ts timestamptz, v int, body text,
                                   PRIMARY KEY (id, ts) USING INDEX TABLESPACE {tablespace}) TABLESPACE {tablespace};
            CREATE INDEX here ON readings (v); CREATE INDEX there ON readings (v DESC) TABLESPACE {tablespace}"""
    )
    there_and_back(session, take, "INSERT INTO readings VALUES (1, '2030-01-01')")
    assert session.value("SHOW default_tablespace") == ""


@pytest.mark.edition(Edition.COMMUNITY)
def test_an_unlogged_table_and_a_trigger_disabled_since_stay_so(edition: Edition, session: Session) -> None:
    session.run(
        "CREATE UNLOGGED TABLE readings (id serial, ts timestamptz)",
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER t BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION nothing()",
        block(),
    )
    session.run("ALTER TABLE readings DISABLE TRIGGER t", plain())
    assert session.value("SELECT relpersistence FROM pg_class WHERE oid = 'readings'::regclass") == "u"
    assert session.value("SELECT tgenabled FROM pg_trigger WHERE tgname = 't'") == "D"


def test_a_second_dimension_and_integer_time_leave_nothing_behind(session: Session, take: Take) -> None:
    session.run(
        "CREATE TABLE readings (ts bigint, device int)",
        "INSERT INTO readings SELECT n, n % 5 FROM generate_series(1, 100) n",
    )
    there_and_back(
        session,
        take,
        "INSERT INTO readings VALUES (1000, 1)",
        interval=50,
        hash_dimension=HashDimension("device", 3),
    )


def test_a_name_that_holds_a_newline_is_remembered_as_it_is(session: Session, take: Take) -> None:
    table = Relation("public", "two\n  lines")
    session.run(f"CREATE TABLE {table} (ts timestamptz)")
    before = take()
    session.run(block(table))
    assert session.rows("SELECT subject FROM tsmigrate.undo") == [(str(table),)]
    session.run(plain(table))
    assert_same(before, take())
