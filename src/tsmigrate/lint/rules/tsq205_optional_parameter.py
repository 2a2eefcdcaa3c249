"""TSQ205: The bound falls away when its parameter is NULL."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ205", Severity.WARNING)
def optional_parameter(reading: Reading, _statement: Statement) -> Told | None:
    """The bound falls away when its parameter is NULL.

    **Problem.** `$1 IS NULL OR time >= $1` is convenient, and one caller without the parameter reads everything.

    **What the server does.** With a value it excludes chunks; with NULL it reads all of them.

    **Mend.** Require a bound, or give it a default: `time >= COALESCE($1, now() - interval '30 days')`.

    **When to suppress.** Callers are known always to pass it.
    """
    seen = trouble(reading, Trouble.OPTIONAL)
    if seen is None:
        return None

    return Told(
        f"when the parameter is NULL nothing bounds {reading.table.column}, and the server reads all chunks "
        f"of {table(reading.table)}",
        f"require the bound, or default it: {column(reading)} >= COALESCE(…, now() - interval '30 days')",
        place(seen),
    )
