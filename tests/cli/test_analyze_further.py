"""What `tsmigrate analyze` tells when it is asked for more: a program's queries, and a sample compressed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from rich.cells import cell_len

from advise_support import EVENTS, FILL, Desk
from support import Run
from tsmigrate import sandbox
from tsmigrate.advise.saving import savings
from tsmigrate.capability import Edition
from tsmigrate.sandbox import engines
from tsmigrate.url import DatabaseUrl

PROGRAM = """
def close(connection, id):
    connection.execute("UPDATE events SET value = 0 WHERE id = %s", (id,))


def today(connection):
    return connection.execute("SELECT * FROM events WHERE created_at >= now() - interval '1 day'")


def names(connection):
    return connection.execute("SELECT name FROM devices WHERE id = 3")
"""

MIXED = """
    AS SELECT n AS id, now() - (n * 7919 % 5000) * interval '30 minutes' AS created_at, n % 10 AS device
    FROM generate_series(1, 5000) n
"""

NASTY = '"a ""b"" %s :x"'
ODD = (
    "CREATE TYPE mood AS ENUM ('so so', 'it''s')",
    f"""CREATE TABLE {NASTY} ("the Time" timestamp NOT NULL DEFAULT now(), "ID <i>" int, how mood, tags text[],
        more jsonb, twice int GENERATED ALWAYS AS ("ID <i>" * 2) STORED, PRIMARY KEY ("ID <i>", "the Time"))""",
    f'CREATE INDEX ON {NASTY} ("the Time")',
    f"""INSERT INTO {NASTY}
        SELECT now()::timestamp - n * interval '1 hour', n, 'it''s', ARRAY['a,b', NULL], jsonb_build_object('a', n % 3)
        FROM generate_series(1, 5000) n""",
)


@pytest.fixture
def desk(database: DatabaseUrl) -> Desk:
    made = Desk(database)
    made.run(EVENTS, FILL, "CREATE TABLE devices (id int PRIMARY KEY, name text)")
    made.large("events")
    return made


def test_queries_that_must_change_are_listed_by_table(tsmigrate: Run, desk: Desk, tmp_path: Path) -> None:
    versions = tmp_path / "src" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "src" / "app.py").write_text(PROGRAM)
    (tmp_path / "src" / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    # It ran before there was a hypertable, and is not told.
    (versions / "a1.py").write_text(
        'revision = "a1"\ndown_revision = None\n\n\ndef upgrade():\n'
        '    op.execute("UPDATE events SET value = 0 WHERE id = 3")\n'
    )
    arguments = ("analyze", "--source", "src", "--url", desk.database.full)
    done = tsmigrate(*arguments)
    assert done.returncode == 1, done.stderr
    assert "! TSQ102" in done.stdout
    assert "src/app.py:3 " in done.stdout
    assert max(map(cell_len, done.stdout.splitlines())) <= 100
    document = json.loads(tsmigrate(*arguments, "--format", "json").stdout)
    of = {table["table"]: table for table in document["summary"]["tables"]}
    [query] = of["events"]["queries"]
    assert (query["rule"], query["file"], query["line"], query["must_change"]) == ("TSQ102", "src/app.py", 3, True)
    assert query["message"]
    assert query["mend"]
    assert of["devices"]["queries"] == []
    [general] = [each for each in document["findings"] if each["check"] == "queries"]
    assert general["seen"] == "1 place must change before the switch, of 3 statements in 2 files of src"
    page = tsmigrate(*arguments, "--format", "html").stdout
    assert "TSQ102: src/app.py:3 " in page.replace("</b> ", "")


def test_a_program_whose_queries_carry_the_time_is_told_so(tsmigrate: Run, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "app.sql").write_text("SELECT count(*) FROM events WHERE created_at > now() - interval '1 hour';\n")
    done = tsmigrate("analyze", "--source", "app.sql", "--url", desk.database.full, "--fast")
    assert "none of 1 statement in 1 file of app.sql must change before the switch" in " ".join(done.stdout.split())
    done = tsmigrate("analyze", "--source", "nowhere", "--url", desk.database.full)
    assert (done.returncode, "nowhere does not exist" in done.stderr) == (2, True)


def test_a_sample_of_neighbouring_rows_is_compressed(tsmigrate: Run, desk: Desk) -> None:
    """Of two tables, one with odd names and types; the source is read by a role that may write nothing."""
    desk.run(*ODD)
    desk.large(NASTY)
    reader = f"reader_{os.getpid()}"
    desk.run(f"CREATE ROLE {reader}", f"GRANT pg_read_all_data TO {reader}")
    try:
        url = desk.database.url.update_query_dict({"options": f"-c role={reader}"})
        done = tsmigrate("analyze", "--probe", "--url", DatabaseUrl(url, "the test").full, "--format", "json")
    finally:
        desk.run(f"DROP OWNED BY {reader}", f"DROP ROLE {reader}")
    assert done.returncode == 1, done.stderr
    of = {table["table"]: table for table in json.loads(done.stdout)["summary"]["tables"]}
    odd = of['a "b" %s :x']["saving"]
    assert (odd["rows"], odd["found_by"]) == (5000, "by the Time")
    assert odd["plain"] > odd["compressed"] > 0
    saving = of["events"]["saving"]
    assert saving["rows"] == 5000
    assert saving["found_by"] == "by created_at"
    assert saving["plain"] > saving["compressed"] > 0
    assert saving["ratio"] == round(saving["plain"] / saving["compressed"], 2)
    assert not [found for found in sandbox.every() if found.sandbox.name.startswith("probe")]
    assert "compressing a sample of public.events" in done.stderr


def test_what_cannot_be_probed_says_why(tsmigrate: Run, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done = tsmigrate("analyze", "--probe", "--fast", "--url", desk.database.full)
    assert (done.returncode, "--fast reads none" in done.stderr) == (2, True)
    advices = list(desk.advice().values())
    no_engine = [engine for engine in engines.found() if engine.edition is not Edition.COMMUNITY]
    with monkeypatch.context() as patch:
        patch.setattr(engines, "found", lambda *_: no_engine)
        found = savings(desk.database, advices, lambda *_: None)
    [told] = found.server
    assert "no saving was estimated: rows are compressed in a sandbox of the Community edition" in told.seen
    assert found.of_table == {}


def test_without_an_index_neighbours_on_disk_are_taken_or_none(desk: Desk) -> None:
    """By blocks where rows lie in order of time; what lies in none is not probed at random."""
    desk.run("DROP INDEX events_created_at", "ANALYZE events", f"CREATE TABLE mixed {MIXED}", "ANALYZE mixed")
    desk.large("events")
    desk.large("mixed")
    advices = desk.advice()
    found = savings(desk.database, list(advices.values()), lambda *_: None)
    assert found.of_table[advices["events"].table.oid].found_by == "as they lie on disk, in order of time"
    if advices["mixed"].plan:
        [told] = found.findings[advices["mixed"].table.oid]
        assert "the rows do not lie in its order" in told.seen
