"""What a conversion is asked for, and the places in `sql/` that it fills."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsmigrate import undo
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert import preflight
from tsmigrate.convert.blocks import locked, name
from tsmigrate.plpgsql import Locking
from tsmigrate.sql import identifier, literal


@dataclass(frozen=True)
class HashDimension:
    """A second dimension: rows are also spread over so many partitions by the hash of a column."""

    column: str
    partitions: int


@dataclass(frozen=True)
class HypertableRequest:
    table: Relation | str  # a plain string is a name that the search_path finds
    column: str  # the partition column
    interval: str | int  # PostgreSQL's text of an interval; for integer time a number in the column's unit
    key: undo.Key
    migrate_data: bool = False
    hash_dimension: HashDimension | None = None
    integer_now: Relation | str | None = None  # a function, named as tables are
    default_indexes: bool = True
    locking: Locking = field(default_factory=Locking)


def asked(request: HypertableRequest) -> dict[str, str]:
    """The places in `sql/` that the request fills."""
    spread = request.hash_dimension
    return {
        "goal": literal("a hypertable"),
        "target": "target",
        "table": literal(name(request.table)),
        "column": _name_literal(request.column),
        "interval": literal(str(request.interval)),
        "is_integer_interval": _boolean(isinstance(request.interval, int)),
        "hash_column": _name_literal(spread.column) if spread else "NULL",
        "hash_partitions": str(spread.partitions) if spread else "NULL",
        "integer_now": "NULL" if request.integer_now is None else literal(name(request.integer_now)),
        "migrate_data": _boolean(request.migrate_data),
        "default_indexes": _boolean(request.default_indexes),
        "refusals": preflight.refusals(),
        "warnings": preflight.warnings(),
        "lock": locked(request.table, request.locking, tied=_TIED),
        "further_counts": "further_counts",
        "further_counted": ", missing, infinite, earliest, latest",
        "also_remembered": "",
        "remember": undo.remember(request.key, "remembered"),
    }


# Foreign keys are dropped, which takes this of both tables, where there are rows to move.
_TIED = """\
CASE WHEN pg_relation_size({{table}}::regclass) > 0 THEN 'ACCESS EXCLUSIVE' ELSE 'SHARE ROW EXCLUSIVE' END"""


def _name_literal(column: str) -> str:
    identifier(column)  # refuses what PostgreSQL would cut off
    return literal(column)


def _boolean(value: bool) -> str:
    return "true" if value else "false"
