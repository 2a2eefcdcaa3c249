"""The server: versions that go together, the extension, the edition."""

from __future__ import annotations

from collections.abc import Iterator

from tsmigrate.capability import OLDEST_TIMESCALEDB, Edition, Version, described, needing
from tsmigrate.convert.preflight.check import check, refused
from tsmigrate.convert.preflight.subject import Subject
from tsmigrate.finding import Finding, Severity
from tsmigrate.releases import MADE_FOR

# These minor releases changed a structure that extensions share with the server; the ones after them took it back.
BROKEN_MINORS = {Version(14, 14), Version(15, 9), Version(16, 5), Version(17, 1)}


@refused
def postgres_18() -> str:
    """Whether PostgreSQL is too new for the way back."""
    return """
        -- Named NOT NULL constraints of 18 would be lost on the way back: what cannot be taken back is not begun.
        SELECT 'it is on PostgreSQL 18 or later, from where it could not be taken back',
               'the names of NOT NULL constraints would be lost', 'Use PostgreSQL 17 or earlier for now.'
        WHERE current_setting('server_version_num')::int >= 180000 AND target IS NOT NULL
    """


@refused
def preload() -> str:
    """Whether the server preloads TimescaleDB."""
    return """
        SELECT 'the server does not preload TimescaleDB',
               'CREATE EXTENSION, and any of its functions, would end the connection',
               'Add timescaledb to shared_preload_libraries and restart.'
        WHERE NOT facts.preloaded AND target IS NOT NULL
    """


@refused
def extension() -> str:
    """Whether this database has TimescaleDB, and one that is new enough."""
    return f"""
        SELECT 'this database has no TimescaleDB', '', 'Use the operation create_timescaledb_extension.'
        WHERE facts.extension_schema IS NULL AND target IS NOT NULL
        UNION ALL
        SELECT format('this database has TimescaleDB %s', array_to_string(facts.extension_version, '.')),
               'nothing older than {OLDEST_TIMESCALEDB} was tried',
               'Upgrade the package, then ALTER EXTENSION timescaledb UPDATE, as the first statement of its session.'
        WHERE facts.extension_version < ARRAY[{OLDEST_TIMESCALEDB.major}, {OLDEST_TIMESCALEDB.minor}]
    """


@refused
def isolation() -> str:
    """Whether the transaction reads what others commit meanwhile."""
    return """
        SELECT 'the transaction does not read what others commit meanwhile (it is not READ COMMITTED)',
               'rows that are committed while the lock is waited for would be lost',
               'Run it in a READ COMMITTED transaction.'
        WHERE current_setting('transaction_isolation') <> 'read committed' AND target IS NOT NULL
    """


@check
def read_only(subject: Subject) -> Iterator[Finding]:
    """Whether the server can be written to."""
    if subject.server.read_only:
        yield Finding(
            "read only",
            Severity.BLOCKER,
            "the server is read-only",
            why="it is a standby, or default_transaction_read_only is on",
            mend="Name the primary server in the URL.",
        )


@check
def version_pair(subject: Subject) -> Iterator[Finding]:
    """Whether PostgreSQL and TimescaleDB are made for each other."""
    timescale, postgres = subject.server.timescale, subject.server.postgres
    if timescale.installed is None:
        return
    pair = f"PostgreSQL {postgres.major}.{postgres.minor} with TimescaleDB {timescale.installed}"
    fit = [between for since, between in MADE_FOR.items() if since <= timescale.installed]
    if fit and not fit[-1][0] <= postgres.major <= fit[-1][1]:
        yield Finding(
            "version pair",
            Severity.WARNING,
            pair,
            why=f"that TimescaleDB is made for PostgreSQL {fit[-1][0]} to {fit[-1][1]}",
            mend="Use a pair that is made for each other.",
        )
    if Version(postgres.major, postgres.minor) in BROKEN_MINORS:
        yield Finding(
            "version pair",
            Severity.WARNING,
            pair,
            why="this minor release of PostgreSQL breaks extensions built for another one",
            mend=f"Update to PostgreSQL {postgres.major}.{postgres.minor + 1} or later.",
        )
    if timescale.available and timescale.installed < timescale.available:
        yield Finding(
            "version pair",
            Severity.WARNING,
            f"this database has TimescaleDB {timescale.installed}, the server offers {timescale.available}",
            why="an update is simpler while there is no hypertable",
            mend="ALTER EXTENSION timescaledb UPDATE, as the first statement of its session (psql -X)",
        )


@check
def edition(subject: Subject) -> Iterator[Finding]:
    """What the edition leaves out."""
    if subject.server.timescale.edition is Edition.APACHE:
        yield Finding(
            "edition",
            Severity.NOTE,
            f"{described(subject.server)}: hypertables, yes; columnstore, policies and continuous aggregates, no",
            why=f"not available here: {', '.join(needing(Edition.COMMUNITY))}",
            mend="If you need those, use a server with the Community edition.",
        )
