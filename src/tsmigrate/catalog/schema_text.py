"""The schema as pg_dump writes it, without what differs from one run to the next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection

from tsmigrate.capability import Version
from tsmigrate.catalog import dump, extension
from tsmigrate.catalog.ids import Ids
from tsmigrate.catalog.order import by_name
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.sql import identifier, raw
from tsmigrate.url import DatabaseUrl

VERSION_TABLE = "alembic_version"
LOCK_WAIT_SECONDS = 60

_VARYING = ("-- Dumped from database version ", "-- Dumped by pg_dump version ", "\\restrict ", "\\unrestrict ")

_CHUNKS_ELSEWHERE = r"""
SELECT associated_schema_name AS schema, associated_table_prefix AS prefix FROM _timescaledb_catalog.hypertable
WHERE associated_schema_name NOT LIKE '\_timescaledb%'
"""
_CHUNKS_ATTACHED = r"""
SELECT n.nspname AS schema, c.relname AS name
FROM _timescaledb_catalog.hypertable h
JOIN pg_inherits i ON i.inhparent = to_regclass(format('%I.%I', h.schema_name, h.table_name))
JOIN pg_class c ON c.oid = i.inhrelid AND c.relname !~ '_[0-9]+_chunk$'
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE '\_timescaledb%'
ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Known:
    """What is asked of a database before its schema is dumped."""

    ids: Ids
    chunks: tuple[str, ...]  # pg_dump's patterns of those that are kept in a schema of the user's

    @classmethod
    def of(cls, connection: Connection, pg_dump: str) -> Known:
        """Refuses a `pg_dump` that is older than the server."""
        _refuse_older(pg_dump, connection)
        return cls(Ids.of(connection), tuple(_chunks_elsewhere(connection)))


def schema_text(database: DatabaseUrl, pg_dump: str, known: Known, *, version_table: str = VERSION_TABLE) -> str:
    """Byte for byte what `pg_dump --schema-only` says of the user's schemas, but for

    - `version_table`, Alembic's, in any schema: every revision changes it
    - the lines with versions, and the random key of `\\restrict`
    - TimescaleDB's own schemas, and the chunks that it made elsewhere or that were attached, which are data
    - TimescaleDB's numbers in definitions, which names replace
    - the order of the objects, which is by name where there is a hypertable (see `order`)

    `pg_dump` is the program to run.
    """
    arguments = [
        "--schema-only",
        f"--lock-wait-timeout={LOCK_WAIT_SECONDS * 1000}",
        "--exclude-schema=_timescaledb*",
        f"--exclude-table=*.{identifier(version_table)}",
        *(f"--exclude-table={pattern}" for pattern in known.chunks),
    ]
    text = known.ids.named(without_varying_lines(dump.of(database, pg_dump, arguments)))
    return by_name(text) if known.ids.names else text


def _refuse_older(pg_dump: str, connection: Connection) -> None:
    number = int(connection.execute(raw("SHOW server_version_num")).scalar_one())
    server = Version(number // 10000, number % 10000)
    program = _version(pg_dump)
    if program.major < server.major:
        raise BlockedError(
            f"{pg_dump} is of PostgreSQL {program.major} and the server of {server.major}: "
            "an older pg_dump does not know all of a newer server's schema",
            mend=f"name the pg_dump of PostgreSQL {server.major} or later",
        )


@cache
def _version(pg_dump: str) -> Version:
    says = dump.run([pg_dump, "--version"])
    found = re.search(r"\(PostgreSQL\) (\d+\S*)", says)
    if not found:
        raise UsageError(f"{pg_dump} is not PostgreSQL's pg_dump: it calls itself {says.strip()!r}")
    return Version.parse(found[1])


def _chunks_elsewhere(connection: Connection) -> list[str]:
    """What matches the chunks that are kept in a schema of the user's, as pg_dump's patterns."""
    if not extension.is_created(connection):
        return []
    made = connection.execute(raw(_CHUNKS_ELSEWHERE))
    attached = connection.execute(raw(_CHUNKS_ATTACHED))
    return [
        *(f"{identifier(row.schema)}.{identifier(row.prefix)}_*_chunk" for row in made),
        *(f"{identifier(row.schema)}.{identifier(row.name)}" for row in attached),
    ]


def without_varying_lines(text: str) -> str:
    """`text` without them: they stand before its first statement and at its end, never between."""
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.startswith("SET ")), 0)
    last = max(first, len(lines) - 3)  # "\\unrestrict …", then one or two line ends
    head, body, tail = lines[:first], lines[first:last], lines[last:]
    return "\n".join([*_constant(head), *body, *_constant(tail)])


def _constant(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if not line.startswith(_VARYING)]
