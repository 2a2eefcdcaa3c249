"""The whole way: look, prepare, write in a folder aside, rehearse, and only then put in place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tsmigrate import connect
from tsmigrate.advise.generate.files import made, project, put_in_place
from tsmigrate.advise.generate.prepare import Planned, prepare
from tsmigrate.advise.generate.rehearsal import differences
from tsmigrate.apt import Progress
from tsmigrate.finding import Finding, Severity
from tsmigrate.url import DatabaseUrl


@dataclass(frozen=True)
class Written:
    """A revision, in its place unless nothing was to be written."""

    id: str
    title: str
    place: Path
    text: str


@dataclass(frozen=True)
class Outcome:
    findings: tuple[Finding, ...]
    revisions: tuple[Written, ...]
    written: bool
    rehearsed: bool = False

    @property
    def exit_code(self) -> int:
        """What hurts without standing in the way is said beforehand, and is no reason to stop a script."""
        if self.written or not self.revisions:
            blocked = any(each.severity is Severity.BLOCKER for each in self.findings)
            return 3 if blocked else 0
        return 1 if self.rehearsed else 0


def generate(
    database: DatabaseUrl, ini: Path | None, planned: Planned, progress: Progress, *, dry_run: bool, rehearse: bool
) -> Outcome:
    environment = project(ini)
    _ = environment.folder  # several heads, or no folder to write into: said before anything is looked at
    with connect.connection(database) as connection:
        prepared = prepare(connection, environment, ini, planned, lambda step: progress(step, None))
    if prepared.blocked or not prepared.revisions:
        return Outcome(prepared.findings, (), written=False)
    progress("writing the revisions", None)
    with made(environment, prepared.revisions) as files:
        written = tuple(Written(each.id, each.title, each.place, each.text) for each in files)
        if dry_run:
            return Outcome(prepared.findings, written, written=False)
        findings = prepared.findings
        if rehearse:
            found, said = differences(database, ini, files[0].folder, progress)
            findings = (*findings, *found, *said)
            if found:
                return Outcome(findings, written, written=False, rehearsed=True)
        put_in_place(files)
    return Outcome(findings, written, written=True, rehearsed=rehearse)
