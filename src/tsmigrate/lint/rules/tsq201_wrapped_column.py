"""TSQ201: The partition column is inside a function, a cast or arithmetic."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ201", Severity.WARNING)
def wrapped_column(reading: Reading, _statement: Statement) -> Told | None:
    """The partition column is inside a function, a cast or arithmetic.

    **Problem.** Chunks are known by ranges of the bare column. `time::date = x`, `extract(…)`, `now() - time < i`,
    `COALESCE(time, …)` or CASE hide it.

    **What the server does.** It reads all chunks and computes the expression for every row.

    **Mend.** Leave the column bare and move the computation to the other side: `time >= x AND time < x + interval
    '1 day'` for a day, `time > now() - i` for an age.

    **When to suppress.** The rest of the query bounds the column in a way the linter does not see.
    """
    seen = trouble(reading, Trouble.WRAPPED)
    if seen is None:
        return None

    name = column(reading)
    how = f" ({seen.what})" if seen.what and seen.what != "?" else ""
    return Told(
        f"{reading.table.column} of {table(reading.table)} is wrapped{how}: the server cannot exclude chunks by it "
        "and reads them all",
        f"compare the bare column with a half-open range: {name} >= … AND {name} < …",
        place(seen),
    )
