"""TSQ209: A bound outside a subquery does not get inside."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, example, rule, table
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ209", Severity.WARNING)
def pushdown_barrier(reading: Reading, _statement: Statement) -> Told | None:
    """A bound outside a subquery does not get inside.

    **Problem.** A MATERIALIZED or twice-used CTE, LIMIT, OFFSET, DISTINCT ON, EXCEPT, a window function or GROUP BY
    over other columns is computed in full before the outer WHERE is asked.

    **What the server does.** It reads all chunks inside, then throws rows away.

    **Mend.** Move the predicate into the subquery, or write NOT MATERIALIZED.

    **When to suppress.** The subquery has to see all rows (a running total since the beginning).
    """
    if reading.barrier is None:
        return None
    return Told(
        f"{reading.barrier.value}, so the bound on {reading.table.column} outside does not reach "
        f"{table(reading.table)}: the server reads all chunks",
        f"move the predicate inside: WHERE {example(reading)}",
    )
