"""What is known of a sandbox: `sandbox.json` in its folder, which says that tsmigrate made it.

A folder without that file is never touched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from urllib.parse import quote

from tsmigrate.errors import SandboxError

SUPERUSER = "postgres"
DATABASE = "sandbox"
MADE_BY = "tsmigrate"


@dataclass(frozen=True)
class Sandbox:
    """What sandbox.json says of a sandbox."""

    folder: Path
    name: str
    ready: bool  # False: its making was cut off
    bin: Path
    postgres: str
    timescaledb: str
    edition: str
    preload: str
    account: str
    port: int
    tcp: bool
    settings: Mapping[str, str] = field(default_factory=dict)  # of PostgreSQL's, beyond ours

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def passfile(self) -> Path:
        return self.folder / "passfile"

    @property
    def url(self) -> str:
        """By the socket; it needs no password."""
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(self.socket))}&port={self.port}"

    @property
    def tcp_url(self) -> str:
        """By loopback; the password is in the file that it names."""
        passfile = quote(str(self.passfile))
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{DATABASE}?passfile={passfile}"

    def __str__(self) -> str:
        return f'sandbox "{self.name}"'


def read(folder: Path) -> Sandbox | None:
    """The sandbox in `folder`. None: there is no such folder. Refused: somebody else made it."""
    try:
        content = (folder / "sandbox.json").read_text()
    except FileNotFoundError:
        if not folder.exists() or not any(folder.iterdir()):
            return None
        raise _not_ours(folder) from None
    except OSError as error:
        raise SandboxError(f"{folder} cannot be read: {error.strerror}", mend="run as the user who made it") from error
    try:
        record = json.loads(content)
        if record.pop("made_by") != MADE_BY:
            raise _not_ours(folder)
        # Another version may have written it: what we do not know is passed over, what is new has a default.
        known = {each.name: record[each.name] for each in fields(Sandbox) if each.name in record}
        return Sandbox(**{**known, "folder": folder, "bin": Path(record["bin"])})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SandboxError(
            f"{folder / 'sandbox.json'} is damaged",
            mend=f"end the server whose process id stands in {folder / 'data' / 'postmaster.pid'}, if it runs, "
            f"and delete {folder} by hand",
        ) from None


def _not_ours(folder: Path) -> SandboxError:
    return SandboxError(
        f"{folder} holds files that tsmigrate did not make, and is left alone",
        mend="choose another --name, or move the folder away",
    )


def write(sandbox: Sandbox) -> Sandbox:
    record = {"made_by": MADE_BY, **asdict(sandbox), "bin": str(sandbox.bin)}
    del record["folder"]
    new = sandbox.folder / ".sandbox.json"
    new.write_text(json.dumps(record, indent=2) + "\n")
    new.replace(sandbox.folder / "sandbox.json")
    return sandbox
