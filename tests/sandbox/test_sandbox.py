"""A sandbox comes up from anything, lets nobody else in, and goes without a trace."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from support import Run
from tsmigrate import sandbox
from tsmigrate.capability import Edition
from tsmigrate.errors import SandboxError, UsageError
from tsmigrate.sandbox import Sandbox, cluster, places
from tsmigrate.sandbox.engines import Engine

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become somebody else")


@pytest.fixture
def running(state: Path, edition: Edition, engine: Engine) -> Sandbox:
    return sandbox.up(edition=edition)


def query(url: str, statement: str) -> object:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


def lives(pid: int | None) -> bool:
    """A zombie that nobody has collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(running: Sandbox) -> None:
    """End the server as a crash would."""
    pid = cluster.running_pid(running)
    assert pid
    os.kill(pid, signal.SIGKILL)
    while cluster.running_pid(running):
        time.sleep(0.01)


def test_up_prints_just_a_url_that_needs_no_password(
    tsmigrate: Run, state: Path, edition: Edition, engine: Engine
) -> None:
    done = tsmigrate("sandbox", "up", "--edition", edition)
    assert done.returncode == 0, done.stderr
    [url] = done.stdout.splitlines()
    assert query(url, "SELECT current_database()") == "sandbox"
    assert "starting" in done.stderr


def test_the_engine_is_of_the_edition_asked_for_and_the_extension_works(running: Sandbox, edition: Edition) -> None:
    connection = psycopg2.connect(running.url)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION timescaledb; CREATE EXTENSION pg_stat_statements")
        cursor.execute("SELECT _timescaledb_functions.tsl_loaded()")
        assert cursor.fetchone() == (edition is Edition.COMMUNITY,)
        cursor.execute("SELECT count(*) FROM pg_stat_statements")
        cursor.execute("SHOW timescaledb.telemetry_level")
        assert cursor.fetchone() == ("off",)
    connection.close()


def test_up_again_finds_the_same_server(running: Sandbox) -> None:
    before = cluster.running_pid(running)
    assert sandbox.up().url == running.url
    assert cluster.running_pid(running) == before


def test_a_stopped_sandbox_comes_back_with_its_rows(running: Sandbox) -> None:
    connection = psycopg2.connect(running.url)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 1 AS x")
    connection.close()
    cluster.stop(running, at_once=False)
    assert sandbox.running_url() is None
    assert query(sandbox.up().url, "SELECT x FROM kept") == 1


def test_several_run_side_by_side_and_only_one_of_them_goes(running: Sandbox) -> None:
    other = sandbox.up("other", edition=Edition(running.edition))
    assert other.url != running.url
    assert [found.sandbox.name for found in sandbox.every()] == ["default", "other"]
    sandbox.down("other")
    assert query(running.url, "SELECT 1") == 1


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads processes from /proc")
def test_down_leaves_nothing_behind_even_with_sessions_open(running: Sandbox, state: Path) -> None:
    pid = cluster.running_pid(running)
    session = psycopg2.connect(running.url)
    assert sandbox.down()
    session.close()
    assert not state.exists()
    assert not lives(pid)
    assert not sandbox.down()


def test_a_killed_server_is_started_again_although_its_pid_file_names_a_living_process(running: Sandbox) -> None:
    kill(running)
    pid_file = running.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert sandbox.running_url() is None
    assert query(sandbox.up().url, "SELECT 1") == 1


def test_a_killed_server_can_be_taken_down(running: Sandbox, state: Path) -> None:
    kill(running)
    assert sandbox.down()
    assert not state.exists()


def test_a_taken_port_is_avoided(running: Sandbox) -> None:
    first = sandbox.by_tcp()
    cluster.stop(first, at_once=False)
    with socket.create_server(("127.0.0.1", first.port)):
        second = sandbox.up(tcp=True)
        assert second.port != first.port
        assert query(second.tcp_url, "SELECT 1") == 1


def test_tcp_is_on_loopback_only_when_asked_and_wants_the_password(running: Sandbox, tsmigrate: Run) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port)).close()

    done = tsmigrate("sandbox", "url", "--tcp")

    url = done.stdout.strip()
    assert query(url, "SHOW listen_addresses") == "127.0.0.1"
    with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
        query(url.partition("?")[0], "SELECT 1")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        query(url.replace("postgres@", "postgres:wrong@"), "SELECT 1")
    password = running.passfile.read_text().strip().rpartition(":")[2]
    assert str(running.passfile) in done.stdout
    assert password not in done.stdout + done.stderr
    assert stat.S_IMODE(running.passfile.stat().st_mode) == 0o600


def test_a_session_is_not_cut_off_to_listen_on_loopback(running: Sandbox) -> None:
    session = psycopg2.connect(running.url)
    with pytest.raises(SandboxError, match="1 other session"):
        sandbox.by_tcp()
    with session.cursor() as cursor:
        cursor.execute("SELECT 1")
    session.close()


def test_data_and_socket_are_closed_to_everyone_else(running: Sandbox) -> None:
    for folder in (running.data, running.socket):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert folder.stat().st_uid == places.server_account().uid != 0


@as_root
def test_another_account_of_this_machine_does_not_get_in(running: Sandbox) -> None:
    other = next(name for name in ("nobody", "daemon") if name != running.account)
    account = places.account_named(other)
    attempt = subprocess.run(
        [str(running.bin / "psql"), running.url, "-c", "SELECT 1"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    assert attempt.returncode != 0
    assert "Permission denied" in attempt.stderr


@as_root
def test_root_writes_nothing_into_folders_of_the_server_account(running: Sandbox) -> None:
    """That account could have laid a symbolic link there."""
    owners = {path.stat().st_uid for path in (running.folder, running.folder / "sandbox.json")}
    assert owners == {0}
    assert not [path for path in (*running.data.rglob("*"), *running.socket.iterdir()) if path.lstat().st_uid == 0]


def test_a_folder_of_somebody_else_is_left_alone(state: Path) -> None:
    treasure = state / "sandboxes" / "default" / "PG_VERSION"
    treasure.parent.mkdir(parents=True)
    treasure.write_text("17\n")
    for attempt in (sandbox.up, sandbox.down):
        with pytest.raises(SandboxError, match="tsmigrate did not make"):
            attempt()
    assert treasure.read_text() == "17\n"
    assert sandbox.every() == []


def test_a_damaged_record_is_named_and_nothing_is_deleted(running: Sandbox) -> None:
    record = running.folder / "sandbox.json"
    kept = record.read_text()
    for damage in ("", "[]", "{}", kept.replace("tsmigrate", "somebody", 1)):
        record.write_text(damage)
        with pytest.raises(SandboxError):
            sandbox.down()
    record.write_text(kept)
    assert cluster.running_pid(running)


def test_status_and_down_name_what_they_cannot_read_and_see_to_the_others(
    running: Sandbox, state: Path, tsmigrate: Run
) -> None:
    damaged = state / "sandboxes" / "damaged" / "sandbox.json"
    foreign = state / "sandboxes" / "foreign" / "PG_VERSION"
    for file, content in ((damaged, "{"), (foreign, "17")):
        file.parent.mkdir()
        file.write_text(content)
    told = tsmigrate("sandbox", "status")
    assert told.returncode == 1
    assert "default  running" in told.stdout
    assert f"damaged  cannot be read: {damaged} is damaged\n  mend: end the server" in told.stderr
    assert "foreign  cannot be read: " in told.stderr
    document = json.loads(tsmigrate("sandbox", "status", "--format", "json").stdout)
    assert [each["check"] for each in document["findings"]] == ["damaged", "foreign"]
    ended = tsmigrate("sandbox", "down", "--all")
    assert ended.returncode == 3
    assert 'sandbox "default" removed' in ended.stderr
    assert f"{damaged} is damaged" in ended.stderr
    assert damaged.exists() and foreign.exists()


def test_a_record_of_another_version_is_still_a_sandbox_of_ours(running: Sandbox, state: Path) -> None:
    path = running.folder / "sandbox.json"
    record = json.loads(path.read_text())
    del record["settings"]
    path.write_text(json.dumps({**record, "of a later version": 1}))
    assert [found.sandbox.name for found in sandbox.every()] == ["default"]
    assert sandbox.down()
    assert not state.exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "Ä", "A", "-x", "x" * 33, "a b"])
def test_an_odd_name_is_refused(state: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a sandbox"):
        sandbox.up(name)


def test_another_edition_under_the_same_name_is_refused_with_the_way_out(running: Sandbox) -> None:
    other = next(edition for edition in Edition if edition != running.edition)
    with pytest.raises(SandboxError) as refused:
        sandbox.up(edition=other)
    assert f"of the {running.edition} edition, not {other}" in refused.value.message
    assert "--name" in refused.value.mend
    assert "sandbox down" in refused.value.mend


def test_a_setting_of_the_users_holds_and_cannot_change_quietly(state: Path, edition: Edition, engine: Engine) -> None:
    made = sandbox.up(edition=edition, settings={"max_locks_per_transaction": "77"})
    assert query(made.url, "SHOW max_locks_per_transaction") == "77"
    with pytest.raises(SandboxError, match="other settings"):
        sandbox.up(settings={"max_locks_per_transaction": "78"})


def test_a_setting_that_the_server_refuses_is_told_in_its_words(state: Path, edition: Edition, engine: Engine) -> None:
    with pytest.raises(SandboxError, match='unrecognized configuration parameter "no_such_setting"'):
        sandbox.up(edition=edition, settings={"no_such_setting": "1"})


def test_two_at_once_make_one_server(state: Path, edition: Edition, engine: Engine) -> None:
    urls: list[str] = []
    threads = [threading.Thread(target=lambda: urls.append(sandbox.up(edition=edition).url)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 4
    assert len(set(urls)) == 1


@pytest.mark.parametrize("after", [0.05, 0.4])
def test_one_killed_while_it_is_made_is_made_anew(state: Path, edition: Edition, engine: Engine, after: float) -> None:
    command = [sys.executable, "-m", "tsmigrate", "sandbox", "up", "--edition", edition]
    making = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (state / "sandboxes" / "default" / "sandbox.json").exists():
        assert making.poll() is None
        time.sleep(0.005)
    time.sleep(after)
    making.kill()
    making.wait()
    assert query(sandbox.up(edition=edition).url, "SELECT 1") == 1
    sandbox.down()
    assert not state.exists()


def test_what_a_killed_process_made_for_itself_goes_with_the_next_sandbox(
    state: Path, edition: Edition, engine: Engine
) -> None:
    program = (
        "import time; from tsmigrate import sandbox; from tsmigrate.capability import Edition\n"
        "with sandbox.owned('own'):\n"
        f"    sandbox.up('own', edition=Edition('{edition}')); print(flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        owner.stdout.readline()
        sandbox.up(edition=edition)
        assert {found.sandbox.name for found in sandbox.every()} == {"default", "own"}
        owner.kill()
    server = sandbox.running("own")
    told: list[str] = []
    sandbox.up(edition=edition, progress=lambda step, _: told.append(step))
    assert [found.sandbox.name for found in sandbox.every()] == ["default"]
    assert cluster.running_pid(server) is None
    assert told == ['removing sandbox "own", whose maker was killed']
    sandbox.down()
    assert not state.exists()


def test_the_users_own_postgresql_variables_do_not_lead_it_astray(
    state: Path, tsmigrate: Run, edition: Edition, engine: Engine
) -> None:
    astray = {"PGDATA": "/nowhere", "PGPORT": "1", "PGHOST": "nowhere", "PGUSER": "nobody", "PGDATABASE": "none"}
    done = tsmigrate("sandbox", "up", "--edition", edition, **astray)
    assert done.returncode == 0, done.stderr
    answer = tsmigrate("sandbox", "psql", "-Atc", "SELECT current_user || '@' || current_database()", **astray)
    assert answer.stdout.strip() == "postgres@sandbox"


@as_root
def test_a_full_disk_is_said_and_nothing_half_made_stays(
    state: Path, small_disk: Callable[[Path, int], None], tsmigrate: Run, edition: Edition, engine: Engine
) -> None:
    small_disk(state, 8)
    done = tsmigrate("sandbox", "up", "--edition", edition)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "free some room" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (state / "sandboxes").iterdir() if path.is_dir()] == []


@as_root
def test_a_state_folder_the_server_account_cannot_enter_is_named(
    state: Path, tsmigrate: Run, edition: Edition, engine: Engine
) -> None:
    closed = state / "closed"
    state.mkdir()
    closed.mkdir(mode=0o700)
    done = tsmigrate("sandbox", "up", "--edition", edition, TSMIGRATE_STATE_DIR=str(closed))
    assert done.returncode == 3
    assert "cannot enter" in done.stderr
    assert "TSMIGRATE_STATE_DIR" in done.stderr


def test_a_path_too_long_for_a_socket_is_refused(
    state: Path, monkeypatch: pytest.MonkeyPatch, edition: Edition, engine: Engine
) -> None:
    monkeypatch.setenv(places.STATE_DIR, str(state / ("d" * 100)))
    with pytest.raises(SandboxError, match="too long"):
        sandbox.up(edition=edition)
    assert sandbox.every() == []


def test_an_engine_that_is_gone_is_said_with_the_way_out(running: Sandbox) -> None:
    cluster.stop(running, at_once=True)
    record = running.folder / "sandbox.json"
    record.write_text(record.read_text().replace(str(running.bin), "/nowhere/bin"))
    with pytest.raises(SandboxError, match="gone from /nowhere/bin"):
        sandbox.up()
    assert sandbox.down()
