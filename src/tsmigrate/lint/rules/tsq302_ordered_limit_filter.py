"""TSQ302: Rows are sought from the newest chunk backwards by another column."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, column, rule, table
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ302", Severity.INFO, About.PRUNED)
def ordered_limit_filter(reading: Reading, _statement: Statement) -> Told | None:
    """Rows are sought from the newest chunk backwards by another column.

    **Problem.** `WHERE device = 3 ORDER BY time DESC LIMIT 1` stops at the first match, and so do LIMIT, EXISTS and
    max(time). When the filter matches rarely or never, that is after all chunks.

    **What the server does.** It reads chunk after chunk until it has enough rows.

    **Mend.** Add a lower bound after which the answer does not matter any more.

    **When to suppress.** A match is always recent.
    """
    if not reading.few or not reading.filtered or reading.bounds:
        return None
    return Told(
        f"{table(reading.table)} is searched chunk by chunk until a row matches: all chunks, when none does",
        f"add a lower bound: {column(reading)} >= …",
    )
