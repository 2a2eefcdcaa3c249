"""All of a database's schema at one moment, to be compared with that of another."""

from __future__ import annotations

from dataclasses import dataclass

from tsmigrate import connect
from tsmigrate.catalog import sections
from tsmigrate.catalog.difference import difference as of_texts
from tsmigrate.catalog.schema_text import VERSION_TABLE, Known, schema_text
from tsmigrate.catalog.timescale_text import timescale_text
from tsmigrate.url import DatabaseUrl


@dataclass(frozen=True)
class Snapshot:
    schema: str  # see schema_text
    timescale: str  # see timescale_text

    @classmethod
    def take(cls, database: DatabaseUrl, pg_dump: str, *, version_table: str = VERSION_TABLE) -> Snapshot:
        """What is committed in `database` now."""
        with connect.pinned(database) as connection:
            known = Known.of(connection, pg_dump)
            timescale = timescale_text(connection)
        return cls(schema_text(database, pg_dump, known, version_table=version_table), timescale)


def difference(before: Snapshot, after: Snapshot) -> str:
    """A readable unified diff, each hunk headed by the object it is about. Empty when they are equal."""
    return of_texts(before.schema, after.schema, sections.SCHEMA) + of_texts(
        before.timescale, after.timescale, sections.TIMESCALE
    )
