"""Continuous aggregates, and the tables that store their rows."""

from __future__ import annotations

from sqlalchemy import Connection

from tsmigrate.catalog import extension
from tsmigrate.catalog.relation import Relation
from tsmigrate.sql import raw

_STORED = """
SELECT view_schema, view_name, materialization_hypertable_schema, materialization_hypertable_name
FROM timescaledb_information.continuous_aggregates
ORDER BY view_schema COLLATE "C", view_name COLLATE "C"
"""


def stored(connection: Connection) -> dict[Relation, Relation]:
    """Each continuous aggregate by the name its user knows, and the hypertable behind it.

    What the view shows beyond that is computed from the raw rows when it is read.
    """
    if not extension.is_created(connection):
        return {}
    return {Relation(*row[:2]): Relation(*row[2:]) for row in connection.execute(raw(_STORED))}
