"""From a hypertable with a hash dimension to one without it, which TimescaleDB has no call for."""

from __future__ import annotations

from dataclasses import replace

from tsmigrate.convert.blocks import expanded, name
from tsmigrate.convert.request import HypertableRequest, asked
from tsmigrate.convert.revert import RevertRequest, plain_table_again
from tsmigrate.sql import literal

_FOUND = "what is found"
"""In the place of what only the block knows."""


def without_hash_dimension(request: RevertRequest) -> str:
    """A block within another one: the table becomes plain, with all it has as a hypertable, and a hypertable again.

    Interval and function of the present are those that it has now. Nothing is remembered: what the table was before it
    was first converted stays in the row of that conversion. Rows and definitions are compared on both ways.
    """
    made = HypertableRequest(
        table=request.table,
        column=_FOUND,
        interval=_FOUND,
        key=replace(request.key, written=False),
        migrate_data=True,
        default_indexes=False,  # its index is one of the table's by then
        locking=request.locking,
    )
    found = {
        "column": "dimension.column_name",
        "interval": "dimension.chunk_interval",
        "is_integer_interval": "dimension.by_number",
        "integer_now": "dimension.now_function",
    }
    return expanded(
        "without_hash",
        table=literal(name(request.table)),
        plain_table=plain_table_again(request),
        hypertable=expanded("hypertable", **asked(made) | found),
    )
