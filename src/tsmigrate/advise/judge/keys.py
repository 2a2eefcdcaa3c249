"""What becomes of the primary key, and of others."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.advise.evidence import Table
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.advise.judge.words import listed


def key_facts(table: Table, column: str) -> tuple[Reason, ...]:
    return (*_primary(table, column), *_others(table, column))


def _others(table: Table, column: str) -> Iterator[Reason]:
    for index in table.indexes:
        if index.unique and not index.primary and column not in index.columns:
            names = listed([name or "an expression" for name in index.columns])
            yield Reason(
                f"its unique {index.name} ({names}) must be widened by {column} (op.widen_unique_constraint, for a "
                f"constraint) or dropped: {names} alone is then no longer enforced to be unique",
                -1,
            )


def _primary(table: Table, column: str) -> tuple[Reason, ...]:
    primary = table.primary_key
    if primary is None:
        return (Reason("it has no primary key; nothing to widen"),)
    names = [name or "" for name in primary.columns]
    if column in names:
        return (Reason(f"its primary key {primary.name} ({listed(names)}) holds {column} already"),)
    return (
        Reason(
            f"its primary key {primary.name} ({listed(names)}) must become ({listed([*names, column])}): "
            f"op.widen_primary_key. {listed(names)} alone is then no longer enforced to be unique, and ON CONFLICT "
            f"({listed(names)}) fails",
            -1,
        ),
    )
