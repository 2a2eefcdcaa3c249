"""Continuous aggregates: added, changed, removed; and the tables that map them, which are not to be made."""

from __future__ import annotations

from collections.abc import Iterator

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateTableOp, DropTableOp, MigrateOperation, ModifyTableOps, UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import MetaData, Table

from tsmigrate.autogenerate import columnstore, refresh, retention
from tsmigrate.autogenerate.added_columns import added_columns
from tsmigrate.autogenerate.database import Database, database_of, metadatas, told
from tsmigrate.autogenerate.rebuild import rebuilt
from tsmigrate.catalog.deparse import deparsed
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.timescale import Aggregate
from tsmigrate.ops.aggregate_options import SetMaterializedOnly
from tsmigrate.ops.continuous_aggregate import CreateContinuousAggregate, DropContinuousAggregate
from tsmigrate.ops.operation import Operation
from tsmigrate.schema import info
from tsmigrate.schema.aggregate import ContinuousAggregate, aggregates


def setup(plugin: Plugin) -> None:
    plugin.add_autogenerate_comparator(
        _compare, "schema", "tsmigrate", qualifier="postgresql", priority=DispatchPriority.LAST
    )


@told
def _compare(context: AutogenContext, upgrade: UpgradeOps, schemas: set[str | None]) -> PriorityDispatchResult:
    database = database_of(context)
    declared = {
        database.relation(each.name, each.schema): each
        for metadata in metadatas(context)
        for each in aggregates(metadata)
    }
    if not declared and not database.objects.aggregates:
        return PriorityDispatchResult.CONTINUE
    upgrade.ops[:] = _without_mapped(upgrade.ops, database, declared.keys() | database.objects.aggregates.keys())
    removed = list(_removed(context, database, upgrade, schemas, set(declared)))
    before: list[Operation] = []
    after: list[Operation] = []
    anew: set[Relation] = set()
    for relation, each in declared.items():
        if _is_included(context, relation, database, is_declared=True):
            first, then = _changes(database, each, database.objects.aggregates.get(relation), anew)
            before, after = [*first, *before], [*after, *then]
    # What reads a table goes before it changes and comes after it; what a refresh would meet likewise.
    upgrade.ops[:] = [*before, *removed, *upgrade.ops, *after]
    return PriorityDispatchResult.CONTINUE


def _without_mapped(
    operations: list[MigrateOperation], database: Database, names: set[Relation]
) -> Iterator[MigrateOperation]:
    """No table is made for a model that maps an aggregate, and no index on it: it is a view."""
    for each in operations:
        mapped = (
            isinstance(each, CreateTableOp | ModifyTableOps)
            and database.relation(each.table_name, each.schema) in names
        )
        if not mapped:
            yield each


def _is_included(context: AutogenContext, relation: Relation, database: Database, *, is_declared: bool) -> bool:
    """By env.py's include_name and include_object, as if it were a table: the one that maps it, if one does."""
    name, schema = relation.name, database.schema_of(relation)
    if not context.run_name_filters(name, "table", {"schema_name": schema}):
        return False
    mapping = _mapping(context, relation, database)
    table = Table(name, MetaData(), schema=schema) if mapping is None else mapping
    # As Alembic asks of tables: whether it is in the database only, and what it is compared to.
    compared_to = table if is_declared and relation in database.objects.aggregates else None
    return context.run_object_filters(table, name, "table", not is_declared, compared_to)


def _mapping(context: AutogenContext, relation: Relation, database: Database) -> Table | None:
    """The model's Table by which an aggregate is queried."""
    tables = (table for table in context.sorted_tables if database.relation(table.name, table.schema) == relation)
    return next(tables, None)


def _removed(
    context: AutogenContext, database: Database, upgrade: UpgradeOps, schemas: set[str | None], declared: set[Relation]
) -> Iterator[Operation]:
    """What reads a declared hypertable, or one that goes, and is neither declared nor mapped nor set aside: as Alembic
    drops a table that no model has. The readers first."""
    ours = declared | {
        database.relation(table.name, table.schema) for table in context.sorted_tables if info.declared(table)
    }
    dropped = {database.relation(each.table_name, each.schema) for each in upgrade.ops if isinstance(each, DropTableOp)}
    known = declared | database.kept_aside
    going: list[Aggregate] = []
    for each in database.objects.aggregates.values():
        reads_what_goes = each.source in dropped | {gone.relation for gone in going}
        if each.relation in known or not (reads_what_goes or each.source in ours):
            continue
        if not reads_what_goes and _mapping(context, each.relation, database) is not None:
            continue
        included = _is_included(context, each.relation, database, is_declared=False)
        if database.schema_of(each.relation) in schemas and included:
            going.insert(0, each)
    for each in going:
        yield DropContinuousAggregate(each.relation.name, database.schema_of(each.relation))


def _changes(
    database: Database, declared: ContinuousAggregate, found: Aggregate | None, anew: set[Relation]
) -> tuple[list[Operation], list[Operation]]:
    """What comes before the tables change, and what after. What reads one of those that are built `anew` is, too."""
    name, schema = declared.name, _schema(declared, database)
    if found is None:
        if not database.expects("create_continuous_aggregate", name, schema):
            return [], []
        return [], [*_created(database, declared, schema), *_kept(database, declared, schema)]
    changes = None if found.source in anew else _changed_query(database, declared, found)
    if changes is None:
        anew.add(found.relation)
        made = [*_created(database, declared, schema), *_kept(database, declared, schema)]
        return [], rebuilt(database, found, made)
    removed, refreshed = refresh.operations(database, name, schema, declared.refresh, found.refresh_policy)
    if declared.materialized_only != found.materialized_only:
        changes.append(SetMaterializedOnly(name, schema, declared.materialized_only))
    no_longer, kept = retention.operations(database, name, schema, declared.retention, found.retention_policy)
    stored = columnstore.operations(database, name, schema, declared.columnstore, found)
    return removed, [*changes, *no_longer, *stored, *refreshed, *kept]


def _changed_query(database: Database, declared: ContinuousAggregate, found: Aggregate) -> list[Operation] | None:
    """What brings it in step where it stands; None where nothing does."""
    place = f"the query of the continuous aggregate {declared.name}"
    wanted = deparsed(database.connection, declared.sql(database.connection), place)
    if wanted is None:
        return None
    return [] if wanted.definition == found.definition else added_columns(database, found, wanted) or None


def _schema(declared: ContinuousAggregate, database: Database) -> str | None:
    return None if declared.schema == database.default_schema else declared.schema


def _created(database: Database, declared: ContinuousAggregate, schema: str | None) -> list[Operation]:
    note = (
        "It has no data yet. Fill it in a revision of its own, since that runs outside of a transaction: "
        f"op.refresh_continuous_aggregate({declared.name!r})"
    )
    query = declared.sql(database.connection)
    return [CreateContinuousAggregate(declared.name, schema, query, declared.materialized_only, notes=[note])]


def _kept(database: Database, declared: ContinuousAggregate, schema: str | None) -> list[Operation]:
    """The columnstore and the policies of one that is made."""
    name = declared.name
    _, refreshed = refresh.operations(database, name, schema, declared.refresh, None)
    return [
        *columnstore.operations(database, name, schema, declared.columnstore, None),
        *refreshed,
        *retention.operations(database, name, schema, declared.retention, None)[1],
    ]
