"""Everything that a conversion would fail by, or lose something by, is refused before the first change."""

from __future__ import annotations

from typing import Any

import pytest

from convert_support import Session, block
from in_place_support import READINGS, Take
from tsmigrate import connect
from tsmigrate.convert.preflight import Request, checks, examine
from tsmigrate.convert.preflight.check import Said
from tsmigrate.convert.request import HashDimension
from tsmigrate.plpgsql import REFUSED

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
