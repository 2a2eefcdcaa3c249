"""Write a change: the whole file or nothing of it, and nothing over what somebody else wrote meanwhile."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tsmigrate.errors import BlockedError
from tsmigrate.init.edit import Change


def write(change: Change) -> None:
    path = change.path.resolve()  # what a symbolic link points to, not the link
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(change.after)
            file.flush()
            os.fsync(file.fileno())
        shutil.copystat(path, written)
        _keep_owner(path, written)
        if path.read_bytes() != change.before:
            raise BlockedError(f"{change.path} was changed meanwhile", mend="run tsmigrate init again")
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def _keep_owner(path: Path, written: Path) -> None:
    owner = path.stat()
    if (owner.st_uid, owner.st_gid) != (os.getuid(), os.getgid()):
        os.chown(written, owner.st_uid, owner.st_gid)
