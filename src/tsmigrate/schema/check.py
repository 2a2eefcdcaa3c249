"""A table's declarations against its columns and keys, when the model is imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    event,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from tsmigrate.errors import UsageError
from tsmigrate.schema.hypertable import Hypertable
from tsmigrate.schema.info import KEY, Declared, declared

# TimescaleDB partitions by a moment, a date, a whole number, or a UUID of version 7 (2.22 on). A type of another
# library's may stand for any of them.
_CANNOT_PARTITION = (String, Numeric, Boolean, LargeBinary, JSON, ARRAY)


@event.listens_for(Table, "after_parent_attach")
def _check(table: Table, _metadata: object) -> None:
    """SQLAlchemy has made the table, with its columns and keys."""
    if KEY in table.info:
        check(table)


def check(table: Table) -> None:
    """Refuse, all reasons at once, what no server could make of these declarations."""
    found = declared(table)
    if found is None:
        raise UsageError(
            f"the table {table.fullname} has {table.info[KEY]!r} as info[{KEY!r}]",
            mend='write info=timescale(Hypertable("at", "1 day")), with timescale from tsmigrate.schema',
        )
    wrong = [*_wrong_names(table, found)] or [*_wrong_column(table, found.hypertable), *_wrong_keys(table, found)]
    if wrong:
        raise UsageError(
            f"the table {table.fullname} cannot be the hypertable that it declares: " + "; ".join(wrong),
            mend="correct the declaration or the table in the model",
        )


def _wrong_names(table: Table, found: Declared) -> Iterator[str]:
    """Columns that there are not. A declaration names columns as the database does, not attributes of a class."""
    names = [("the partition column", found.hypertable.column)]
    if found.hypertable.hash_dimension:
        names.append(("hash_dimension", found.hypertable.hash_dimension[0]))
    if found.columnstore:
        names += [("segmentby", column) for column in found.columnstore.segmentby or ()]
        names += [("orderby", entry.column) for entry in found.columnstore.order]
    for place, name in names:
        if not any(name == column.name for column in table.columns):
            yield f"{place} names {name!r}, and it has no such column"


def _wrong_column(table: Table, hypertable: Hypertable) -> Iterator[str]:
    column: Any = next(each for each in table.columns if each.name == hypertable.column)
    by_number = isinstance(column.type, Integer)
    if isinstance(column.type, _CANNOT_PARTITION):
        yield f"{column.name!r} is of type {column.type}, by which no table is partitioned"
    elif by_number and not isinstance(hypertable.interval, int):
        yield f"{column.name!r} is a whole number, and the interval {hypertable.interval!r} is none"
    elif not by_number and isinstance(hypertable.interval, int):
        yield f"{column.name!r} is no whole number, and the interval {hypertable.interval} is one"
    if column.computed is not None:
        yield f"{column.name!r} is a generated column"


def _wrong_keys(table: Table, found: Declared) -> Iterator[str]:
    """Every key has to hold the columns by which rows are spread, or it would hold within a chunk only (TS103)."""
    needed = {found.hypertable.column}
    if found.hypertable.hash_dimension:
        needed.add(found.hypertable.hash_dimension[0])
    for kind, name, columns in _keys(table):
        missing = sorted(needed - set(columns))
        if missing:
            called = f"{kind} {name}" if name else f"{kind} ({', '.join(columns)})"
            yield f"the {called} does not hold {' and '.join(map(repr, missing))}"


def _keys(table: Table) -> Iterator[tuple[str, str | None, list[str]]]:
    for constraint in table.constraints:
        match constraint:
            case PrimaryKeyConstraint() if constraint.columns:
                yield "primary key", None, _names(constraint.columns)
            case UniqueConstraint():
                yield "unique constraint", _shown(constraint.name), _names(constraint.columns)
            case ExcludeConstraint():
                equal = [name for name, operator in constraint.operators.items() if operator == "="]
                yield "exclusion constraint", _shown(constraint.name), _names(equal)
    for index in table.indexes:
        if isinstance(index, Index) and index.unique:
            yield "unique index", _shown(index.name), _names(index.expressions)


def _shown(name: object) -> str | None:
    return name if isinstance(name, str) else None


def _names(columns: Iterable[Any]) -> list[str]:
    """An expression has none of the table's names, and a key may hold one."""
    return [str(getattr(column, "name", column)) for column in columns]
