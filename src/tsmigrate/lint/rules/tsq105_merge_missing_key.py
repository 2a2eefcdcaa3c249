"""TSQ105: MERGE finds its rows without a bound on the partition column."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, column, rule, table
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ105", Severity.ERROR, About.STATEMENT_KIND)
def merge_missing_key(reading: Reading, _statement: Statement) -> Told | None:
    """MERGE finds its rows without a bound on the partition column.

    **Problem.** The ON clause of MERGE decides which rows of the target are looked at. A join on the key does not
    exclude chunks, not even with the time in it.

    **What the server does.** It joins the source with every chunk of the target.

    **Mend.** Match on the whole key and repeat the range of the source as constants: `ON t.id = s.id AND t.time =
    s.time AND t.time >= '…'`. `now() - interval` serves from TimescaleDB 2.28 on; before, write a literal.

    **When to suppress.** The target has few chunks for good.
    """
    if reading.relation.role != "merge":
        return None
    name = column(reading)
    missing = "only joins on" if reading.equal else "does not mention"
    return Told(
        f"MERGE into {table(reading.table)} {missing} {reading.table.column}: the server reads all chunks",
        f"match on the whole key and add a constant range to ON: {name} >= '…' AND {name} < '…'",
    )
