"""The rows of a rollback test: the user's seed as soon as it works, and made-up ones after every upgrade."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate import connect
from tsmigrate.catalog.relation import Relation
from tsmigrate.finding import Finding, Severity
from tsmigrate.verify import contents
from tsmigrate.verify.environment import Environment
from tsmigrate.verify.job import Revision
from tsmigrate.verify.rows.fill import MORE, fill, holds_rows
from tsmigrate.verify.rows.tables import Promises
from tsmigrate.verify.seed import Seed


class Writer:
    def __init__(self, environment: Environment, version_table: str, seed: Seed | None, rows: int) -> None:
        self._environment = environment
        self._version_table = version_table
        self._seed = seed
        self._rows = rows
        self._loaded = ""  # the revision after which the seed worked
        self._why_not = "no revision makes a table"
        self._empty: dict[Relation, str] = {}
        self._next = 1
        self._promises = Promises()

    def begin(self) -> None:
        """Before the first revision, on a database that holds something: what its keys promise holds for all rows."""
        self._fill(MORE)

    def write(self, revision: Revision) -> None:
        """What there is to write after this revision's upgrade: the seed, and some more in every table."""
        self._load(revision)
        self._fill(MORE)

    def replace_lost(self, revision: Revision) -> None:
        """After its last upgrade: a table that the downgrade dropped must not be empty for the next revision."""
        self._load(revision)
        self._fill(0)

    def _load(self, revision: Revision) -> None:
        with connect.connection(self._environment.scratch) as connection:
            tables = contents.tables_of_the_user(connection, self._version_table)
            lost = not any(holds_rows(connection, table) for table in tables)
        if self._seed and tables and (lost or not self._loaded):
            self._why_not = self._seed.load(self._environment)
            self._loaded = "" if self._why_not else self._loaded or revision.id

    def findings(self) -> Iterator[Finding]:
        if self._seed and self._loaded:
            yield Finding("rows", Severity.OK, f"the seed {self._seed.given} was loaded after {self._loaded}")
        elif self._seed:
            yield Finding(
                "rows",
                Severity.BLOCKER,
                f"the seed {self._seed.given} worked after no revision",
                why=self._why_not,
                mend="mend the seed, or leave --seed out to have rows made up",
            )
        for table, reason in self._empty.items():
            yield Finding(
                "rows",
                Severity.NOTE,
                f"table {table} was tested without rows",
                why=reason,
                mend="give rows of your own with --seed",
            )

    def _fill(self, more: int) -> None:
        if self._seed and not self._loaded:
            return
        with connect.connection(self._environment.scratch) as connection:
            tables = contents.tables_of_the_user(connection, self._version_table)
            for filled in fill(connection, tables, self._rows, start=self._next, more=more, promises=self._promises):
                if filled.reason:
                    self._empty[filled.table] = filled.reason
                else:
                    self._empty.pop(filled.table, None)
            connection.commit()
        self._next += self._rows
