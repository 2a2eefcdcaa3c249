"""TSQ206: The partition column is only compared with another table's column."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ206", Severity.WARNING)
def join_only_no_bound(reading: Reading, _statement: Statement) -> Told | None:
    """The partition column is only compared with another table's column.

    **Problem.** `JOIN … ON a.time = b.time` says that the times agree, not which they are. The same holds for `time
    IN (SELECT …)` and for EXISTS.

    **What the server does.** It decides which chunks to read before it knows the other table's rows: it reads all
    of them.

    **Mend.** Bound one side with a value: a bound on either column of an equality holds for both. For a list of
    times from another table use `time = ANY(ARRAY(SELECT …))`, which is computed first.

    **When to suppress.** The other table is small and the number of chunks too.
    """
    seen = trouble(reading, Trouble.JOINED, Trouble.SUBQUERY)
    if seen is None:
        return None

    written = reading.relation.role != "read" and reading.level.joined_write
    if reading.outer or reading.relation.role == "merge" or written:
        return None
    name = column(reading)
    subquery = seen.trouble is Trouble.SUBQUERY
    ways = f"write {name} = ANY(ARRAY(SELECT …))" if subquery else "add a bound on either side"
    return Told(
        f"{reading.table.column} of {table(reading.table)} is only compared with "
        f"{'a subquery' if subquery else 'a column of another table'}: the server reads all chunks",
        f"{ways}: {name} >= … AND {name} < …" if not subquery else f"{ways}, or add a range: {name} >= …",
        place(seen),
    )
