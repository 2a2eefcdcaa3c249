"""Where a table's declarations stand: in its `info`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from tsmigrate.errors import UsageError
from tsmigrate.schema.hypertable import Columnstore, Hypertable, Reorder, Retention

KEY = "tsmigrate"
"""The entry of a table's `info`, and of a MetaData's."""


@dataclass(frozen=True)
class Declared:
    """What one table declares."""

    hypertable: Hypertable
    columnstore: Columnstore | None = None
    retention: Retention | None = None
    reorder: Reorder | None = None


def timescale(hypertable: Hypertable, *kept: Columnstore | Retention | Reorder) -> dict[Any, Any]:
    """The `info` of a table that is a hypertable: `Table(…, info=timescale(Hypertable("at", "1 day")))`.

    After the Hypertable stand a Columnstore, a Retention, a Reorder, or some of them. Beside entries of your own:
    `info={**timescale(…), "mine": 1}`.
    """
    if not isinstance(hypertable, Hypertable):
        raise UsageError(
            f"timescale() begins with {hypertable!r}",
            mend="give the Hypertable first: all else is a hypertable's",
        )
    columnstores = [each for each in kept if isinstance(each, Columnstore)]
    retentions = [each for each in kept if isinstance(each, Retention)]
    reorders = [each for each in kept if isinstance(each, Reorder)]
    number = [len(columnstores), len(retentions), len(reorders)]
    if max(number) > 1 or sum(number) < len(kept):
        raise UsageError(
            f"timescale() of a Hypertable by {hypertable.column} does not take these together: {kept!r}",
            mend="give one Columnstore, one Retention and one Reorder at most",
        )
    found = Declared(
        hypertable, next(iter(columnstores), None), next(iter(retentions), None), next(iter(reorders), None)
    )
    return {KEY: found}


def declared(table: Table) -> Declared | None:
    found = table.info.get(KEY)
    return found if isinstance(found, Declared) else None
