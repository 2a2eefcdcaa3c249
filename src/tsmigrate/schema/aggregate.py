"""What is declared of a continuous aggregate: its query, and what keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnClause, Connection, Label, MetaData, Select
from sqlalchemy.dialects.postgresql.base import PGDialect

from tsmigrate.errors import UsageError
from tsmigrate.schema.hypertable import Columnstore, Retention
from tsmigrate.schema.info import KEY
from tsmigrate.schema.spans import check_offset, check_schedule
from tsmigrate.sql import qualified


@dataclass(frozen=True)
class Refresh:
    """The aggregate is refreshed every `schedule_interval`, from `start_offset` to `end_offset` before the present.

    The offsets are intervals, or whole numbers where the partition column is one; None is the beginning or the end of
    all time.
    """

    start_offset: str | int | None
    end_offset: str | int | None
    schedule_interval: str

    def __post_init__(self) -> None:
        check_offset("Refresh", "start_offset", self.start_offset)
        check_offset("Refresh", "end_offset", self.end_offset)
        check_schedule("Refresh", self.schedule_interval)


@dataclass(frozen=True, eq=False)
class ContinuousAggregate:
    """A continuous aggregate by that name, declared where its tables are: in their MetaData.

    `query` is a `select(…)` with one `func.time_bucket(…)` on the partition column in its GROUP BY, or the same as SQL;
    it is compared as the server writes it, so that its layout does not matter. `columnstore` is that of the aggregate's
    own buckets, by the names of its columns. `materialized_only=False` also
    aggregates, as they are read, the rows that are newer than what is filled. A Table of the same name may map it for
    queries: autogenerate does not take that for a table to be made. Without `schema` it is the MetaData's.
    """

    name: str
    query: Select[Any] | str
    metadata: MetaData = field(repr=False)
    refresh: Refresh | None = None
    retention: Retention | None = None
    columnstore: Columnstore | None = None
    materialized_only: bool = False
    schema: str | None = None

    def __post_init__(self) -> None:
        if self.schema is None:
            object.__setattr__(self, "schema", self.metadata.schema)
        named = qualified(self.name, self.schema)
        if not isinstance(self.query, Select) and not (isinstance(self.query, str) and self.query.strip(" \n\t;")):
            raise UsageError(
                f"ContinuousAggregate {named}: its query is {self.query!r}", mend="give a select(…), or one as text"
            )
        if unknown := self._unknown():
            raise UsageError(
                f"ContinuousAggregate {named}: its columnstore names {', '.join(map(repr, unknown))}, and its query "
                "does not select that",
                mend="name columns as the aggregate has them: by their labels",
            )
        declared = self.metadata.info.setdefault(KEY, {})
        if (self.schema, self.name) in declared:
            raise UsageError(f"ContinuousAggregate {named} is declared twice", mend="take one of the two out")
        declared[self.schema, self.name] = self

    def _unknown(self) -> list[str]:
        """Columns that the columnstore is laid out by and the query does not have, as far as SQLAlchemy can tell."""
        if self.columnstore is None or isinstance(self.query, str):
            return []
        selected = list(self.query.selected_columns)
        names = {each.name for each in selected if isinstance(each, ColumnClause | Label)}
        if len(names) < len(selected):  # PostgreSQL names the others
            return []
        return sorted({*(self.columnstore.segmentby or ()), *(each.column for each in self.columnstore.order)} - names)

    def sql(self, connection: Connection) -> str:
        """The query as text, its values in it, its schemas as the connection's `schema_translate_map` has them."""
        if isinstance(self.query, str):
            return self.query.strip().rstrip(";").rstrip()
        renamed = connection.get_execution_options().get("schema_translate_map")
        compiled = self.query.compile(
            dialect=_DIALECT,
            schema_translate_map=renamed,
            render_schema_translate=renamed is not None,
            compile_kwargs={"literal_binds": True},
        )
        return str(compiled)


# No driver's dialect: those of psycopg2 and psycopg write every % twice.
_DIALECT = PGDialect()  # type: ignore[no-untyped-call]


def aggregates(metadata: MetaData) -> list[ContinuousAggregate]:
    """Those that are declared in it, in the order in which they were."""
    return list(metadata.info.get(KEY, {}).values())
