"""TSQ106: A key of a hypertable, or a foreign key to one, lacks the partition column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tsmigrate.lint.known import Hypertable
from tsmigrate.lint.rules.rule import About, Statement, Told, quoted, rule
from tsmigrate.lint.sql.nodes import opened, strings
from tsmigrate.lint.violation import Severity


@rule("TSQ106", Severity.ERROR, About.STATEMENT)
def key_missing_time(statement: Statement) -> list[Told]:
    """A key of a hypertable, or a foreign key to one, lacks the partition column.

    **Problem.** Uniqueness is enforced chunk by chunk, so it has to include the column that tells the chunks apart.

    **What the server does.** It refuses a UNIQUE or PRIMARY KEY without the partition column (TS103), and a foreign
    key that references less than such a key (42830).

    **Mend.** Add the column to the key; give the referencing table a column for the parent's time and reference
    both.

    **When to suppress.** The statement runs before the table becomes a hypertable.
    """
    kind, body = opened(statement.node)
    return [told for told in _KINDS.get(kind, _nothing)(body, statement) if told is not None]


def _nothing(_body: Any, _statement: Statement) -> Iterator[Told | None]:
    return iter(())


def _found(relation: Any, statement: Statement) -> Hypertable | None:
    return statement.known.hypertable(relation.get("schemaname"), relation.get("relname", ""), statement.search_path)


def _index(body: Any, statement: Statement) -> Iterator[Told | None]:
    """CREATE UNIQUE INDEX."""
    table = _found(body["relation"], statement)
    if table is not None and body.get("unique"):
        names = [one["IndexElem"].get("name", "") for one in body.get("indexParams", ())]
        yield _key("unique index", table, names, body["relation"].get("location", -1))


def _alter(body: Any, statement: Statement) -> Iterator[Told | None]:
    """ALTER TABLE … ADD CONSTRAINT, ADD COLUMN … UNIQUE or REFERENCES."""
    if body.get("objtype", "OBJECT_TABLE") != "OBJECT_TABLE":
        return
    table = _found(body["relation"], statement)
    for command in body.get("cmds", ()):
        _, definition = opened(command["AlterTableCmd"].get("def", {}))
        if not isinstance(definition, dict):
            continue
        yield from _constraint(definition, None, table, statement)
        for one in definition.get("constraints", ()):
            yield from _constraint(one["Constraint"], definition.get("colname"), table, statement)


def _create(body: Any, statement: Statement) -> Iterator[Told | None]:
    """CREATE TABLE: what it references. Its own key may still be widened before it becomes a hypertable."""
    for element in body.get("tableElts", ()):
        kind, definition = opened(element)
        if kind == "Constraint":
            yield from _constraint(definition, None, None, statement)
        for one in definition.get("constraints", ()) if kind == "ColumnDef" else ():
            yield from _constraint(one["Constraint"], definition.get("colname"), None, statement)


def _constraint(body: Any, column: str | None, table: Hypertable | None, statement: Statement) -> Iterator[Told | None]:
    kind, location = body.get("contype"), body.get("location", -1)
    if kind in ("CONSTR_PRIMARY", "CONSTR_UNIQUE") and table is not None and "indexname" not in body:
        names = [column] if column else strings(body.get("keys"))
        yield _key("primary key" if kind == "CONSTR_PRIMARY" else "unique constraint", table, names, location)
    if kind == "CONSTR_FOREIGN":
        parent = _found(body.get("pktable", {}), statement)
        names = strings(body.get("pk_attrs"))
        if parent is not None and names and parent.column not in names:
            listed = ", ".join(quoted(name) for name in names)
            yield Told(
                f"the foreign key references {parent.name} ({listed}) without {parent.column}: no unique key of a "
                "hypertable can match, and the server refuses it",
                f"reference ({listed}, {quoted(parent.column)}) from a column that holds the parent's time",
                location,
                table=str(parent.name),
            )


def _key(what: str, table: Hypertable, names: list[str], location: int) -> Told | None:
    if table.column in names:
        return None
    listed = ", ".join(quoted(name) if name else "…" for name in names)
    return Told(
        f"the {what} ({listed}) of {table.name} lacks {table.column}: the server refuses it on a hypertable",
        f"make it ({listed}, {quoted(table.column)})",
        location,
        table=str(table.name),
    )


_KINDS = {"IndexStmt": _index, "AlterTableStmt": _alter, "CreateStmt": _create}
