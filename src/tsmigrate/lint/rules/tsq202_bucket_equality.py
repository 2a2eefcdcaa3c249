"""TSQ202: time_bucket() of the partition column is compared with =."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ202", Severity.WARNING)
def bucket_equality(reading: Reading, _statement: Statement) -> Told | None:
    """time_bucket() of the partition column is compared with =.

    **Problem.** The planner sees through time_bucket() for `<`, `<=`, `>`, `>=` and BETWEEN, not for `=` and IN.

    **What the server does.** It reads all chunks.

    **Mend.** Write the bucket as a range of the column: `time >= x AND time < x + interval '1 day'`.

    **When to suppress.** Another predicate bounds the column.
    """
    seen = trouble(reading, Trouble.BUCKET_EQUALITY)
    if seen is None:
        return None

    name = column(reading)
    return Told(
        f"time_bucket() of {reading.table.column} is compared with =: the server reads all chunks of "
        f"{table(reading.table)}",
        f"write the bucket as a range: {name} >= … AND {name} < … + its width",
        place(seen),
    )
