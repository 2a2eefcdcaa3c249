"""The revisions tried on a copy of the database, before they are anywhere that counts."""

from __future__ import annotations

from pathlib import Path

from tsmigrate.apt import Progress
from tsmigrate.errors import BlockedError
from tsmigrate.finding import Finding, Severity
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify.crash_points import Crash
from tsmigrate.verify.rehearsal.rehearse import Wanted, rehearse


def differences(
    database: DatabaseUrl, ini: Path | None, folder: Path, progress: Progress
) -> tuple[list[Finding], list[Finding]]:
    """Of the revisions in `folder`: what came out otherwise, and what else there is to say.

    No connection is cut: what the operations do then is theirs, and `tsmigrate rehearse` tries it.
    """
    try:
        report = rehearse(Wanted(database, ini, extra_versions=folder, crash=Crash.NONE), progress)
    except BlockedError as error:
        raise BlockedError(
            f"the revisions could not be rehearsed, and nothing is written: {error.message}",
            mend="; or ".join(filter(None, [error.mend, "--no-rehearse writes them untried"])),
        ) from error
    said = [each for each in report.findings if each.severity is Severity.NOTE]
    return list(report.differences), said
