"""TSQ207: A bound on one side of an outer join does not reach the other."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ207", Severity.WARNING)
def outer_join_unbounded(reading: Reading, _statement: Statement) -> Told | None:
    """A bound on one side of an outer join does not reach the other.

    **Problem.** In `a LEFT JOIN b ON a.time = b.time WHERE a.time >= x` the range holds for a. It is not carried
    over to b, nor into NOT EXISTS.

    **What the server does.** It excludes chunks of a and reads all chunks of b.

    **Mend.** Repeat the bound in ON: `LEFT JOIN b ON a.time = b.time AND b.time >= x`. An inner join needs no
    repetition.

    **When to suppress.** The joined table has few chunks for good.
    """
    if not reading.outer or reading.relation.role == "merge":
        return None
    if not reading.equal and trouble(reading, Trouble.JOINED) is None:
        return None
    name = column(reading)
    other = f" (the bound on {reading.bounded_partner.column} stays on its side)" if reading.bounded_partner else ""
    return Told(
        f"{table(reading.table)} is outer-joined by {reading.table.column} without a bound of its own{other}: "
        "the server reads all its chunks",
        f"repeat the bound in the join's ON: AND {name} >= …",
        place(trouble(reading, Trouble.JOINED)),
    )
