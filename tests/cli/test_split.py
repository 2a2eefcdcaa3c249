"""`tsmigrate split` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection

from convert_support import Session, attach
from support import Run
from tsmigrate.capability import Edition
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

community = pytest.mark.edition(Edition.COMMUNITY)
ODD = 'o"dd {one}: %'
TEN_DAYS = """
CREATE TABLE "o""dd {one}: %" (ts timestamptz, v int);
INSERT INTO "o""dd {one}: %" SELECT '2026-01-01'::timestamptz + n * interval '1 hour', n FROM generate_series(0, 239) n
"""
CHUNKS = "SELECT count(*) FROM timescaledb_information.chunks"


@pytest.fixture
def session(database: DatabaseUrl) -> Session:
    return Session(database)


@community
def test_a_dry_run_lists_the_cuts_and_a_run_makes_them(edition: Edition, tsmigrate: Run, session: Session) -> None:
    session.run(TEN_DAYS, attach(ODD))
    url = session.database.full
    listed = tsmigrate("split", ODD, "--schema", "public", "--dry-run", "--url", url)
    assert listed.returncode == 0, listed.stderr
    assert "240 rows" in listed.stdout
    assert "cut 9: 2026-01-02 to 2026-01-03, 24 rows (" in listed.stdout
    assert "9 cuts into chunks of 1 day, about " in listed.stdout
    assert session.value(CHUNKS) == 1
    some = tsmigrate("split", ODD, "--max-cuts", 2, "--url", url)
    assert some.returncode == 0, some.stderr
    assert "2 cuts moved 48 rows into 2 chunks" in some.stdout
    assert "7 cuts left: run it again" in some.stdout
    done = tsmigrate("split", ODD, "--format", "json", "--url", url)
    assert done.returncode == 0, done.stderr
    assert "found tsmigrate_attached.tsmigrate_attached from 2026-01-01 to 2026-01-09, and 2 chunks" in done.stderr
    assert "cut 3 of 7: 72 of 168 rows, " in done.stderr
    document = json.loads(done.stdout)
    assert (document["version"], document["command"]) == (1, "split")
    summary = document["summary"]
    assert (summary["cuts_planned"], summary["cuts_made"], summary["rows_moved"]) == (7, 7, 168)
    assert summary["bytes_needed"] > 0
    assert [cut["rows"] for cut in summary["chunks"][0]["cuts"]] == [24] * 7
    assert session.value(CHUNKS) == 10
    again = tsmigrate("split", ODD, "--url", url)
    assert again.returncode == 0, again.stderr
    assert "nothing to split" in again.stdout
    assert "10 chunks in all" in again.stdout


@community
def test_a_client_that_is_killed_leaves_its_cuts_and_a_rerun_goes_on(
    edition: Edition, tsmigrate: Run, session: Session, connection: Connection
) -> None:
    session.run(TEN_DAYS, attach(ODD))
    assert tsmigrate("split", ODD, "--max-cuts", 3, "--url", session.database.full).returncode == 0
    connection.execute(raw('SELECT count(*) FROM "o""dd {one}: %"'))
    program = Path(sysconfig.get_path("scripts")) / "tsmigrate"
    killed = subprocess.Popen(
        [program, "split", ODD, "--url", session.database.full], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
    while not session.value(waits):
        assert killed.poll() is None
        time.sleep(0.05)
    beside = tsmigrate("split", ODD, "--url", session.database.full)
    assert beside.returncode == 3
    assert "is being split already" in beside.stderr
    killed.kill()
    killed.wait()
    connection.rollback()
    while session.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"):
        time.sleep(0.05)
    found = session.value(CHUNKS)
    assert 4 <= found <= 5  # the server may finish a cut of which nobody hears
    rerun = tsmigrate("split", ODD, "--url", session.database.full)
    assert rerun.returncode == 0, rerun.stderr
    assert f"and {found - 1} chunks that need no cut" in rerun.stderr
    assert session.value(CHUNKS) == 10
    assert session.value('SELECT count(*) FROM "o""dd {one}: %"') == 240


@community
def test_what_blocks_is_said_with_its_mend(edition: Edition, tsmigrate: Run, session: Session) -> None:
    session.run(TEN_DAYS)
    plain = tsmigrate("split", ODD, "--url", session.database.full)
    assert plain.returncode == 3
    assert "is not a hypertable" in plain.stdout
    missing = tsmigrate("split", "missing", "--url", session.database.full)
    assert missing.returncode == 2
    assert 'there is no table "missing"' in missing.stderr


@pytest.mark.edition(Edition.APACHE)
def test_the_apache_edition_is_told_what_it_takes(edition: Edition, tsmigrate: Run, database: DatabaseUrl) -> None:
    done = tsmigrate("split", "readings", "--url", database.full)
    assert done.returncode == 3
    assert "split needs TimescaleDB Community 2.21" in done.stderr
