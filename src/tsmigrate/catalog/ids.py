"""TimescaleDB numbers its hypertables and puts the numbers into definitions; a second conversion gets other ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from tsmigrate.catalog import extension
from tsmigrate.sql import raw

# A continuous aggregate's rows are in a hypertable of its own, which goes by the aggregate's name here.
# Hypertables without dimensions are the columnstore's, which no definition names.
# The catalog's own tables: to plan TimescaleDB's views takes a new session longer than all the rest.
_NAMES = """
SELECT h.id, format('%I.%I', coalesce(c.user_view_schema, h.schema_name), coalesce(c.user_view_name, h.table_name))
       AS name
FROM _timescaledb_catalog.hypertable h
LEFT JOIN _timescaledb_catalog.continuous_agg c ON c.mat_hypertable_id = h.id
WHERE EXISTS (SELECT FROM _timescaledb_catalog.dimension d WHERE d.hypertable_id = h.id)
"""

_IN_DEFINITIONS = re.compile(
    r"(?P<before>(?<!\w)_materialized_hypertable_|\bcagg_watermark\("
    # Up to 2.2x the hypertable under an aggregate carries a trigger with its number.
    r"|\bcontinuous_agg_invalidation_trigger\(')(?P<id>\d+)(?!\d)"
)
_IN_CONFIG = re.compile(r'(?P<before>"(?:mat_)?hypertable_id": )(?P<id>\d+)')


@dataclass(frozen=True)
class Ids:
    names: Mapping[int, str]  # hypertable id → the qualified name a user knows

    @classmethod
    def of(cls, connection: Connection) -> Ids:
        """Those of this database; none where the extension is not created."""
        if not extension.is_created(connection):
            return cls({})
        return cls({row.id: row.name for row in connection.execute(raw(_NAMES))})

    def named(self, definition: str) -> str:
        """`definition` with names where numbers were. A number that is no hypertable's stays."""
        return _IN_DEFINITIONS.sub(self._name, definition)

    def named_in_config(self, config: str) -> str:
        """The same for a job's jsonb, as the server writes it."""
        return _IN_CONFIG.sub(self._name, self.named(config))

    def _name(self, found: re.Match[str]) -> str:
        name = self.names.get(int(found["id"]))
        return found["before"] + name if name else found[0]
