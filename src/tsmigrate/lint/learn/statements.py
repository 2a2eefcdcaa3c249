"""Learns from SQL: tables with their columns, hypertables, views, continuous aggregates and functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tsmigrate.lint.known import Function, Hypertable, Known, Name, View
from tsmigrate.lint.sql import functions, native, placeholders, split
from tsmigrate.lint.sql.native import Node, ParseError
from tsmigrate.lint.sql.nodes import constant, opened, schemas, strings, walk

TELLS = re.compile(
    rb"create_hypertable|add_dimension|set_integer_now_func|attach_chunk"
    rb"|\bcreate\s+(?:or\s+replace\s+)?(?:temp\w*\s+|unlogged\s+|recursive\s+|materialized\s+)*(?:table|view|function)\b"
    rb"|\bdrop\s+table\b|\balter\s+table\b|search_path",
    re.IGNORECASE,
)
_VOLATILITY = {"immutable", "stable", "volatile"}


class Learner:
    """Reads statements in their order and fills `known`."""

    def __init__(self, known: Known, source: str) -> None:
        self.known = known
        self.source = source
        self.schema = known.search_path[0]

    def file(self, content: bytes) -> None:
        for _, text in split.statements(content):
            if TELLS.search(text):
                self.text(text)

    def text(self, text: bytes) -> None:
        """One statement, or several. What does not parse teaches nothing."""
        try:
            nodes = native.parse(text)
        except ParseError:
            try:
                text, _ = placeholders.normalised(text)
                nodes = native.parse(text)
            except ParseError:
                return
        for node in nodes:
            self.statement(node["stmt"], text)

    def statement(self, node: Node, text: bytes) -> None:
        kind, body = opened(node)
        reader = _READERS.get(kind)
        if reader is not None:
            reader(self, body)
        if kind == "DoStmt":
            from tsmigrate.lint.sql import bodies  # noqa: PLC0415 - most files define no function

            for inner in bodies.inner_statements(node, text):
                self.text(inner.text)

    def name(self, relation: Any) -> Name:
        return Name(relation.get("schemaname") or self.schema, relation.get("relname", ""))

    # -- tables

    def create_table(self, body: Any) -> None:
        name = self.name(body["relation"])
        columns: dict[str, str] = {}
        for element in body.get("tableElts", ()):
            kind, one = opened(element)
            if kind == "ColumnDef":
                columns[one["colname"]] = _type(one.get("typeName"))
            elif kind == "TableLikeClause":
                columns |= self.known.tables.get(self.name(one["relation"]), {})
        for parent in body.get("inhRelations", ()):
            columns |= self.known.tables.get(self.name(parent.get("RangeVar", {})), {})
        self.known.tables[name] = columns
        options = {one["DefElem"]["defname"]: one["DefElem"] for one in body.get("options", ())}
        column = strings([options.get("partition_column", {}).get("arg", {})])
        if "hypertable" in options:
            chosen = column[0] if column[0] != "*" else _only_time(columns)
            if chosen:
                self.hypertable(name, chosen)

    def alter_table(self, body: Any) -> None:
        columns = self.known.tables.get(self.name(body["relation"]))
        if columns is None:
            return
        for command in body.get("cmds", ()):
            one = command["AlterTableCmd"]
            _, definition = opened(one.get("def", {}))
            if one.get("subtype") == "AT_AddColumn":
                columns[definition["colname"]] = _type(definition.get("typeName"))
            elif one.get("subtype") == "AT_DropColumn":
                columns.pop(one.get("name", ""), None)
            elif one.get("subtype") == "AT_AlterColumnType":
                columns[one.get("name", "")] = _type(definition.get("typeName"))

    def rename(self, body: Any) -> None:
        if body.get("renameType") == "OBJECT_COLUMN" and "relation" in body:
            columns = self.known.tables.get(self.name(body["relation"]), {})
            if body.get("subname") in columns:
                columns[body["newname"]] = columns.pop(body["subname"])

    def drop(self, body: Any) -> None:
        for item in body.get("objects", ()):
            path = strings(item.get("List", {}).get("items"))
            if not path:
                continue
            name = Name(path[-2] if len(path) > 1 else self.schema, path[-1])
            if body.get("removeType") == "OBJECT_TABLE":
                self.known.tables.pop(name, None)
                self.known.hypertables.pop(name, None)
            elif body.get("removeType") in ("OBJECT_VIEW", "OBJECT_MATVIEW"):
                self.known.views.pop(name, None)
                self.known.hypertables.pop(name, None)

    # -- views and functions

    def create_view(self, body: Any) -> None:
        name = self.name(body["view"])
        columns = tuple(strings(body.get("aliases")))
        self.known.views[name] = View(name, body["query"], columns, self.known.search_path)

    def create_table_as(self, body: Any) -> None:
        """A continuous aggregate is a hypertable on its bucket column."""
        into = body.get("into", {})
        continuous = any(
            one["DefElem"].get("defnamespace") in ("timescaledb", "tsdb") for one in into.get("options", ())
        )
        if body.get("objtype") != "OBJECT_MATVIEW" or not continuous:
            return
        self._bucketed(self.name(into["rel"]), body["query"])

    def aggregate(self, name: Name, query: bytes) -> None:
        """A continuous aggregate by its query."""
        try:
            [statement] = native.parse(query)
        except (ParseError, ValueError):
            return
        self._bucketed(name, statement["stmt"])

    def _bucketed(self, name: Name, query: Node) -> None:
        for target in query.get("SelectStmt", {}).get("targetList", ()):
            one = target["ResTarget"]
            _, call = opened(one.get("val", {}))
            if isinstance(call, dict) and strings(call.get("funcname"))[-1:] == ["time_bucket"]:
                self.hypertable(name, one.get("name", "time_bucket"))

    def create_function(self, body: Any) -> None:
        path = strings(body.get("funcname"))
        name = Name(path[-2] if len(path) > 1 else self.schema, path[-1])
        options = {one["DefElem"]["defname"]: one["DefElem"].get("arg", {}) for one in body.get("options", ())}
        volatility = strings([options.get("volatility", {})])[0].lower()
        returns = _type(body.get("returnType"))
        chosen = volatility if volatility in _VOLATILITY else "volatile"
        self.known.functions[name] = Function(name, chosen, returns or None)

    def search_path(self, body: Any) -> None:
        if body.get("name") == "search_path":
            found = schemas(body)
            if found:
                self.schema = found[0]

    # -- TimescaleDB's own functions

    def select(self, body: Any) -> None:
        for kind, call in walk(body):
            if kind != "FuncCall":
                continue
            name = strings(call["funcname"])[-1]
            if name in _CALLS:
                names = list(_tables(call, body))
                for table in names:
                    _CALLS[name](self, Name.parse(table, self.schema), call)

    def create_hypertable(self, name: Name, call: Any) -> None:
        column = _dimension(call, "by_range")
        if column is None:
            return
        arguments = _positional(call)
        hashed = _named(call, "partitioning_column") or (_literal(arguments[2]) if len(arguments) > 3 else None)
        self.hypertable(name, column, (hashed,) if hashed else ())

    def add_dimension(self, name: Name, call: Any) -> None:
        found = self.known.hypertables.get(name)
        column = _dimension(call, "by_hash")
        if found is not None and column is not None:
            self.known.hypertables[name] = replace(found, dimensions=(*found.dimensions, column))

    def now_function(self, name: Name, call: Any) -> None:
        found = self.known.hypertables.get(name)
        arguments = call.get("args", ())
        if found is not None and len(arguments) > 1:
            self.known.hypertables[name] = replace(found, now_function=str(constant(arguments[1]) or ""))

    def hypertable(self, name: Name, column: str, dimensions: tuple[str, ...] = ()) -> None:
        type_ = self.known.tables.get(name, {}).get(column, "timestamptz")
        columns = tuple(self.known.tables[name]) if name in self.known.tables else None
        self.known.hypertables[name] = Hypertable(name, column, type_, columns, dimensions, source=self.source)


Reader = Callable[[Learner, Any], None]
_READERS: dict[str, Reader] = {
    "CreateStmt": Learner.create_table,
    "AlterTableStmt": Learner.alter_table,
    "RenameStmt": Learner.rename,
    "DropStmt": Learner.drop,
    "ViewStmt": Learner.create_view,
    "CreateTableAsStmt": Learner.create_table_as,
    "CreateFunctionStmt": Learner.create_function,
    "VariableSetStmt": Learner.search_path,
    "SelectStmt": Learner.select,
    "CallStmt": Learner.select,
}
_CALLS: dict[str, Callable[[Learner, Name, Any], None]] = {
    "create_hypertable": Learner.create_hypertable,
    "add_dimension": Learner.add_dimension,
    "set_integer_now_func": Learner.now_function,
}


def _type(node: Any) -> str:
    if not node:
        return ""
    names = strings((node.get("TypeName") or node).get("names"))
    return functions.type_name(names[-1]) if names else ""


def _only_time(columns: dict[str, str]) -> str | None:
    times = [name for name, type_ in columns.items() if type_ in ("timestamptz", "timestamp", "date")]
    return times[0] if len(times) == 1 else None


def _literal(node: Any) -> str | None:
    """A string, also one that is cast: 'messages'::regclass."""
    kind, body = opened(node)
    if kind == "TypeCast":
        return _literal(body["arg"])
    if kind == "NamedArgExpr":
        return _literal(body["arg"])
    value = constant(node)
    return value if isinstance(value, str) else None


def _named(call: Any, name: str) -> str | None:
    for argument in call.get("args", ()):
        one = argument.get("NamedArgExpr")
        if one is not None and one.get("name") == name:
            return _literal(one["arg"])
    return None


def _positional(call: Any) -> list[Any]:
    return [argument for argument in call.get("args", ()) if "NamedArgExpr" not in argument]


def _dimension(call: Any, maker: str) -> str | None:
    """The column that a call names: 'time', by_range('time', …), or by argument name."""
    for kind, inner in walk(call.get("args", [])):
        if kind == "FuncCall" and strings(inner["funcname"])[-1] in ("by_range", "by_hash"):
            return _literal(inner["args"][0]) if strings(inner["funcname"])[-1] == maker else None
    arguments = _positional(call)
    by_name = _named(call, "time_column_name") or _named(call, "column_name")
    return by_name or (_literal(arguments[1]) if len(arguments) > 1 else None)


def _tables(call: Any, statement: Any) -> Iterator[str]:
    """The tables that a call is made for: a literal, or each of an unnested list of them."""
    arguments = _positional(call)
    first = _literal(arguments[0]) if arguments else _named(call, "relation") or _named(call, "hypertable")
    if first is not None:
        yield first
        return
    for kind, body in walk(statement.get("fromClause", [])):
        if kind == "A_ArrayExpr":
            yield from (name for one in body.get("elements", ()) if (name := _literal(one)))
