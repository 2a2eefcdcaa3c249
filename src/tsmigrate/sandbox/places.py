"""Where engines and sandboxes are kept, and which operating-system account runs the servers.

PostgreSQL refuses to run as root. A sandbox made by root therefore runs as the user behind sudo, else as `postgres`,
else as `nobody`; and because that account cannot look into root's home, root's files are kept under /var.
"""

from __future__ import annotations

import os
import pwd
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypedDict

from tsmigrate.errors import SandboxError

CACHE_DIR = "TSMIGRATE_CACHE_DIR"
STATE_DIR = "TSMIGRATE_STATE_DIR"
LONGEST_SOCKET_PATH = 103  # bytes that fit sun_path on every system we know (Linux has room for 107)


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int


def engines() -> Path:
    """Fetched engines: a cache, safe to delete."""
    return _place(CACHE_DIR, "XDG_CACHE_HOME", ".cache", Path("/var/cache")) / "engines"


def sandboxes() -> Path:
    """One folder a sandbox."""
    return _place(STATE_DIR, "XDG_STATE_HOME", ".local/state", Path("/var/lib")) / "sandboxes"


def _place(own: str, xdg: str, in_home: str, for_root: Path) -> Path:
    if folder := os.environ.get(own):
        return Path(folder).absolute()
    if is_root():
        return for_root / "tsmigrate"
    base = os.environ.get(xdg) or Path(_home()) / in_home
    return Path(base).absolute() / "tsmigrate"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise SandboxError(
            "this user has no home folder", mend=f"set {CACHE_DIR} and {STATE_DIR} to folders it may write to"
        ) from error


def is_root() -> bool:
    return os.geteuid() == 0


def server_account() -> Account:
    """The account that runs the servers."""
    if not is_root():
        return _account(os.geteuid())
    behind_sudo = os.environ.get("SUDO_UID", "")
    candidates: list[int | str] = [int(behind_sudo)] if behind_sudo.isdigit() else []
    for candidate in [*candidates, "postgres", "nobody"]:
        try:
            account = _account(candidate)
        except SandboxError:
            continue
        if account.uid != 0:
            return account
    raise SandboxError(
        "PostgreSQL refuses to run as root, and neither postgres nor nobody is an account here",
        mend="run tsmigrate as an ordinary user",
    )


def account_named(name: str) -> Account:
    return _account(name)


def _account(who: int | str) -> Account:
    try:
        entry = pwd.getpwuid(who) if isinstance(who, int) else pwd.getpwnam(who)
    except KeyError as error:
        raise SandboxError(
            f"{who} is not an account of this machine, and PostgreSQL's server needs one",
            mend="run as a user that /etc/passwd lists",
        ) from error
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


class Switch(TypedDict, total=False):
    """subprocess's words for another account."""

    user: int
    group: int
    extra_groups: list[int]


def switched_to(account: Account) -> Switch:
    """How to start a process as `account`: only root needs to switch."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if is_root() else {}


def scratch_file(account: Account) -> IO[bytes]:
    """An unnamed file that `account` may write to through the descriptor it inherits."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    give(file.fileno(), account)
    return file


def give(file: Path | int, account: Account) -> None:
    """Make `account` the owner of `file`. Only root can, and only root needs to."""
    if is_root():
        os.chown(file, account.uid, account.gid)


def make_enterable(folder: Path) -> None:
    """Make `folder`; root's may be entered by everyone, because the server's account has to, whatever the umask."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if is_root():
        for path in missing:
            path.chmod(0o755)


def bare_environment() -> dict[str, str]:
    """For PostgreSQL's programs: no PGHOST, PGDATA or PGPASSWORD of the user's may lead them astray."""
    kept = {name: value for name in ("PATH", "TMPDIR", "TERM") if (value := os.environ.get(name))}
    return {"PATH": "/usr/bin:/bin", **kept, "LC_ALL": "C", "TZ": "UTC"}
