"""TSQ203: Rows are compared to page through a hypertable."""

from __future__ import annotations

import re

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Seen, Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ203", Severity.WARNING)
def row_compare(reading: Reading, statement: Statement) -> Told | None:
    """Rows are compared to page through a hypertable.

    **Problem.** `(time, id) > ($1, $2)` implies `time >= $1`, and the planner does not draw that conclusion for
    chunks.

    **What the server does.** It reads all chunks.

    **Mend.** Say it as well: `(time, id) > ($1, $2) AND time >= $1` (`--fix` adds it).

    **When to suppress.** Never; the addition changes no result.
    """
    seen = trouble(reading, Trouble.ROW)
    if seen is None:
        return None

    repeated = _first_columns(seen, statement)
    name = column(reading)
    hint = f"add AND {repeated[1]}" if repeated else f"repeat the comparison for the column: AND {name} >= …"
    return Told(
        f"rows are compared by ({reading.table.column}, …), which excludes no chunk of {table(reading.table)}: "
        "the server reads them all",
        hint,
        place(seen),
        insert=(repeated[0], f" AND {repeated[1]}") if repeated else None,
    )


_ROWS = re.compile(rb"\(\s*([\w.\"]+)\s*,\s*[\w.\"]+\s*\)\s*(<=|>=|<|>)\s*\(\s*([^,()]+?)\s*,\s*[^,()]+\s*\)")


def _first_columns(seen: Seen, statement: Statement) -> tuple[int, str] | None:
    """Where to add the comparison of the first columns, and its text, for rows of two plain entries."""
    found = _ROWS.match(statement.text, seen.location) if seen.location >= 0 else None
    if found is None and seen.location > 0:
        found = _ROWS.search(statement.text, seen.location - 1, seen.location + 400)
    if found is None or found.start() > seen.location:
        return None
    left, operator, right = (part.decode() for part in found.groups())
    return found.end(), f"{left} {operator[0]}= {right}"
