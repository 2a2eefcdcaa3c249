"""pg_cron runs the policies where somebody asks for it, and where it cannot, the message says what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ops.conftest import Migration
from policies.conftest import keep, load
from policies_support import COUNTED, HELD
from support import Run, Take, TestServer
from tsmigrate import apt, connect, sandbox
from tsmigrate.apt import Progress
from tsmigrate.capability import Edition
from tsmigrate.policies import pg_cron
from tsmigrate.sandbox import debian, engines, places
from tsmigrate.sandbox.engines import Engine, Origin
from tsmigrate.sql import identifier, raw
from tsmigrate.url import DatabaseUrl

ROLE = "app"
QUIET: Progress = lambda *_: None  # noqa: E731


@pytest.fixture(scope="session")
def engine_with_pg_cron(edition: Edition) -> Engine:
    for engine in engines.found():
        if engine.edition is edition and (engine.bin.parent / "lib" / "pg_cron.so").exists():
            return engine
    if edition is Edition.APACHE and apt.unusable() is None:
        fetched = engines.inspect(debian.fetch(QUIET), Origin.FETCHED)
        assert fetched is not None
        return fetched
    pytest.skip(f"no engine of the {edition} edition with pg_cron is installed here")


@dataclass(frozen=True)
class Cron:
    """A server that has pg_cron, which lives in the database `sandbox`. It is of the Apache edition by its license."""

    server: TestServer
    user: str
    every: str
    """The shortest that this version of pg_cron knows."""

    def database(self, name: str) -> DatabaseUrl:
        found = self.server.database(name)
        return replace(found, url=found.url.set(username=self.user))

    def as_superuser(self, take: Take) -> Migration:
        return Migration(self.server.database("sandbox"), take)


def _server(engine: Engine, name: str, take: Take, **settings: str) -> Iterator[Cron]:
    wanted = {
        "shared_preload_libraries": "timescaledb,pg_cron",
        "cron.database_name": "sandbox",
        "timescaledb.license": "apache",
        "timescaledb.max_background_workers": "0",
        **settings,
    }
    found = sandbox.up(name, pg_bin=engine.bin, settings=wanted)
    # Before PostgreSQL 16 a sandbox lets its superuser in alone.
    is_new = engine.postgres.major >= 16
    cron = Cron(TestServer.at(found.url), ROLE if is_new else "postgres", "1 second" if is_new else "* * * * *")
    statements = ["CREATE EXTENSION timescaledb", "CREATE EXTENSION pg_cron", f"CREATE ROLE {ROLE} LOGIN"]
    cron.as_superuser(take).execute(*statements, f"GRANT CREATE ON SCHEMA public TO {ROLE}")
    yield cron
    sandbox.down(name)


@pytest.fixture
def by_workers(engine_with_pg_cron: Engine, edition: Edition, take: Take) -> Iterator[Cron]:
    settings = {"cron.use_background_workers": "on", "max_worker_processes": "40"}
    yield from _server(engine_with_pg_cron, f"workers-{edition}", take, **settings)


@pytest.fixture
def by_connections(engine_with_pg_cron: Engine, edition: Edition, take: Take) -> Iterator[Cron]:
    name = f"connects-{edition}"
    socket = str(places.sandboxes() / name / "socket")
    yield from _server(engine_with_pg_cron, name, take, **{"cron.host": socket})


@pytest.fixture
def policies(tsmigrate: Run) -> Any:
    def run(database: DatabaseUrl, *arguments: object) -> tuple[int, str]:
        done = tsmigrate("policies", *arguments, "--url", database.full)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


def runs_of(migration: Migration) -> int:
    return int(migration.value("SELECT count(*) FROM tsmigrate.policy_run WHERE outcome = 'done'"))


def until(happened: Any) -> None:
    """pg_cron's smallest unit is a minute, before version 1.5."""
    for _ in range(900):
        if happened():
            return
        time.sleep(0.1)
    raise AssertionError("it never happened")


@pytest.mark.edition("apache")
def test_it_runs_what_is_due_as_the_role_that_owns_the_tables_until_told_not_to(
    by_workers: Cron, policies: Any, take: Take, settings: dict[str, str]
) -> None:
    run_what_is_due(by_workers, policies, take, settings)


@pytest.mark.slow
@pytest.mark.edition("community")
def test_a_pg_cron_that_knows_minutes_only_does_so_too(
    by_workers: Cron, policies: Any, take: Take, settings: dict[str, str]
) -> None:
    run_what_is_due(by_workers, policies, take, settings)


def run_what_is_due(by_workers: Cron, policies: Any, take: Take, settings: dict[str, str]) -> None:
    settings["on_unsupported"] = "emulate"
    own, superuser = Migration(by_workers.database("sandbox"), take), by_workers.as_superuser(take)
    if by_workers.user == ROLE:
        code, told = policies(own.database, "schedule")
        assert (code, "GRANT USAGE ON SCHEMA cron" in told) == (3, True)
        superuser.execute(f"GRANT USAGE ON SCHEMA cron TO {ROLE}")
        code, told = policies(own.database, "schedule")
        assert (code, 'GRANT CREATE ON DATABASE "sandbox"' in told) == (3, True)
        assert superuser.value("SELECT count(*) FROM cron.job") == 0
        superuser.execute(f"GRANT CREATE ON DATABASE sandbox TO {ROLE}")
    load(own)
    keep(own)
    assert policies(own.database, "schedule", "--every", by_workers.every)[0] == 0
    until(lambda: runs_of(own) == 2)
    assert own.value(HELD) == own.value(COUNTED)
    code, listed = policies(own.database, "list", "--format", "json")
    findings = json.loads(listed)["findings"]
    assert (code, findings[-1]["check"], findings[-1]["severity"]) == (0, "pg_cron", "ok")
    assert by_workers.every in findings[-1]["seen"]
    done = "SELECT count(*) FROM cron.job_run_details WHERE command LIKE 'CALL%' AND status "

    own.execute("DROP TABLE tsmigrate.policy_run, tsmigrate.policy")  # the last policy went, by a downgrade
    count = superuser.value(f"{done} = 'succeeded'")
    until(lambda: superuser.value(f"{done} = 'succeeded'") > count)
    assert superuser.value(f"{done} = 'failed'") == 0

    assert policies(own.database, "schedule") == (
        0,
        "pg_cron runs what is due (* * * * *); tsmigrate policies list shows how it goes\n",
    )
    assert superuser.value("SELECT array_agg(schedule ORDER BY jobname) FROM cron.job") == [
        "17 3 * * *",
        "* * * * *",
        "* * * * *",
    ]
    assert superuser.value("SELECT array_agg(DISTINCT username) FROM cron.job") == [by_workers.user]
    superuser.execute("CREATE ROLE other LOGIN", "GRANT USAGE ON SCHEMA cron TO other")
    if by_workers.user == ROLE:
        other = replace(own.database, url=own.database.url.set(username="other"))
        code, told = policies(other, "unschedule")
        assert (code, "as the role that ran" in " ".join(told.split())) == (3, True)
    assert policies(own.database, "unschedule") == (0, "pg_cron runs no policies any more\n")
    assert policies(own.database, "unschedule")[0] == 0
    assert superuser.value("SELECT count(*) FROM cron.job") == 0
    assert superuser.value("SELECT to_regnamespace('tsmigrate_cron')") is None


@pytest.mark.edition("apache")
def test_it_runs_what_is_due_in_another_database_than_its_own(
    by_connections: Cron, policies: Any, take: Take, settings: dict[str, str]
) -> None:
    settings["on_unsupported"] = "emulate"
    superuser = by_connections.as_superuser(take)
    name = 'Else %where "now"; ' + "x" * 40
    with connect.connection(by_connections.server.database("postgres"), isolation_level="AUTOCOMMIT") as connection:
        connection.execute(raw(f"CREATE DATABASE {identifier(name)} OWNER {ROLE}"))
    own = Migration(by_connections.database(name), take)
    Migration(by_connections.server.database(name), take).execute("CREATE EXTENSION timescaledb")
    load(own)
    keep(own)
    if by_connections.user == ROLE:
        superuser.execute(f"GRANT USAGE ON SCHEMA cron TO {ROLE}")
        code, told = policies(own.database, "schedule", "--home", "sandbox")
        assert (code, "GRANT EXECUTE ON FUNCTION cron.schedule_in_database" in told) == (3, True)
        assert own.value("SELECT to_regnamespace('tsmigrate_cron')") is None
        superuser.execute(f"GRANT EXECUTE ON FUNCTION cron.schedule_in_database TO {ROLE}")

    code, printed = policies(own.database, "schedule", "--dry-run", "--home", "sandbox")
    assert (code, superuser.value("SELECT count(*) FROM cron.job")) == (0, 0)
    assert "CREATE PROCEDURE tsmigrate_cron.run_due()" in printed
    assert printed.count("SELECT cron.schedule_in_database(") == 2
    arguments = ("schedule", "--home", "sandbox", "--every", by_connections.every)
    assert policies(own.database, *arguments)[0] == 0
    until(lambda: runs_of(own) == 2)
    assert own.value(HELD) == own.value(COUNTED)
    assert policies(own.database, "unschedule", "--home", "sandbox")[0] == 0
    assert superuser.value("SELECT count(*) FROM cron.job") == 0


@pytest.mark.edition("apache")
def test_a_job_that_pg_cron_cannot_start_is_told_with_the_way_to_let_it_in(
    engine_with_pg_cron: Engine, edition: Edition, policies: Any, take: Take
) -> None:
    for cron in _server(engine_with_pg_cron, f"locked-{edition}", take):
        database = cron.server.database("sandbox")
        assert policies(database, "schedule", "--every", "0 0 1 1 *")[0] == 0
        assert "has not yet" in policies(database, "list")[1]
        assert policies(database, "schedule", "--every", cron.every)[0] == 0
        failed = "SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'"
        until(lambda: cron.as_superuser(take).value(failed) > 0)  # noqa: B023
        code, told = policies(database, "list")
        assert code == 1
        assert "connection failed" in told
        assert "cron.use_background_workers" in told
        cron.as_superuser(take).execute("UPDATE cron.job SET active = false")
        assert "switched off" in policies(database, "list")[1]
        assert policies(database, "schedule", "--every", "whenever") == (
            2,
            "error: pg_cron does not know the schedule 'whenever'\n  mend: write it as for cron: '*/5 * * * *'\n",
        )
        cron.as_superuser(take).execute("DROP EXTENSION pg_cron")
        code, told = policies(database, "schedule")
        assert (code, "CREATE EXTENSION pg_cron" in told) == (3, True)


def test_a_server_without_pg_cron_is_told_of_the_other_ways(database: DatabaseUrl, policies: Any) -> None:
    code, told = policies(database, "schedule")
    assert code == 3
    assert "has not loaded pg_cron" in told
    assert "shared_preload_libraries" in told
    assert policies(database, "unschedule")[0] == 0


def test_jobs_of_databases_with_long_names_are_told_apart() -> None:
    one, other = ("x" * 62 + end for end in "ab")
    job = pg_cron.Job("watch", "* * * * *", "SELECT 1")
    assert job.name(one) != job.name(other)
    assert max(len(job.name(name).encode()) for name in (one, other, "ü" * 31)) <= 63
