"""TSQ208: UPDATE … FROM or DELETE … USING is bounded by something known too late."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import Statement, Told, column, place, rule, table, trouble
from tsmigrate.lint.sql.bounds import Trouble
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.violation import Severity


@rule("TSQ208", Severity.WARNING)
def dml_join_not_constant(reading: Reading, _statement: Statement) -> Told | None:
    """UPDATE … FROM or DELETE … USING is bounded by something known too late.

    **Problem.** In an UPDATE or DELETE that joins another table, chunks are excluded at plan time only.

    **What the server does.** A literal and `time >= now() - interval` exclude chunks. A parameter of a generic
    plan, `time < now() - i`, current_date, a subquery or the join itself do not: it searches all chunks.

    **Mend.** Write a literal range, or leave the join out: `WHERE time = ANY(ARRAY(SELECT …)) AND id =
    ANY(ARRAY(SELECT …))` is computed before the chunks are chosen.

    **When to suppress.** The statement runs rarely on few chunks.
    """
    if not reading.level.joined_write or reading.relation.role not in ("update", "delete"):
        return None
    verb, name = reading.relation.role.upper(), column(reading)
    if reading.late:
        return Told(
            f"{verb} of {table(reading.table)} joins another table, and its bound on {reading.table.column} is known "
            "too late: the server searches all chunks",
            f"bound {name} with a literal, or write {name} = ANY(ARRAY(SELECT …)) without the join",
            reading.late[0].location,
        )
    seen = trouble(reading, Trouble.JOINED, Trouble.SUBQUERY)
    if seen is None:
        return None
    return Told(
        f"{verb} of {table(reading.table)} gets {reading.table.column} from a join: the server searches all chunks",
        f"add a literal range ({name} >= '…'), or write {name} = ANY(ARRAY(SELECT …)) without the join",
        place(seen),
    )
