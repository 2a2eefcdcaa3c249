"""A checksum of a table's rows that knows no order: equal in a plain table, a hypertable and the columnstore.

It is the sum of one 64-bit hash a row, so it is made by one scan without a sort, in parallel where the server likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.session import fixed_settings
from tsmigrate.connect import reason_given, sqlstate
from tsmigrate.errors import BlockedError, TsmigrateError, UsageError
from tsmigrate.sql import identifier, qualified, raw

# Types for which the hash operator class calls two values equal only when nothing at all differs. Of the others, some
# have no hash (point, json, xml, a composite that holds one), and some hash different values alike: numeric 1.0 and
# 1.00, interval '1 month' and '30 days', float -0 and 0, text under a nondeterministic collation, arrays of another
# shape, enums by an OID that a restore changes. Those are hashed as the text that pg_dump would write.
HASHED_AS_THEY_ARE = frozenset(
    {"bool", "int2", "int4", "int8", "oid", "bytea", "uuid", "inet", "cidr", "macaddr"}
    | {"date", "time", "timetz", "timestamp", "timestamptz"}
)

# In the order of the table; a dropped column is none of them, and neither is one computed when read (attgenerated v).
_COLUMNS = text("""
SELECT a.attname, t.typname = ANY (:hashed) AND t.typnamespace = 'pg_catalog'::regnamespace AS hashed
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = :relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated IN ('', 's')
ORDER BY a.attnum
""")
_FIND = text("""
SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(:name)
""")


@dataclass(frozen=True)
class Rows:
    """How many, and the sum of their hashes."""

    count: int
    checksum: int


def of_table(
    connection: Connection, table: str, schema: str | None = None, columns: Sequence[str] | None = None
) -> Rows:
    """The rows of a table, or view: all of them, or an error.

    `columns` are hashed in the order given; by default all that are stored, generated ones included, in the order of
    the table. The same values of other types can give another checksum.
    """
    query = raw(select(connection, table, schema, columns))
    with fixed_settings(connection):
        try:
            count, checksum = connection.execute(query).one()
        except DBAPIError as error:
            raise _explained(qualified(table, schema), error) from error
    return Rows(count=count, checksum=int(checksum))


def select(connection: Connection, table: str, schema: str | None = None, columns: Sequence[str] | None = None) -> str:
    """The query behind `of_table`, for a block that has to run it on the server.

    It gives the same only under the settings of `session.FIXED`, unless every column is hashed as it is.
    """
    relation, found = _find(connection, table, schema)
    expressions = _expressions(connection, relation)
    if missing := [column for column in columns or () if column not in expressions]:
        raise UsageError(
            f"{found} stores no column {', '.join(map(identifier, missing))}",
            mend=f"its columns are {', '.join(map(identifier, expressions))}",
        )
    chosen = [expressions[column] for column in (expressions if columns is None else columns)]
    # sum(bigint) is a numeric: it cannot overflow.
    row = f"hash_record_extended(ROW({', '.join(chosen)}), 0)"
    return f"SELECT count(*), coalesce(sum({row}), 0) FROM {found}"


def _find(connection: Connection, table: str, schema: str | None) -> tuple[int, Relation]:
    """The table's OID, and its name in full: without a schema it is the caller's search_path that finds it."""
    name = qualified(table, schema)
    found = connection.execute(_FIND, {"name": name}).one_or_none()
    if found is None:
        raise UsageError(f"there is no table {name}", mend="check the name and its schema; names are case-sensitive")
    return found[0], Relation(schema=found[1], name=found[2])


def _expressions(connection: Connection, relation: int) -> dict[str, str]:
    """Each column of the table, as it enters the hash."""
    found = connection.execute(_COLUMNS, {"relation": relation, "hashed": list(HASHED_AS_THEY_ARE)})
    return {
        column: identifier(column) if hashed else f'{identifier(column)}::text COLLATE "C"' for column, hashed in found
    }


_WHY = {
    "42501": ("this role may not see all of its rows", "use its owner, or a role with SELECT and BYPASSRLS"),
    "53200": ("the server's lock table is too small for its chunks", "raise max_locks_per_transaction and restart"),
}


def _explained(name: str, error: DBAPIError) -> TsmigrateError:
    says = reason_given(error)
    why, mend = _WHY.get(sqlstate(error), ("the server stopped", "see the server's log"))
    return BlockedError(f"cannot checksum {name}: {why} ({says})", mend=mend)
