"""The server that the linter judges for: what chunk exclusion can do differs by version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from tsmigrate.errors import UsageError

_WRITTEN = re.compile(r"pg(\d+),ts(\d+)\.(\d+)")


class Release(NamedTuple):
    """A version of TimescaleDB. `capability.Version` brings SQLAlchemy along, which a run without a server spares."""

    major: int
    minor: int


@dataclass(frozen=True)
class Target:
    postgres: int
    timescale: Release

    @classmethod
    def parse(cls, text: str) -> Target:
        """`pg15,ts2.28`."""
        found = _WRITTEN.fullmatch(text.replace(" ", "").lower())
        if not found:
            raise UsageError(f"not a target: {text}", mend="write PostgreSQL's and TimescaleDB's version: pg17,ts2.19")
        postgres, major, minor = map(int, found.groups())
        return cls(postgres, Release(major, minor))

    def __str__(self) -> str:
        return f"pg{self.postgres},ts{self.timescale.major}.{self.timescale.minor}"

    @property
    def range_operators_prune(self) -> bool:
        """`tstzrange(a, b) @> time` becomes two comparisons from PostgreSQL 17 on."""
        return self.postgres >= 17

    @property
    def date_column_meets_timestamptz(self) -> bool:
        """Whether a date column compared with a timestamptz prunes: seen on PostgreSQL 17, not on 15."""
        return self.postgres >= 17

    @property
    def distinct_takes_presorted_rows(self) -> bool:
        """Whether SELECT DISTINCT time, device ORDER BY time LIMIT stops early: seen on PostgreSQL 17, not on 15."""
        return self.postgres >= 17

    @property
    def union_all_keeps_order(self) -> bool:
        """Whether ORDER BY time LIMIT over UNION ALL stops early: seen on TimescaleDB 2.28, not on 2.19."""
        return self.timescale > Release(2, 19)

    @property
    def merge_folds_now(self) -> bool:
        """Whether `time >= now() - interval` prunes in MERGE: seen on TimescaleDB 2.28, not on 2.19."""
        return self.timescale > Release(2, 19)


KNOWN = (Target(15, Release(2, 28)), Target(17, Release(2, 19)))
# The newest TimescaleDB that the truth table was replayed on.
DEFAULT = max(KNOWN, key=lambda target: target.timescale)
