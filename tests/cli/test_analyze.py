"""`tsmigrate analyze` as a user runs it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from sqlalchemy import create_engine, event, text

from advise_support import EVENTS, FILL, Desk
from support import Run
from tsmigrate import connect
from tsmigrate.advise.advice import advise
from tsmigrate.advise.gather import gather
from tsmigrate.advise.obstacles import obstacles
from tsmigrate.sandbox.engines import Engine
from tsmigrate.url import DatabaseUrl, parse

ODD = """
CREATE SCHEMA "Od""d <b>";
CREATE TABLE "Od""d <b>"."Nasty ""table"" of 63 bytes: ééééééééééééééééé's" (
  "the Time" timestamptz NOT NULL DEFAULT now(), "ID <i>" int, PRIMARY KEY ("ID <i>", "the Time"));
INSERT INTO "Od""d <b>"."Nasty ""table"" of 63 bytes: ééééééééééééééééé's"
  SELECT now() - (5000 - n) * interval '1 hour', n FROM generate_series(1, 5000) n;
"""
NASTY = """"Od""d <b>"."Nasty ""table"" of 63 bytes: ééééééééééééééééé's\""""


def answer(done: Any) -> dict[str, Any]:
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    assert (document["version"], document["command"]) == (1, "analyze")
    assert isinstance(document, dict)
    return document


@pytest.fixture
def desk(database: DatabaseUrl) -> Desk:
    return Desk(database)


def test_a_table_to_convert_has_its_plan_and_its_pre_flight(tsmigrate: Run, desk: Desk) -> None:
    desk.run(EVENTS, FILL)
    desk.large("events")
    done = tsmigrate("analyze", "--url", desk.database.full)
    assert done.returncode == 1, done.stderr  # its key is to be widened first
    for expected in (
        "1 to convert",
        "partition column  created_at",
        "interval ",
        "columnstore ",
        "retention ",
        "method ",
    ):
        assert expected in done.stdout
    assert "✗ key columns" in done.stdout
    document = answer(tsmigrate("analyze", "--format", "json", "--url", desk.database.full))
    [table] = document["summary"]["tables"]
    assert (table["table"], table["verdict"], table["plan"]["column"]) == ("events", "convert", "created_at")
    assert {finding["table"] for finding in document["findings"]} == {None, '"public"."events"'}


def test_text_fits_100_columns_and_the_page_is_whole_with_odd_names(tsmigrate: Run, desk: Desk, tmp_path: Path) -> None:
    desk.run(ODD)
    desk.large(NASTY)
    done = tsmigrate("analyze", "--url", desk.database.full)
    assert "Nasty" in done.stdout
    assert max(map(cell_len, done.stdout.splitlines())) <= 100
    page = tmp_path / "page.html"
    done = tsmigrate("analyze", "--format", "html", "--output", page, "--url", desk.database.full)
    assert (done.returncode, done.stdout) == (1, "") or done.returncode == 0, done.stderr
    written = page.read_text()
    assert "&lt;i&gt;" in written
    assert "<i>" not in re.sub(r"<i style", "", written)
    assert not re.search(r"(?:src|href)=|url\(|<script|@import", written)
    balanced(written)


def balanced(page: str) -> None:
    """Each element is closed where it must be."""

    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, _attributes: object) -> None:
            if tag not in {"meta", "br"}:
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Reader().feed(page)
    assert opened == []


def test_an_empty_database_is_told_so(tsmigrate: Run, database: DatabaseUrl) -> None:
    for output in ("text", "json", "html"):
        done = tsmigrate("analyze", "--format", output, "--url", database.full)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False)
        assert "there are no tables of yours here" in done.stdout


def test_unknown_names_and_sizes_are_wrong_use(tsmigrate: Run, desk: Desk) -> None:
    desk.run(EVENTS)
    for option, value in (("--table", "Events"), ("--schema", "nowhere"), ("--memory", "much")):
        done = tsmigrate("analyze", option, value, "--url", desk.database.full)
        assert (done.returncode, value in done.stderr) == (2, True)


def test_only_named_tables_are_shown(tsmigrate: Run, desk: Desk) -> None:
    desk.run(EVENTS, "CREATE TABLE other (n int)", "CREATE SCHEMA apart", "CREATE TABLE apart.other (n int)")
    shown = {
        arguments: {
            f"{table['schema']}.{table['table']}"
            for table in answer(tsmigrate("analyze", "--format", "json", *arguments, "--url", desk.database.full))[
                "summary"
            ]["tables"]
        }
        for arguments in (("--table", "other"), ("--schema", "apart"), ("--table", "apart.other", "--table", "events"))
    }
    assert list(shown.values()) == [
        {"public.other", "apart.other"},
        {"apart.other"},
        {"apart.other", "public.events"},
    ]


def test_a_role_that_may_read_nothing_gets_what_the_catalogs_tell(desk: Desk, tsmigrate: Run) -> None:
    desk.run(EVENTS, FILL)
    desk.large("events")
    desk.run("DO $$ BEGIN IF to_regrole('looker') IS NULL THEN CREATE ROLE looker; END IF; END $$")
    looker = DatabaseUrl(desk.database.url.update_query_dict({"options": "-c role=looker"}), "the test")
    document = answer(tsmigrate("analyze", "--format", "json", "--url", looker.full))
    assert "rights" in {finding["check"] for finding in document["findings"]}
    [table] = document["summary"]["tables"]
    assert table["rows"] == 50_000_000
    assert table["verdict"] == "consider"
    assert "there are no statistics of created_at" in json.dumps(table["reasons"])
    desk.run("GRANT SELECT ON events TO looker")
    document = answer(tsmigrate("analyze", "--format", "json", "--url", looker.full))
    [table] = document["summary"]["tables"]
    assert table["verdict"] == "convert"
    assert "ownership" in {finding["check"] for finding in document["findings"]}


def test_a_table_that_is_held_does_not_stop_it(desk: Desk, tsmigrate: Run) -> None:
    desk.run(EVENTS, FILL)
    desk.run("CREATE TABLE other (n int)")
    with connect.connection(desk.database) as holder:
        holder.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
        document = answer(tsmigrate("analyze", "--format", "json", "--url", desk.database.full))
    assert [table["table"] for table in document["summary"]["tables"]] == ["other"]
    assert "public.events could not be looked at" in json.dumps(document["findings"])


def test_postgresql_without_timescaledb_is_advised_all_the_same(
    tsmigrate: Run, bare_cluster: Any, plain_engine: Engine
) -> None:
    made = bare_cluster(plain_engine)
    desk = Desk(DatabaseUrl(parse(made.url.replace("/sandbox?", "/postgres?")), "the test"))
    desk.run(EVENTS, FILL)
    desk.large("events")
    document = answer(tsmigrate("analyze", "--format", "json", "--url", desk.database.full))
    [table] = document["summary"]["tables"]
    assert table["verdict"] == "convert"
    assert {"preload", "extension"} <= {finding["check"] for finding in document["findings"]}


def test_statements_that_were_run_are_evidence(tsmigrate: Run, bare_cluster: Any, engine: Engine) -> None:
    made = bare_cluster(replace(engine, preloadable=(*engine.preloadable, "pg_stat_statements")))
    desk = Desk(DatabaseUrl(parse(made.url.replace("/sandbox?", "/postgres?")), "the test"))
    desk.run("CREATE EXTENSION pg_stat_statements", EVENTS, FILL)
    desk.run(
        "SELECT count(*) FROM events e WHERE e.created_at >= now() - interval '1 day' AND e.device = 3",
        "SELECT id FROM events WHERE created_at BETWEEN '2026-01-01' AND '2026-02-01' ORDER BY created_at DESC LIMIT 5",
        "DELETE FROM events WHERE created_at < '2000-01-01'",
        "UPDATE events SET created_at = now() WHERE id = -1",
        "SELECT 1 FROM events WHERE id IN (1, 2)",
    )
    told = {(use.column, str(use.kind)): use.calls for use in desk.evidence().uses}
    assert told == {
        ("created_at", "range"): 2,
        ("created_at", "order"): 1,
        ("created_at", "delete"): 1,
        ("created_at", "assign"): 1,
        ("device", "equal"): 1,
        ("id", "equal"): 2,
    }


def test_the_number_of_queries_does_not_grow_with_the_tables(desk: Desk) -> None:
    """Nor does the pre-flight of many tables go on without an end."""

    def queries() -> int:
        counted = 0
        engine = create_engine(desk.database.url)

        @event.listens_for(engine, "before_cursor_execute")
        def count(*_arguments: object) -> None:
            nonlocal counted
            counted += 1

        with engine.connect() as connection:
            gather(connection, lambda _step: None)
        engine.dispose()
        return counted

    desk.run(EVENTS, FILL, "ANALYZE events")
    before = queries()
    desk.run(*(EVENTS.replace("events", f"events_{number}") for number in range(50)))
    assert queries() == before
    assert before <= 25
    for number in range(3):
        desk.run(FILL.replace("events", f"events_{number}"))
        desk.large(f"events_{number}")
    with connect.connection(desk.database) as connection:
        advices = advise(gather(connection, lambda _step: None))
        found = obstacles(connection, advices, lambda _step: None, limit=0.0)
    assert len(found.of_table) + len(found.left_out) == 3
    assert found.left_out
