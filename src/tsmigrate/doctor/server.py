"""What doctor checks about a server: one function a check, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from tsmigrate.capability import OLDEST_TIMESCALEDB, Edition, Server, Version, needing
from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import identifier

Check = Callable[[Server], Finding]

OLDEST_POSTGRES = Version(14)
NEWER_THAN_TRIED = Version(18)
LOCKS_PER_CHUNK = 7  # the chunk, its TOAST table and index, and four indexes
CHUNKS_TO_HAVE_ROOM_FOR = 1000
MEBIBYTE = 1024 * 1024

_checks: list[Check] = []


def check(function: Check) -> Check:
    _checks.append(function)
    return function


def checks() -> tuple[Check, ...]:
    return tuple(_checks)


def examine(server: Server) -> list[Finding]:
    return [one(server) for one in _checks]


@check
def postgres(server: Server) -> Finding:
    """The version of PostgreSQL, and that it is not read-only."""
    seen = f"PostgreSQL {server.postgres.major}.{server.postgres.minor}"
    if server.postgres < OLDEST_POSTGRES:
        return Finding(
            "postgres",
            Severity.BLOCKER,
            seen,
            why=f"TimescaleDB {OLDEST_TIMESCALEDB.major}.{OLDEST_TIMESCALEDB.minor} needs PostgreSQL "
            f"{OLDEST_POSTGRES.major} or newer",
            mend="upgrade the server with pg_upgrade or a dump",
        )
    if server.read_only:
        return Finding(
            "postgres",
            Severity.BLOCKER,
            f"{seen}, read-only",
            why="a standby, or default_transaction_read_only is on: nothing can be migrated here",
            mend="name the primary server in the URL",
        )
    if server.postgres >= NEWER_THAN_TRIED:
        return Finding(
            "postgres",
            Severity.WARNING,
            seen,
            why="tables cannot be converted there yet: the way back would lose the names of NOT NULL constraints",
            mend=f"use PostgreSQL {NEWER_THAN_TRIED.major - 1} or earlier for now",
        )
    return Finding("postgres", Severity.OK, seen)


@check
def extension_files(server: Server) -> Finding:
    """Whether the server has TimescaleDB's files, and which version."""
    available = server.timescale.available
    if available is None:
        return Finding(
            "extension files",
            Severity.BLOCKER,
            "TimescaleDB is not installed on this server",
            why="the extension cannot be created without its files",
            mend=f"install the package for PostgreSQL {server.postgres.major} "
            f"(Debian: postgresql-{server.postgres.major}-timescaledb), then preload it and restart",
        )
    if available < OLDEST_TIMESCALEDB:
        return Finding(
            "extension files",
            Severity.BLOCKER,
            f"the server offers TimescaleDB {available}",
            why=f"tsmigrate works from {OLDEST_TIMESCALEDB} on",
            mend="upgrade the TimescaleDB package on the server",
        )
    return Finding("extension files", Severity.OK, f"the server offers TimescaleDB {available}")


@check
def preload(server: Server) -> Finding:
    """Whether timescaledb is in shared_preload_libraries; without it CREATE EXTENSION ends the connection."""
    if server.timescale.preloaded:
        return Finding("preload", Severity.OK, "timescaledb is preloaded")
    if server.timescale.available is None:
        return Finding("preload", Severity.NOTE, "timescaledb is not preloaded", why="there is nothing to preload yet")
    danger = (
        "its tables exist, and an INSERT may write past their chunks without an error"
        if server.timescale.installed
        else "CREATE EXTENSION would end the connection with a FATAL error"
    )
    return Finding(
        "preload",
        Severity.BLOCKER,
        "timescaledb is not preloaded",
        why=danger,
        mend="add timescaledb to shared_preload_libraries (ALTER SYSTEM SET or postgresql.conf; keep what is there) "
        "and restart the server",
    )


@check
def extension(server: Server) -> Finding:
    """Whether this database has the extension, and whether it can be updated."""
    timescale = server.timescale
    if timescale.installed is None:
        return Finding(
            "extension",
            Severity.NOTE,
            f"the extension is not created in database {server.database}",
            mend="let your first revision create it, or CREATE EXTENSION timescaledb"
            + ("" if timescale.preloaded else ", once it is preloaded"),
        )
    seen = f"TimescaleDB {timescale.installed} in database {server.database}"
    update = "ALTER EXTENSION timescaledb UPDATE, as the first statement of its session (psql -X)"
    if timescale.installed < OLDEST_TIMESCALEDB:
        newer = timescale.available and timescale.available >= OLDEST_TIMESCALEDB
        return Finding(
            "extension",
            Severity.BLOCKER,
            seen,
            why=f"tsmigrate works from {OLDEST_TIMESCALEDB} on",
            mend=update if newer else "upgrade the TimescaleDB package on the server, then " + update,
        )
    return Finding("extension", Severity.OK, seen)


@check
def edition(server: Server) -> Finding:
    """Apache-2 or Community, and what the Apache-2 edition excludes."""
    match server.timescale.edition:
        case Edition.COMMUNITY:
            return Finding("edition", Severity.OK, "Community edition: everything is available")
        case Edition.APACHE:
            return Finding(
                "edition",
                Severity.NOTE,
                "Apache-2 edition: hypertables, yes; columnstore, policies and continuous aggregates, no",
                why=f"not available here: {', '.join(needing(Edition.COMMUNITY))}",
                mend="if you need those, use a server with the Community edition (timescaledb.license = 'timescale'); "
                "or have tsmigrate do what it can in their place: tsmigrate.on_unsupported = emulate",
            )
        case None:
            return Finding("edition", Severity.NOTE, "the edition cannot be told before the extension is created")


@check
def role(server: Server) -> Finding:
    """Whether the role may create things, create the extension, and log in."""
    role = server.role
    if not role.may_create:
        return Finding(
            "role",
            Severity.WARNING,
            f"role {role.name} may not create anything in database {server.database}",
            why="tsmigrate creates the extension and, when it has something to remember, a schema of its own",
            mend=f"GRANT CREATE ON DATABASE {identifier(server.database)} TO {identifier(role.name)}",
        )
    if (
        server.timescale.available
        and not server.timescale.installed
        and not (role.superuser or server.timescale.trusted)
    ):
        return Finding(
            "role",
            Severity.WARNING,
            f"role {role.name} may not create the extension",
            why="on this server only a superuser may",
            mend="ask a superuser for CREATE EXTENSION timescaledb",
        )
    if not role.login:
        return Finding(
            "role",
            Severity.WARNING,
            f"role {role.name} may not log in",
            why="TimescaleDB runs a policy as the table's owner, who therefore needs LOGIN",
            mend=f"ALTER ROLE {identifier(role.name)} LOGIN, or let a role that may log in own the tables",
        )
    kind = (
        "superuser" if role.superuser else "owns the database" if role.owns_database else "may create in the database"
    )
    return Finding("role", Severity.OK, f"role {role.name}: {kind}")


@check
def locks(server: Server) -> Finding:
    """How many chunks the lock table has room for."""
    locks = server.locks
    room = locks.table_size // LOCKS_PER_CHUNK
    seen = f"max_locks_per_transaction = {locks.max_locks_per_transaction}: room for {room} chunks"
    if room >= CHUNKS_TO_HAVE_ROOM_FOR:
        return Finding("locks", Severity.OK, f"{seen} of a table with four indexes")
    wanted = ceil(
        2 * CHUNKS_TO_HAVE_ROOM_FOR * LOCKS_PER_CHUNK / (locks.max_connections + locks.max_prepared_transactions)
    )
    return Finding(
        "locks",
        Severity.WARNING,
        seen,
        why="a statement that touches every chunk of a bigger table (with four indexes), and a conversion, "
        "fail with 'out of shared memory'",
        mend=f"ALTER SYSTEM SET max_locks_per_transaction = {wanted}, then restart the server",
    )


@check
def memory(server: Server) -> Finding:
    """The memory settings that conversions and index builds live by."""
    memory = server.memory
    seen = (
        f"shared_buffers {memory.shared_buffers // MEBIBYTE} MB, work_mem {memory.work_mem // MEBIBYTE} MB, "
        f"maintenance_work_mem {memory.maintenance_work_mem // MEBIBYTE} MB, "
        f"effective_cache_size {memory.effective_cache_size // MEBIBYTE} MB"
    )
    return Finding("memory", Severity.OK, seen)
