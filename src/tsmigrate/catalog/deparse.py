"""A query as the server writes it: two that say the same in other words of layout come out as one text."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate.catalog.session import fixed_settings
from tsmigrate.connect import reason_given, sqlstate
from tsmigrate.errors import UsageError
from tsmigrate.sql import raw

_VIEW = "tsmigrate_deparsed"
_DEFINITION = text(f"SELECT pg_get_viewdef('pg_temp.{_VIEW}'::regclass)")
_COLUMNS = text(f"""
SELECT quote_ident(attname), format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'pg_temp.{_VIEW}'::regclass AND attnum > 0 ORDER BY attnum
""")


@dataclass(frozen=True)
class Deparsed:
    definition: str
    columns: tuple[tuple[str, str], ...]  # each name, quoted where it has to be, with its type


def deparsed(connection: Connection, query: str, place: str) -> Deparsed | None:
    """None where it names columns or tables that are not there (yet). `place` says whose query it is.

    A temporary view is made of it and rolled back: only so does PostgreSQL write a query.
    """
    savepoint = connection.begin_nested()
    try:
        connection.execute(raw(f"CREATE TEMPORARY VIEW {_VIEW} AS\n{query}"))
        with fixed_settings(connection):
            definition: str = connection.execute(_DEFINITION).scalar_one()
            columns = tuple((name, kind) for name, kind in connection.execute(_COLUMNS))
        return Deparsed(without_end(definition), columns)
    except DBAPIError as error:
        if sqlstate(error) in _NOT_THERE:
            return None
        said = reason_given(error)
        raise UsageError(f"{place} is refused by the server: {said}", mend="correct the query in the model") from error
    finally:
        savepoint.rollback()


def without_end(definition: str) -> str:
    return definition.rstrip("; \n")


# undefined_table, undefined_column, undefined_function, invalid_schema_name
_NOT_THERE = {"42P01", "42703", "42883", "3F000"}
