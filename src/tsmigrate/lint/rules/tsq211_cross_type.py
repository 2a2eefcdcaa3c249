"""TSQ211: The bound has a type that makes the server cast the column."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ211", Severity.WARNING)
def cross_type(reading: Reading, _statement: Statement) -> Told | None:
    """The bound has a type that makes the server cast the column.

    **Problem.** An integer column compared with 1.5 or extract(epoch …), or, before PostgreSQL 17, a date column
    compared with a timestamptz.

    **What the server does.** It casts the column of every row and reads all chunks.

    **Mend.** Cast the bound to the column's type: `time >= extract(epoch from now())::bigint`.

    **When to suppress.** Never.
    """
    seen = trouble(reading, Trouble.CROSS_TYPE)
    if seen is None:
        return None

    return Told(
        f"{reading.table.column} of {table(reading.table)} is {reading.table.type} and is compared with {seen.what}: "
        "the server casts the column and reads all chunks",
        f"cast the other side to {reading.table.type}",
        place(seen),
    )
