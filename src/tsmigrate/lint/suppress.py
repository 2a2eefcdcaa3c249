"""Comments that silence a rule where they stand.

`-- tsmigrate: ignore TSQ101 reason` in SQL, `# tsmigrate: ignore[TSQ101] reason` in Python, `//` elsewhere: on the line
of the finding, on a line of the same statement above it, or alone on the line before. A suppression that silences
nothing is reported, so that none outlives its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tsmigrate.lint.violation import Severity, Violation

UNUSED = "TSQ910"
NO_REASON = "TSQ911"
MARK = b"tsmigrate:"
_COMMENT = (
    r"(?:--|#|//|/\*)\s*tsmigrate:\s*ignore\b[ \t]*"
    r"(?:\[\s*(?P<list>[A-Z0-9,\s]*)\]|(?P<bare>TSQ\d+(?:\s*,\s*TSQ\d+)*))?[ \t]*(?P<reason>[^\n]*)"
)
_FURTHEST = 30  # lines between a comment above a statement and the finding in it


@dataclass
class Suppression:
    line: int
    column: int
    codes: frozenset[str]  # empty: every rule
    reason: str
    alone: bool  # nothing else on its line: it speaks of what follows
    used: bool = False


@dataclass
class Sifted:
    kept: list[Violation] = field(default_factory=list)
    suppressed: int = 0


def find(content: bytes) -> list[Suppression]:
    if MARK not in content:
        return []
    text = content.decode("utf-8", "replace")
    found = []
    for match in re.finditer(_COMMENT, text):
        start = text.rfind("\n", 0, match.start()) + 1
        listed = match["list"] or match["bare"] or ""
        found.append(
            Suppression(
                line=text.count("\n", 0, match.start()) + 1,
                column=match.start() - start + 1,
                codes=frozenset(code.strip() for code in listed.split(",") if code.strip()),
                reason=match["reason"].removesuffix("*/").strip(" -:"),
                alone=not text[start : match.start()].strip(),
            )
        )
    return found


def sift(
    path: str,
    content: bytes,
    violations: Sequence[Violation],
    *,
    statements: Iterable[int],
    severities: Mapping[str, Severity],
    off: frozenset[str] = frozenset(),
    require_reason: bool = False,
) -> Sifted:
    """The violations that no comment silences, and those that the comments themselves earn.

    `statements`: the lines on which statements begin; a comment alone speaks of the one that follows it. `severities`:
    of the rules about suppressions themselves, as far as they are on. `off`: rules that did not run, so that nobody
    knows whether a comment about them is needed.
    """
    comments = find(content)
    if not comments:
        return Sifted(list(violations))
    starts = sorted(statements)
    sifted = Sifted()
    for one in violations:
        silencing = next((comment for comment in comments if _covers(comment, one, starts)), None)
        if silencing is None:
            sifted.kept.append(one)
        else:
            silencing.used = True
            sifted.suppressed += 1
    for comment in comments:
        unknown = bool(comment.codes & off) if comment.codes else bool(off)
        if not comment.used and not unknown and UNUSED in severities:
            what = ", ".join(sorted(comment.codes)) or "anything"
            sifted.kept.append(
                _about(path, comment, UNUSED, severities[UNUSED], f"this comment silences nothing: no {what} here")
            )
        elif comment.used and require_reason and not comment.reason and NO_REASON in severities:
            sifted.kept.append(
                _about(path, comment, NO_REASON, severities[NO_REASON], "this suppression gives no reason")
            )
    return sifted


def _covers(comment: Suppression, one: Violation, starts: Sequence[int]) -> bool:
    if comment.codes and one.rule not in comment.codes:
        return False
    if one.line == comment.line:
        return True
    if not 0 < one.line - comment.line <= _FURTHEST:
        return False
    # No other statement begins between the comment and the finding, but the one that the finding is in.
    between = [start for start in starts if comment.line < start <= one.line]
    return len(between) <= (1 if comment.alone else 0) or (comment.alone and one.line == comment.line + 1)


def _about(path: str, comment: Suppression, code: str, severity: Severity, message: str) -> Violation:
    return Violation(
        rule=code,
        name="unused-suppression" if code == UNUSED else "suppression-without-reason",
        severity=severity,
        table="",
        file=path,
        line=comment.line,
        column=comment.column,
        end_line=comment.line,
        end_column=comment.column + 2,
        function="",
        message=message,
        hint="delete it" if code == UNUSED else "say why: -- tsmigrate: ignore TSQ101 the report reads everything",
        confidence="high",
        fingerprint=f"{code}-{path}-{comment.line}",
    )
