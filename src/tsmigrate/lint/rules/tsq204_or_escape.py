"""TSQ204: An OR lets rows through whatever their time."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ204", Severity.WARNING)
def or_escape(reading: Reading, _statement: Statement) -> Told | None:
    """An OR lets rows through whatever their time.

    **Problem.** `time >= x OR device = 1` asks for rows of any time. A bound counts only if every branch of the OR
    has one.

    **What the server does.** It reads all chunks.

    **Mend.** Repeat the bound in each branch, or write two queries joined by UNION ALL so that each is judged by
    itself.

    **When to suppress.** The other branch is meant to reach all of history.
    """
    seen = trouble(reading, Trouble.OR)
    if seen is None:
        return None

    return Told(
        f"the OR lets rows of {table(reading.table)} through without {reading.table.column}: "
        "the server reads all chunks",
        f"bound {column(reading)} in every branch, or write one SELECT a branch with UNION ALL",
        place(seen),
    )
