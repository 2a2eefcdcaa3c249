"""The catalog of a running server: hypertables and continuous aggregates, all columns, views and functions."""

from __future__ import annotations

from tsmigrate import capability, connect
from tsmigrate.catalog import extension
from tsmigrate.lint.known import Function, Hypertable, Known, Name, View
from tsmigrate.lint.sql import native
from tsmigrate.lint.sql.functions import type_name
from tsmigrate.lint.sql.native import ParseError
from tsmigrate.lint.target import Release, Target
from tsmigrate.sql import raw
from tsmigrate.url import DatabaseUrl

_OURS = r"nspname NOT LIKE 'pg\_%' AND nspname NOT LIKE '\_timescaledb%' AND nspname <> 'information_schema'"
_COLUMNS = f"""
SELECT nspname, relname, attname, format_type(atttypid, NULL)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute a ON attrelid = c.oid
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 AND NOT attisdropped AND {_OURS}
ORDER BY c.oid, attnum
"""
_DIMENSIONS = """
SELECT hypertable_schema, hypertable_name, column_name, dimension_number, integer_now_func
FROM timescaledb_information.dimensions ORDER BY 1, 2, dimension_number
"""
_AGGREGATES = """
SELECT ca.view_schema, ca.view_name, d.column_name
FROM timescaledb_information.continuous_aggregates ca
JOIN timescaledb_information.dimensions d ON d.hypertable_schema = ca.materialization_hypertable_schema
    AND d.hypertable_name = ca.materialization_hypertable_name AND d.dimension_number = 1
"""
_NO_EXTENSION = (
    "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {0}.oid AND d.classid = '{1}'::regclass AND deptype = 'e')"
)
_VIEWS = f"""
SELECT nspname, relname, pg_get_viewdef(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'v' AND {_OURS} AND {_NO_EXTENSION.format("c", "pg_class")}
"""
_FUNCTIONS = f"""
SELECT nspname, proname, provolatile, format_type(prorettype, NULL)
FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE prokind = 'f' AND {_OURS} AND {_NO_EXTENSION.format("p", "pg_proc")}
"""
_VOLATILITY = {"i": "immutable", "s": "stable", "v": "volatile"}


def learn(database: DatabaseUrl, known: Known) -> None:
    source = str(database)
    with connect.connection(database) as connection:
        for schema, table, column, type_ in connection.execute(raw(_COLUMNS)):
            known.tables.setdefault(Name(schema, table), {})[column] = type_name(type_)
        for schema, function, volatility, returns in connection.execute(raw(_FUNCTIONS)):
            name = Name(schema, function)
            known.functions[name] = Function(name, _VOLATILITY.get(_text(volatility), "volatile"), type_name(returns))
        for schema, view, definition in connection.execute(raw(_VIEWS)):
            _view(Name(schema, view), definition, known)
        if not extension.is_created(connection):
            return
        for schema, table, column, number, now_function in connection.execute(raw(_DIMENSIONS)):
            _dimension(Name(schema, table), column, number, now_function, known=known, source=source)
        for schema, view, column in connection.execute(raw(_AGGREGATES)):
            name = Name(schema, view)
            known.views.pop(name, None)
            columns = known.tables.get(name, {})
            known.hypertables[name] = Hypertable(
                name, column, columns.get(column, "timestamptz"), tuple(columns), source=source
            )


def target(database: DatabaseUrl) -> Target | None:
    """The version to judge for: the server's own. None: it has no TimescaleDB."""
    with connect.connection(database) as connection:
        server = capability.ask(connection)
    installed = server.timescale.installed
    return Target(server.postgres.major, Release(installed.major, installed.minor)) if installed else None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _dimension(name: Name, column: str, number: int, now_function: str | None, *, known: Known, source: str) -> None:
    columns = known.tables.get(name, {})
    if number == 1:
        type_ = columns.get(column, "timestamptz")
        known.hypertables[name] = Hypertable(name, column, type_, tuple(columns), (), now_function, source)
    elif (found := known.hypertables.get(name)) is not None:
        known.hypertables[name] = Hypertable(
            name, found.column, found.type, found.columns, (*found.dimensions, column), found.now_function, source
        )


def _view(name: Name, definition: str, known: Known) -> None:
    try:
        [statement] = native.parse(definition.encode())
    except (ParseError, ValueError):
        return
    known.views[name] = View(name, statement["stmt"], search_path=())
