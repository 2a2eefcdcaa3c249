"""How far a conversion is, seen from another session of the same role.

The blocks in `sql/` tell their phase as application_name, which pg_stat_activity shows at once. Relations that are not
committed have no size for others: rows that move are seen by how the database grows, and so is an index on chunks
before TimescaleDB 2.28; one on a plain table, or on chunks since then, by pg_stat_progress_create_index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsmigrate.convert.estimate import Outlook, Way
from tsmigrate.convert.words import duration, size

PREFIX = "tsmigrate: "
MOVING, INDEXING = "moving rows", "building index"  # how phases begin
LONGEST_NAME = 30  # of a table, so that its line fits a terminal
SORTED, LOADED = 0.4, 0.5  # of an index: its rows are read, and sorted
ENOUGH = 0.02  # of a phase: less says nothing of the rest


@dataclass(frozen=True)
class Sight:
    """One look at the session that converts, in the order of QUERY."""

    phase: str
    database_size: int
    blockers: list[int] | None
    index_phase: str | None
    blocks_done: int | None
    blocks: int | None
    tuples_done: int | None
    tuples: int | None
    chunks_done: int | None
    chunks: int | None


# pg_blocking_pids stops the lock manager for a moment: it is asked only when there is something to find.
QUERY = """
SELECT substr(a.application_name, {{skipped}}), pg_database_size(current_database()),
       CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) END,
       p.phase, p.blocks_done, p.blocks_total, p.tuples_done, p.tuples_total, p.partitions_done, p.partitions_total
FROM pg_stat_activity a LEFT JOIN pg_stat_progress_create_index p ON p.pid = a.pid
WHERE a.pid = {{pid}} AND starts_with(a.application_name, {{prefix}})
"""


@dataclass
class Course:
    """What the looks come to, one after the other."""

    outlook: Outlook
    way: Way
    into_chunks: bool
    began: float  # a moment of a clock that counts seconds
    phase: str = ""
    _phase_began: float = 0
    _size_before: int = 0

    def line(self, sight: Sight, now: float) -> str:
        """The phase, how far it is, how fast, and how long it still takes."""
        if sight.phase != self.phase:
            is_first_seen = not self.phase and sight.phase.startswith(MOVING)
            self._phase_began = self.began if is_first_seen else now
            self._size_before = self.outlook.database_size if is_first_seen else sight.database_size
            self.phase = sight.phase
        doing, _, name = sight.phase.partition(", ")
        told = ", ".join(self._told(sight, now - self._phase_began))
        words = [
            f"{_short(self.outlook.table)} {duration(now - self.began)}: {doing}",
            f"({told})" if told else "",
            name,
        ]
        return " ".join(filter(None, words))

    def _told(self, sight: Sight, seconds: float) -> Iterator[str]:
        if sight.blockers:
            yield f"held by session {', '.join(map(str, sight.blockers))}"
        grown = max(0, sight.database_size - self._size_before)
        done = self._done(sight, grown)
        if done is None or done < ENOUGH:
            return
        yield f"{min(done, 0.99):.0%}"
        if grown and seconds >= 1:
            yield f"{size(grown / seconds)}/s"
        if done < 1 and seconds >= 1:
            yield f"{duration(max(1, seconds / done - seconds))} left"

    def _done(self, sight: Sight, grown: int) -> float | None:
        """A fraction. None: nothing tells."""
        if sight.phase.startswith(MOVING):
            whole = self.outlook.others if self.way is Way.DETACH else self.outlook.whole
            return grown / whole if whole else None
        if not sight.phase.startswith(INDEXING):
            return None
        if sight.chunks:
            return ((sight.chunks_done or 0) + _of_one(sight)) / sight.chunks
        if not self.into_chunks:
            return _of_one(sight)
        expected = self.outlook.index_size(sight.phase.partition(", ")[2])
        return grown / expected if expected else None


def _of_one(sight: Sight) -> float:
    """How far the index of one table is: a B-tree reads, sorts and writes; the others tell of reading at most."""
    if sight.tuples:
        return LOADED + (1 - LOADED) * (sight.tuples_done or 0) / sight.tuples
    read = (sight.blocks_done or 0) / sight.blocks if sight.blocks else 0
    return read * SORTED if "scanning table" in (sight.index_phase or "") else min(read, SORTED)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
