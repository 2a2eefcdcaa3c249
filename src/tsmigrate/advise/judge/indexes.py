"""Indexes that another one makes superfluous, now or once the key holds the partition column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsmigrate.advise.evidence import Index, Table
from tsmigrate.advise.judge.words import bytes_

_ASCENDING = " 0"  # how a part of an index ends that is sorted as by default


@dataclass(frozen=True)
class Redundant:
    name: str
    text: str


def redundant(table: Table, column: str | None = None) -> tuple[Redundant, ...]:
    """`column`: what the primary key will be widened by."""
    return tuple(_redundant(table, column))


def _redundant(table: Table, column: str | None) -> Iterator[Redundant]:
    gone: set[str] = set()
    for index in sorted(table.indexes, key=lambda each: (len(each.parts), each.name)):
        # A partial one is small, and often there for just its rows: it may pay although another would do.
        if index.kept or index.condition or not index.valid:
            continue
        cover = next((other for other in table.indexes if other.name not in gone and _covers(other, index)), None)
        if cover is not None:
            gone.add(index.name)
            yield Redundant(
                index.name,
                f"{cover.name} begins with the same columns: op.drop_redundant_index saves {bytes_(index.size)}",
            )
        elif column and _covered_by_wide_key(table, index, column):
            gone.add(index.name)
            key = table.primary_key
            yield Redundant(
                index.name,
                f"{key.name if key else ''} will begin with the same columns once it is widened by {column}: then "
                f"op.drop_redundant_index saves {bytes_(index.size)}",
            )


def _covers(other: Index, index: Index) -> bool:
    """As op.drop_redundant_index wants it."""
    return (
        other.name != index.name
        and other.valid
        and other.method == index.method == "btree"
        and not other.condition
        and not index.included
        and other.parts[: len(index.parts)] == index.parts
    )


def _covered_by_wide_key(table: Table, index: Index, column: str) -> bool:
    key = table.primary_key
    if key is None or column in key.columns or index.method != "btree" or index.included:
        return False
    return (
        index.columns == (*key.columns, column)
        and index.parts[:-1] == key.parts
        and index.parts[-1].endswith(_ASCENDING)
    )
