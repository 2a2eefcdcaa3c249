"""One private PostgreSQL server: made, started, watched and stopped through its own programs.

Everything of a sandbox lies in one folder: its data and its socket, each of mode 0700, its configuration, a password
file, and its `record`.

Made by root, the folder is root's and only data and socket belong to the account that runs the server: root writes
nothing where that account could have laid a symbolic link.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tsmigrate.capability import Version
from tsmigrate.errors import SandboxError
from tsmigrate.sandbox import places
from tsmigrate.sandbox.engines import Engine
from tsmigrate.sandbox.programs import as_account, mend_for, telling_line
from tsmigrate.sandbox.record import SUPERUSER, Sandbox, write

PORTS = range(54320, 54420)
START_SECONDS = 60
STOP_SECONDS = 20

_SETTINGS = """\
# Written by tsmigrate for a throwaway server. UNSAFE for data you would miss: a crash of the machine loses it.
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = logical

data_directory = {data}
hba_file = {hba}
ident_file = {ident}
listen_addresses = '{listen}'
port = {port}
unix_socket_directories = {socket}
max_connections = 100
max_locks_per_transaction = 512
max_worker_processes = 32
shared_buffers = 256MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
shared_preload_libraries = '{preload}'
timescaledb.telemetry_level = off
"""

_ACCESS = """\
# Written by tsmigrate: a socket nobody else can reach, for the accounts in ident.conf; loopback with a password.
local all all peer map=sandbox
host all all 127.0.0.1/32 scram-sha-256
"""


def make(folder: Path, name: str, engine: Engine, settings: Mapping[str, str], *, lock: int) -> Sandbox:
    """A new server's files, not yet started.

    initdb is handed the descriptor of the `lock` we hold: if we are killed, whoever comes next waits for its end.
    """
    account = places.server_account()
    sandbox = Sandbox(
        folder=folder,
        name=name,
        ready=False,
        bin=engine.bin,
        postgres=f"{engine.postgres.major}.{engine.postgres.minor}",
        timescaledb=str(engine.timescaledb),
        edition=str(engine.edition),
        preload=",".join(engine.preloadable),
        account=account.name,
        port=free_port(),
        tcp=False,
        settings=dict(settings),
    )
    _refuse_long_socket(sandbox)
    _make_folders(sandbox, account)
    _initdb(sandbox, engine, account, lock)
    _write_access(sandbox, engine, account)
    return write(replace(sandbox, ready=True))


def _refuse_long_socket(sandbox: Sandbox) -> None:
    path = sandbox.socket / f".s.PGSQL.{sandbox.port}"
    if len(os.fsencode(path)) > places.LONGEST_SOCKET_PATH:
        raise SandboxError(
            f"the socket's path would be too long for this system: {path}",
            mend=f"set {places.STATE_DIR} to a folder with a shorter path, or choose a shorter --name",
        )


def _make_folders(sandbox: Sandbox, account: places.Account) -> None:
    try:
        places.make_enterable(sandbox.folder)
        write(sandbox)
        for folder in (sandbox.data, sandbox.socket):
            folder.mkdir(mode=0o700)
            places.give(folder, account)
    except OSError as error:
        raise _no_room(error, sandbox.folder) from error
    if as_account(["test", "-w", str(sandbox.data)], account).returncode != 0:
        raise SandboxError(
            f"the account {account.name}, which is to run the server, cannot enter {sandbox.folder}",
            mend=f"set {places.STATE_DIR} to a folder that every user may enter, such as one under /var/tmp",
        )


def _no_room(error: OSError, folder: Path) -> SandboxError:
    return SandboxError(
        f"{folder} cannot be written: {error.strerror}",
        mend=f"free some room or rights there, or set {places.STATE_DIR} to another folder",
    )


def _initdb(sandbox: Sandbox, engine: Engine, account: places.Account, lock: int) -> None:
    password = secrets.token_urlsafe(24)
    once = sandbox.folder / "password"
    _private_file(once, password + "\n", account)
    _private_file(sandbox.passfile, f"*:*:*:{SUPERUSER}:{password}\n", account)
    done = as_account(
        [
            engine.program("initdb"),
            *("--pgdata", str(sandbox.data), "--username", SUPERUSER, "--pwfile", str(once)),
            *("--auth-local", "peer", "--auth-host", "scram-sha-256", "--no-sync", "--encoding", "UTF8"),
            *locale(engine.postgres),
        ],
        account,
        inherited=(lock,),
    )
    once.unlink()
    if done.returncode != 0:
        raise SandboxError(f"initdb failed: {telling_line(done.stderr)}", mend=mend_for(done.stderr))


def locale(postgres: Version) -> list[str]:
    """Unicode letters and code-point order, the same on every machine."""
    if postgres.major >= 17:
        return ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    if sys.platform == "darwin":
        return ["--lc-collate", "C", "--lc-ctype", "UTF-8"]
    return ["--locale", "C.UTF-8"]


def _private_file(path: Path, content: str, account: places.Account) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    places.give(path, account)


def _write_access(sandbox: Sandbox, engine: Engine, account: places.Account) -> None:
    """Who gets in: root and the account that runs the server, as any role where PostgreSQL can say so (16)."""
    role = "all" if engine.postgres.major >= 16 else SUPERUSER
    people = sorted({"root", account.name})
    _configuration_file(sandbox.folder / "ident.conf", "".join(f"sandbox {person} {role}\n" for person in people))
    _configuration_file(sandbox.folder / "hba.conf", _ACCESS)


def _configuration_file(path: Path, content: str) -> None:
    """A file that the server's account can read, whatever the umask; it holds no secret."""
    path.write_text(content)
    path.chmod(0o644)


def start(sandbox: Sandbox, *, tcp: bool) -> Sandbox:
    """Start the server, by TCP too when asked, on another port when its own is taken."""
    if not (sandbox.bin / "pg_ctl").exists():
        raise SandboxError(
            f"the engine of {sandbox} is gone from {sandbox.bin}",
            mend=f"make it anew: tsmigrate sandbox down --name {sandbox.name}, then up",
        )
    _forget_stale_pid(sandbox)
    for _ in PORTS:
        if tcp and not _is_free(sandbox.port):
            sandbox = replace(sandbox, port=free_port())
        sandbox = write(replace(sandbox, tcp=tcp))
        complaint = _try_to_start(sandbox)
        if complaint is None:
            return sandbox
        if "could not create any TCP/IP sockets" not in complaint:
            raise SandboxError(f"{sandbox} does not start: {telling_line(complaint)}", mend=mend_for(complaint))
    raise SandboxError(f"{sandbox} finds no free port between {PORTS[0]} and {PORTS[-1]}", mend="free one of them")


def _try_to_start(sandbox: Sandbox) -> str | None:
    """None: it runs. Otherwise what its log says."""
    _configuration_file(
        sandbox.folder / "postgresql.conf",
        _SETTINGS.format(
            data=_quoted(sandbox.data),
            hba=_quoted(sandbox.folder / "hba.conf"),
            ident=_quoted(sandbox.folder / "ident.conf"),
            listen="127.0.0.1" if sandbox.tcp else "",
            port=sandbox.port,
            socket=_quoted('"' + str(sandbox.socket).replace('"', '""') + '"'),  # one of a list: a comma may be in it
            preload=sandbox.preload,
        )
        + "".join(f"{name} = {_quoted(value)}\n" for name, value in sandbox.settings.items()),
    )
    before = sandbox.log.stat().st_size if sandbox.log.exists() else 0
    started = as_account(
        [
            str(sandbox.bin / "pg_ctl"),
            *("--pgdata", str(sandbox.folder), "--log", str(sandbox.log), "--wait", f"--timeout={START_SECONDS}"),
            "start",
        ],
        places.account_named(sandbox.account),
    )
    if started.returncode == 0:
        return None
    if not sandbox.log.exists():
        return started.stderr
    with sandbox.log.open(errors="replace") as log:
        log.seek(before)
        return log.read() or started.stderr


def _quoted(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def wait_until_ready(sandbox: Sandbox) -> None:
    """A server that somebody else is starting has a process before it takes connections."""
    deadline = time.monotonic() + START_SECONDS
    while "ready" not in _state(sandbox):
        if time.monotonic() > deadline or not running_pid(sandbox):
            raise SandboxError(f"{sandbox} does not get ready", mend=f"see {sandbox.log}")
        time.sleep(0.02)


def _state(sandbox: Sandbox) -> str:
    """The last line of the server's pid file: starting, ready, stopping or standby."""
    try:
        return (sandbox.data / "postmaster.pid").read_text().strip().rpartition("\n")[2]
    except OSError:
        return ""


def stop(sandbox: Sandbox, *, at_once: bool) -> None:
    """End the server: `at_once` when its data is to be deleted anyway."""
    pid = running_pid(sandbox)
    if pid is None:
        return
    os.kill(pid, signal.SIGQUIT if at_once else signal.SIGINT)
    deadline = time.monotonic() + STOP_SECONDS
    while running_pid(sandbox) == pid:
        if time.monotonic() > deadline:
            raise SandboxError(f"{sandbox} (process {pid}) does not stop", mend=f"see {sandbox.log}")
        time.sleep(0.02)


def remove(sandbox: Sandbox) -> None:
    """Stop the server and delete every file of the sandbox."""
    stop(sandbox, at_once=True)
    shutil.rmtree(sandbox.folder)


def running_pid(sandbox: Sandbox) -> int | None:
    """The server's process. None: it does not run, whatever a stale pid file says."""
    try:
        pid = int((sandbox.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if _serves(pid, sandbox.data) else None


def _serves(pid: int, data: Path) -> bool:
    """Whether process `pid` is a server of `data` and not another one that got the same number."""
    if sys.platform.startswith("linux"):
        try:
            # A server's working directory is its data directory.
            return Path(f"/proc/{pid}/cwd").samefile(data)
        except OSError:
            return False
    listed = subprocess.run(
        ["ps", "-p", str(pid), "-o", "command="],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return str(data) in listed.stdout


def _forget_stale_pid(sandbox: Sandbox) -> None:
    """A killed server leaves its pid file; PostgreSQL would refuse to start if another process has that number now."""
    _wait_for_orphans(sandbox)
    (sandbox.data / "postmaster.pid").unlink(missing_ok=True)
    for left in sandbox.socket.iterdir():
        left.unlink()


def _wait_for_orphans(sandbox: Sandbox) -> None:
    """Children of a killed server end by themselves within moments; a new one must not start before."""
    deadline = time.monotonic() + STOP_SECONDS
    while sys.platform.startswith("linux") and any(
        _serves(int(entry.name), sandbox.data) for entry in Path("/proc").iterdir() if entry.name.isdigit()
    ):
        if time.monotonic() > deadline:
            raise SandboxError(f"processes of {sandbox} outlived its server", mend=f"end those that use {sandbox.data}")
        time.sleep(0.05)


def free_port() -> int:
    for port in PORTS:
        if _is_free(port):
            return port
    raise SandboxError(f"no port between {PORTS[0]} and {PORTS[-1]} is free", mend="free one of them")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
