"""PostgreSQL's own programs, run as the account that owns the server; and what they complain of, with its mend."""

from __future__ import annotations

import subprocess

from tsmigrate.sandbox import places


def as_account(
    command: list[str], account: places.Account, *, inherited: tuple[int, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the account that owns the server. Its output goes through a file, not a
    pipe: a server started by pg_ctl would hold the pipe open."""
    with places.scratch_file(account) as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            cwd="/",
            env=places.bare_environment(),
            umask=0o077,
            start_new_session=True,
            pass_fds=inherited,
            **places.switched_to(account),
        )
        output.seek(0)
        said = output.read().decode(errors="replace")
    return subprocess.CompletedProcess(command, done.returncode, stdout="", stderr=said)


def telling_line(text: str) -> str:
    """The line of a program's output or a server's log that says what went wrong."""
    lines = [line for line in text.splitlines() if line.strip()]
    # A mistake in a setting is logged before the FATAL line, which says only that there is one.
    for word in ("unrecognized configuration", "invalid value for", "FATAL:", "PANIC:", "error:", "could not"):
        for line in lines:
            if word in line:
                return line[line.index(word) :].strip()
    return lines[-1].strip() if lines else "it gave no reason"


def mend_for(text: str) -> str:
    if "No space left on device" in text:
        return f"the disk is full: free some room, or set {places.STATE_DIR} to a roomier folder"
    if "shared memory" in text or "semaphores" in text:
        return "the system has no shared memory left for another server: end one, or raise its limits"
    return "see whether another engine works: tsmigrate sandbox engines"
