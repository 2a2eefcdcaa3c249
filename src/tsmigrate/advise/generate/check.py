"""The plan held against the database: what it names that is not there, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from tsmigrate.advise.evidence import TIME_TYPES, WHOLE_NUMBERS, Evidence, Table
from tsmigrate.advise.names import shown
from tsmigrate.advise.plan.plan import Fate, Plan, TablePlan
from tsmigrate.catalog.relation import Relation
from tsmigrate.errors import UsageError
from tsmigrate.schema import layout
from tsmigrate.sql import literal, raw

_KINDS = {"v": "a view", "m": "a materialized view", "S": "a sequence", "i": "an index", "c": "a type"}


def check(connection: Connection, plan: Plan, evidence: Evidence) -> None:
    tables = {table.relation: table for table in evidence.tables.values()}
    found = [*_tables(connection, plan, tables), *_foreign_keys(plan, tables, evidence)]
    if found:
        raise UsageError(
            "\n".join(f"{plan.source}: {each}" for each in found),
            mend="names are as the catalogs have them, case-sensitive and without quotes",
        )


def _tables(connection: Connection, plan: Plan, tables: dict[Relation, Table]) -> Iterator[str]:
    for planned in plan.tables:
        where = f"table {shown(planned.relation)}"
        table = tables.get(planned.relation)
        if table is None:
            yield f"{where}: {_why_not(connection, planned.relation)}"
            continue
        yield from (f"{where}: {problem}" for problem in _table(planned, table, tables))


def _why_not(connection: Connection, relation: Relation) -> str:
    row = connection.execute(
        raw(
            "SELECT relkind::text, relispartition, relpersistence = 't' FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = relnamespace "
            f"WHERE nspname = {literal(relation.schema)} AND relname = {literal(relation.name)}"
        )
    ).one_or_none()
    if row is None:
        return "there is no such table"
    kind, partition, temporary = row
    if kind in _KINDS:
        return f"it is {_KINDS[kind]}, not a table"
    if partition:
        return "it is a partition: name the table that it belongs to"
    return "it is a temporary table" if temporary else "it could not be looked at: somebody holds it exclusively"


def _table(planned: TablePlan, table: Table, tables: dict[Relation, Table]) -> Iterator[str]:
    yield from _column(planned, table)
    yield from _copied(planned, table, tables)
    named = {"primary_key": planned.primary_key}
    if planned.columnstore:
        named["columnstore.segmentby"] = planned.columnstore.segmentby
        try:
            order = layout.parse("columnstore", planned.columnstore.segmentby, planned.columnstore.orderby or None)
            named["columnstore.orderby"] = tuple(each.column for each in order)
        except UsageError as error:
            yield error.message
    for key, columns in named.items():
        for column in columns:
            if table.column(column) is None and not (planned.copied and column == planned.column):
                yield f"{key} names {column}, and there is no such column"
    yield from _keys(planned, table)


def _column(planned: TablePlan, table: Table) -> Iterator[str]:
    if planned.copied:
        return
    column = table.column(planned.column)
    if column is None:
        yield f"column is {planned.column}, and there is no such column"
        return
    numbers = column.type in (*WHOLE_NUMBERS, "int2")
    if column.type in TIME_TYPES and not isinstance(planned.interval, str):
        yield f'interval is {planned.interval}, and {column.name} is of type {column.type}: give one such as "1 day"'
    if numbers and isinstance(planned.interval, str):
        yield (
            f"interval is {planned.interval!r}, and {column.name} is of type {column.type}: give a whole number in its "
            "unit"
        )
    if not numbers and (planned.unit or planned.integer_now):
        key = "unit" if planned.unit else "integer_now"
        yield f"{key} is for columns of whole numbers, and {column.name} is of type {column.type}"
    for key, value in (("retention", planned.retention), ("columnstore.after", _after(planned))):
        if value is not None and numbers != isinstance(value, int):
            yield f"{key} is {value!r}, and {column.name} is of type {column.type}"


def _after(planned: TablePlan) -> str | int | None:
    return planned.columnstore.after if planned.columnstore else None


def _copied(planned: TablePlan, table: Table, tables: dict[Relation, Table]) -> Iterator[str]:
    copied = planned.copied
    if copied is None:
        return
    if table.column(planned.column) is not None:
        yield f"copied_from is for a new column, and there is a column {planned.column}"
    parent = tables.get(copied.parent)
    if parent is None:
        yield f"copied_from names the table {shown(copied.parent)}, and there is none"
        return
    theirs = [copied.column, *copied.references.values()]
    yield from (
        f"copied_from: {shown(copied.parent)} has no column {each}" for each in theirs if not parent.column(each)
    )
    yield from (
        f"copied_from.references: there is no column {each}" for each in copied.references if not table.column(each)
    )
    if not copied.references:
        yield 'copied_from.references says by which columns: { id = "id" }'


def _keys(planned: TablePlan, table: Table) -> Iterator[str]:
    indexes = {index.name: index for index in table.indexes}
    primary = table.primary_key
    if planned.primary_key:
        if primary is None:
            yield "primary_key is given, and there is none to widen"
        elif not {*primary.columns, planned.column} <= set(planned.primary_key):
            needed = ", ".join([*(name or "" for name in primary.columns), planned.column])
            yield f"primary_key has to hold {needed}"
    for name in planned.unique or {}:
        if name not in indexes or not indexes[name].unique or indexes[name].primary or indexes[name].exclusion:
            yield f"unique names {name}, and there is no unique constraint or index of that name"
    for name in planned.drop_indexes:
        if name not in indexes:
            yield f"drop_indexes names {name}, and there is no such index"


def _foreign_keys(plan: Plan, tables: dict[Relation, Table], evidence: Evidence) -> Iterator[str]:
    there = {(evidence.tables[key.child].relation, key.name): key for key in evidence.foreign_keys}
    for planned in plan.foreign_keys:
        where = f"foreign_key {planned.name} of {shown(planned.table)}"
        key = there.get((planned.table, planned.name))
        if key is None:
            yield f"{where}: there is no such foreign key"
            continue
        parent = plan.table(evidence.tables[key.parent].relation)
        if parent is None:
            if planned.fate is not Fate.KEEP and key.parent not in evidence.hypertables:
                yield f"{where}: it points at {shown(evidence.tables[key.parent].relation)}, which is not in this plan"
            continue
        if planned.fate is Fate.WIDEN and tables[planned.table].column(planned.column):
            yield f"{where}: column is {planned.column}, and there is such a column: it has to be a new one"
        if planned.fate is Fate.KEEP and parent.column not in key.parent_columns:
            yield f"{where}: it can only be kept if it holds {parent.column}; widen or drop it"
