"""TSQ101: A hypertable is read without a bound on its partition column."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, column, example, rule, table
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ101", Severity.ERROR, About.REST, options=("allow_unfiltered",))
def no_time_predicate(reading: Reading, _statement: Statement) -> Told | None:
    """A hypertable is read without a bound on its partition column.

    **Problem.** Before the move `WHERE id = $1` was one index lookup. On a hypertable the index is one per chunk,
    and only a bound on the partition column says which chunks can hold the row.

    **What the server does.** It plans, locks and reads every chunk: the query grows slower with each chunk that is
    added, and takes a lock for each.

    **Mend.** Add a range on the partition column, or carry the row's time along with its id: `WHERE id = $1 AND
    time = $2`. A look-up by another column goes through a table that knows the time.

    **When to suppress.** The query is meant to read everything (a one-off report, an export), or the table has few
    chunks for good.
    """
    name = column(reading)
    what = "the filter says nothing about" if reading.filtered else "there is no predicate on"
    return Told(
        f"{table(reading.table)} is read whole: {what} {reading.table.column}, so the server reads all chunks",
        f"add a range ({example(reading)}), or look the row's time up and add {name} = …",
    )
