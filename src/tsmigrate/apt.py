"""Debian packages without installing them: resolved, fetched and verified by apt in a private state directory.

Nothing of the machine's own package state is read or written but its mirror. The standard library alone is used here,
because scripts/environment.py needs this before anything can be installed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tsmigrate.errors import SandboxError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

Progress = Callable[[str, "float | None"], None]
"""Called with what is going on and, where it is known, how much of it is done (0 to 1)."""


def unusable() -> str | None:
    """Why packages cannot be fetched on this machine. None: they can."""
    if _os_release().get("ID") != "debian":
        return "this is not a Debian machine"
    if platform.machine() not in ARCHITECTURES:
        return f"there are no packages for {platform.machine()}, only for {' and '.join(ARCHITECTURES)}"
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    if not KEYRING.exists():
        return f"Debian's archive keyring is missing (package debian-archive-keyring, {KEYRING})"
    return None


def fetch(
    packages: Sequence[str],
    *,
    suite: str,
    into: Path,
    spared: Iterable[str] = (),
    lock: int | None = None,
    progress: Progress,
) -> list[Path]:
    """The .deb files of `packages` and all they depend on, but for `spared`, from the Debian release `suite`.

    A second call continues where the first one was cut off. apt verifies the release's signature and each file's hash,
    and is handed the descriptor of the `lock` we hold: if we are killed, whoever comes next waits for its end.
    """
    state = into / "apt"
    options = _private(state, suite, spared)
    progress("reading the package index", None)
    _run(["apt-get", *options, "update", "-qq"], progress, lock)
    progress("downloading", 0.0)
    _run(
        ["apt-get", *options, "install", "-qq", "--no-install-recommends", "--download-only", *packages],
        progress,
        lock,
    )
    return sorted((state / "archives").glob("*.deb"))


def unpack(package: Path, into: Path, *, lock: int | None = None) -> None:
    """The files of `package`, without running its scripts."""
    _run(["dpkg-deb", "--extract", str(package), str(into)], lambda *_: None, lock)


def _private(state: Path, suite: str, spared: Iterable[str]) -> list[str]:
    """The options that point apt at `state` alone, made on the way."""
    for folder in ("lists/partial", "archives/partial", "sources"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "sources" / f"{suite}.sources").write_text(
        f"Types: deb\nURIs: {_mirror()}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    architecture = ARCHITECTURES[platform.machine()]
    (state / "status").write_text("".join(_as_if_installed(package, architecture) for package in spared))
    settings = {
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Dir::Cache::archives": state / "archives",
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": state / "sources",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "Acquire::Languages": "none",
        "Acquire::Retries": 3,
        "APT::Keep-Downloaded-Packages": "true",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _as_if_installed(package: str, architecture: str) -> str:
    return f"Package: {package}\nStatus: install ok installed\nVersion: 9999:0\nArchitecture: {architecture}\n\n"


def _mirror() -> str:
    """Where this machine gets Debian's main archive, by its own configuration."""
    codename = _os_release().get("VERSION_CODENAME", "")
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE)|$(SUITE)|$(COMPONENT)|$(REPO_URI)", "Created-By: Packages"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )
    for line in listed.stdout.splitlines():
        release, suite, component, uri = line.split("|", 3)
        if component == "main" and codename in {release, suite}:
            return uri
    raise SandboxError(
        f"apt's configuration names no mirror of Debian {codename or '(unknown release)'} main",
        mend="add Debian's archive to /etc/apt/sources.list, or name a PostgreSQL with TimescaleDB: --pg-bin",
    )


def _run(command: list[str], progress: Progress, lock: int | None) -> None:
    """Run an apt or dpkg command; its own progress becomes ours, its complaint our error."""
    reading, writing = os.pipe()
    if command[0] == "apt-get":
        command = [command[0], "-o", f"APT::Status-Fd={writing}", *command[1:]]
    # Complaints go to a file: on a full disk there are more of them than a pipe holds.
    with tempfile.TemporaryFile("w+") as complaints:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            pass_fds=(writing,) if lock is None else (writing, lock),
            env=_environment(),
        ) as process:
            os.close(writing)
            with os.fdopen(reading) as status:
                for line in status:
                    # dlstatus:<package number>:<percent>:<message>
                    kind, _, rest = line.partition(":")
                    if kind == "dlstatus":
                        progress("downloading", float(rest.split(":")[1]) / 100)
        if process.returncode != 0:
            complaints.seek(0)
            raise _failed(command[0], complaints.read())


def _failed(tool: str, complaint: str) -> SandboxError:
    lines = [line for line in complaint.splitlines() if line.startswith(("E:", "dpkg-deb: error"))]
    reason = (lines or complaint.strip().splitlines() or ["no reason given"])[0]
    if "No space left" in complaint or "enough free space" in complaint:
        return SandboxError("the disk is full", mend="free some room, or set TSMIGRATE_CACHE_DIR to a roomier folder")
    return SandboxError(
        f"{tool} could not fetch the packages: {reason}",
        mend="check the network and `apt-get update`, then try again: what has been fetched is kept; "
        "or name a PostgreSQL with TimescaleDB: --pg-bin",
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
