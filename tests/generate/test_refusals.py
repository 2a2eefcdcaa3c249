"""What stands in the way is told, all of it with its mends, and nothing is written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import alembic
import pytest

from advise_support import EVENTS, FILL
from alembic_project import BY_ARGUMENT, GOOD_ENV, Project
from generate.conftest import INI, Site
from support import Run, Take
from tsmigrate.advise.generate import files
from tsmigrate.advise.generate.files import Made, put_in_place
from tsmigrate.capability import Edition
from tsmigrate.errors import BlockedError
from tsmigrate.sandbox import Sandbox
from tsmigrate.sandbox.engines import Engine
from tsmigrate.url import DatabaseUrl, parse

if TYPE_CHECKING:
    from collections.abc import Callable

GENERATE = ("generate", "events", "--time", "created_at")


def blockers(told: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {each["check"]: each for each in told["findings"] if each["severity"] == "blocker"}


def test_run_twice_and_after_the_upgrade_it_writes_nothing_again(site: Site) -> None:
    site.begin(EVENTS, FILL)
    first = site.generate("events", "--time", "created_at")
    assert first["summary"]["written"]
    before = {each: each.read_text() for each in site.written()}
    again = blockers(site.generate("events", "--time", "created_at", code=3))
    assert list(again) == ["up to date"]
    assert "the database is at plain" in again["up to date"]["seen"]
    site.upgrade()
    after = site.generate("events", "--time", "created_at")
    assert after["summary"] == {"written": False, "rehearsed": False, "revisions": []}
    assert "events is a hypertable already, by created_at" in after["findings"][0]["seen"]
    other = site.run("generate", "events", "--time", "device", "--interval", "10", "--no-rehearse")
    assert (other.returncode, "the plan says device" in other.stdout) == (0, True)
    assert {each: each.read_text() for each in site.written()} == before


def test_a_dry_run_prints_what_would_be_written(site: Site) -> None:
    site.begin(EVENTS, FILL)
    done = site.run(*GENERATE, "--dry-run")
    assert done.returncode == 0
    assert 'op.create_hypertable(\n        "events"' in done.stdout or 'op.create_hypertable("events"' in done.stdout
    assert "revisions would be written" in done.stdout
    told = site.generate("events", "--time", "created_at", "--dry-run")
    assert all("def downgrade()" in each["text"] for each in told["summary"]["revisions"])
    assert not site.written()
    assert [each.name for each in (site.folder / "migrations").iterdir() if each.name.startswith(".")] == []


def test_names_that_are_not_there_are_wrong_use(site: Site) -> None:
    site.begin(
        EVENTS
        + "CREATE VIEW seen AS SELECT * FROM events; CREATE TABLE parted (at timestamptz) PARTITION BY RANGE (at);"
        "CREATE TABLE part PARTITION OF parted DEFAULT; CREATE SCHEMA other; CREATE TABLE other.twin (at timestamptz);"
        "CREATE TABLE twin (at timestamptz)"
    )
    for table, column, expected in [
        ("nothing", "at", "there is no such table"),
        ("seen", "created_at", "it is a view, not a table"),
        ("part", "at", "it is a partition: name the table that it belongs to"),
        ("events", "nothing", "column is nothing, and there is no such column"),
        ("twin", "at", "there is a table twin in other, public"),
    ]:
        done = site.run("generate", table, "--time", column)
        assert (done.returncode, expected in " ".join(done.stderr.split())) == (2, True), done.stderr
    for wrong in (["generate"], ["generate", "events"], ["generate", "events", "--time", "created_at", "--plan", "x"]):
        assert site.run(*wrong).returncode == 2
    done = site.run("generate", "events", "--time", "created_at", "--interval", "86400")
    assert (done.returncode, 'give one such as "1 day"' in done.stderr) == (2, True)
    assert site.run("generate", "twin", "--time", "at", "--schema", "other", "--no-rehearse").returncode == 0


def test_a_plan_that_does_not_fit_is_told_with_file_and_key(site: Site) -> None:
    site.begin(EVENTS, FILL)
    (site.folder / "plan.toml").write_text(
        'version = 1\n[[table]]\nschema = "public"\nname = "events"\ncolumn = "created_at"\ninterval = "1 day"\n'
        'primary_key = ["id"]\nunique = { nothing = "widen" }\ndrop_indexes = ["gone"]\nretention = 7\n'
        'columnstore = { segmentby = ["devise"], orderby = ["created_at DOWN"], after = "1 day" }\n'
        '[[table]]\nschema = "public"\nname = "event"\ncolumn = "at"\ninterval = "1 day"\n'
        '[[foreign_key]]\nname = "of"\nschema = "public"\ntable = "events"\nfate = "drop"\n'
    )
    done = site.run("generate", "--plan", "plan.toml")
    assert done.returncode == 2
    for expected in (
        "plan.toml: table public.events: primary_key has to hold id, created_at",
        "plan.toml: table public.events: unique names nothing",
        "plan.toml: table public.events: drop_indexes names gone",
        "plan.toml: table public.events: retention is 7, and created_at is of type timestamptz",
        "plan.toml: table public.events: columnstore cannot order by 'created_at DOWN'",
        "plan.toml: table public.event: there is no such table",
        "plan.toml: foreign_key of of public.events: there is no such foreign key",
    ):
        assert expected in done.stderr
    assert not site.written()


def test_everything_that_the_plan_leaves_open_is_told_at_once(site: Site, edition: Edition) -> None:
    site.begin(
        EVENTS + "CREATE UNIQUE INDEX events_value ON events (value);"
        "CREATE TABLE note (id int PRIMARY KEY, event_id bigint REFERENCES events);"
        "ALTER TABLE events ADD CHECK (value > 0) NO INHERIT"
    )
    (site.folder / "alembic.ini").write_text(INI.replace("skip", "error"))
    (site.folder / "plan.toml").write_text(
        'version = 1\n[[table]]\nschema = "public"\nname = "events"\ncolumn = "created_at"\ninterval = "1 day"\n'
        'columnstore = { segmentby = [], orderby = ["created_at DESC"], after = "1 day" }\n'
    )
    site.project.env(BY_ARGUMENT, GOOD_ENV.replace("transaction_per_migration=True", ""))
    told = site.generate("--plan", "plan.toml", code=3)
    found = blockers(told)
    mends = [each["mend"] for each in told["findings"] if each["check"] == "keys"]
    assert sorted(mends) == ['primary_key = ["id", "created_at"]', 'unique = { events_value = "widen" }']
    assert 'name = "note_event_id_fkey"' in found["foreign keys"]["mend"]
    assert "imports nothing of tsmigrate" in found["operations"]["seen"]
    assert "alembic transactions" in found
    assert any("NO INHERIT" in each["seen"] for each in told["findings"])
    assert ("edition" in found) == (edition is Edition.APACHE)
    assert not site.written()


def test_a_role_that_does_not_own_the_table_is_told_so(site: Site) -> None:
    site.begin(EVENTS, FILL)
    role = f"reader_{site.database.url.database}"
    site.desk.run(f"CREATE ROLE {role}", f"GRANT pg_read_all_data TO {role}")
    try:
        told = site.generate("events", "--time", "created_at", code=3, PGOPTIONS=f"-c role={role}")
        assert "rights" in " ".join(blockers(told)) or "owner" in str(blockers(told))
    finally:
        site.desk.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert not site.written()


@pytest.mark.edition("apache")
def test_a_history_that_it_cannot_follow_is_refused(site: Site) -> None:
    site.begin(EVENTS)
    site.project.revision("left", "SELECT 1", "SELECT 1", after="plain")
    site.project.revision("right", "SELECT 1", "SELECT 1", after="plain")
    done = site.run(*GENERATE)
    assert (done.returncode, "2 heads: left, right" in done.stderr) == (3, True)
    assert "alembic merge heads" in done.stderr
    (site.versions / "right.py").unlink()
    (site.versions / "left.py").unlink()
    shutil.copy(Path(alembic.__file__).parent / "templates" / "multidb" / "script.py.mako", site.folder / "migrations")
    done = site.run(*GENERATE)
    assert done.returncode == 3, done.stdout
    assert not site.written()
    done = site.tsmigrate(*GENERATE, "--url", site.database.full, cwd=site.versions)
    assert (done.returncode, "there is no Alembic environment in this folder" in done.stderr) == (2, True)


def test_an_empty_database_and_a_table_without_statistics(plain_site: Site) -> None:
    site = plain_site
    site.begin("SELECT 1")
    assert "There is no table to convert." in site.plan()
    assert site.generate("--plan", "plan.toml")["summary"]["revisions"] == []
    again = site.run("analyze", "--plan", "plan.toml")
    assert (again.returncode, "plan.toml is there already" in again.stderr) == (2, True)
    site.plan("--force")
    site.desk.run(EVENTS, "ALTER TABLE events SET (autovacuum_enabled = false)", FILL)
    told = site.generate("events", "--time", "created_at")
    assert told["summary"]["revisions"][0]["title"] == "The extension timescaledb"
    assert any('"7 days"' in each.read_text() for each in site.written())
    site.goes_up_and_comes_back(lambda: None)


CHILD = """
CREATE TABLE detail (id bigint PRIMARY KEY, event_id bigint NOT NULL);
"""
ORPHANS = """
version = 1
[[table]]
schema = "public"
name = "detail"
column = "created_at"
copied_from = { schema = "public", table = "events", column = "created_at", references = { event_id = "id" } }
interval = "1 day"
primary_key = ["id", "created_at"]
"""


def test_what_fails_in_the_rehearsal_is_not_written(site: Site) -> None:
    site.begin(EVENTS + CHILD, FILL + "INSERT INTO detail VALUES (1, 7), (2, -1)")
    site.desk.run("ANALYZE")
    (site.folder / "plan.toml").write_text(ORPHANS)
    told = site.generate("--plan", "plan.toml", rehearse=True, code=1)
    assert "1 rows of" in str(told["findings"])
    assert "have no parent" in str(told["findings"])
    assert told["summary"]["written"] is False
    assert not site.written()
    assert not list((site.folder / "migrations").glob(".tsmigrate-*"))


def test_a_server_without_timescaledb_is_told_of(
    project: Project, bare_cluster: Callable[[Engine], Sandbox], plain_engine: Engine, tsmigrate: Run, take: Take
) -> None:
    """Nothing can be rehearsed or run there, and still everything else that stands in the way is told as well."""
    started = bare_cluster(plain_engine)
    site = Site(
        project,
        DatabaseUrl(parse(started.url, "the test").set(database="postgres"), source="the test"),
        tsmigrate,
        take,
    )
    site.begin(EVENTS)
    found = blockers(site.generate("events", "--time", "created_at", "--method", "attach", code=3))
    assert "TimescaleDB is not installed on this server" in found["timescaledb"]["seen"]
    assert "tsmigrate sandbox up" in found["timescaledb"]["mend"]
    assert not site.written()


@pytest.mark.parametrize(
    ("statement", "creates"), [("CREATE EXTENSION IF NOT EXISTS timescaledb CASCADE", True), ("SELECT 1", False)]
)
def test_a_revision_that_creates_the_extension_is_seen(project: Project, statement: str, creates: bool) -> None:
    project.revision("plain", statement)
    assert files.project(project.ini).creates_extension is creates


def test_files_go_to_their_places_all_or_none_and_over_nothing(tmp_path: Path) -> None:
    made = []
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(f"new {name}")
        made.append(Made(name, name, tmp_path / name, tmp_path / "versions" / name, tmp_path))
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "two.py").write_text("mine")
    with pytest.raises(BlockedError, match=r"two\.py is there already, and nothing is overwritten"):
        put_in_place(made)
    assert [each.name for each in (tmp_path / "versions").iterdir()] == ["two.py"]
    assert (tmp_path / "versions" / "two.py").read_text() == "mine"
    (tmp_path / "versions" / "two.py").unlink()
    put_in_place(made)
    assert (tmp_path / "versions" / "one.py").read_text() == "new one.py"
