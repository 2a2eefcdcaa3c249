"""TSQ103: ON CONFLICT names columns without the partition column."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, quoted, rule
from tsmigrate.lint.violation import Severity


@rule("TSQ103", Severity.ERROR, About.STATEMENT)
def on_conflict_missing_time(statement: Statement) -> list[Told]:
    """ON CONFLICT names columns without the partition column.

    **Problem.** A hypertable has no unique index on `(id)` alone: each one includes the partition column.

    **What the server does.** It refuses the statement: there is no unique or exclusion constraint matching the ON
    CONFLICT specification (42P10).

    **Mend.** Add the column to the target, `ON CONFLICT (id, time)`, and insert the time that the row was first
    given.

    **When to suppress.** Never.
    """
    insert = statement.node.get("InsertStmt", {})
    relation = insert.get("relation", {})
    elements = insert.get("onConflictClause", {}).get("infer", {}).get("indexElems")
    if not elements:
        return []
    found = statement.known.hypertable(relation.get("schemaname"), relation.get("relname", ""), statement.search_path)
    names = [element["IndexElem"].get("name") for element in elements]
    if found is None or found.column in names:
        return []
    listed = ", ".join(quoted(name) for name in names if name)
    return [
        Told(
            f"{found.name} has no unique index on ({listed}) alone: the server refuses ON CONFLICT without "
            f"{found.column}",
            f"write ON CONFLICT ({', '.join(filter(None, (listed, quoted(found.column))))})",
            insert.get("onConflictClause", {}).get("location", -1),
            table=str(found.name),
        )
    ]
