"""What deserves attention: each judgement a function of the facts, collected by its decorator."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tsmigrate.advise.judge.interval import NEWEST, SHARE
from tsmigrate.advise.judge.words import bytes_, percent
from tsmigrate.advise.names import shown
from tsmigrate.capability import described
from tsmigrate.finding import Finding, Severity, counted_word
from tsmigrate.policies.state import Kind
from tsmigrate.status.facts import Facts, How, Hypertable, Policy
from tsmigrate.status.outliers import outliers
from tsmigrate.status.retention import against_refresh
from tsmigrate.status.words import day, position

MANY_CHUNKS = 1_000
_SHOWN = 3  # outliers, by name

Judgement = Callable[[Facts], Iterator[Finding]]
_judgements: list[Judgement] = []


def judgement(function: Judgement) -> Judgement:
    _judgements.append(function)
    return function


def judgements() -> tuple[Judgement, ...]:
    return tuple(_judgements)


def judged(facts: Facts) -> list[Finding]:
    """Worst first."""
    found = [*facts.unread, *(finding for judge in _judgements for finding in judge(facts))]
    return sorted(found, key=lambda finding: list(Severity).index(finding.severity))


@judgement
def extension(facts: Facts) -> Iterator[Finding]:
    """Whether this database has the extension, and the server preloads it."""
    timescale = facts.server.timescale
    if timescale.installed is None:
        yield Finding(
            "extension",
            Severity.NOTE,
            described(facts.server),
            why="there are no hypertables without it",
            mend="tsmigrate doctor says what is missing",
        )
    elif not timescale.preloaded:
        yield Finding(
            "extension",
            Severity.WARNING,
            described(facts.server),
            why="hypertables cannot be read or written like this",
            mend="add timescaledb to shared_preload_libraries and restart the server",
        )


@judgement
def revisions(facts: Facts) -> Iterator[Finding]:
    """Whether the database is at the project's newest revision."""
    drift = facts.drift
    if drift is None:
        return
    if drift.unknown:
        yield Finding(
            "revisions",
            Severity.WARNING,
            f"the database is at {_listed(drift.unknown)}, which {drift.files} does not have",
            why="it is ahead of this project, or at a revision of another branch",
            mend="bring this working copy up to date, or name the right database",
        )
    if drift.pending:
        at = _listed(drift.applied) if drift.applied else "no revision"
        yield Finding(
            "revisions",
            Severity.WARNING,
            f"the database is at {at}, {counted_word(len(drift.pending), 'revision')} behind {_listed(drift.heads)}",
            mend=f"alembic upgrade {'head' if len(drift.heads) < 2 else 'heads'}",
        )
    if drift.other_tables:
        others = ", ".join(shown(each) for each in drift.other_tables)
        yield Finding("revisions", Severity.NOTE, f"there are more tables of revisions, which were not read: {others}")


@judgement
def memory(facts: Facts) -> Iterator[Finding]:
    """Whether the indexes of the newest chunks of all hypertables together leave memory for anything else."""
    sizes = {each: _newest_indexes(each, facts.now) for each in _all(facts)}
    taken = sum(sizes.values())
    of_memory = facts.server.memory.effective_cache_size
    if taken <= of_memory * SHARE:
        return
    biggest = max(sizes, key=lambda each: sizes[each])
    yield Finding(
        "memory",
        Severity.WARNING,
        f"the indexes of the {NEWEST} newest chunks of all hypertables are {bytes_(taken)}, "
        f"{percent(taken / of_memory)} of {bytes_(of_memory)} of memory (effective_cache_size; shared_buffers is "
        f"{bytes_(facts.server.memory.shared_buffers)})",
        why=f"above {percent(SHARE)} rows are written to indexes that are read from disk; {_told(facts, biggest)} has "
        f"{bytes_(sizes[biggest])} of them",
        mend="give it shorter chunks from now on: op.set_chunk_interval; or tell PostgreSQL of its memory: "
        "effective_cache_size",
    )


@judgement
def locks(facts: Facts) -> Iterator[Finding]:
    """Whether a statement that reads all chunks of a table fits into the server's lock table."""
    room = facts.server.locks.table_size
    for hypertable in _all(facts):
        needed = sum(chunk.locks for chunk in hypertable.chunks)
        told = f"{_told(facts, hypertable)} has {len(hypertable.chunks):,} chunks"
        if needed > room:
            yield Finding(
                "chunks",
                Severity.WARNING,
                f"{told}: to read them all takes {needed:,} locks, and the server's lock table has room for {room:,}",
                why="SELECT count(*) and DROP TABLE may fail with: out of shared memory",
                mend="make max_locks_per_transaction larger, and chunks longer from now on: op.set_chunk_interval",
            )
        elif len(hypertable.chunks) > MANY_CHUNKS:
            yield Finding(
                "chunks",
                Severity.NOTE,
                told,
                why="a query that does not name the time is planned for all of them",
                mend="chunks can be longer from now on: op.set_chunk_interval",
            )


@judgement
def far_chunks(facts: Facts) -> Iterator[Finding]:
    """Whether there are chunks far from all others in time, such as of 1970 or 9999."""
    for hypertable in facts.hypertables.values():
        far = outliers(hypertable, facts.now)
        if far:
            name, column = shown(hypertable.relation), hypertable.dimensions[0].column
            places = ", ".join(position(chunk.since, by_number=hypertable.by_number) for chunk in far[:_SHOWN])
            more = f" and {len(far) - _SHOWN:,} more" if len(far) > _SHOWN else ""
            yield Finding(
                "outliers",
                Severity.WARNING,
                f"{name} has {counted_word(len(far), 'chunk')} far from all others: from {places}{more}",
                why="usually a program's default, a wrong clock or a wrong unit; retention drops old ones at once, and "
                "future ones never",
                mend=f"look at the rows by {column} there, and correct or delete them; then drop the empty chunks",
            )


@judgement
def retention(facts: Facts) -> Iterator[Finding]:
    """Whether rows are dropped before their aggregates have them, or refreshes delete what was aggregated."""
    yield from against_refresh(facts)


@judgement
def failed(facts: Facts) -> Iterator[Finding]:
    """Whether the last run of a policy or a job failed."""
    for policy in facts.policies:
        if policy.is_failing:
            job = f" (job {policy.job})" if policy.job is not None else ""
            times = "in a row" if policy.how is How.EMULATED else "in all"
            yield Finding(
                "jobs",
                Severity.WARNING,
                f"the last run of {_policy_told(policy)}{job} failed; "
                f"{counted_word(policy.failures, 'failure')} {times}",
                why=policy.error or "its message is for its owner to read",
                mend=_NO_PORTAL_MEND.format(job=policy.job)
                if _NO_PORTAL in (policy.error or "")
                else "mend what the message says; it is tried again by itself",
            )


# Every background job, whatever it does, of TimescaleDB 2.28.3 on PostgreSQL 15.20, whose check of portals is newer.
_NO_PORTAL = "24000: cannot drop portal"
_NO_PORTAL_MEND = (
    "this TimescaleDB cannot run jobs on this minor release of PostgreSQL: update it; until then CALL run_job({job}) "
    "from a scheduler outside"
)


@judgement
def scheduled(facts: Facts) -> Iterator[Finding]:
    """Whether a policy or a job is paused."""
    for policy in facts.policies:
        if not policy.is_scheduled:
            mend = (
                f"SELECT alter_job({policy.job}, scheduled => true)"
                if policy.job is not None
                else "tsmigrate policies resume"
            )
            yield Finding("jobs", Severity.WARNING, f"{_policy_told(policy)} is paused", mend=mend)


@judgement
def runners(facts: Facts) -> Iterator[Finding]:
    """Whether anything runs the policies that there are."""
    native = [policy for policy in facts.policies if policy.how is How.NATIVE]
    if native and facts.workers == 0:
        yield Finding(
            "jobs",
            Severity.WARNING,
            f"timescaledb.max_background_workers is 0, and {counted_word(len(native), 'job')} "
            f"{'waits' if len(native) == 1 else 'wait'}",
            why="nothing is dropped, compressed or refreshed",
            mend="set it to the number of databases and jobs at once, and restart the server",
        )
    late = [
        policy
        for policy in facts.policies
        if policy.how is How.EMULATED
        and policy.is_scheduled
        and not policy.is_failing
        and policy.next_run is not None
        and policy.every is not None
        and facts.now - policy.next_run.timestamp() > (policy.every.amount or 0.0)
    ]
    if late:
        first = min(policy.next_run.timestamp() for policy in late if policy.next_run)
        yield Finding(
            "jobs",
            Severity.WARNING,
            f"emulated policies should have run since {day(first)}: "
            f"{', '.join(_policy_told(policy) for policy in late)}",
            why="TimescaleDB does not run them",
            mend="let tsmigrate policies run do so, from cron or with --loop",
        )


@judgement
def gone(facts: Facts) -> Iterator[Finding]:
    """Whether policies are left of tables that are gone."""
    lost = [policy for policy in facts.policies if policy.how is not How.NATIVE and policy.relation is None]
    if lost:
        kinds = ", ".join(sorted({policy.kind for policy in lost}))
        yield Finding(
            "jobs",
            Severity.WARNING,
            f"tsmigrate.policy has {kinds} of tables that are gone",
            why="nothing of it runs; the rows go with the next operation that takes one away",
        )


def _all(facts: Facts) -> list[Hypertable]:
    return [*facts.hypertables.values(), *facts.held.values()]


def _told(facts: Facts, hypertable: Hypertable) -> str:
    """The tables behind aggregates go by names that nobody chose."""
    return shown(hypertable.relation) + (" (behind an aggregate)" if hypertable.relation in facts.held else "")


def _newest_indexes(hypertable: Hypertable, now: float) -> int:
    """Of what is written to: chunks that are far off, and those of another hash of the same time, are no others."""
    far = set(outliers(hypertable, now))
    near = [chunk for chunk in hypertable.chunks if chunk not in far and not chunk.is_compressed]
    newest = set(sorted({chunk.until for chunk in near})[-NEWEST:])
    return sum(chunk.size.indexes for chunk in near if chunk.until in newest and chunk.size)


def _policy_told(policy: Policy) -> str:
    kind = f"the {policy.kind}" if policy.kind in tuple(Kind) else policy.kind
    return f"{kind} of {shown(policy.relation)}" if policy.relation else kind


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(names)
