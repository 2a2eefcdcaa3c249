"""TSQ212: A range operator hides the bound before PostgreSQL 17."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ212", Severity.WARNING)
def range_operator(reading: Reading, statement: Statement) -> Told | None:
    """A range operator hides the bound before PostgreSQL 17.

    **Problem.** `tstzrange(a, b) @> time` and `time <@ …` become comparisons in PostgreSQL 17. Before, they are
    opaque.

    **What the server does.** It reads all chunks.

    **Mend.** Write two comparisons: `time >= a AND time < b`.

    **When to suppress.** Every server runs PostgreSQL 17: say so with `--target`.
    """
    seen = trouble(reading, Trouble.RANGE_OPERATOR)
    if seen is None:
        return None

    name = column(reading)
    return Told(
        f"{seen.what} excludes no chunk of {table(reading.table)} on PostgreSQL {statement.target.postgres}: "
        "the server reads all chunks",
        f"write two comparisons: {name} >= lower AND {name} < upper",
        place(seen),
    )
