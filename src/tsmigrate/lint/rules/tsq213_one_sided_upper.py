"""TSQ213: The partition column has an upper bound only."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, column, place, rule, table
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ213", Severity.INFO, About.PRUNED)
def one_sided_upper(reading: Reading, _statement: Statement) -> Told | None:
    """The partition column has an upper bound only.

    **Problem.** `time < now()` holds for all of history.

    **What the server does.** It excludes the chunks after the bound, of which there are usually none.

    **Mend.** Add a lower bound.

    **When to suppress.** The query is about old rows (a clean-up).
    """
    if not reading.bounds or reading.few or reading.relation.role != "read":
        return None
    if any(bound.lower for bound in reading.bounds):
        return None
    return Told(
        f"{reading.table.column} of {table(reading.table)} has no lower bound: the server reads every older chunk",
        f"add {column(reading)} >= …",
        place(reading.bounds[0]),
    )
