"""From a plain table to a hypertable without a copy: the table becomes the first chunk of a new hypertable."""

from __future__ import annotations

from tsmigrate.capability import ATTACHES_CLEANLY, REQUIREMENTS
from tsmigrate.convert.blocks import expanded
from tsmigrate.convert.partitioned import or_else
from tsmigrate.convert.request import HypertableRequest, asked
from tsmigrate.plpgsql import tell
from tsmigrate.sql import literal

ATTACHED_SCHEMA = "tsmigrate_attached"
"""Where tables are that became the first chunk of a hypertable."""


def attached(request: HypertableRequest, *, or_copied: bool = False) -> str:
    """The block that moves the table aside, makes an empty hypertable in its place, and attaches the table to it.

    All that belongs to the table but not to its rows is made anew on the hypertable and compared with what was there,
    and dependents are pointed at it. What stands against it is refused before any change (`plpgsql.REFUSED`); with
    `or_copied` the rows are moved into chunks then, as `in_place.hypertable` does. A table without rows always goes
    that way. The table's name as a chunk stands in `tsmigrate.undo`, for `revert.plain_table` to detach it again.
    Of a partitioned table each partition becomes a chunk (`partitioned.or_else`).
    """
    needed = REQUIREMENTS["attach_chunk"]
    copying = asked(request)
    attaching = copying | {
        "migrate_data": "true",  # into the first chunk, as far as create_hypertable knows
        "count_rows": expanded("attach_rows"),
        "without_indexes": "",
        "hold": literal(ATTACHED_SCHEMA),
        "also_remembered": "'attached', to_jsonb(held),",
        "attach_since": f"ARRAY{list(needed.since)}",
        "attach_needs": literal(str(needed)),
        "tell_attached": tell(f"format('%s is attached: its rows stay where they are', {copying['table']})"),
        "attaches_cleanly": f"ARRAY{list(ATTACHES_CLEANLY)}",
        "tell_old": tell(_OLD, "WARNING"),
    }
    plain = expanded(
        "attach",
        or_copied="true" if or_copied else "false",
        attach_table=expanded("attach_table", **attaching),
        hypertable=f"{expanded('hypertable', **copying)};",
        tell_why=tell(f"format(E'%s is copied, not attached:\\n%s', {copying['table']}, copied_because)"),
    )
    return or_else(request, f"{plain};", attach=True, or_copied=or_copied)


_OLD = f"""\
format('the chunk of %s keeps its own columns and constraints, since TimescaleDB is %s: one that is dropped from the \
hypertable stays on the chunk. Update to {ATTACHES_CLEANLY} or later, which mends that, before you drop any',
       table_name, array_to_string(facts.extension_version, '.'))"""
