"""From a natively partitioned table to a hypertable of the same name, with the same rows and all that belongs to it."""

from __future__ import annotations

from tsmigrate.capability import REQUIREMENTS
from tsmigrate.catalog.tables import SET_ASIDE
from tsmigrate.convert.blocks import do_block, expanded
from tsmigrate.convert.request import HypertableRequest, asked
from tsmigrate.plpgsql import tell
from tsmigrate.sql import literal


def or_else(request: HypertableRequest, otherwise: str, *, attach: bool = False, or_copied: bool = False) -> str:
    """The block that does `otherwise`, but for a table that is partitioned.

    That one is moved aside with its partitions, as they are, and an empty hypertable takes its place; what belongs to
    the table but not to its rows is made anew there and compared, and dependents are pointed at it, as
    `attach.attached` does. The rows are copied. With `attach` a partition becomes a chunk as it is, where its range,
    the server and what it has of its own permit; `or_copied` goes on without where the server does not. All rows are
    counted and checksummed before and after; then the partitions that were copied are emptied, so that nothing is kept
    twice.

    What waits aside stands in `tsmigrate.undo`, for `revert.plain_table` to put it back.
    """
    copying = asked(request)
    needed = REQUIREMENTS["attach_chunk"]
    values = copying | {
        "migrate_data": "true" if attach else copying["migrate_data"],
        "attach_wanted": "true" if attach else "false",
        "or_copied": "true" if or_copied else "false",
        "attach_since": f"ARRAY{list(needed.since)}",
        "attach_needs": literal(str(needed)),
        "without_indexes": "",
        "hold": literal(SET_ASIDE),
        "partitioned_table": "held",
        "also_remembered": "'partitioned', jsonb_build_object('table', held, 'schemas', holds, 'attached', attached),",
        "tell_copied": tell("format('%s is copied, not attached: %s', table_name, array_to_string(reasons, '; '))"),
        "tell_partition_copied": tell(
            "format('the partition %s of %s is copied, not attached: %s', partition.known_as, table_name, statement)"
        ),
    }
    if not attach:
        values |= {"partitions_attach_support": "", "attach_partitions": ""}
    return do_block(
        "convert", table=copying["table"], partitioned=expanded("partitioned", **values), otherwise=otherwise
    )
