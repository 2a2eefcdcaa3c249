"""The whole way: look, prepare, write in a folder aside, rehearse, and only then put in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsmigrate import connect
from tsmigrate.advise.generate.files import made, project, put_in_place
from tsmigrate.advise.generate.prepare import Planned, prepare
from tsmigrate.finding import Finding, Severity
from tsmigrate.url import DatabaseUrl

Tell = Callable[[str], None]
Rehearse = Callable[[Path], Sequence[Finding]]
"""Revisions in a folder, tried on a copy: what differed afterwards, and what else there is to say."""


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
    database: DatabaseUrl, ini: Path | None, planned: Planned, tell: Tell, *, dry_run: bool, rehearse: Rehearse | None
) -> Outcome:
    environment = project(ini)
    _ = environment.folder  # several heads, or no folder to write into: said before anything is looked at
    with connect.connection(database) as connection:
        prepared = prepare(connection, environment, ini, planned, tell)
    if prepared.blocked or not prepared.revisions:
        return Outcome(prepared.findings, (), written=False)
    tell("writing the revisions")
    with made(environment, prepared.revisions) as files:
        written = tuple(Written(each.id, each.title, each.place, each.text) for each in files)
        if dry_run:
            return Outcome(prepared.findings, written, written=False)
        findings = prepared.findings
        if rehearse is not None:
            found = rehearse(files[0].folder)
            findings = (*findings, *found)
            if any(each.severity in {Severity.WARNING, Severity.BLOCKER} for each in found):
                return Outcome(findings, written, written=False, rehearsed=True)
        put_in_place(files)
    return Outcome(findings, written, written=True, rehearsed=rehearse is not None)
