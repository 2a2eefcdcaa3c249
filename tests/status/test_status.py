"""How a database stands is told whole, on either edition, to people and to programs, and changes nothing."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sysconfig
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import op
from rich.cells import cell_len
from sqlalchemy import create_engine, event, text

from status.exposition import read
from support import Run
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.errors import BlockedError
from tsmigrate.policies import runner
from tsmigrate.sandbox import cluster
from tsmigrate.sandbox.engines import Engine
from tsmigrate.status.gather import gather
from tsmigrate.status.report.report import Report
from tsmigrate.url import DatabaseUrl, parse

revision, down_revision = "status", None

ODD = 'Read "ing" %s: é\\n'
QUOTED = '"Read ""ing"" %s: é\\n"'
HOURLY = f"SELECT time_bucket('1 hour', at) AS hour, count(*) AS rows FROM {QUOTED} GROUP BY 1"
DAILY = "SELECT time_bucket('1 day', hour) AS day, sum(rows) AS rows FROM hourly GROUP BY 1"
TABLES = (
    f"CREATE TABLE {QUOTED} (at timestamptz NOT NULL, device int NOT NULL, v float8, PRIMARY KEY (device, at))",
    f"SELECT create_hypertable('{QUOTED}', by_range('at', interval '1 day'))",
    f"SELECT add_dimension('{QUOTED}', by_hash('device', 2))",
    f"INSERT INTO {QUOTED} SELECT now() - n * interval '1 hour', n, n FROM generate_series(0, 500) n",
    f"ANALYZE {QUOTED}",
    "CREATE TABLE ticks (n bigint NOT NULL, v int) WITH (autovacuum_enabled = false)",  # nothing analyzes its chunks
    "SELECT create_hypertable('ticks', by_range('n', 1000))",
    "CREATE FUNCTION ticks_now() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 9000::bigint'",
    "SELECT set_integer_now_func('ticks', 'ticks_now')",
    "INSERT INTO ticks SELECT n, 1 FROM generate_series(1, 5000, 10) n",
)


def policies() -> None:
    op.set_columnstore(ODD, segmentby=["device"], orderby=["at DESC"])
    op.add_columnstore_policy(ODD, "7 days")
    op.create_continuous_aggregate("hourly", HOURLY)
    op.add_refresh_policy("hourly", "10 days", "1 hour", "15 minutes")
    op.create_continuous_aggregate("daily", DAILY, materialized_only=True)
    op.add_retention_policy(ODD, "30 days")
    op.add_retention_policy("ticks", 4000)


@pytest.fixture
def kept(migration: Any, settings: dict[str, str], edition: Edition) -> Any:
    """Of both editions: policies, an aggregate over another, hash partitions, numbers as time."""
    settings["on_unsupported"] = "emulate"
    migration.execute(*TABLES)
    migration.run(policies)
    if edition is Edition.APACHE:
        with connect.connection(migration.database) as connection:
            [refresh] = [each for each in runner.named(connection, "hourly") if each.kind == "refresh"]
            connection.rollback()
            assert runner.run(connection, refresh, due_only=False).outcome == "done"
    else:
        migration.execute(
            f"SELECT count(compress_chunk(c)) FROM show_chunks('{QUOTED}', older_than => interval '14 d') c"
        )
        with connect.connection(migration.database) as connection:
            connection.connection.driver_connection.autocommit = True  # type: ignore[union-attr]
            connection.execute(text("CALL refresh_continuous_aggregate('hourly', NULL, now() - interval '1 hour')"))
    return migration


def asked(tsmigrate: Run, database: DatabaseUrl, *arguments: object) -> tuple[int, Any]:
    done = tsmigrate("status", "--format", "json", "--url", database.full, *arguments)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert (document["version"], document["command"]) == (1, "status")
    assert done.returncode == (1 if document["summary"]["warnings"] else 0)
    return done.returncode, document


def said(document: Any, check: str) -> str:
    return "\n".join(" ".join((each["seen"], each["why"])) for each in document["findings"] if each["check"] == check)


def test_everything_there_is_told_as_json_text_and_metrics(kept: Any, tsmigrate: Run, edition: Edition) -> None:
    before = kept.snapshot()
    native = edition is Edition.COMMUNITY
    _, document = asked(tsmigrate, kept.database)
    reading, ticks = document["hypertables"]
    assert (reading["name"], ticks["name"]) == (ODD, "ticks")
    assert [each["column"] for each in reading["dimensions"]] == ["at", "device"]
    assert (reading["dimensions"][0]["interval"], reading["dimensions"][1]["partitions"]) == ("1 day", 2)
    chunks = kept.value(f"SELECT count(*) FROM show_chunks('{QUOTED}')")
    assert reading["chunks"] == chunks > 40
    assert reading["oldest"] == kept.value(
        "SELECT to_char(min(range_start) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS+00:00') "
        "FROM timescaledb_information.chunks WHERE hypertable_name <> 'ticks' AND hypertable_schema = 'public'"
    )
    assert (ticks["oldest"], ticks["newest"], ticks["chunks"]) == (0, 5000, 5)
    assert 495 <= reading["rows_estimated"] <= 505
    assert ticks["rows_estimated"] is None  # never analyzed
    size = reading["size"]
    assert size["total_bytes"] == kept.value(f"SELECT sum(total_bytes) FROM chunks_detailed_size('{QUOTED}')")
    assert size["total_bytes"] == size["table_bytes"] + size["indexes_bytes"] + size["toast_bytes"]
    of_reading = {policy["kind"]: policy for policy in reading["policies"]}
    assert of_reading["retention"]["config"] == {"drop_after": "30 days"}
    assert of_reading["retention"]["next_chunk"]["from"] == reading["oldest"]
    assert of_reading["retention"]["next_chunk"]["due"] is False
    [of_ticks] = ticks["policies"]
    assert of_ticks["next_chunk"] == {"from": 0, "to": 1000, "due": False, "at": None, "when_present_is": 5000.0}
    hourly, daily = document["aggregates"]
    assert (hourly["name"], hourly["source"]["name"], daily["source"]["name"]) == ("hourly", ODD, "hourly")
    assert 3600 <= hourly["lag_seconds"] < 3 * 3600
    assert (daily["lag_seconds"], daily["materialized_only"]) == (None, True)
    assert [policy["config"] for policy in hourly["policies"]] == [{"start_offset": "10 days", "end_offset": "1 hour"}]
    if native:
        assert 0 < reading["compressed_chunks"] < chunks
        assert reading["compression_ratio"] > 0
        assert {each["how"] for each in (hourly, daily, *reading["policies"])} == {"native"}
        assert "timescaledb.max_background_workers is 0" in said(document, "jobs")
    else:
        assert (reading["compressed_chunks"], reading["compression_ratio"]) == (0, None)
        assert (document["summary"]["emulated"], document["summary"]["deferred"]) == (5, 2)
        assert {kind: policy["how"] for kind, policy in of_reading.items()} == {
            "columnstore": "deferred",
            "columnstore policy": "deferred",
            "retention": "emulated",
        }
        assert hourly["policies"][0]["last_success"]
    assert hourly["size_bytes"] > 0

    metrics = read(tsmigrate("status", "--format", "prometheus", "--url", kept.database.full).stdout)
    label = frozenset({("schema", "public"), ("table", ODD)})
    assert metrics["tsmigrate_hypertable_chunks"][label] == chunks
    assert metrics["tsmigrate_hypertable_size_bytes"][label | {("part", "indexes")}] == size["indexes_bytes"]
    assert len(metrics["tsmigrate_aggregate_lag_seconds"]) == 1

    for columns in (80, 100):
        done = tsmigrate("status", "--url", kept.database.full, COLUMNS=str(columns))
        assert "Traceback" not in done.stderr
        assert max(map(cell_len, done.stdout.splitlines())) <= columns
        for expected in (
            "2 hypertables, 2 continuous aggregates",
            "at (timestamp with time zone), 1 day a chunk; device",
        ):
            assert expected in " ".join(done.stdout.split())
        for expected in ("(estimated)", "never analyzed", "next it drops the chunk from 0", "behind"):
            assert expected in " ".join(done.stdout.split())
        assert done.stdout.count("columnstore deferred") == (0 if native else 1)
    assert kept.snapshot() == before


def test_what_goes_wrong_is_warned_of(kept: Any, tsmigrate: Run, edition: Edition) -> None:
    kept.execute(
        f"INSERT INTO {QUOTED} VALUES ('1970-01-01 UTC', 1, 0), ('9999-12-31 UTC', 2, 0)",
        "INSERT INTO ticks VALUES (5000000000000, 1)",
    )
    if edition is Edition.COMMUNITY:
        jobs = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = "
        stats = kept.value(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE relname = 'bgw_job_stat' AND relkind = 'r'"
        )
        kept.execute(
            f"SELECT alter_job(job_id, scheduled => false) FROM ({jobs} 'policy_compression') j",
            f"INSERT INTO {stats} SELECT job_id, now(), now(), now() + interval '1 hour', '-infinity', false, 1, "
            f"'1 s', '1 s', 0, 1, 0, 1, 0, 0 FROM ({jobs} 'policy_retention') j",
            "SELECT remove_continuous_aggregate_policy('hourly')",
            "SELECT add_continuous_aggregate_policy('hourly', NULL, interval '1 hour', interval '15 minutes')",
        )
    else:
        of_ticks = "kind = 'retention' AND relation = 'ticks'::regclass"
        kept.execute(
            f"UPDATE tsmigrate.policy SET failures = 2, last_run = now(), last_error = 'no room' WHERE {of_ticks}",
            "UPDATE tsmigrate.policy SET next_run = now() - interval '3 d' "
            f"WHERE kind = 'retention' AND NOT ({of_ticks})",
            "UPDATE tsmigrate.policy SET paused = true WHERE kind = 'refresh'",
        )
    code, document = asked(tsmigrate, kept.database)
    assert code == 1
    assert "2 chunks far from all others: from 1970-01-01, 9999-12-31" in said(document, "outliers")
    assert "public.ticks has 1 chunk far from all others: from 5000000000000" in said(document, "outliers")
    assert "the retention of public.ticks" in said(document, "jobs")
    assert "is paused" in said(document, "jobs")
    if edition is Edition.COMMUNITY:
        assert "refreshed from the beginning on such a refresh deletes" in said(document, "retention")
        [retention] = document["hypertables"][1]["policies"]
        assert (retention["failing"], retention["failures"], retention["last_success"]) == (True, 1, None)
        assert retention["next_run"]
    else:
        assert "no room" in said(document, "jobs")
        assert "retention" not in {each["check"] for each in document["findings"]}  # buckets are kept there
        assert "emulated policies should have run since" in said(document, "jobs")
        refresh = "UPDATE tsmigrate.policy SET {} WHERE kind = 'refresh'"
        kept.execute(refresh.format("last_success = now() - interval '60 d'"))
        assert "hourly is not filled up to there yet" in said(asked(tsmigrate, kept.database)[1], "retention")
        kept.execute(refresh.format('config = config || \'{"start_offset": "50 days", "end_offset": "40 days"}\''))
        assert "hourly is refreshed up to 40 days ago only" in said(asked(tsmigrate, kept.database)[1], "retention")
        kept.execute("DELETE FROM tsmigrate.policy WHERE kind = 'refresh'")
        assert "no policy refreshes public.hourly" in said(asked(tsmigrate, kept.database)[1], "retention")
        kept.execute("DROP TABLE ticks")
        assert "tsmigrate.policy has retention of tables that are gone" in said(
            asked(tsmigrate, kept.database)[1], "jobs"
        )
    read(tsmigrate("status", "--format", "prometheus", "--url", kept.database.full).stdout)
    assert said(document, "memory") == ""
    small = DatabaseUrl(kept.database.url.update_query_dict({"options": "-c effective_cache_size=64kB"}), "the test")
    assert "of 64 kB of memory (effective_cache_size" in said(asked(tsmigrate, small)[1], "memory")


def test_without_extension_or_hypertables_or_server_it_says_so(
    tsmigrate: Run, database: DatabaseUrl, plain_database: DatabaseUrl
) -> None:
    code, document = asked(tsmigrate, plain_database)
    assert (code, document["hypertables"]) == (0, [])
    assert "without the timescaledb extension" in said(document, "extension")
    assert asked(tsmigrate, database)[1]["findings"] == []
    for each in (database, plain_database):
        assert "0 hypertables" in tsmigrate("status", "--url", each.full).stdout
        assert read(tsmigrate("status", "--format", "prometheus", "--url", each.full).stdout)["tsmigrate_findings"]
    for output in ("text", "json", "prometheus"):
        done = tsmigrate("status", "--format", output, "--url", "postgresql:///nothing?host=/nowhere")
        assert (done.returncode, done.stdout, "cannot connect" in done.stderr) == (3, "", True)


def test_a_server_that_lost_its_preload_says_so_and_keeps_the_connection(
    tsmigrate: Run, bare_cluster: Any, engine: Engine
) -> None:
    made = bare_cluster(engine)
    database = DatabaseUrl(parse(made.url.replace("/sandbox?", "/postgres?")), "the test")
    with connect.connection(database) as connection:
        connection.execute(text("CREATE EXTENSION timescaledb"))
        connection.commit()
    cluster.stop(made, at_once=False)
    cluster.start(replace(made, preload=""), tcp=False)
    code, document = asked(tsmigrate, database)
    assert (code, document["hypertables"]) == (1, [])
    assert "not preloaded" in said(document, "extension")


def test_a_connection_that_is_lost_on_the_way_is_no_traceback(database: DatabaseUrl) -> None:
    engine = create_engine(database.url)

    @event.listens_for(engine, "before_cursor_execute")
    def end(_connection: Any, cursor: Any, statement: str, *_arguments: object) -> None:
        if "timescaledb_information.chunks" in statement:
            with connect.connection(database) as other:
                pid = cursor.connection.info.backend_pid
                other.execute(text(f"SELECT pg_terminate_backend({pid}, 10000)"))

    with engine.connect() as connection, pytest.raises(BlockedError, match="answers no more"):
        gather(connection, None)
    engine.dispose()


def test_a_role_without_rights_gets_what_catalogs_tell_and_a_locked_chunk_is_no_wait(
    kept: Any, tsmigrate: Run, edition: Edition
) -> None:
    kept.execute("DO $$ BEGIN IF to_regrole('looker') IS NULL THEN CREATE ROLE looker LOGIN; END IF; END $$")
    looker = DatabaseUrl(parse(kept.database.full).update_query_dict({"options": "-c role=looker"}), "the test")
    whole = asked(tsmigrate, kept.database)[1]
    _, document = asked(tsmigrate, looker)
    assert document["hypertables"][0]["size"] == whole["hypertables"][0]["size"]
    if edition is Edition.APACHE:
        assert "what is emulated or deferred may not be read by looker" in said(document, "rights")
        assert document["summary"]["emulated"] == 0
    else:
        assert [each["name"] for each in document["aggregates"]] == ["hourly", "daily"]
    chunk = kept.value("SELECT c::text FROM show_chunks('ticks') c LIMIT 1")
    with connect.connection(kept.database) as holder:
        holder.execute(text(f"LOCK TABLE {chunk} IN ACCESS EXCLUSIVE MODE"))
        _, document = asked(tsmigrate, kept.database)
        assert [each["sizes_unknown"] for each in document["hypertables"]] == [0, 1]
        told = tsmigrate("status", "--url", kept.database.full).stdout
        assert "1 chunk that somebody has locked" in " ".join(told.split())


def test_neither_chunks_nor_tables_make_more_statements_and_chunks_beyond_the_lock_table_are_warned_of(
    few_locks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where there are no revisions

    def queries() -> tuple[int, Report]:
        counted = 0
        engine = create_engine(few_locks.database.url)

        @event.listens_for(engine, "before_cursor_execute")
        def count(*_arguments: object) -> None:
            nonlocal counted
            counted += 1

        with engine.connect() as connection:
            report = Report("here", gather(connection, None))
        engine.dispose()
        return counted, report

    few_locks.execute(
        "CREATE TABLE first (at timestamptz NOT NULL, PRIMARY KEY (at))",
        "SELECT create_hypertable('first', by_range('at', interval '1 day'))",
    )
    before, report = queries()
    assert before <= 30
    assert report.findings == []
    for number in range(20):
        few_locks.execute(
            f"CREATE TABLE other_{number} (at timestamptz NOT NULL)",
            f"SELECT create_hypertable('other_{number}', by_range('at', interval '1 day'))",
        )
    for day in range(0, 120, 15):
        if day == 15:
            assert queries()[1].findings == []
            with monkeypatch.context() as fewer:
                fewer.setattr("tsmigrate.status.judge.MANY_CHUNKS", 14)
                [finding] = queries()[1].findings
            assert (finding.severity, finding.seen) == ("note", "public.first has 15 chunks")
        few_locks.execute(
            "INSERT INTO first SELECT timestamptz '2026-01-01 UTC' + n * interval '1 day' "
            f"FROM generate_series({day}, {day + 14}) n"
        )
    after, report = queries()
    assert after == before
    [finding] = report.findings
    assert "public.first has 120 chunks: to read them all takes 240 locks" in finding.seen


def test_it_looks_again_until_it_is_interrupted(kept: Any, tmp_path: Path) -> None:
    program = [Path(sysconfig.get_path("scripts")) / "tsmigrate", "status", "--url", kept.database.full]
    environment = {**os.environ, "COLUMNS": "80", "LINES": "20", "TERM": "xterm"}
    watching = [*program, "--watch", "0.2", "--format", "prometheus"]
    pipe = subprocess.PIPE
    with subprocess.Popen(watching, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path, env=environment) as piped:
        assert piped.stdout
        seen = 0
        while seen < 2:
            seen += piped.stdout.readline().startswith("tsmigrate_info")
        piped.send_signal(signal.SIGINT)
        _, errors = piped.communicate(timeout=60)
    assert (piped.returncode, errors) == (0, "")

    ours, theirs = pty.openpty()
    with subprocess.Popen([*program, "--watch"], stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment) as shown:
        os.close(theirs)
        drawn = _until(ours, b"hypertables")
        shown.send_signal(signal.SIGINT)
        drawn += _until(ours, b"\x1b[?1049l")
        while rest := _some(ours):
            drawn += rest
    os.close(ours)
    assert shown.returncode == 0
    assert b"\x1b[?1049h" in drawn  # a screen of its own, which it leaves again
    assert b"more lines: make the window taller" in drawn.split(b"\x1b[?1049l")[0]
    assert b"hypertables" in drawn.split(b"\x1b[?1049l")[1]  # and the last look stays
    assert b"Traceback" not in drawn


def _until(terminal: int, mark: bytes) -> bytes:
    drawn, end = b"", time.monotonic() + 60
    while mark not in drawn and time.monotonic() < end:
        drawn += _some(terminal)
    assert mark in drawn
    return drawn


def _some(terminal: int) -> bytes:
    """Empty when the program has ended."""
    try:
        return os.read(terminal, 65536) if select.select([terminal], [], [], 30)[0] else b""
    except OSError:
        return b""
