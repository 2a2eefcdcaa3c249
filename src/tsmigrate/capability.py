"""What a server is, asked once; and what each operation needs, as data.

`ask` reads one row of facts and never calls into TimescaleDB's library before it is known to be preloaded: without
the preload any of its C functions, and CREATE EXTENSION, is a FATAL error that ends the connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate.connect import reason_given, sqlstate
from tsmigrate.errors import BlockedError, RefusedError


class Version(NamedTuple):
    major: int
    minor: int = 0
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Version:
        """`2.28.3`, `2.29.0-dev` and `17.11 (Debian 17.11-0)` alike."""
        found = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", text)
        if not found:
            raise ValueError(f"not a version: {text!r}")
        return cls(*(int(part or 0) for part in found.groups()))

    def __str__(self) -> str:
        return ".".join(str(part) for part in self)


class Edition(StrEnum):
    APACHE = "apache"
    COMMUNITY = "community"


OLDEST_TIMESCALEDB = Version(2, 19)
ATTACHES_CLEANLY = Version(2, 29, 1)
"""Before it an attached chunk's columns and constraints stay when they are dropped from the hypertable."""


@dataclass(frozen=True)
class Timescale:
    """The extension: its files on the server, its preload, and its place in this database."""

    available: Version | None  # what the files offer
    installed: Version | None  # what this database has
    preloaded: bool
    edition: Edition | None  # None: cannot be told before the extension is created
    trusted: bool  # CREATE on the database suffices to create it; False where it is created

    @property
    def usable(self) -> bool:
        return self.preloaded and self.installed is not None


@dataclass(frozen=True)
class Role:
    name: str
    superuser: bool
    login: bool
    owns_database: bool
    may_create: bool  # CREATE on the database: new schemas, trusted extensions


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    shared_buffers: int
    work_mem: int
    maintenance_work_mem: int
    effective_cache_size: int


@dataclass(frozen=True)
class Locks:
    max_locks_per_transaction: int
    max_connections: int
    max_prepared_transactions: int

    @property
    def table_size(self) -> int:
        """Locks that fit into the server's lock table: the ceiling for all transactions together."""
        return self.max_locks_per_transaction * (self.max_connections + self.max_prepared_transactions)


@dataclass(frozen=True)
class Server:
    database: str
    postgres: Version
    timescale: Timescale
    role: Role
    memory: Memory
    locks: Locks
    read_only: bool


@dataclass(frozen=True)
class Requirement:
    """What an operation needs beyond PostgreSQL, and what to use where it is missing."""

    since: Version = OLDEST_TIMESCALEDB
    edition: Edition = Edition.APACHE
    instead: str = ""

    def __str__(self) -> str:
        edition = "TimescaleDB" if self.edition is Edition.APACHE else "TimescaleDB Community"
        return f"{edition} {self.since.major}.{self.since.minor}" + (f".{self.since.patch}" if self.since.patch else "")


_COMMUNITY = Requirement(edition=Edition.COMMUNITY)
# Older than the rest: before 2.18 the columnstore had other names.
_COLUMNSTORE = Requirement(since=Version(2, 17), edition=Edition.COMMUNITY)

REQUIREMENTS: dict[str, Requirement] = {
    "create_hypertable": Requirement(),
    "revert_hypertable": Requirement(),
    "set_chunk_interval": Requirement(),
    "add_hash_dimension": Requirement(),
    "drop_chunks": Requirement(),
    "create_index_per_chunk": Requirement(),
    # Before 2.21.1 a foreign key into a hypertable fails its checks from the sixth row on.
    "widen_foreign_key": Requirement(since=Version(2, 21, 1), instead="op.drop_foreign_key_to"),
    "partition_by_uuid": Requirement(since=Version(2, 22)),
    "set_columnstore": _COLUMNSTORE,
    "add_columnstore_policy": _COLUMNSTORE,
    "remove_columnstore_policy": _COLUMNSTORE,
    "disable_columnstore": _COLUMNSTORE,
    "compress_chunks": _COLUMNSTORE,
    # The Apache edition has no compressed chunks: there it is a plain ALTER TABLE.
    "alter_compressed": Requirement(since=_COLUMNSTORE.since),
    "add_retention_policy": Requirement(
        edition=Edition.COMMUNITY, instead="call drop_chunks from a scheduler: the Apache edition has it"
    ),
    "remove_retention_policy": _COMMUNITY,
    "add_reorder_policy": _COMMUNITY,
    "remove_reorder_policy": _COMMUNITY,
    "create_continuous_aggregate": _COMMUNITY,
    "refresh_continuous_aggregate": _COMMUNITY,
    "add_refresh_policy": _COMMUNITY,
    "remove_refresh_policy": _COMMUNITY,
    "drop_continuous_aggregate": _COMMUNITY,
    "rename_continuous_aggregate": _COMMUNITY,
    "set_materialized_only": _COMMUNITY,
    "create_aggregate_index": _COMMUNITY,
    "drop_aggregate_index": _COMMUNITY,
    "add_column_to_continuous_aggregate": Requirement(
        since=Version(2, 28), edition=Edition.COMMUNITY, instead="build a second aggregate beside the first"
    ),
    "attach_chunk": Requirement(
        since=Version(2, 21), edition=Edition.COMMUNITY, instead="op.create_hypertable with method='copy'"
    ),
    "detach_chunk": Requirement(since=Version(2, 21), edition=Edition.COMMUNITY),
    "split": Requirement(since=Version(2, 21), edition=Edition.COMMUNITY),
}


def needing(edition: Edition) -> list[str]:
    """The operations that work on this edition only."""
    return [name for name, requirement in REQUIREMENTS.items() if requirement.edition is edition]


def can(server: Server, operation: str) -> bool:
    """Whether this server can do `operation`."""
    return _way_to(REQUIREMENTS[operation], server.timescale) is None


def require(server: Server, operation: str) -> None:
    """Refuse `operation` where this server cannot do it, with what is missing and the way to get it."""
    requirement = REQUIREMENTS[operation]
    timescale = server.timescale
    mend = _way_to(requirement, timescale)
    if mend is None:
        return
    raise RefusedError(
        operation,
        needs=str(requirement),
        has=described(server),
        mend=f"{mend}; or {requirement.instead}" if requirement.instead else mend,
    )


def _way_to(requirement: Requirement, timescale: Timescale) -> str | None:
    """What to do so that `requirement` holds. None: it holds."""
    if timescale.available is None and timescale.installed is None:
        return "install the timescaledb package on the server"
    if not timescale.preloaded:
        return "add timescaledb to shared_preload_libraries and restart the server"
    if timescale.installed is None:
        return "create the extension: CREATE EXTENSION timescaledb"
    if timescale.installed < requirement.since:
        if timescale.available and timescale.available >= requirement.since:
            return "ALTER EXTENSION timescaledb UPDATE, as the first statement of its session"
        return "upgrade TimescaleDB on the server"
    if requirement.edition is Edition.COMMUNITY and timescale.edition is not Edition.COMMUNITY:
        return "use a server with the Community edition (timescaledb.license = 'timescale')"
    return None


def described(server: Server) -> str:
    """The server in a few words, for messages."""
    timescale = server.timescale
    postgres = f"PostgreSQL {server.postgres.major}.{server.postgres.minor}"
    if timescale.installed is None:
        return f"{postgres} without the timescaledb extension"
    edition = {
        Edition.APACHE: " Apache-2 edition",
        Edition.COMMUNITY: " Community edition",
        None: "",
    }[timescale.edition]
    preload = "" if timescale.preloaded else ", not preloaded"
    return f"{postgres}, TimescaleDB {timescale.installed}{edition}{preload}"


# The loader defines this setting when it is preloaded; the others appear with the extension itself.
# current_setting() would also answer for a line in postgresql.conf that no library stands behind.
PRELOADED = "EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers')"
_AVAILABLE = "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
# To tell whether it is trusted, PostgreSQL looks at every extension's files: asked only while it matters.
_FACTS = f"""
SELECT current_database() AS database,
       current_setting('server_version_num')::int AS postgres,
       pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS read_only,
       ({_AVAILABLE}) AS available,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS installed,
       {PRELOADED} AS preloaded,
       CASE WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN false
            ELSE COALESCE((SELECT trusted FROM pg_available_extension_versions
                           WHERE name = 'timescaledb' AND version = ({_AVAILABLE})), false) END AS trusted,
       r.rolname AS role, r.rolsuper AS superuser, r.rolcanlogin AS login,
       pg_has_role(r.oid, d.datdba, 'USAGE') AS owns_database,
       has_database_privilege(d.oid, 'CREATE') AS may_create,
       pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers,
       pg_size_bytes(current_setting('work_mem')) AS work_mem,
       pg_size_bytes(current_setting('maintenance_work_mem')) AS maintenance_work_mem,
       pg_size_bytes(current_setting('effective_cache_size')) AS effective_cache_size,
       current_setting('max_locks_per_transaction')::int AS max_locks_per_transaction,
       current_setting('max_connections')::int AS max_connections,
       current_setting('max_prepared_transactions')::int AS max_prepared_transactions
FROM pg_roles r, pg_database d
WHERE r.rolname = current_user AND d.datname = current_database()
"""

# Before CREATE EXTENSION the licence is unknown to the server, so look for Community's library beside the loader.
# Needs a superuser or equivalent grants; others learn the edition once the extension is there.
_MAY_READ_FILES = """
SELECT has_function_privilege('pg_stat_file(text, boolean)', 'EXECUTE')
   AND has_function_privilege('pg_config()', 'EXECUTE')
   AND has_table_privilege('pg_config', 'SELECT')
"""
_LIBRARY = """
SELECT bool_or((pg_stat_file(c.setting || '/' || :library || suffix, true)).size IS NOT NULL)
FROM pg_config c, unnest(ARRAY['.so', '.dylib']) AS suffix
WHERE c.name = 'PKGLIBDIR'
"""
_APACHE_ONLY = "SELECT COALESCE(current_setting('timescaledb.license', true), '') = 'apache'"


def ask(connection: Connection) -> Server:
    """What this server is. Reads only."""

    try:
        row = connection.execute(text(_FACTS)).mappings().one()
    except DBAPIError as error:
        raise _unanswered(error) from error
    installed = Version.parse(row["installed"]) if row["installed"] else None
    edition = None
    if row["preloaded"] and installed:
        edition = _installed_edition(connection)
    elif row["preloaded"] and row["available"]:
        edition = _available_edition(connection, row["available"])
    return Server(
        database=row["database"],
        postgres=Version(row["postgres"] // 10000, row["postgres"] % 10000),
        timescale=Timescale(
            available=Version.parse(row["available"]) if row["available"] else None,
            installed=installed,
            preloaded=row["preloaded"],
            edition=edition,
            trusted=row["trusted"],
        ),
        role=Role(
            name=row["role"],
            superuser=row["superuser"],
            login=row["login"],
            owns_database=row["owns_database"],
            may_create=row["may_create"],
        ),
        memory=Memory(
            shared_buffers=row["shared_buffers"],
            work_mem=row["work_mem"],
            maintenance_work_mem=row["maintenance_work_mem"],
            effective_cache_size=row["effective_cache_size"],
        ),
        locks=Locks(
            max_locks_per_transaction=row["max_locks_per_transaction"],
            max_connections=row["max_connections"],
            max_prepared_transactions=row["max_prepared_transactions"],
        ),
        read_only=row["read_only"],
    )


def _installed_edition(connection: Connection) -> Edition:

    try:
        community = connection.execute(text("SELECT _timescaledb_functions.tsl_loaded()")).scalar_one()
    except DBAPIError as error:
        raise _unanswered(error) from error
    return Edition.COMMUNITY if community else Edition.APACHE


def _available_edition(connection: Connection, version: str) -> Edition | None:

    community = has_library(connection, f"timescaledb-tsl-{version}")
    if community is None:
        return None
    apache_only = connection.execute(text(_APACHE_ONLY)).scalar_one()
    return Edition.COMMUNITY if community and not apache_only else Edition.APACHE


def has_library(connection: Connection, library: str) -> bool | None:
    """Whether the server has a library of this name on its disk. None: this role may not look."""
    if not connection.execute(text(_MAY_READ_FILES)).scalar_one():
        return None
    return bool(connection.execute(text(_LIBRARY), {"library": library}).scalar_one())


def _unanswered(error: DBAPIError) -> BlockedError:
    """A server that accepts the connection and cannot plan a query: usually TimescaleDB's files were replaced."""
    says = reason_given(error)
    if sqlstate(error) == "58P01" and "timescaledb" in says:
        return BlockedError(
            f"this database uses a TimescaleDB version whose files are no longer on the server: {says}",
            mend="ALTER EXTENSION timescaledb UPDATE as the first statement of a new session (psql -X), or "
            "install that version's package again",
        )
    if "version mismatch" in says:
        return BlockedError(
            f"this session has loaded the library of another TimescaleDB than the database has: {says}",
            mend="end this session and, with it, those of the connection pool that began before the extension was "
            "updated; a new one loads the right library",
        )
    return BlockedError(f"the server cannot answer a plain query: {says}", mend="see the server's log")
