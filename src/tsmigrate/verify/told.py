"""The findings of a rollback test, in its words."""

from __future__ import annotations

import re

from tsmigrate.catalog.snapshot import Snapshot, difference
from tsmigrate.finding import Finding, Severity
from tsmigrate.verify.job import Revision

_OBJECT = re.compile(r"^@@ (.*) @@$", re.MULTILINE)
_NAMED = 3


def failed(revision: Revision, what: str, message: str, *, mend: str = "") -> Finding:
    return Finding(str(revision), Severity.WARNING, f"{what} fails", why=message, mend=mend)


def schema_differs(revision: str, what: str, wanted: Snapshot, found: Snapshot) -> Finding | None:
    """None where they are equal. `why` is the diff from what was wanted to what was found."""
    if wanted == found:
        return None
    diff = difference(wanted, found)
    objects = list(dict.fromkeys(_OBJECT.findall(diff)))
    named = ", ".join(objects[:_NAMED]) + (f" and {len(objects) - _NAMED} more" if len(objects) > _NAMED else "")
    return Finding(revision, Severity.WARNING, f"{what}: {named}", why=diff.rstrip())


def rows_differ(revision: Revision, what: str, lines: list[str]) -> Finding:
    return Finding(str(revision), Severity.WARNING, what, why="\n".join(lines))


def irreversible(revision: Revision, reason: str) -> Finding:
    return Finding(
        str(revision),
        Severity.NOTE,
        "is irreversible" + (f": {reason}" if reason else ""),
        why="its downgrade and its crash points were not tested; what comes after it was",
    )


def jobs_not_held(revision: Revision, jobs: list[str]) -> Finding:
    return Finding(
        str(revision),
        Severity.NOTE,
        f"background jobs could not be held back: {', '.join(jobs)}",
        why="what they change while the test runs shows as a difference of the revision, or hides one",
        mend="let the role that runs the test own them, add them in a transaction, "
        "or leave --url out: a sandbox runs none",
    )


def fine(revision: Revision, crashes: int) -> Finding:
    cut_off = f"; cut off {crashes} times and finished by a rerun" if crashes else ""
    return Finding(str(revision), Severity.OK, f"up, down and up again: schema, rows and sequences equal{cut_off}")
