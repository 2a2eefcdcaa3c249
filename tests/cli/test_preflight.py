"""`tsmigrate preflight` as a user runs it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from support import Run
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.sandbox import cluster
from tsmigrate.sandbox.engines import Engine
from tsmigrate.url import DatabaseUrl

FIT = "CREATE TABLE readings (id int, ts timestamptz NOT NULL, PRIMARY KEY (id, ts))"
UNFIT = """
CREATE TABLE "o""dd" (id int PRIMARY KEY, ts timestamp, value text);
INSERT INTO "o""dd" SELECT n, '2026-01-01'::timestamp + n * interval '1 hour' FROM generate_series(1, 500) n;
INSERT INTO "o""dd" VALUES (0, NULL), (-1, 'infinity'), (-2, '1970-01-01');
CREATE TABLE child (up int REFERENCES "o""dd");
CREATE FUNCTION put(int) RETURNS void LANGUAGE sql AS
    'INSERT INTO "o""dd" (id, ts) VALUES ($1, now()) ON CONFLICT (id) DO UPDATE SET ts = now()';
"""


def run(database: DatabaseUrl, *statements: str) -> None:
    with connect.connection(database) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def answer(done: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    assert (document["version"], document["command"]) == (1, "preflight")
    return document["summary"], document["findings"]


def test_a_fit_table_exits_0_and_a_doubtful_one_1(tsmigrate: Run, database: DatabaseUrl) -> None:
    run(database, FIT)
    done = tsmigrate("preflight", "readings", "--time", "ts", "--url", database.full)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("ready: 0 blockers, 0 warnings")
    assert "0 chunks of 7 days" in done.stdout
    assert "locked for" not in done.stdout
    run(database, "ALTER TABLE readings ALTER ts TYPE timestamp")
    done = tsmigrate("preflight", "readings", "--time", "ts", "--interval", "1 month", "--url", database.full)
    assert done.returncode == 1
    assert "possible, with warnings: 0 blockers, 2 warnings" in done.stdout


def test_an_unfit_table_exits_3_with_findings_and_numbers(
    edition: Edition, tsmigrate: Run, database: DatabaseUrl
) -> None:
    run(database, UNFIT)
    done = tsmigrate(
        "preflight", 'o"dd', "--schema", "public", "--time", "ts", "--interval", "1 day", "--url", database.full,
        "--format", "json",
    )  # fmt: skip
    summary, findings = answer(done)
    assert done.returncode == 3
    assert summary["rows"] == 503
    assert summary["chunks"] == 22
    assert summary["locks"] == 22 * 4  # itself, its TOAST table and index, the key
    assert summary["table"] == '"o""dd"'
    copy, *attach = summary["estimates"]
    assert (copy["method"], copy["tried"]) == ("copy", False)  # of so few rows nothing is tried
    assert copy["disk_bytes"] == copy["wal_bytes"] == summary["table_bytes"] + summary["index_bytes"]
    assert 0 < copy["lock_seconds"][0] < copy["lock_seconds"][1] < 2
    assert [each["method"] for each in attach] == (["attach"] if edition is Edition.COMMUNITY else [])
    assert (summary["earliest"], summary["latest"]) == ("1970-01-01 00:00:00", "2026-01-21 20:00:00")
    assert summary["blockers"] == len([finding for finding in findings if finding["severity"] == "blocker"])
    assert [finding["severity"] for finding in findings] == sorted(
        (finding["severity"] for finding in findings), key=["blocker", "warning", "note"].index
    )
    assert {"key columns", "rows without time", "infinite times", "foreign key fate", "outliers", "upserts"} <= {
        finding["check"] for finding in findings
    }
    assert all(finding["mend"] for finding in findings if finding["severity"] == "blocker")


@pytest.mark.parametrize("columns", [80, 120])
def test_the_report_fits_the_terminal(tsmigrate: Run, database: DatabaseUrl, columns: int) -> None:
    run(database, UNFIT)
    done = tsmigrate("preflight", 'o"dd', "--time", "ts", "--url", database.full, COLUMNS=str(columns))
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0].startswith("✗")
    assert lines[-1].startswith("blocked: ")
    assert "  503 rows, " in done.stdout
    assert "  4 chunks of 7 days, 16 of " in done.stdout
    assert "  copy: locked for about a second, " in done.stdout
    assert re.search(r"reading \d+ kB for rows without time", done.stderr)


def test_fast_looks_at_no_row(tsmigrate: Run, database: DatabaseUrl) -> None:
    run(database, UNFIT, 'ANALYZE "o""dd"')
    done = tsmigrate("preflight", 'o"dd', "--time", "ts", "--fast", "--url", database.full)
    assert "about 503 rows" in done.stdout
    assert "copy: locked for " in done.stdout
    assert done.stderr == "reading the catalogs …\n"


def test_what_is_not_there_is_a_finding(tsmigrate: Run, database: DatabaseUrl) -> None:
    done = tsmigrate("preflight", "nowhere", "--time", "ts", "--url", database.full)
    assert done.returncode == 3
    assert "there is no such table" in done.stdout
    run(database, FIT)
    done = tsmigrate("preflight", "readings", "--time", "TS", "--url", database.full)
    assert done.returncode == 3
    assert 'it has no column "TS"' in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [(), ("readings",), ("", "--time", "ts"), ("readings", "--time", ""), ("x" * 64, "--time", "ts")],
)
def test_wrong_use_exits_2(tsmigrate: Run, database: DatabaseUrl, arguments: tuple[str, ...]) -> None:
    done = tsmigrate("preflight", *arguments, "--url", database.full)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_unreachable_server_exits_3(tsmigrate: Run) -> None:
    done = tsmigrate("preflight", "readings", "--time", "ts", "--url", "postgresql://u@127.0.0.1:1/d")
    assert (done.returncode, done.stdout) == (3, "")
    assert "nothing listens there" in done.stderr


def test_a_busy_table_exits_3_with_the_mend(tsmigrate: Run, database: DatabaseUrl) -> None:
    run(database, FIT)
    with connect.connection(database) as connection:
        connection.execute(text("LOCK TABLE readings"))
        done = tsmigrate("preflight", "readings", "--time", "ts", "--url", database.full)
    assert (done.returncode, done.stdout) == (3, "")
    assert "lock timeout" in done.stderr
    assert "pg_blocking_pids" in done.stderr


def test_a_missing_preload_is_a_finding_and_the_connection_lives(
    tsmigrate: Run, bare_cluster: Any, engine: Engine
) -> None:
    made = bare_cluster(engine)
    url = DatabaseUrl(sandbox.url.parse(made.url.replace("/sandbox?", "/postgres?")), "the test")
    run(url, "CREATE EXTENSION timescaledb", FIT, "INSERT INTO readings VALUES (1, now())")
    run(url, "CREATE TABLE ready (ts date)", "SELECT create_hypertable('ready', 'ts')")
    cluster.stop(made, at_once=False)
    cluster.start(replace(made, preload=""), tcp=False)
    for table in ("readings", "ready"):
        done = tsmigrate("preflight", table, "--time", "ts", "--url", url.full, "--format", "json")
        _, findings = answer(done)
        assert done.returncode == 3
        assert "preload" in {finding["check"] for finding in findings}
    assert "must be preloaded" not in made.log.read_text()


def test_plain_postgresql_is_told_what_it_lacks(tsmigrate: Run, bare_cluster: Any, plain_engine: Engine) -> None:
    url = DatabaseUrl(sandbox.url.parse(bare_cluster(plain_engine).url.replace("/sandbox?", "/postgres?")), "the test")
    run(url, FIT)
    done = tsmigrate("preflight", "readings", "--time", "ts", "--url", url.full, "--format", "json")
    _, findings = answer(done)
    assert done.returncode == 3
    blockers = {finding["check"] for finding in findings if finding["severity"] == "blocker"}
    assert blockers == {"preload", "extension"}


def test_statements_that_were_run_are_searched(tsmigrate: Run, bare_cluster: Any, engine: Engine) -> None:
    made = bare_cluster(replace(engine, preloadable=(*engine.preloadable, "pg_stat_statements")))
    url = DatabaseUrl(sandbox.url.parse(made.url.replace("/sandbox?", "/postgres?")), "the test")
    run(url, "CREATE EXTENSION timescaledb", "CREATE EXTENSION pg_stat_statements")
    run(url, "CREATE TABLE readings (id int PRIMARY KEY, ts timestamptz NOT NULL)")
    run(
        url,
        "INSERT INTO public.readings AS r (id, ts) VALUES (1, now()) ON CONFLICT (id) DO NOTHING",
        'UPDATE "readings" SET ts = now() WHERE id = 1',
    )
    with connect.connection(url, isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE INDEX CONCURRENTLY i ON readings (ts)"))
    done = tsmigrate("preflight", "readings", "--time", "ts", "--url", url.full, "--format", "json")
    _, findings = answer(done)
    seen = {finding["check"]: finding["seen"] for finding in findings}
    assert seen["upserts"].startswith("pg_stat_statements, “INSERT INTO public.readings")
    assert seen["updates of time"].startswith("pg_stat_statements, “UPDATE")
    assert seen["maintenance"].endswith("CREATE INDEX or REINDEX … CONCURRENTLY")
