"""Applies the safe fixes: edits that change no result."""

from __future__ import annotations

from collections.abc import Iterable

from tsmigrate.lint.violation import Edit, Violation


def fixed(content: bytes, violations: Iterable[Violation]) -> bytes:
    """`content` with every fix in place; of two that overlap the first."""
    edits = sorted({one.fix for one in violations if one.fix is not None}, key=lambda edit: (edit.start, edit.end))
    kept: list[Edit] = []
    for edit in edits:
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
    for edit in reversed(kept):
        content = content[: edit.start] + edit.text.encode() + content[edit.end :]
    return content
