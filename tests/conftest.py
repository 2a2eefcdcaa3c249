"""Every database test runs once per TimescaleDB edition found, on a database of its own.

`server` is a sandbox of that edition (or the one server that TSMIGRATE_TEST_URL names), `database` a fresh clone of a
database with the extension, `plain_database` one without it. The last lines of a run say which editions were exercised
and which tests were skipped for want of one.
"""

from __future__ import annotations

import functools
import gc
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_postgresql.executors import NoopExecutor
from pytest_postgresql.factories import postgresql_noproc
from sqlalchemy import Connection, create_engine

from clones import Clones, Make
from program import Programs
from support import Prepared, Run, Take, TestServer
from tsmigrate import capability, connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.errors import SandboxError
from tsmigrate.sandbox import Sandbox, cluster, engines, locks, places
from tsmigrate.sandbox.engines import Engine, Origin
from tsmigrate.url import DatabaseUrl

TEST_URL = "TSMIGRATE_TEST_URL"
IN_MEMORY = "/dev/shm"
ROOM_IN_MEMORY = 6 * 1024**3
NO_EDITION = "no server of this edition"
_exercised: dict[str, str] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "edition" in metafunc.fixturenames:
        only = [marker.args[0] for marker in metafunc.definition.iter_markers("edition")]
        metafunc.parametrize("edition", only or [str(edition) for edition in Edition], indirect=True, scope="session")


def pytest_collection_finish() -> None:
    """What thousands of tests are made of stays until the end: Python is not to look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_state() -> Iterator[Path]:
    """Sandboxes of the tests live apart from the user's, and no database of theirs is ever touched."""
    for variable in ("TSMIGRATE_URL", "DATABASE_URL", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"):
        os.environ.pop(variable, None)
    folder = _folder_for_servers()
    os.environ[places.STATE_DIR] = str(folder)
    # The programs that tests start are compiled once, as an installed package is, wherever its files may be written.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    yield folder
    for found in sandbox.every():
        sandbox.down(found.sandbox.name)
    shutil.rmtree(folder, ignore_errors=True)


def _folder_for_servers() -> Path:
    """Short, because a socket's path has to be, and open to every account: as root, the server's has to pass.

    In memory where there is plenty: a run makes some thousand databases, and most of their cost is files.
    """
    parent = "/tmp"
    if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM_IN_MEMORY:
        parent = IN_MEMORY
    folder = Path(tempfile.mkdtemp(prefix="tsm", dir=parent))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def edition(request: pytest.FixtureRequest) -> Edition:
    return Edition(request.param)


def _server_of(edition: Edition) -> Callable[..., TestServer]:
    @pytest.fixture(scope="session", name=f"{edition}_server")
    def find(own_state: Path) -> TestServer:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(places.STATE_DIR, str(own_state))  # a test may have set its own before it got here
            server = TestServer.at(os.environ.get(TEST_URL) or _sandbox_url(edition))
        with connect.connection(server.database(server.maintenance_dbname)) as connection:
            found = capability.ask(connection)
        if found.timescale.edition not in {None, edition}:
            pytest.skip(f"{NO_EDITION}: {TEST_URL} is {found.timescale.edition}")
        _exercised[edition] = f"PostgreSQL {found.postgres.major}.{found.postgres.minor}, TimescaleDB " + str(
            found.timescale.installed or found.timescale.available
        )
        return server

    return find


def _sandbox_url(edition: Edition) -> str:
    try:
        # Without background workers: they keep connections to a template open, and cloning it fails.
        return sandbox.up(f"tests-{edition}", edition=edition, settings={"timescaledb.max_background_workers": "0"}).url
    except SandboxError as error:
        if engines.found() or edition is Edition.COMMUNITY:
            pytest.skip(f"{NO_EDITION}: {error.message}")
        raise


def _create_extension(host: str, port: int, user: str, dbname: str, password: str | None, **_: object) -> None:
    url = TestServer(host=host, port=port, user=user, password=password).database(dbname)
    with connect.connection(url) as connection:
        connection.exec_driver_sql("CREATE EXTENSION timescaledb")
        connection.commit()


def _clones_of(edition: Edition, template: str) -> Callable[..., Iterator[Clones]]:
    @pytest.fixture(scope="session", name=f"{edition}_{template}_clones")
    def clones(request: pytest.FixtureRequest) -> Iterator[Clones]:
        server: TestServer = request.getfixturevalue(f"{edition}_server")
        copied: NoopExecutor = request.getfixturevalue(f"{edition}_{template}")
        with Clones(server, str(copied.template_dbname)) as made:
            yield made

    return clones


# One set an edition: pytest-postgresql finds its server by name, which a parametrized fixture cannot give it.
apache_server = _server_of(Edition.APACHE)
apache_plain = postgresql_noproc(depends_on="apache_server", dbname="tsmigrate_plain")
apache_plain_clones = _clones_of(Edition.APACHE, "plain")
apache_extension = postgresql_noproc(depends_on="apache_server", dbname="tsmigrate_extension", load=[_create_extension])
apache_extension_clones = _clones_of(Edition.APACHE, "extension")
community_server = _server_of(Edition.COMMUNITY)
community_plain = postgresql_noproc(depends_on="community_server", dbname="tsmigrate_plain")
community_plain_clones = _clones_of(Edition.COMMUNITY, "plain")
community_extension = postgresql_noproc(
    depends_on="community_server", dbname="tsmigrate_extension", load=[_create_extension]
)
community_extension_clones = _clones_of(Edition.COMMUNITY, "extension")


@pytest.fixture
def server(edition: Edition, request: pytest.FixtureRequest) -> TestServer:
    found: TestServer = request.getfixturevalue(f"{edition}_server")
    return found


@pytest.fixture
def plain_database(edition: Edition, server: TestServer, request: pytest.FixtureRequest) -> Iterator[DatabaseUrl]:
    """A database without the extension."""
    yield from _cloned(server, request.getfixturevalue(f"{edition}_plain_clones"))


@pytest.fixture
def prepared(edition: Edition, server: TestServer, request: pytest.FixtureRequest) -> Iterator[Prepared]:
    """Databases that several tests begin with, made once of one without the extension, and copied for each test."""
    clones: Clones = request.getfixturevalue(f"{edition}_plain_clones")
    with ExitStack() as stack:

        def copy(what: str, make: Make) -> DatabaseUrl:
            name = clones.prepared(what, make)
            stack.callback(clones.drop, name)
            return server.database(name)

        yield copy


@pytest.fixture
def database(edition: Edition, server: TestServer, request: pytest.FixtureRequest) -> Iterator[DatabaseUrl]:
    """A database with the extension."""
    yield from _cloned(server, request.getfixturevalue(f"{edition}_extension_clones"))


def _cloned(server: TestServer, clones: Clones) -> Iterator[DatabaseUrl]:
    name = clones.take()
    yield server.database(name)
    clones.drop(name)


@pytest.fixture
def connection(database: DatabaseUrl) -> Iterator[Connection]:
    """A connection to `database`, in a transaction."""
    engine = create_engine(database.url)
    with engine.connect() as connected:
        yield connected
    engine.dispose()


@pytest.fixture
def server_major(server: TestServer) -> int:
    return _major_of(server)


@functools.cache
def _major_of(server: TestServer) -> int:
    with connect.connection(server.database(server.maintenance_dbname)) as connection:
        return capability.ask(connection).postgres.major


@pytest.fixture
def programs(server_major: int) -> Engine:
    """The oldest engine on this machine that is not older than the server, for its pg_dump and psql."""
    fit = [engine for engine in engines.found() if engine.postgres.major >= server_major]
    if not fit:
        pytest.skip(f"no pg_dump of PostgreSQL {server_major} or later is installed here")
    return min(fit, key=lambda engine: engine.postgres)


@pytest.fixture
def pg_dump(programs: Engine) -> str:
    return programs.program("pg_dump")


@pytest.fixture
def take(pg_dump: str) -> Take:
    return lambda database: Snapshot.take(database, pg_dump)


@pytest.fixture(scope="session")
def programs_of_ours(own_state: Path) -> Iterator[Programs]:
    with Programs() as programs:
        yield programs


@pytest.fixture
def tsmigrate(programs_of_ours: Programs, tmp_path: Path) -> Run:
    """Run the command as a user would, in an empty folder, 80 columns wide."""
    return _run(programs_of_ours, "tsmigrate", tmp_path)


@pytest.fixture
def alembic(programs_of_ours: Programs, tmp_path: Path) -> Run:
    """The same for Alembic's own."""
    return _run(programs_of_ours, "alembic", tmp_path)


def _run(programs: Programs, name: str, folder: Path) -> Run:
    def run(*arguments: object, cwd: Path = folder, **environment: str) -> subprocess.CompletedProcess[str]:
        return programs.run(
            Path(sysconfig.get_path("scripts")) / name,
            [str(each) for each in arguments],
            cwd,
            {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", **environment},
        )

    return run


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a test's own sandboxes live."""
    folder = _folder_for_servers()
    monkeypatch.setenv(places.STATE_DIR, str(folder / "state"))
    yield folder / "state"
    for found in sandbox.every():
        sandbox.down(found.sandbox.name)
    shutil.rmtree(folder)


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, int], None]]:
    """Give a folder a file system of its own, of so many megabytes."""
    mounted: list[Path] = []

    def mount(folder: Path, megabytes: int) -> None:
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("mounting a small file system is not allowed here")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def engine(edition: Edition, server: TestServer) -> Engine:
    """The engine of this edition; `server` has seen to it that there is one."""
    for found in engines.found():
        if found.edition is edition:
            return found
    pytest.skip(f"{NO_EDITION}: {TEST_URL} names a server, not an engine to start one with")


@pytest.fixture
def bare_cluster(state: Path) -> Iterator[Any]:
    """Start a server of an engine as it is, without what `sandbox up` insists on."""
    started: list[Sandbox] = []

    def start(engine: Engine) -> Sandbox:
        with locks.locked("bare") as lock:
            made = cluster.make(state / "sandboxes" / "bare", "bare", engine, {}, lock=lock.fileno())
            started.append(cluster.start(made, tcp=False))
        return started[-1]

    yield start
    for each in started:
        cluster.stop(each, at_once=True)


@pytest.fixture
def plain_engine(engine: Engine) -> Iterator[Engine]:
    """A copy of the engine without TimescaleDB: plain PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="tsm", dir="/tmp"))
    folder.chmod(0o755)
    configured = subprocess.run([engine.program("pg_config")], capture_output=True, text=True, check=True).stdout
    places_of = dict(line.split(" = ") for line in configured.splitlines())
    for part in (places_of[name] for name in ("BINDIR", "PKGLIBDIR", "SHAREDIR")):
        # PostgreSQL finds its libraries and shared files by the same relative way from the copied programs.
        shutil.copytree(part, folder / Path(part).relative_to("/"), ignore=shutil.ignore_patterns("timescaledb*"))
    if (beside := engine.bin.parents[4] / "lib").is_dir() and engine.origin is Origin.FETCHED:
        shutil.copytree(beside, folder / beside.relative_to("/"))
    yield replace(engine, bin=folder / engine.bin.relative_to("/"), preloadable=())
    shutil.rmtree(folder)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells the one process that writes the summary."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["exercised"] = {str(edition): server for edition, server in _exercised.items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _exercised.update(getattr(node, "workeroutput", {}).get("exercised", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    write = terminalreporter.write_line
    write("")
    for edition in Edition:
        write(f"edition {edition}: {_exercised.get(edition, 'not exercised')}")
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NO_EDITION in str(report.longrepr)]
    write(f"skipped for want of an edition: {len(skipped)} tests")
    for report in skipped:
        write(f"  {report.nodeid}")
