"""The rows of a rollback test: the user's seed as soon as it works, and made-up ones after every upgrade."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate import connect
from tsmigrate.catalog.relation import Relation
from tsmigrate.finding import Finding, Severity
from tsmigrate.verify import contents
from tsmigrate.verify.environment import Environment
from tsmigrate.verify.job import Revision
from tsmigrate.verify.rows.fill import fill
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

    def write(self, revision: Revision) -> None:
        """What there is to write after this revision's upgrade."""
        tables = self._tables()
        if self._seed and not self._loaded and tables:
            self._why_not = self._seed.load(self._environment)
            self._loaded = "" if self._why_not else revision.id
        if self._seed is None or self._loaded:
            self._fill()

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

    def _tables(self) -> list[Relation]:
        with connect.connection(self._environment.scratch) as connection:
            return contents.tables_of_the_user(connection, self._version_table)

    def _fill(self) -> None:
        with connect.connection(self._environment.scratch) as connection:
            tables = contents.tables_of_the_user(connection, self._version_table)
            for filled in fill(connection, tables, self._rows, start=self._next):
                if filled.reason:
                    self._empty[filled.table] = filled.reason
                else:
                    self._empty.pop(filled.table, None)
            connection.commit()
        self._next += self._rows
