"""TSQ104: Two hypertables are joined without their partition columns."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, column, quoted, rule, table
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ104", Severity.ERROR, About.STATEMENT_KIND)
def join_missing_key(reading: Reading, _statement: Statement) -> Told | None:
    """Two hypertables are joined without their partition columns.

    **Problem.** Rows that belong together share the time as well as the id. A join on the id alone cannot use it.

    **What the server does.** For each row of one side it looks into every chunk of the other, or reads the other
    whole. Where the id is unique only together with the time, the join also multiplies rows.

    **Mend.** Add `AND a.time = b.time` to the join, and bound one of the two: the bound then holds for both.

    **When to suppress.** The two times differ by design; then bound each side by itself.
    """
    if reading.relation.role == "merge" or reading.equal:
        return None
    other = next((one for one in reading.others if one.table is not None and one.name), None)
    if other is None or other.table is None:
        return None
    mine, theirs = column(reading), f"{quoted(other.name)}.{quoted(other.table.column)}"
    return Told(
        f"{table(reading.table)} is joined to {table(other.table)} without {reading.table.column}: "
        "the server reads all chunks",
        f"add AND {mine} = {theirs} where the times agree, and bound one of them; or bound each",
    )
