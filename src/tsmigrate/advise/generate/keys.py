"""The operations that give a table's keys the partition column, and drop what is then superfluous."""

from __future__ import annotations

from collections.abc import Iterator

from alembic.operations import MigrateOperation

from tsmigrate.advise.generate.definitions import Definitions, ForeignKey, Unique
from tsmigrate.advise.generate.operations import ConcurrentIndex, Sql
from tsmigrate.advise.generate.wider import with_column
from tsmigrate.advise.plan.plan import TablePlan, UniqueFate
from tsmigrate.catalog.relation import Relation
from tsmigrate.ops.primary_key import WidenPrimaryKey
from tsmigrate.ops.redundant_index import DropRedundantIndex
from tsmigrate.ops.unique_constraint import WidenUniqueConstraint
from tsmigrate.sql import MAX_IDENTIFIER_BYTES, identifier, literal, qualified


def primary_key(table: TablePlan, index: ConcurrentIndex | None) -> Iterator[MigrateOperation]:
    if table.primary_key:
        name, schema = table.relation.name, table.relation.schema
        yield WidenPrimaryKey(name, schema, table.primary_key, index.name if index else None)


def key_index(table: TablePlan) -> ConcurrentIndex:
    """Of the new primary key, built beside everything else."""
    name = f"{table.relation.name}_wide_key"
    while len(name.encode()) > MAX_IDENTIFIER_BYTES:
        name = name.removesuffix("_wide_key")[:-1] + "_wide_key"
    return ConcurrentIndex(name, table.relation.name, table.relation.schema, table.primary_key)


def unique(table: TablePlan, definitions: Definitions) -> Iterator[MigrateOperation]:
    for name, fate in (table.unique or {}).items():
        found = definitions.named(table.relation, name)
        assert found is not None  # noqa: S101 - the plan was checked against the database
        if fate is UniqueFate.DROP:
            yield from _dropped(found)
        elif found.constraint:
            columns = (*found.columns, table.column)
            yield WidenUniqueConstraint(table.relation.name, table.relation.schema, name, columns)
        else:
            yield from _widened(found, table.column)


def superfluous(table: TablePlan) -> Iterator[MigrateOperation]:
    for index in table.drop_indexes:
        yield DropRedundantIndex(table.relation.name, table.relation.schema, index)


def _dropped(key: Unique) -> Iterator[Sql]:
    yield Sql("", _comment(key))
    if key.constraint:
        drop = f"ALTER TABLE {key.table} DROP CONSTRAINT {identifier(key.name)}"
        yield Sql(drop, f"ALTER TABLE {key.table} ADD CONSTRAINT {identifier(key.name)} {key.definition}")
    else:
        yield Sql(f"DROP INDEX {qualified(key.name, key.table.schema)}", key.definition)


def _comment(key: Unique) -> str:
    if not key.comment:
        return ""
    if key.constraint:
        return f"COMMENT ON CONSTRAINT {identifier(key.name)} ON {key.table} IS {literal(key.comment)}"
    return f"COMMENT ON INDEX {qualified(key.name, key.table.schema)} IS {literal(key.comment)}"


def _widened(index: Unique, column: str) -> Iterator[Sql]:
    """The index goes first: both have its name."""
    drop = f"DROP INDEX {qualified(index.name, index.table.schema)}"
    yield Sql("", _comment(index))
    yield Sql(drop, index.definition)
    yield Sql(with_column(index.definition, column), drop)
    yield Sql(_comment(index), "")


def kept(key: ForeignKey) -> Iterator[Sql]:
    """A foreign key that was dropped for the conversion, and holds the partition column."""
    yield Sql(_added(key), _removed(key))
    yield Sql(_comment_on(key), "")


def loosened(key: ForeignKey) -> Iterator[Sql]:
    """A foreign key to a table that is a hypertable already goes."""
    yield Sql("", _comment_on(key))
    yield Sql(_removed(key), _added(key))


def _added(key: ForeignKey) -> str:
    return f"ALTER TABLE {key.table} ADD CONSTRAINT {identifier(key.name)} {key.definition}"


def _removed(key: ForeignKey) -> str:
    return f"ALTER TABLE {key.table} DROP CONSTRAINT {identifier(key.name)}"


def _comment_on(key: ForeignKey) -> str:
    if not key.comment:
        return ""
    return f"COMMENT ON CONSTRAINT {identifier(key.name)} ON {key.table} IS {literal(key.comment)}"


def present(table: Relation, function: str, unit_a_second: int, integer_type: str) -> Sql:
    """The function that tells the present of a column of whole numbers."""
    signature = f"{qualified(function, table.schema)}()"
    moment = f"(extract(epoch FROM now()) * {unit_a_second})::{integer_type}"
    return Sql(
        f"CREATE FUNCTION {signature} RETURNS {integer_type}\nLANGUAGE sql STABLE\n"
        f"SET search_path = pg_catalog, pg_temp\nAS $now$SELECT {moment}$now$",
        f"DROP FUNCTION {signature}",
    )


def present_name(table: TablePlan) -> str:
    name = f"{table.relation.name}_present"
    while len(name.encode()) > MAX_IDENTIFIER_BYTES:
        name = name.removesuffix("_present")[:-1] + "_present"
    return name
