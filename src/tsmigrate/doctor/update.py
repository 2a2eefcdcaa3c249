"""What `ALTER EXTENSION timescaledb UPDATE` needs here, and what it would change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.capability import Server, Version, has_library
from tsmigrate.errors import TsmigrateError
from tsmigrate.finding import Finding, Severity
from tsmigrate.releases import WITHOUT_OLD_AGGREGATES, crossed, first_without
from tsmigrate.url import DatabaseUrl

COMMAND = "ALTER EXTENSION timescaledb UPDATE"
CHECKS = {
    "update": "Whether the extension can be updated, by which command, and whether a step between is needed.",
    "update needs": "What an update needs first: the role, the library, new continuous aggregates, quiet.",
    "update changes": "What an update would change, release by release.",
    "other databases": "Which other databases of the server have an older TimescaleDB.",
    "update ends": "Which release is the last for this PostgreSQL.",
}


@dataclass(frozen=True)
class Elsewhere:
    """Another database of the server. No version: the extension is not there; `hidden`: nobody let us look."""

    database: str
    installed: Version | None = None
    hidden: bool = False


@dataclass(frozen=True)
class Update:
    """What the server knows of an update of this database's extension to the version that its files offer."""

    reachable: tuple[Version, ...]  # versions that update scripts lead to from the installed one
    owner: str  # of the extension
    permitted: bool  # this role is a member of that one
    library: bool | None  # the offered version's library is on disk; None: this role may not look
    others: int  # sessions of clients in this database, but for this one
    workers: int  # TimescaleDB's own
    old_aggregates: tuple[str, ...]  # in the format that WITHOUT_OLD_AGGREGATES ended
    elsewhere: tuple[Elsewhere, ...]


_UPDATE = text("""
SELECT pg_get_userbyid(e.extowner) AS owner, pg_has_role(e.extowner, 'USAGE') AS permitted,
       ARRAY(SELECT target FROM pg_extension_update_paths('timescaledb')
             WHERE source = e.extversion AND path IS NOT NULL) AS reachable,
       (SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend') AS others,
       (SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type ILIKE '%timescaledb%') AS workers
FROM pg_extension e WHERE e.extname = 'timescaledb'
""")
# Since 2.28 the column is no longer there, and neither is what it told apart.
_OLD_AGGREGATES = text("""
SELECT format('%I.%I', view_schema, view_name) FROM timescaledb_information.continuous_aggregates a
WHERE to_jsonb(a) ->> 'finalized' = 'false' ORDER BY 1
""")
_DATABASES = text("""
SELECT datname, has_database_privilege(oid, 'CONNECT') AS permitted FROM pg_database
WHERE datallowconn AND datname <> current_database() ORDER BY datname
""")
_INSTALLED = text("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")


def ask(connection: Connection, server: Server, database: DatabaseUrl) -> Update | None:
    """What is known of an update. None: there is nothing to update. Reads only; other databases are looked at too."""
    if server.timescale.installed is None:
        return None
    row = connection.execute(_UPDATE).one()
    aggregates = connection.execute(_OLD_AGGREGATES).scalars().all() if server.timescale.usable else ()
    available = server.timescale.available
    return Update(
        reachable=tuple(sorted(Version.parse(target) for target in row.reachable)),
        owner=row.owner,
        permitted=row.permitted,
        library=has_library(connection, f"timescaledb-{available}") if available else None,
        others=row.others,
        workers=row.workers,
        old_aggregates=tuple(aggregates),
        elsewhere=tuple(
            _elsewhere(database, name) if permitted else Elsewhere(name, hidden=True)
            for name, permitted in connection.execute(_DATABASES).all()
        ),
    )


def _elsewhere(database: DatabaseUrl, name: str) -> Elsewhere:
    """By a connection of its own: an extension is known in its database only."""
    try:
        with connect.connection(replace(database, url=database.url.set(database=name))) as connection:
            installed = connection.execute(_INSTALLED).scalar_one_or_none()
    except (TsmigrateError, DBAPIError):
        return Elsewhere(name, hidden=True)
    return Elsewhere(name, Version.parse(installed) if installed else None)


def examine(server: Server, update: Update | None) -> list[Finding]:
    """What is to be done, in which databases; what it needs first; what it changes."""
    installed, available = server.timescale.installed, server.timescale.available
    if update is None or installed is None or available is None:
        return []
    findings = []
    if installed > available:
        findings.append(_older_files(installed, available))
    elif installed < available:
        findings += [_the_update(server, update, installed, available), *_needs(server, update, installed, available)]
        findings += _changes(server, installed, available)
    else:
        findings.append(Finding("update", Severity.OK, f"nothing newer than TimescaleDB {installed} is offered"))
    return findings + _others(update, available) + _last(server, available)


def command(database: str) -> str:
    """-X: a .psqlrc could be the session's first statement."""
    return f"psql -X -d {_word(database)} -c '{COMMAND}'"


def _word(database: str) -> str:
    return "'" + database.replace("'", "'\\''") + "'"


def _the_update(server: Server, update: Update, installed: Version, available: Version) -> Finding:
    seen = f"TimescaleDB {installed} in database {server.database} can be updated to {available}"
    first = (
        "it must be the first statement of its session: any other would load the library of the old version before; "
        "and it cannot be undone, but by a backup from before it"
    )
    if available in update.reachable:
        return Finding("update", Severity.WARNING, seen, why=first, mend=command(server.database))
    hop = next((version for version in reversed(update.reachable) if installed < version < available), None)
    mend = (
        f"in two steps: psql -X -d {_word(server.database)} -c \"{COMMAND} TO '{hop}'\", then "
        f"{command(server.database)}"
        if hop
        else f"install a package of a version between {installed} and {available}, and update to that one first"
    )
    return Finding(
        "update",
        Severity.WARNING,
        f"TimescaleDB {installed} in database {server.database} cannot be updated to {available} directly",
        why=f"the server has no update script from {installed} to {available}",
        mend=mend,
    )


def _needs(server: Server, update: Update, installed: Version, available: Version) -> list[Finding]:
    findings = []
    if not update.permitted:
        findings.append(
            Finding(
                "update needs",
                Severity.WARNING,
                f"role {server.role.name} may not update the extension",
                why=f"only its owner {update.owner} and superusers may",
                mend=f"ask {update.owner} to run it",
            )
        )
    if update.library is False:
        findings.append(
            Finding(
                "update needs",
                Severity.BLOCKER,
                f"the library of TimescaleDB {available} is not on the server's disk",
                why="its control file is there, and the update would end with an error at the first use of it",
                mend="install the package again, whole",
            )
        )
    if update.old_aggregates and available >= WITHOUT_OLD_AGGREGATES > installed:
        findings.append(
            Finding(
                "update needs",
                Severity.WARNING,
                f"continuous aggregates in the old format: {', '.join(update.old_aggregates)}",
                why=f"TimescaleDB {WITHOUT_OLD_AGGREGATES} has no more of them, and refuses the update",
                mend="migrate each before: "
                + "; ".join(f"CALL cagg_migrate('{name}')" for name in update.old_aggregates),
            )
        )
    if update.others:
        findings.append(
            Finding(
                "update needs",
                Severity.NOTE,
                f"{update.others} other sessions are in database {server.database}, and {update.workers} workers of "
                "TimescaleDB's",
                why="a session that has used the old library keeps it, and fails with a version mismatch after the "
                "update; TimescaleDB stops its workers itself",
                mend="stop the application and its connection pools for the update, and start them after it",
            )
        )
    return findings


def _changes(server: Server, installed: Version, available: Version) -> list[Finding]:
    changes = crossed(installed, available, server.timescale.edition)
    return [
        Finding(
            "update changes",
            Severity.NOTE,
            f"from {since} on: " + "; ".join(change.what or change.breaks for change in of_release),
            why="; ".join(change.breaks for change in of_release if change.what and change.breaks),
        )
        for since, of_release in (
            (since, list(grouped)) for since, grouped in groupby(changes, key=lambda change: change.since)
        )
    ]


def _older_files(installed: Version, available: Version) -> Finding:
    return Finding(
        "update",
        Severity.WARNING,
        f"this database has TimescaleDB {installed}, and the server's files offer {available} as their newest",
        why="an older package was installed over a newer one, and an update cannot be undone",
        mend=f"install the package of TimescaleDB {installed} or later",
    )


def _others(update: Update, available: Version) -> list[Finding]:
    findings = []
    behind = [other for other in update.elsewhere if other.installed and other.installed < available]
    if behind:
        findings.append(
            Finding(
                "other databases",
                Severity.WARNING,
                "of an older TimescaleDB: " + ", ".join(f"{other.database} ({other.installed})" for other in behind),
                why="each database is updated by itself; once the files of its version are gone, only the update "
                "works in it",
                mend="; ".join(command(other.database) for other in behind),
            )
        )
    hidden = [other.database for other in update.elsewhere if other.hidden]
    if hidden:
        findings.append(
            Finding(
                "other databases",
                Severity.NOTE,
                f"{len(hidden)} could not be looked at: {', '.join(hidden)}",
                why="which version they have is known in each of them only",
                mend=f"connect to each: SELECT extversion FROM pg_extension WHERE extname = {_word('timescaledb')}",
            )
        )
    return findings


def _last(server: Server, available: Version) -> list[Finding]:
    """PostgreSQL keeps a database at the last release that was made for it."""
    end = first_without(server.postgres.major)
    if end is None or available >= end:
        return []
    return [
        Finding(
            "update ends",
            Severity.NOTE,
            f"TimescaleDB {end.major}.{end.minor} is no longer made for PostgreSQL {server.postgres.major}",
            why="pg_upgrade wants the same TimescaleDB on both sides: PostgreSQL is upgraded first, then the extension",
        )
    ]
