"""TSQ210: The bound is a volatile function."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ210", Severity.WARNING, options=("stable_functions",))
def volatile_bound(reading: Reading, _statement: Statement) -> Told | None:
    """The bound is a volatile function.

    **Problem.** clock_timestamp(), random() and functions declared VOLATILE may return something else for each row.

    **What the server does.** It reads all chunks and calls the function for each row.

    **Mend.** Use now(), declare the function STABLE if it is, or wrap it so that it is called once: `time >=
    (SELECT f())`.

    **When to suppress.** Never; the wrapping changes no sensible result.
    """
    seen = trouble(reading, Trouble.VOLATILE)
    if seen is None:
        return None

    return Told(
        f"the bound on {reading.table.column} of {table(reading.table)} is volatile: it is computed for every row, "
        "and the server reads all chunks",
        f"use now(), or call it once: {column(reading)} >= (SELECT …)",
        place(seen),
    )
