"""TSQ301: Chunks are excluded when the query starts instead of when it is planned."""

from __future__ import annotations

import re

from tsmigrate.lint.rules.rule import About, Statement, Told, column, place, rule, table
from tsmigrate.lint.sql.bounds import Bound
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.sql.values import When
from tsmigrate.lint.violation import Severity


@rule("TSQ301", Severity.INFO, About.PRUNED)
def startup_only(reading: Reading, statement: Statement) -> Told | None:
    """Chunks are excluded when the query starts instead of when it is planned.

    **Problem.** TimescaleDB evaluates `time > now() - interval` while planning only with the column on the left and
    now() itself; CURRENT_TIMESTAMP and a flipped comparison wait for the executor.

    **What the server does.** It plans and locks every chunk, then reads only those it needs.

    **Mend.** Write `time > now() - interval '…'` with the column first (`--fix` does).

    **When to suppress.** Planning time does not matter here.
    """
    bound = next((one for one in reading.bounds if one.when is When.STARTUP and one.lower), None)
    if bound is None or reading.table.type != "timestamptz" or _planned(reading):
        return None
    if not (bound.flipped and bound.is_now):
        end = bound.value_location + len("CURRENT_TIMESTAMP")
        if bound.value_location < 0 or statement.text[bound.value_location : end].upper() != b"CURRENT_TIMESTAMP":
            return None
        if statement.text[end : end + 1] == b"(":
            return None
        return Told(
            f"CURRENT_TIMESTAMP excludes chunks of {table(reading.table)} only when the query starts: all are planned",
            f"write {column(reading)} >= now() …, which is evaluated while planning",
            bound.value_location,
            replace=(bound.value_location, end, "now()"),
        )
    return Told(
        f"now() on the left excludes chunks of {table(reading.table)} only when the query starts: all are planned",
        f"put the column first: {column(reading)} > now() - …",
        place(bound),
        replace=_flipped(bound, statement),
    )


_NOW_FIRST = re.compile(
    rb"(now\(\)(?:\s*[-+]\s*(?:interval\s*)?'[^']*'(?:::interval)?)?)\s*(<=|>=|<|>)\s*((?:[\w\"]+\.)*[\w\"]+)\b(?!\"?\s*(?:::|[.(+*/-]))",
    re.IGNORECASE,
)
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _planned(reading: Reading) -> bool:
    return any(bound.when is When.PLAN and bound.lower for bound in reading.bounds)


def _flipped(bound: Bound, statement: Statement) -> tuple[int, int, str] | None:
    """`now() - i < time` as `time > now() - i`, where both sides are plain."""
    found = _NOW_FIRST.match(statement.text, bound.location) if bound.location >= 0 else None
    if found is None:
        return None
    value, operator, name = (part.decode() for part in found.groups())
    return found.start(), found.end(), f"{name} {_FLIPPED[operator]} {value}"
