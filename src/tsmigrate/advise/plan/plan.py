"""A plan: which tables become hypertables and how, and what becomes of the keys between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tsmigrate.catalog.relation import Relation


class Method(StrEnum):
    COPY = "copy"
    ATTACH = "attach"


class Fate(StrEnum):
    """Of a foreign key."""

    KEEP = "keep"
    WIDEN = "widen"
    DROP = "drop"


class UniqueFate(StrEnum):
    """Of what is unique without the partition column."""

    WIDEN = "widen"
    DROP = "drop"


@dataclass(frozen=True)
class CopiedTime:
    """The partition column is not there yet: it is to be a copy of the time of each row's parent."""

    parent: Relation
    column: str  # the parent's
    references: Mapping[str, str]  # which columns lead to which of the parent's
    orphans: str = ""  # what rows without a parent get, in SQL


@dataclass(frozen=True)
class Columnstore:
    segmentby: tuple[str, ...]
    orderby: tuple[str, ...]
    after: str | int


@dataclass(frozen=True)
class TablePlan:
    relation: Relation
    column: str  # the partition column
    interval: str | int
    method: Method = Method.COPY
    copied: CopiedTime | None = None
    unit: str = ""  # in which a column of whole numbers counts the time since 1970
    integer_now: str = ""  # a function that tells the present of such a column; empty: one is made by the unit
    primary_key: tuple[str, ...] = ()  # as it is to be; empty: as it is
    unique: Mapping[str, UniqueFate] | None = None  # by the name of the constraint or index
    drop_indexes: tuple[str, ...] = ()
    columnstore: Columnstore | None = None
    retention: str | int | None = None


@dataclass(frozen=True)
class ForeignKeyPlan:
    name: str
    table: Relation  # whose it is
    fate: Fate
    column: str = ""  # what it is widened by: the copy of the parent's time


@dataclass(frozen=True)
class Refresh:
    start: str | int | None
    end: str | int | None
    every: str


@dataclass(frozen=True)
class AggregatePlan:
    relation: Relation
    query: str
    materialized_only: bool = False
    refresh: Refresh | None = None


@dataclass(frozen=True)
class Plan:
    tables: tuple[TablePlan, ...]
    foreign_keys: tuple[ForeignKeyPlan, ...] = ()
    aggregates: tuple[AggregatePlan, ...] = ()
    source: str = "the plan"  # the file

    def table(self, relation: Relation) -> TablePlan | None:
        return next((table for table in self.tables if table.relation == relation), None)

    def foreign_key(self, table: Relation, name: str) -> ForeignKeyPlan | None:
        return next((key for key in self.foreign_keys if (key.table, key.name) == (table, name)), None)
