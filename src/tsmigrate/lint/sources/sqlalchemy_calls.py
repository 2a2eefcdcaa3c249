"""SQLAlchemy's expressions as SQL: `select(M).where(M.id == x)` is written as the statement that it will become.

Read from the source without running it, so at low confidence. What cannot be followed stands for anything, and a
statement that is extended elsewhere is not judged.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tsmigrate.lint.learn.models import Model, called
from tsmigrate.lint.sources.literals import Text
from tsmigrate.lint.sources.program import Program, statements_of

_STARTS = frozenset({"select", "update", "delete", "query", "get"})
_COMPARISONS = {ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_FILTERS = frozenset({"where", "filter", "having"})
_FIRST = frozenset({"first"})
_ENDS = frozenset(
    {"all", "one", "one_or_none", "scalar", "scalars", "count", "delete", "update", "first", "get", "values"}
)
_EXTENDS = frozenset({"where", "filter", "filter_by", "join", "outerjoin", "limit", "having"})
# What these make is a part of a statement that is written elsewhere.
_PARTS = frozenset(
    {"subquery", "cte", "alias", "exists", "scalar_subquery", "correlate", "lateral", "as_scalar", "union", "union_all"}
)
_HARMLESS = {"desc", "asc", "label", "nulls_first", "nullsfirst"}


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class _AnythingError(Exception):
    """A part that only running the code would tell."""


@dataclass
class Query:
    """A statement being read: its tables by the name that the code has for them."""

    verb: str = "SELECT"
    tables: dict[str, Model] = field(default_factory=dict)
    joins: list[tuple[str, Model, ast.expr | None, ast.expr]] = field(default_factory=list)
    conditions: list[ast.expr | tuple[str, str, ast.expr]] = field(default_factory=list)
    columns: list[ast.expr] = field(default_factory=list)
    order: list[ast.expr] = field(default_factory=list)
    groups: list[ast.expr] = field(default_factory=list)
    distinct: bool = False
    limited: bool = False
    unknown: bool = False
    first: tuple[str, ast.expr] | None = None


class Calls:
    """The statements in one file. `place` tells where in the file a node begins."""

    def __init__(self, models: Mapping[str, Model], place: Callable[[ast.expr], int]) -> None:
        self.models = models
        self.place = place

    def statement(self, links: list[tuple[str, ast.Call]], root: ast.expr) -> Text | None:
        """The SQL of a chain of calls. None: it is none, or says nothing of a known table."""
        names = {name for name, _ in links}
        if names & _PARTS or not (names & _STARTS or (isinstance(root, ast.Name) and root.id in self.models)):
            return None
        query = Query()
        try:
            model = self._model(root)
            started = model is not None
            if model is not None:  # Model.query.filter(…)
                self._enter(query, root, model)
            for name, call in links:
                if started:
                    self._link(query, name, call)
                else:
                    started = self._start(query, name, call)
            return self._written(query) if started and query.first else None
        except _AnythingError:
            return None

    # -- reading the chain

    def _start(self, query: Query, name: str, call: ast.Call) -> bool:
        if name not in _STARTS:
            return False
        if name == "get":
            # session.get(Model, key); a dict's get names no model
            if len(call.args) < 2 or (model := self._model(call.args[0])) is None:
                raise _AnythingError
            self._enter(query, call.args[0], model)
            self._by_key(query, model, call)
            return True
        query.verb = name.upper() if name in ("update", "delete") else "SELECT"
        for argument in call.args:
            self._column(query, argument)
        if not query.tables and not query.columns:
            raise _AnythingError
        return True

    def _column(self, query: Query, node: ast.expr) -> None:
        """An argument of select(): a model, a column of one, or an expression over some."""
        model = self._model(node)
        if model is not None:
            self._enter(query, node, model)
            return
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in self.models:
                self._enter(query, inner, self.models[inner.id])
        query.columns.append(node)

    def _enter(self, query: Query, node: ast.expr, model: Model) -> None:
        if model.name not in query.tables:
            query.tables[model.name] = model
            query.first = query.first or (model.name, node)

    def _model(self, node: ast.expr) -> Model | None:
        return self.models.get(node.id) if isinstance(node, ast.Name) else None

    def _by_key(self, query: Query, model: Model, call: ast.Call) -> None:
        for key in model.keys or ("id",):
            query.conditions.append((model.name, key, call))

    def _link(self, query: Query, name: str, call: ast.Call) -> None:
        if name in _FILTERS:
            query.conditions += call.args
            query.unknown = query.unknown or any(isinstance(one, ast.Starred) for one in call.args)
        elif name == "filter_by":
            last = list(query.tables.values())[-1]
            query.conditions += [
                (last.name, last.columns.get(one.arg, one.arg), call) for one in call.keywords if one.arg
            ]
            query.unknown = query.unknown or any(one.arg is None for one in call.keywords)
        elif name in ("join", "outerjoin"):
            self._join(query, name, call)
        elif name == "select_from":
            self._column(query, call.args[0])
        elif name == "order_by":
            query.order = query.order or list(call.args)
        elif name == "group_by":
            query.groups += call.args
        elif name == "distinct":
            query.distinct = True
        elif name == "limit" or name in _FIRST:
            query.limited = True
        elif name == "get" and query.first:
            self._by_key(query, query.tables[query.first[0]], call)
        elif name == "count":
            query.columns, query.groups = [ast.Call(ast.Name("count"), [], [])], []
        elif name in ("delete", "update") and query.verb == "SELECT":
            query.verb = name.upper()

    def _join(self, query: Query, name: str, call: ast.Call) -> None:
        kind = (
            "LEFT JOIN"
            if name == "outerjoin" or any(one.arg in ("isouter", "full") for one in call.keywords)
            else "JOIN"
        )
        target = call.args[0] if call.args else None
        on = (
            call.args[1]
            if len(call.args) > 1
            else next((one.value for one in call.keywords if one.arg == "onclause"), None)
        )
        model = self._model(target) if target is not None else None
        if model is None and isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            owner = self.models.get(target.value.id)
            model = self.models.get(owner.relationships.get(target.attr, "")) if owner else None
        if model is None or target is None:
            raise _AnythingError
        query.tables.setdefault(model.name, model)
        query.joins.append((kind, model, on, target))

    # -- writing it as SQL

    def _written(self, query: Query) -> Text:
        made = Text()
        name, node = query.first or ("", ast.Constant(""))
        start = self.place(node)
        joined = {model.name for _, model, _, _ in query.joins}
        others = [model for model in query.tables.values() if model.name not in joined and model.name != name]
        if query.verb == "SELECT":
            made.put(b"SELECT " + (b"DISTINCT " if query.distinct else b""), start)
            self._list(query.columns, query, made, start, b"*")
            made.put(b" FROM ", start)
        else:
            made.put(b"UPDATE " if query.verb == "UPDATE" else b"DELETE FROM ", start)
        made.put(_named(query.tables[name]), start)
        if query.verb == "UPDATE":
            made.put(b" SET x = 1", start)
        if query.verb != "SELECT" and others:
            made.put(b" FROM " if query.verb == "UPDATE" else b" USING ", start)
            made.put(b", ".join(_named(model) for model in others), start)
        elif others:
            made.put(b"".join(b", " + _named(model) for model in others), start)
        for kind, model, on, target in query.joins:
            made.put(f" {kind} ".encode() + _named(model) + b" ON ", self.place(target))
            if on is not None:
                self._condition(on, query, made)
            else:
                made.put(self._implied(query, model), self.place(target))
        self._where(query, made, start)
        if query.groups:
            made.put(b" GROUP BY ", start)
            self._list(query.groups, query, made, start, b"1")
        if query.order and query.verb == "SELECT":
            made.put(b" ORDER BY ", start)
            self._list(query.order, query, made, start, b"1")
        if query.limited:
            made.put(b" LIMIT 1", start)
        return made

    def _where(self, query: Query, made: Text, start: int) -> None:
        word = b" WHERE "
        for condition in query.conditions:
            made.put(word, start)
            if isinstance(condition, tuple):
                table, column, node = condition
                made.put(f'"{table}"."{column}" = $1'.encode(), self.place(node))
            else:
                made.put(b"(", start)
                self._condition(condition, query, made)
                made.put(b")", start)
            word = b" AND "
        if query.unknown:
            made.put(word + b"$1", start)

    def _list(self, nodes: list[ast.expr], query: Query, made: Text, start: int, empty: bytes) -> None:
        if not nodes:
            made.put(empty, start)
        for number, node in enumerate(nodes):
            made.put(b", " if number else b"", start)
            self._value(node, query, made)

    def _implied(self, query: Query, model: Model) -> bytes:
        """The condition of a join without one: by the foreign key between the two tables. Unknown: anything."""
        for one in query.tables.values():
            for child, parent in ((one, model), (model, one)):
                for columns, table, targets in child.references:
                    if child is not parent and table in (parent.table.name, str(parent.table)):
                        pairs = zip(columns, targets, strict=True)
                        return " AND ".join(f'"{child.name}"."{a}" = "{parent.name}"."{b}"' for a, b in pairs).encode()
        return b"$1"

    def _condition(self, node: ast.expr, query: Query, made: Text) -> None:
        place = self.place(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            self._together(
                [node.left, node.right], b" AND " if isinstance(node.op, ast.BitAnd) else b" OR ", query, made
            )
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
            made.put(b"NOT (", place)
            self._condition(node.operand, query, made)
            made.put(b")", place)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
            self._value(node.left, query, made)
            made.put(f" {_COMPARISONS[type(node.ops[0])]} ".encode(), place)
            self._value(node.comparators[0], query, made)
        elif isinstance(node, ast.Call) and called(node) in ("and_", "or_") and node.args:
            self._together(node.args, b" AND " if called(node) == "and_" else b" OR ", query, made)
        elif isinstance(node, ast.Call) and called(node) == "not_" and node.args:
            made.put(b"NOT (", place)
            self._condition(node.args[0], query, made)
            made.put(b")", place)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and self._is_column(node.func.value, query)
        ):
            self._method(node, node.func, query, made)
        else:
            made.put(b"$1", place)  # anything

    def _together(self, nodes: list[ast.expr], word: bytes, query: Query, made: Text) -> None:
        for number, node in enumerate(nodes):
            made.put(word + b"(" if number else b"(", self.place(node))
            self._condition(node, query, made)
            made.put(b")", self.place(node))

    def _method(self, node: ast.Call, function: ast.Attribute, query: Query, made: Text) -> None:
        """column.in_(…), .between(…, …), .is_(None) and others."""
        place = self.place(node)
        self._value(function.value, query, made)
        if function.attr == "between" and len(node.args) == 2:
            for word, argument in zip((b" BETWEEN ", b" AND "), node.args, strict=True):
                made.put(word, place)
                self._value(argument, query, made)
        elif function.attr == "in_":
            inner = self.statement(*_chain(node.args[0])) if node.args and isinstance(node.args[0], ast.Call) else None
            made.put(b" IN (", place)
            if inner is not None:
                made.join(inner)
            else:
                made.put(b"$1, $2", place)
            made.put(b")", place)
        elif function.attr in ("is_", "is_not", "isnot"):
            made.put(b" IS NULL" if function.attr == "is_" else b" IS NOT NULL", place)
        else:
            made.put(b" LIKE $1", place)

    def _is_column(self, node: ast.expr, query: Query) -> bool:
        return self._named_column(node, query) is not None

    def _named_column(self, node: ast.expr, query: Query) -> tuple[str, str] | None:
        """`Model.attribute` or `table.c.column`."""
        if not isinstance(node, ast.Attribute):
            return None
        owner = node.value
        if isinstance(owner, ast.Attribute) and owner.attr in ("c", "columns"):
            owner = owner.value
        if isinstance(owner, ast.Name) and owner.id in self.models:
            model = self.models[owner.id]
            if model.name in query.tables:
                return model.name, model.columns.get(node.attr, node.attr)
        return None

    def _value(self, node: ast.expr, query: Query, made: Text) -> None:
        place = self.place(node)
        column = self._named_column(node, query)
        if column is not None:
            made.put('"{}"."{}"'.format(*column).encode(), place)
        elif isinstance(node, ast.Call):
            self._call(node, query, made)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
            made.put(b"(", place)
            self._value(node.left, query, made)
            made.put(b" - " if isinstance(node.op, ast.Sub) else b" + ", place)
            self._value(node.right, query, made)
            made.put(b")", place)
        elif isinstance(node, ast.UnaryOp):
            self._value(node.operand, query, made)
        else:
            made.put(b"$1", place)

    def _call(self, node: ast.Call, query: Query, made: Text) -> None:
        place, name = self.place(node), called(node)
        function = node.func
        if isinstance(function, ast.Attribute) and name in _HARMLESS:
            self._value(function.value, query, made)
            made.put(b" DESC" if name == "desc" else b"", place)
        elif (
            isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "func"
        ):
            made.put(f"{name}(".encode() if name.isidentifier() else b"f(", place)
            if name == "count" and not node.args:
                made.put(b"*", place)
            else:
                self._list(node.args, query, made, place, b"")
            made.put(b")", place)
        elif name in ("desc", "asc") and len(node.args) == 1:
            self._value(node.args[0], query, made)
            made.put(b" DESC" if name == "desc" else b"", place)
        elif name == "count" and not node.args:
            made.put(b"count(*)", place)
        elif name in ("cast", "type_coerce") and node.args:
            made.put(b"CAST(", place)
            self._value(node.args[0], query, made)
            made.put(b" AS text)", place)
        elif isinstance(function, ast.Attribute) and self._is_column(function.value, query):
            made.put(b"f(", place)
            self._value(function.value, query, made)
            made.put(b")", place)
        else:
            made.put(b"$1", place)


def _named(model: Model) -> bytes:
    return f'"{model.table.schema}"."{model.table.name}" AS "{model.name}"'.encode()


def _chain(node: ast.expr) -> tuple[list[tuple[str, ast.Call]], ast.expr]:
    """`a(…).b(…).c(…)` as its calls, first to last, and what they begin with."""
    links: list[tuple[str, ast.Call]] = []
    one = node
    while isinstance(one, ast.Call):
        links.append((called(one), one))
        one = one.func.value if isinstance(one.func, ast.Attribute) else one.func
        while isinstance(one, ast.Attribute):
            one = one.value
    return links[::-1], one


def extended(scope: ast.AST) -> frozenset[str]:
    """The names in a scope on which a statement is built further: what they hold is not all of it."""
    found = set()
    nodes = (
        node for statement in statements_of(scope) if not isinstance(statement, _SCOPES) for node in _own(statement)
    )
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _EXTENDS:
            inner: ast.expr = node.func.value
            while isinstance(inner, (ast.Call, ast.Attribute)):
                inner = inner.func if isinstance(inner, ast.Call) else inner.value
            if isinstance(inner, ast.Name):
                found.add(inner.id)
    return frozenset(found)


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement, not those of the statements in it."""
    waiting = [one for one in ast.iter_child_nodes(statement) if isinstance(one, ast.expr)]
    for expression in waiting:
        yield from ast.walk(expression)


def chains(program: Program) -> Iterator[tuple[list[tuple[str, ast.Call]], ast.expr, str, bool]]:
    """Every chain of calls: its links, its root, the function it is in, and whether it may be built further."""
    waiting: list[tuple[ast.AST, str, frozenset[str], bool]] = [(program.tree, "", extended(program.tree), False)]
    while waiting:
        node, function, grown, open_ended = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            function = f"{function}.{node.name}" if function else node.name
            grown = extended(node)
        if isinstance(node, ast.Call):
            links, root = _chain(node)
            yield links, root, function, open_ended and links[-1][0] not in _ENDS
            if not any(name in _STARTS for name, _ in links):
                inner = [one for _, call in links for one in (*call.args, *(word.value for word in call.keywords))]
                waiting += [(one, function, grown, False) for one in inner]
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        further = isinstance(node, ast.Return) or (isinstance(target, ast.Name) and target.id in grown)
        waiting += [
            (one, function, grown, further)
            for one in ast.iter_child_nodes(node)
            if not isinstance(one, (ast.stmt, ast.expr)) or program.is_relevant(one)
        ]
