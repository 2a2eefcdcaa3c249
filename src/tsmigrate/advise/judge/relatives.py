"""Tables that refer to one that is to be a hypertable: whether they share its time, and what becomes of the keys."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from tsmigrate.advise.evidence import Evidence, ForeignKey, Table
from tsmigrate.advise.names import shown
from tsmigrate.capability import REQUIREMENTS
from tsmigrate.catalog.relation import Relation


@dataclass(frozen=True)
class Child:
    """A table that should hold the time of its parent, and how it gets it."""

    relation: Relation
    text: str


@dataclass(frozen=True)
class Fate:
    """What becomes of a foreign key."""

    name: str
    child: Relation
    parent: Relation
    choice: str  # keep, drop, or drop or widen
    text: str


def parent_of(table: Table, evidence: Evidence, converted: Container[int]) -> ForeignKey | None:
    """The key to a table that is converted, where the table has one row for each of its rows."""
    primary = table.primary_key
    for key in evidence.keys_of(table):
        if primary and key.parent in converted and key.parent != table.oid and set(key.columns) == set(primary.columns):
            return key
    return None


def shared_name(table: Table, parent: Table, column: str) -> str:
    """What the copy of the parent's time is called: as there, unless the table has such a column of its own."""
    return column if table.column(column) is None else f"{parent.relation.name}_{column}"


def how_to_share(key: ForeignKey, table: Table, parent: Table, column: str, own_time: str = "") -> str:
    """`own_time`: what rows get that have no parent."""
    # The column will be NOT NULL, and a row without a parent has no time to copy.
    missing = any(column_ is not None and not column_.required for column_ in map(table.column, key.columns))
    orphans = f', orphans="{own_time or "…"}"' if missing else ""
    references = ", ".join(f'"{own}": "{theirs}"' for own, theirs in zip(key.columns, key.parent_columns, strict=True))
    return (
        f'op.add_partition_column("{table.relation.name}", "{shared_name(table, parent, column)}", '
        f'parent="{parent.relation.name}", parent_column="{column}", references={{{references}}}, '
        f'schema="{table.relation.schema}"{orphans})'
    )


def children(table: Table, column: str, evidence: Evidence, converted: Mapping[int, str]) -> tuple[Child, ...]:
    """`converted`: the tables to convert, with the partition column of each."""
    found = []
    for key in evidence.keys_to(table):
        child = evidence.tables[key.child]
        if child.oid == table.oid or column in key.parent_columns:
            continue
        found.append(Child(child.relation, _shared(key, column, evidence, converted)))
    found += [Child(child.relation, text) for child, text in _by_name(table, column, evidence)]
    return tuple(found)


def _shared(key: ForeignKey, column: str, evidence: Evidence, converted: Mapping[int, str]) -> str:
    child, parent = evidence.tables[key.child], evidence.tables[key.parent]
    way = how_to_share(key, child, parent, column, converted.get(child.oid, ""))
    if child.oid in converted and parent_of(child, evidence, converted) is key:
        way = how_to_share(key, child, parent, column)
        return f"has a row for each of its rows, and is partitioned by the same time, copied with {way}"
    if child.oid in converted:
        return (
            f"is partitioned by its own time; where it is joined to {parent.relation.name}, the join looks into every "
            f"chunk unless it holds {parent.relation.name}'s {column} too: {way}"
        )
    return (
        f"stays a plain table; from it, a row of {parent.relation.name} is looked for in every chunk unless it holds "
        f"the time too. It gets that with op.widen_foreign_key, or, where the key is dropped, with {way}"
    )


def _by_name(table: Table, column: str, evidence: Evidence) -> Iterator[tuple[Table, str]]:
    """Without a foreign key, a primary key that is called after the table and is of its key's type."""
    primary = table.primary_key
    if primary is None or len(primary.columns) != 1:
        return
    own = table.column(primary.columns[0] or "")
    name = table.relation.name
    names = {f"{name}_id", f"{name.removesuffix('s')}_id"}
    for other in evidence.tables.values():
        key = other.primary_key
        if key is None or len(key.columns) != 1 or key.columns[0] not in names or other.oid == table.oid:
            continue
        theirs = other.column(key.columns[0])
        if own and theirs and own.type == theirs.type and not evidence.keys_of(other):
            yield (
                other,
                (
                    f"has the key {theirs.name}, which by its name and type is {name}'s {own.name}, though no foreign "
                    f"key says so; if it is, give it {name}'s {column} too"
                ),
            )


def fates(table: Table, column: str, evidence: Evidence, converted: Mapping[int, str]) -> tuple[Fate, ...]:
    """Of the keys that point at the table, and of its own."""
    inbound = [_inbound(key, table, column, evidence, converted) for key in evidence.keys_to(table)]
    outbound = [
        _outbound(key, table, evidence, converted) for key in evidence.keys_of(table) if key.parent != table.oid
    ]
    return (*inbound, *outbound)


def _inbound(key: ForeignKey, parent: Table, column: str, evidence: Evidence, converted: Mapping[int, str]) -> Fate:
    child = evidence.tables[key.child]
    dropping = f'op.drop_foreign_key_to("{parent.relation.name}", schema="{parent.relation.schema}")'

    def fate(choice: str, text: str) -> Fate:
        return Fate(key.name, child.relation, parent.relation, choice, text)

    if child.oid == parent.oid:
        return fate("drop", f"a table with rows that refers to itself cannot become a hypertable: {dropping}")
    if child.oid in converted or child.oid in evidence.hypertables:
        return fate("drop", f"a hypertable cannot refer to a hypertable: {dropping}")
    if column in key.parent_columns:
        return fate(
            "keep", f"it names {column} already; it is dropped for the conversion ({dropping}) and made again after it"
        )
    needs = REQUIREMENTS["widen_foreign_key"]
    return fate(
        "drop or widen",
        f"if rows of {parent.relation.name} are to be dropped by age, drop it: retention fails while it is there, even "
        f"if no row uses it ({dropping}). Otherwise widen it by {column} (op.widen_foreign_key, {needs} or later)",
    )


def _outbound(key: ForeignKey, child: Table, evidence: Evidence, converted: Mapping[int, str]) -> Fate:
    parent = evidence.tables[key.parent]
    if parent.oid in converted or parent.oid in evidence.hypertables:
        dropping = f'op.drop_foreign_key_to("{parent.relation.name}", schema="{parent.relation.schema}")'
        text = f"a hypertable cannot refer to a hypertable: {dropping}"
        return Fate(key.name, child.relation, parent.relation, "drop", text)
    text = f"whenever chunks are dropped, {shown(parent.relation)} is locked exclusively for a moment"
    return Fate(key.name, child.relation, parent.relation, "keep", text)
