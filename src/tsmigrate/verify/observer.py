"""The scratch database as seen from our side, never through the user's env.py."""

from __future__ import annotations

from dataclasses import dataclass

from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify import contents, jobs, versions
from tsmigrate.verify.contents import Columns, Contents
from tsmigrate.verify.job import Revision


@dataclass(frozen=True)
class Observer:
    database: DatabaseUrl
    pg_dump: str
    version_table: str
    version_schema: str

    def schema(self) -> Snapshot:
        return Snapshot.take(self.database, self.pg_dump, version_table=self.version_table)

    def columns(self) -> Columns:
        return contents.columns_of(self.database, self.version_table)

    def contents(self, columns: Columns) -> Contents:
        return contents.read(self.database, columns)

    def jobs_not_held(self) -> list[str]:
        return jobs.not_held(self.database)

    def is_applied(self, revision: Revision) -> bool:
        """Of the newest revision only: the version table names what nothing applied builds on."""
        return revision.id in versions.heads(self.database, self.version_table, self.version_schema)
