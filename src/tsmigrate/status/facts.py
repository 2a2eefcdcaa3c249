"""How a database stands, as it was read: no judgement here.

Times are seconds since 1970, so that those that Python's calendar does not know can be told too; where the partition
column is a number, so are its ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from tsmigrate.capability import Server
from tsmigrate.catalog.relation import Relation
from tsmigrate.finding import Finding
from tsmigrate.policies.state import Kind
from tsmigrate.verify.drift import Drift


class How(StrEnum):
    NATIVE = "native"
    EMULATED = "emulated"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class Span:
    """A span of a policy: as it is written, and what it comes to in seconds or, of numbers, by itself."""

    text: str
    amount: float | None


@dataclass(frozen=True)
class Policy:
    """What is done regularly: a job of TimescaleDB's or a row of `tsmigrate.policy`."""

    relation: Relation | None  # None: of no table
    kind: str  # one of Kind, or the function that a user's job calls
    how: How
    job: int | None
    every: Span | None
    spans: Mapping[str, Span]
    last_run: datetime | None
    last_success: datetime | None
    next_run: datetime | None
    is_failing: bool
    failures: int  # of a job: ever; of a row: in a row
    error: str | None
    is_scheduled: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    since: float
    until: float
    created: float | None
    is_compressed: bool
    rows: float | None  # None: never analyzed
    size: Size | None  # None: it is locked just now
    locks: int  # that a statement takes which reads it

    @property
    def is_bounded(self) -> bool:
        return abs(self.since) != float("inf") and abs(self.until) != float("inf")


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes, compressed rows included."""

    table: int
    indexes: int
    toast: int

    @property
    def total(self) -> int:
        return self.table + self.indexes + self.toast

    @classmethod
    def of(cls, sizes: Iterable[Size | None]) -> Size:
        known = [size for size in sizes if size is not None]
        return cls(
            sum(size.table for size in known), sum(size.indexes for size in known), sum(size.toast for size in known)
        )


@dataclass(frozen=True)
class Dimension:
    column: str
    type: str
    interval: Span | None  # None: it is cut by hash
    partitions: int | None


@dataclass(frozen=True)
class Compression:
    """What TimescaleDB noted when it compressed chunks."""

    before: int
    after: int
    rows: int

    @property
    def ratio(self) -> float | None:
        return self.before / self.after if self.before and self.after else None


@dataclass(frozen=True)
class Hypertable:
    relation: Relation
    dimensions: tuple[Dimension, ...]
    chunks: tuple[Chunk, ...]
    compression: Compression | None
    has_columnstore: bool

    @property
    def by_number(self) -> bool:
        return bool(self.dimensions) and self.dimensions[0].type in {"smallint", "integer", "bigint"}

    @cached_property
    def compressed(self) -> int:
        return sum(chunk.is_compressed for chunk in self.chunks)

    @cached_property
    def size(self) -> Size:
        return Size.of(chunk.size for chunk in self.chunks)

    @cached_property
    def rows(self) -> float | None:
        """As the statistics have it. None: nothing is known."""
        known = [chunk.rows for chunk in self.chunks if chunk.rows is not None]
        if not known and self.compression is None:
            return None if self.chunks else 0.0
        return sum(known) + (self.compression.rows if self.compression else 0)

    @cached_property
    def not_analyzed(self) -> int:
        return sum(chunk.rows is None for chunk in self.chunks)

    @cached_property
    def bounds(self) -> tuple[float, float] | None:
        bounded = [chunk for chunk in self.chunks if chunk.is_bounded]
        if not bounded:
            return None
        return min(chunk.since for chunk in bounded), max(chunk.until for chunk in bounded)


@dataclass(frozen=True)
class Aggregate:
    relation: Relation
    source: Relation
    how: How
    materialized_only: bool
    by_number: bool
    filled_to: float | None  # None: nothing was filled yet, or it is not known how far
    threshold: float | None  # how far refreshes of any aggregate over its source have come; of a native one
    size: int | None


@dataclass(frozen=True)
class Facts:
    server: Server
    now: float
    hypertables: Mapping[Relation, Hypertable]
    held: Mapping[Relation, Hypertable]  # the hypertables behind aggregates
    aggregates: Mapping[Relation, Aggregate]
    policies: tuple[Policy, ...]
    workers: int | None  # that TimescaleDB may start
    drift: Drift | None
    unread: tuple[Finding, ...]

    def policies_of(self, relation: Relation) -> list[Policy]:
        return [policy for policy in self.policies if policy.relation == relation]

    def policy(self, relation: Relation, kind: Kind) -> Policy | None:
        """One that runs, or is to run once the server can."""
        return next((policy for policy in self.policies_of(relation) if policy.kind == kind), None)

    @property
    def others(self) -> list[Policy]:
        """Of tables and aggregates that are not listed, or of none."""
        return [p for p in self.policies if p.relation not in self.hypertables and p.relation not in self.aggregates]
