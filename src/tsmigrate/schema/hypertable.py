"""What is declared of one table: how it is partitioned, how old chunks are kept, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsmigrate.errors import UsageError
from tsmigrate.schema import layout
from tsmigrate.schema.spans import check_schedule, check_span


@dataclass(frozen=True)
class Hypertable:
    """The table is a hypertable, partitioned by `column` into chunks of `interval`.

    `interval` is a PostgreSQL interval such as `"1 day"` (a month counts as 30 days), or a whole number where the
    column is one. `hash_dimension=("device", 4)` spreads each chunk by the hash of a column; `integer_now` names the
    function that tells the present of an integer column; `default_indexes=False` leaves out TimescaleDB's index on the
    partition column.
    """

    column: str
    interval: str | int
    hash_dimension: tuple[str, int] | None = None
    integer_now: str | None = None
    default_indexes: bool = True

    def __post_init__(self) -> None:
        check_span("Hypertable", "interval", self.interval)
        match self.hash_dimension:
            case None:
                return
            case (self.column, int()):
                raise UsageError(
                    f"Hypertable: {self.column} is the partition column and the hash dimension",
                    mend="name another column as hash_dimension, or none",
                )
            case (str(), int(number)) if 1 <= number <= _MOST_PARTITIONS:
                return
        raise UsageError(
            f"Hypertable: hash_dimension is {self.hash_dimension!r}",
            mend=f'give a column and the number of partitions, 1 to {_MOST_PARTITIONS}: ("device", 4)',
        )


_MOST_PARTITIONS = 32767
"""TimescaleDB keeps it as a smallint."""


@dataclass(frozen=True)
class Columnstore:
    """Old chunks are kept by column: rows of the same `segmentby` together, in the order of `orderby`.

    `segmentby` names columns, `[]` says none; `orderby` is a list such as `["at DESC", "id"]`. What is left out,
    TimescaleDB chooses by itself, and it is not compared. Chunks move there once all their rows are older than `after`,
    an interval, or a whole number where the partition column is one; without it no policy moves them.
    `schedule_interval` says how often the policy looks.
    """

    segmentby: Sequence[str] | None = None
    orderby: Sequence[str] | None = None
    after: str | int | None = None
    schedule_interval: str | None = None

    def __post_init__(self) -> None:
        layout.parse("Columnstore", self.segmentby, self.orderby)
        if self.after is not None:
            check_span("Columnstore", "after", self.after)
        if self.schedule_interval is not None:
            check_schedule("Columnstore", self.schedule_interval)
        if self.schedule_interval is not None and self.after is None:
            raise UsageError(
                "Columnstore: schedule_interval is given, and no policy",
                mend="say when chunks move there: after='7 days'",
            )

    @property
    def order(self) -> list[layout.Order]:
        return layout.parse("Columnstore", self.segmentby, self.orderby)


@dataclass(frozen=True)
class Retention:
    """Chunks are dropped once all their rows are older than `drop_after`: an interval, or a whole number.

    `schedule_interval` says how often the policy looks; by itself TimescaleDB does once a day.
    """

    drop_after: str | int
    schedule_interval: str | None = None

    def __post_init__(self) -> None:
        check_span("Retention", "drop_after", self.drop_after)
        if self.schedule_interval is not None:
            check_schedule("Retention", self.schedule_interval)


@dataclass(frozen=True)
class Reorder:
    """Old chunks are rewritten in the order of the index of this name, each once.

    The name is that of the database: an index that neither the model nor naming convention names has TimescaleDB's or
    PostgreSQL's. `schedule_interval` says how often the policy looks; by itself TimescaleDB does twice in the time of a
    chunk.
    """

    index: str
    schedule_interval: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.index, str) or not self.index:
            raise UsageError(
                f"Reorder: index is {self.index!r}", mend='name an index of the table: Reorder("reading_device_at_idx")'
            )
        if self.schedule_interval is not None:
            check_schedule("Reorder", self.schedule_interval)
