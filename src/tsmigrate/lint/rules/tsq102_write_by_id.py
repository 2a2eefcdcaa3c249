"""TSQ102: An UPDATE or DELETE names its rows without the partition column."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, column, rule, table
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ102", Severity.ERROR, About.STATEMENT_KIND, options=("allow_unfiltered",))
def write_by_id(reading: Reading, _statement: Statement) -> Told | None:
    """An UPDATE or DELETE names its rows without the partition column.

    **Problem.** A row of a hypertable is found by its key, and the key now includes the partition column.

    **What the server does.** It locks and searches every chunk for each such statement; compressed chunks are
    decompressed to be searched.

    **Mend.** Carry the time along with the id wherever the id goes, and write `WHERE id = $1 AND time = $2`.

    **When to suppress.** The statement is run by hand, rarely, on purpose for all rows.
    """
    if reading.relation.role not in ("update", "delete"):
        return None
    verb = reading.relation.role.upper()
    return Told(
        f"{verb} of {table(reading.table)} without {reading.table.column}: the server locks and searches all chunks",
        f"carry the row's time along with its id and add {column(reading)} = …",
    )
