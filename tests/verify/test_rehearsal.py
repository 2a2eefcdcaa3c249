"""The rollback test on a copy of a live database: what is copied, what is left out, and that nothing is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from alembic_project import Project
from clones import Clones
from support import Run, TestServer
from tsmigrate import connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.sequences import of_sequences
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.catalog.tables import user_tables
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.sql import identifier, raw
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify.crash_points import Crash
from tsmigrate.verify.rehearsal import references, rows, schema_copy, source
from tsmigrate.verify.rehearsal.rehearse import KIND, Wanted, rehearse
from tsmigrate.verify.rollback import Report

NASTY = (Path(__file__).parent / "rehearsal.sql").read_text()
VERSION = """
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('a1')
"""
Try = Callable[..., Report]


@pytest.fixture
def nasty(plain_database: DatabaseUrl) -> Iterator[DatabaseUrl]:
    run(plain_database, NASTY.format(owner=roles()[0]), "ANALYZE")
    yield plain_database
    disowned(plain_database)
    run(plain_database, *(f"DROP ROLE {identifier(role)}" for role in roles()))


def roles() -> tuple[str, str]:
    """Of the nasty database."""
    return f"owner_{os.getpid()}", f'owner_{os.getpid()} "quoted"'


def disowned(database: DatabaseUrl) -> None:
    run(database, *(f"DROP OWNED BY {identifier(role)} CASCADE" for role in roles()))


def run(database: DatabaseUrl, *scripts: str) -> None:
    with connect.connection(database) as connection:
        cursor = connection.connection.cursor()
        for script in scripts:
            cursor.execute(script)
        connection.connection.commit()


@pytest.fixture
def tried(project: Project, edition: Edition) -> Try:
    def test(source: DatabaseUrl, **options: object) -> Report:
        given = {"ini": project.ini, "rows": 50, "crash": Crash.NONE, "edition": edition, **options}
        return rehearse(Wanted(source=source, **given))  # type: ignore[arg-type]

    return test


def everything(database: DatabaseUrl) -> object:
    """What a write would change: transactions that wrote, and rows."""
    with connect.connection(database) as connection:
        return connection.execute(
            raw("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del), count(*) FROM pg_stat_user_tables")
        ).all()


def seen(report: Report) -> str:
    return "\n".join(f"{each.severity} {each.check}: {each.seen}\n  {each.why}" for each in report.findings)


@pytest.fixture
def copied(
    nasty: DatabaseUrl, server: TestServer, edition: Edition, request: pytest.FixtureRequest
) -> Iterator[tuple[DatabaseUrl, str]]:
    """The copy of the nasty database, made on its own server, and what is told of it."""
    clones: Clones = request.getfixturevalue(f"{edition}_plain_clones")
    name = clones.take()
    into = server.database(name)
    with source.opened(nasty) as opened:
        findings = schema_copy.copy(opened, into, lambda *_: None)
        findings += rows.copy(opened, into, Relation("public", "alembic_version"), 50, lambda *_: None)
    yield into, "\n".join(finding.seen for finding in findings)
    disowned(into)
    clones.drop(name)


def test_rows_are_the_sources_byte_for_byte_and_every_foreign_key_holds(
    nasty: DatabaseUrl, copied: tuple[DatabaseUrl, str], pg_dump: str
) -> None:
    copy, text = copied
    original, found = texts(nasty), texts(copy)
    assert set(found) == set(original)
    for table, lines in found.items():
        strange = lines - original[table]
        # Bosses have bosses: the chains of 3,000 are cut where they have become too long.
        assert len(strange) <= (2 if table == '"public"."users"' else 0), strange
        assert len(lines) >= min(50, len(original[table])), table
    assert len(found['"public"."users"']) < 1200
    assert "2 rows of" in text
    assert "taken with the reference set to NULL: users_boss_fkey" in text
    with connect.connection(copy) as connection:
        for key in references._keys(connection):
            dangling = f"SELECT count(*) FROM {key.child} c WHERE {key.dangling}"
            assert connection.execute(raw(dangling)).scalar_one() == 0, key
    with connect.connection(nasty) as before, connect.connection(copy) as after:
        assert of_sequences(after) == of_sequences(before)
    assert Snapshot.take(copy, pg_dump) == Snapshot.take(nasty, pg_dump)


def test_a_sample_of_large_rows_is_smaller_and_the_transaction_goes_on(
    plain_database: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(
        plain_database,
        "CREATE TABLE t (a int PRIMARY KEY, b text)",
        "INSERT INTO t SELECT n, repeat('x', 100000) FROM generate_series(1, 200) n",
    )
    monkeypatch.setattr(source, "MOST_BYTES", 1_000_000)
    with source.opened(plain_database) as opened:
        assert len(opened.rows(["t.a", "t.b"], "FROM public.t AS t ORDER BY t.a", 64)) == 8
        with pytest.raises(source.TooLargeError, match="larger than"):
            opened.rows(["t.a", "t.b"], "FROM public.t AS t")
        with pytest.raises(source.UnreadableError, match="does not exist"):
            opened.rows(["t.nothing"], "FROM public.t AS t", 1)
        assert len(opened.rows(["t.a"], "FROM public.t AS t")) == 200
        with pytest.raises(DBAPIError, match="read-only"):
            opened.connection.execute(raw("CREATE TABLE public.no (a int)"))


def texts(database: DatabaseUrl) -> dict[str, set[str]]:
    """Each table's rows as text."""
    with connect.connection(database) as connection:
        return {
            str(table): set(connection.execute(raw(f"SELECT t::text FROM {table} t")).scalars())
            for table in user_tables(connection)
            if table.name != "alembic_version"
        }


def test_what_a_role_may_not_read_or_the_sandbox_does_not_have_is_left_out_and_said(
    project: Project, plain_database: DatabaseUrl, tried: Try
) -> None:
    """A reader without rights to write, a table that it may not read, and an extension that is nowhere else."""
    reader = f"reader_{os.getpid()}"
    run(
        plain_database,
        f"""CREATE ROLE {reader} LOGIN;
        CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t SELECT n, n FROM generate_series(1, 9) n;
        CREATE TABLE secret (a int PRIMARY KEY); INSERT INTO secret VALUES (1);
        ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES t; ALTER TABLE t ADD hidden int REFERENCES secret DEFAULT 1;
        CREATE FUNCTION broken() RETURNS int LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
        ALTER TABLE t ADD CHECK (a < 5) NOT VALID; ANALYZE;
        GRANT SELECT ON t TO {reader}""",
    )
    try:
        url = plain_database.url.update_query_dict({"options": f"-c role={reader}"})
        project.revision("a1", "ALTER TABLE t ADD c int", "ALTER TABLE t DROP c")
        report = tried(DatabaseUrl(url, source="the test"))
        text = seen(report)
        assert report.differences == (), text
        assert 'left out, because this role may not read them: "public"."secret"' in text
        assert '4 rows of "public"."t": the sandbox refuses 5 of its rows' in text
        assert "violates check constraint" in text
        assert "could not be made in the sandbox: FK CONSTRAINT public.t t_hidden_fkey" in text
        assert "has no revision in" in text
    finally:
        run(plain_database, f"DROP OWNED BY {reader}; DROP ROLE {reader}")


def test_without_rows_or_revisions_it_says_so_and_wrong_use_is_refused(
    project: Project, plain_database: DatabaseUrl, tried: Try
) -> None:
    run(plain_database, "CREATE TABLE t (a int)", VERSION, "INSERT INTO t SELECT generate_series(1, 1000)")
    with pytest.raises(BlockedError, match="is at revision a1, which the project does not have"):
        tried(plain_database)
    project.revision("a1", "SELECT 1 / 0")
    report = tried(plain_database, rows=0)
    assert (report.exit_code, report.revisions) == (0, 0)
    assert "no row was read: the copy is of the schema alone" in seen(report)
    assert "nothing to rehearse" in seen(report)
    with pytest.raises(UsageError, match="-1 rows"):
        tried(plain_database, rows=-1)
    with pytest.raises(UsageError, match=r"nothing\.ini does not exist"):
        tried(plain_database, ini=Path("nothing.ini"))
    with pytest.raises(UsageError, match="no folder of revisions"):
        tried(plain_database, extra_versions=project.folder / "nowhere")


def test_a_source_with_hypertables_is_made_by_its_revisions(
    project: Project, database: DatabaseUrl, tried: Try, edition: Edition
) -> None:
    make = "CREATE TABLE t (at timestamptz NOT NULL, a int);\nSELECT create_hypertable('t', 'at')"
    project.revision("a1", f"CREATE EXTENSION IF NOT EXISTS timescaledb;\n{make}")
    project.revision("b2", "ALTER TABLE t ADD b int", "ALTER TABLE t DROP b", after="a1")
    fill = "INSERT INTO t SELECT '2026-01-01'::timestamptz + n * interval '1 hour', n FROM generate_series(1, 2000) n"
    run(database, make, VERSION, fill)
    if edition is Edition.COMMUNITY:
        run(database, "ALTER TABLE t SET (timescaledb.compress)", "SELECT compress_chunk(c) FROM show_chunks('t') c")
    report = tried(database)
    assert report.differences == (), seen(report)
    assert "its schema was made by the project's revisions, not copied" in seen(report)
    assert "50 rows of 1 tables were read" in seen(report)


def test_the_command_reports_keeps_what_it_is_told_to_and_tidies_up_when_it_is_stopped(
    tsmigrate: Run, project: Project, plain_database: DatabaseUrl, edition: Edition, own_state: Path
) -> None:
    run(plain_database, "CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 10)", VERSION)
    project.revision("a1", "SELECT 1")
    project.revision("b2", "DELETE FROM t WHERE a = 3", "SELECT 1", after="a1")
    arguments = ("rehearse", "--from", plain_database.full, "-c", project.ini, "--edition", str(edition))
    done = tsmigrate(*arguments, "--crash", "none", "--format", "json", "--keep")
    document = json.loads(done.stdout)
    assert (done.returncode, document["command"], document["summary"]["revisions"]) == (0, "rehearse", 1), done.stderr
    [kept] = [each for each in document["findings"] if each["check"] == "sandbox"]
    name = kept["mend"].removeprefix("tsmigrate sandbox down --name ")
    assert "is kept on this machine, rows and all: postgresql://" in kept["seen"]
    assert sandbox.status(name) is not None
    sandbox.down(name)
    project.revision("b2", "SELECT pg_sleep(60)", "SELECT 1", after="a1")
    command = [Path(sysconfig.get_path("scripts")) / "tsmigrate", *map(str, arguments)]
    with subprocess.Popen(command, cwd=project.folder, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "revision b2" not in (line := running.stderr.readline()):
            assert line, "it ended"
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 128 + signal.SIGTERM
    assert not [found for found in sandbox.every() if found.sandbox.name.startswith(KIND)]


def test_the_pending_revisions_go_up_and_down_on_a_copy_of_schema_and_rows(
    project: Project, nasty: DatabaseUrl, tried: Try, tmp_path: Path
) -> None:
    """From plain PostgreSQL, one revision being the project's, one not in it yet."""
    project.revision("a1", "SELECT 1 / 0")  # the source has it: it is not run
    extra = "import tsmigrate.ops"
    project.revision(
        "b2",
        "op.create_timescaledb_extension()",
        "op.drop_timescaledb_extension()",
        after="a1",
        extra=extra,
    )
    further = Project(tmp_path / "further")
    (further.folder / "migrations" / "versions").mkdir(parents=True)
    further.revision(
        "c3",
        "op.create_hypertable('events', 'at', '7 days', migrate_data=True)",
        "op.revert_hypertable('events')",
        after="b2",
        extra=extra,
    )
    before = everything(nasty)
    report = tried(nasty, extra_versions=further.folder / "migrations" / "versions")
    assert report.differences == (), seen(report)
    assert (report.exit_code, report.revisions) == (0, 2)
    text = seen(report)
    assert "c3: up, down and up again: schema, rows and sequences equal" in text
    assert "the downgrade to where the source is in one go: schema byte for byte, rows and sequences as in" in text
    assert "because others refer to them" in text
    assert f"without a login: owner_{os.getpid()}" in text
    assert "the copy was on this machine only, and is gone" in text
    assert everything(nasty) == before
    assert not [found for found in sandbox.every() if found.sandbox.name.startswith(KIND)]
    assert not list((project.folder / "migrations" / "versions").glob("c3*"))
