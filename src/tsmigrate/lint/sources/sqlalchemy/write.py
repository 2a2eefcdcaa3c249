"""What SQLAlchemy's calls ask for, written as the SQL that they become.

Read from the source without running it, so at low confidence. What cannot be followed stands for anything.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from tsmigrate.lint.learn.relationships import called
from tsmigrate.lint.sources.literals import Text
from tsmigrate.lint.sources.sqlalchemy import related
from tsmigrate.lint.sources.sqlalchemy.chain import chain, is_query
from tsmigrate.lint.sources.sqlalchemy.query import ByKey, Entity, Joined, Query, Reader
from tsmigrate.lint.sources.sqlalchemy.sets import makes_set

_COMPARISONS = {ast.Eq: "=", ast.NotEq: "<>", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_HARMLESS = frozenset({"desc", "asc", "label", "nulls_first", "nullsfirst"})
_DEEPEST = 20  # names that stand for expressions that stand for …


class Writer:
    """`place` tells where in the file a node begins."""

    def __init__(self, reader: Reader, place: Callable[[ast.expr], int]) -> None:
        self.reader = reader
        self.place = place
        self.depth = 0

    def statement(self, query: Query) -> Text:
        made = Text()
        if query.parts:
            self._set(query, made)
            return made
        entity, node = query.first or (Entity(""), ast.Constant(""))
        start = self.place(node)
        joined = {one.entity.name for one in query.joins}
        others = [one for one in query.tables.values() if one.name not in joined and one.name != entity.name]
        is_select = query.verb in ("SELECT", "EXISTS")
        if is_select:
            made.put(b"SELECT " + (b"DISTINCT " if query.distinct else b""), start)
            if query.counts:
                made.put(b"count(*)", start)
            else:
                self._list(query.columns, query, made, start, b"*")
            made.put(b" FROM ", start)
        else:
            made.put(b"UPDATE " if query.verb == "UPDATE" else b"DELETE FROM ", start)
        self._from(entity, made, start)
        if query.verb == "UPDATE":
            made.put(b" SET x = 1", start)
        for number, other in enumerate(others):
            word = b" FROM " if query.verb == "UPDATE" else b" USING "
            made.put(b", " if is_select or number else word, start)
            self._from(other, made, start)
        for one in query.joins:
            self._join(one, query, made)
        self._where(query, made, start)
        if query.groups:
            made.put(b" GROUP BY ", start)
            self._list(query.groups, query, made, start, b"1")
        if query.order and is_select:
            made.put(b" ORDER BY ", start)
            self._list(query.order, query, made, start, b"1")
        if query.limited:
            made.put(b" LIMIT 1", start)
        return made

    def _set(self, query: Query, made: Text) -> None:
        """Statements put together, and the order of the whole by the names of its columns."""
        place = self.place(query.first[1]) if query.first else 0
        for number, part in enumerate(query.parts):
            made.put(f" {query.word} (".encode() if number else b"(", place)
            made.join(self.statement(part))
            made.put(b")", place)
        for number, node in enumerate(query.order):
            made.put(b", " if number else b" ORDER BY ", place)
            made.put(self._ordered(node, query.parts[0]), place)
        if query.limited:
            made.put(b" LIMIT 1", place)

    def _ordered(self, node: ast.expr, part: Query) -> bytes:
        """ORDER BY of a whole union: a column's bare name; what is no column is of no use to stop early."""
        down = b""
        if isinstance(node, ast.Call) and called(node) in ("desc", "asc"):
            down = b" DESC" if called(node) == "desc" else b""
            node = node.args[0] if node.args else getattr(node.func, "value", node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            return f'"{node.value}"'.encode() + down
        column = self._named_column(node, part)
        if column is None and isinstance(node, ast.Attribute):  # union.selected_columns.at
            column = ("", node.attr)
        return f'"{column[1]}"'.encode() + down if column else b"NULL"

    def _from(self, entity: Entity, made: Text, place: int) -> None:
        if entity.derived is not None:
            made.put(b"(", place)
            made.join(self.statement(entity.derived))
            made.put(b")", place)
        elif entity.model is not None:
            made.put('"{}"."{}"'.format(*entity.model.table).encode(), place)
        made.put(f' AS "{entity.name}"'.encode(), place)

    def _join(self, one: Joined, query: Query, made: Text) -> None:
        place = self.place(one.node)
        made.put(f" {one.kind} ".encode(), place)
        way = related.joins(one, query, self.reader.models) if one.on is None else None
        if way is not None and len(way) > 1:  # the table between is joined to the target first
            made.put(b"(", place)
            self._from(way[0].entity, made, place)
            made.put(b" JOIN ", place)
            self._from(way[1].entity, made, place)
            made.put(f" ON {way[1].on}) ON {way[0].on}".encode(), place)
            return
        self._from(one.entity, made, place)
        made.put(b" ON ", place)
        if one.on is not None:
            self._condition(one.on, query, made)
        else:
            made.put(related.implied(one, query), place)

    def _where(self, query: Query, made: Text, start: int, word: bytes = b" WHERE ") -> None:
        for condition in query.conditions:
            made.put(word, start)
            if isinstance(condition, ByKey):
                made.put(f'"{condition.entity.name}"."{condition.column}" = $1'.encode(), self.place(condition.node))
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

    def _subquery(self, node: ast.expr, query: Query) -> Text | None:
        """A query in an expression, written where it stands or bound to a name before. None: it is none."""
        if isinstance(node, ast.Name):
            made = query.names.grown(node.id, node.lineno)
        else:
            made = chain(node) if isinstance(node, ast.Call) and is_query(node) else None
        if made is None or not (makes_set(made) or made.has("select", "query", "exists")):
            return None
        first = made.links[0]
        if first.name == "exists" and first.args and isinstance(first.args[0], ast.Call):
            made = chain(first.args[0])
        inner = self.reader.any_query(made, query.names, query)
        return self.statement(inner) if inner is not None else None

    def _bound(self, node: ast.expr, query: Query) -> ast.expr | None:
        """The expression that a name stands for."""
        if not isinstance(node, ast.Name) or self.depth > _DEEPEST:
            return None
        found = query.names.value(node.id, node.lineno)
        return found if isinstance(found, (ast.Compare, ast.Call, ast.BinOp, ast.Attribute)) else None

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
        elif (about := related.asked(node, query, self.reader)) is not None:
            self._asked(*about, made, place)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and self._is_column(node.func.value, query)
        ):
            self._method(node, node.func, query, made)
        elif (inner := self._subquery(node, query)) is not None:
            made.put(b"EXISTS (", place)
            made.join(inner)
            made.put(b")", place)
        elif (known := self._bound(node, query)) is not None:
            self.depth += 1
            self._condition(known, query, made)
            self.depth -= 1
        else:
            made.put(b"$1", place)  # anything

    def _asked(self, inner: Query, way: tuple[related.Step, ...], made: Text, place: int) -> None:
        """EXISTS, as .any() and .has() ask."""
        made.put(b"EXISTS (SELECT 1 FROM ", place)
        for number, step in enumerate(way):
            made.put(b", " if number else b"", place)
            self._from(step.entity, made, place)
        made.put(" WHERE {}".format(" AND ".join(step.on for step in way)).encode(), place)
        self._where(inner, made, place, b" AND ")
        made.put(b")", place)

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
            inner = self._subquery(node.args[0], query) if node.args else None
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
        entity = query.entity(self.reader.name_of(owner))
        return (entity.name, entity.column(node.attr)) if entity else None

    def _value(self, node: ast.expr, query: Query, made: Text) -> None:
        place = self.place(node)
        column = self._named_column(node, query)
        if column is not None:
            made.put('"{}"."{}"'.format(*column).encode(), place)
        elif (inner := self._subquery(node, query)) is not None:
            made.put(b"(", place)
            made.join(inner)
            made.put(b")", place)
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
