"""The revisions, in the order in which Alembic applies them to an empty database."""

from __future__ import annotations

from collections.abc import Iterator

from alembic.script import Script, ScriptDirectory

from tsmigrate.verify.job import Revision


def read(script: ScriptDirectory, first: str, last: str) -> Iterator[Revision]:
    """All revisions up to `last` (empty: every head). Tested are `first` and what builds on it (empty: all)."""
    ordered = [step.revision for step in script._upgrade_revs(last or "heads", ())]  # type: ignore[arg-type]
    tested = {each.revision for each in ordered}
    if first:
        beginnings = {each.revision for each in script.get_revisions(first) if each}
        tested = {each.revision for each in ordered if beginnings & with_all_needed(script, each.revision)}
    for each in ordered:
        yield Revision(
            id=each.revision,
            needs=_needs(each),
            title=(each.doc or "").strip(),
            irreversible=str(getattr(each.module, "irreversible", "") or ""),
            tested=each.revision in tested,
        )


def with_all_needed(script: ScriptDirectory, heads: str | tuple[str, ...]) -> set[str]:
    """The revisions that are applied where these are the heads: they themselves and all that they build on."""
    waiting = [heads] if isinstance(heads, str) else list(heads)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found and (revision := script.get_revision(name)):
            found.add(name)
            waiting += _needs(revision)
    return found


def _needs(revision: Script) -> tuple[str, ...]:
    """Its parents, and the revisions that it depends on, by their full names."""
    return revision._all_down_revisions
