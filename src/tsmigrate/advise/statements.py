"""What the statements in pg_stat_statements do with the columns of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate.advise.evidence import Kind, Missing, Table, Use
from tsmigrate.catalog.relation import Relation
from tsmigrate.lint.sql import native
from tsmigrate.lint.sql.native import ParseError
from tsmigrate.lint.sql.nodes import opened, strings, walk
from tsmigrate.sql import raw

MOST = 5_000
"""The most called; the others hardly count."""
LONGEST = 50_000  # characters: a longer one is a list of values
_HIDDEN = "<insufficient privilege>"

_VIEW = """
SELECT format('%I.pg_stat_statements', n.nspname) AS view
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements' AND has_schema_privilege(n.oid, 'USAGE')
"""
_STATEMENTS = """
SELECT query, sum(calls)::bigint AS calls FROM {view}
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND length(query) < {longest}
GROUP BY query ORDER BY 2 DESC LIMIT {most}
"""
_RANGES = frozenset({"<", ">", "<=", ">="})


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    calls: int


def read_statements(connection: Connection) -> tuple[list[Statement], Missing | None]:
    """The statements of this database; or none, and why."""
    view = connection.execute(raw(_VIEW)).scalar_one_or_none()
    if view is None:
        return [], Missing(
            "pg_stat_statements is not installed here", "preload its library, and CREATE EXTENSION pg_stat_statements"
        )
    try:
        with connection.begin_nested():
            rows = connection.execute(raw(_STATEMENTS.format(view=view, most=MOST, longest=LONGEST))).all()
    except DBAPIError:  # 55000: its library is not preloaded; 42501: not for us
        return [], Missing(
            "pg_stat_statements cannot be read", "preload its library, and GRANT pg_read_all_stats to this role"
        )
    seen = [Statement(row.query, row.calls) for row in rows if row.query and row.query != _HIDDEN]
    if not seen:
        return [], Missing("pg_stat_statements shows this role no statement", "GRANT pg_read_all_stats to it")
    return seen, None


def uses(statements: Sequence[Statement], tables: Iterable[Table]) -> tuple[Use, ...]:
    """What all of them do, summed."""
    names = _Names.of(tables)
    counted: Counter[tuple[int, str, Kind]] = Counter()
    for statement in statements:
        try:
            trees = native.parse(statement.sql.encode())
        except ParseError:  # cut off, or of a newer PostgreSQL
            continue
        for tree in trees:
            for use in set(_read(tree["stmt"], names)):
                counted[use] += statement.calls
    return tuple(Use(table, column, kind, calls) for (table, column, kind), calls in sorted(counted.items()))


@dataclass(frozen=True)
class _Names:
    full: Mapping[Relation, Table]
    bare: Mapping[str, Table | None]  # None: several schemas have it

    @classmethod
    def of(cls, tables: Iterable[Table]) -> _Names:
        full, bare = {}, dict[str, Table | None]()
        for table in tables:
            full[table.relation] = table
            bare[table.relation.name] = None if table.relation.name in bare else table
        return cls(full, bare)

    def find(self, node: Any) -> Table | None:
        if node.get("schemaname"):
            return self.full.get(Relation(node["schemaname"], node.get("relname", "")))
        return self.bare.get(node.get("relname", ""))


def _read(statement: Any, names: _Names) -> Iterator[tuple[int, str, Kind]]:
    aliases = _aliases(statement, names)
    if not aliases:
        return
    kind, body = opened(statement)
    deleted = names.find(body["relation"]) if kind == "DeleteStmt" else None
    if kind in ("UpdateStmt", "InsertStmt"):
        yield from _assigned(body, names)
    for inner, node in walk(statement):
        if inner == "A_Expr":
            for table, column, compared in _compared(node, aliases):
                ranged = compared is Kind.RANGE
                yield table.oid, column, Kind.DELETE if ranged and table is deleted else compared
        elif inner == "SelectStmt" and "limitCount" in node:
            for sort in node.get("sortClause", ())[:1]:
                if found := _column(sort["SortBy"]["node"], aliases):
                    yield found[0].oid, found[1], Kind.ORDER


def _aliases(statement: Any, names: _Names) -> dict[str, Table]:
    """What the names before a dot mean. One that means several tables means none."""
    found: dict[str, Table | None] = {}
    nodes = [node for kind, node in walk(statement) if kind == "RangeVar"]
    body = opened(statement)[1]
    if isinstance(body.get("relation"), dict):  # of UPDATE, DELETE and INSERT: not wrapped in its kind
        nodes.append(body["relation"])
    for node in nodes:
        table = names.find(node)
        if table is not None:
            alias = node.get("alias", {}).get("aliasname") or node["relname"]
            found[alias] = table if found.get(alias, table) is table else None
    return {alias: table for alias, table in found.items() if table is not None}


def _assigned(body: Any, names: _Names) -> Iterator[tuple[int, str, Kind]]:
    table = names.find(body["relation"])
    targets = body.get("targetList", ()) if "cols" not in body else ()
    for target in [*targets, *body.get("onConflictClause", {}).get("targetList", ())]:
        name = target["ResTarget"].get("name")
        if table is not None and name:
            yield table.oid, name, Kind.ASSIGN


def _compared(node: Any, aliases: Mapping[str, Table]) -> Iterator[tuple[Table, str, Kind]]:
    """Columns that are compared with something other than a column: that would be a join."""
    kind = _KINDS.get(node.get("kind", ""), "")
    operator = (strings(node.get("name")) or [""])[-1]
    ranged = kind == "between" or operator in _RANGES
    if not (ranged or (kind and operator == "=")):
        return
    left, right = node.get("lexpr", {}), node.get("rexpr", {})
    for side, other in ((left, right), (right, left)):
        if isinstance(side, dict) and isinstance(other, (dict, list)) and "ColumnRef" not in other:
            found = _column(side, aliases)
            if found:
                yield *found, Kind.RANGE if ranged else Kind.EQUAL


_KINDS = {"AEXPR_OP": "operator", "AEXPR_IN": "in", "AEXPR_OP_ANY": "any", "AEXPR_BETWEEN": "between"}


def _column(node: Any, aliases: Mapping[str, Table]) -> tuple[Table, str] | None:
    if "ColumnRef" not in node:
        return None
    path = strings(node["ColumnRef"].get("fields"))
    if len(path) > 1:
        table = aliases.get(path[-2])
        return (table, path[-1]) if table and table.column(path[-1]) else None
    having = {table.oid: table for table in aliases.values() if table.column(path[0])}
    return (next(iter(having.values())), path[0]) if len(having) == 1 else None
