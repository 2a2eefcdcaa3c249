"""From a plain table to a hypertable, where it stands: the rows move into chunks, and triggers stay out of the way."""

from __future__ import annotations

from tsmigrate.convert.blocks import expanded
from tsmigrate.convert.partitioned import or_else
from tsmigrate.convert.request import HypertableRequest, asked


def hypertable(request: HypertableRequest, **instead: str) -> str:
    """The block that makes the table a hypertable.

    It refuses before any change, with all reasons at once (SQLSTATE `plpgsql.REFUSED`); it counts and checksums the
    rows before and after, and takes everything back where they differ (`blocks.MISMATCH`). Triggers do not see the rows
    move and have their enabled state afterwards; disabled ones stay off the hypertable, because a chunk made later
    would enable them, and wait in `tsmigrate.undo` for `revert.plain_table`, with what else only plain tables have.
    Keys, indexes and foreign keys are away while the rows move. `instead` replaces pieces of `sql/`, for measurements.
    A partitioned table is copied by `partitioned.or_else`.
    """
    return or_else(request, f"{expanded('hypertable', **asked(request) | instead)};")
