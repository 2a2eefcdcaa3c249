"""FROM and WHERE: tables, views and subqueries as relations, joins as trees of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tsmigrate.lint.known import View
from tsmigrate.lint.sql import comparisons, expressions, predicates, query
from tsmigrate.lint.sql.bounds import Predicate
from tsmigrate.lint.sql.common_tables import CommonTable, read_once
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import opened, strings
from tsmigrate.lint.sql.relation import Join, Level, Relation, Tree
from tsmigrate.lint.sql.scope import ColumnSource, Context, Scope, Source, SubquerySource, TableSource, among
from tsmigrate.lint.sql.targets import call_kind, own_calls
from tsmigrate.lint.sql.values import Shape, Value, When

DEEPEST = 60
_MOST_RELATIONS = 4000  # views and common tables that double each other grow without end
_JOINS = {"JOIN_INNER": Join.INNER, "JOIN_LEFT": Join.LEFT, "JOIN_RIGHT": Join.LEFT, "JOIN_FULL": Join.FULL}


class TooDeepError(Exception):
    """A query nested more deeply than anyone writes by hand."""


def where(node: Node | None, scope: Scope, tree: Tree | None, into: list[Predicate]) -> Tree | None:
    """Read conditions into `into`; the tree, with the subqueries that became joins."""
    scope.joined = []
    into += placed(predicates.conditions(node, scope), scope)
    for joined in scope.joined:
        if tree is None:
            tree = joined.right
            into += joined.on
        else:
            joined.left = tree
            tree = joined
    scope.joined = []
    return tree


def placed(found: list[Predicate], scope: Scope) -> list[Predicate]:
    """Inside a view offsets are the view's own: they point nowhere in the statement."""
    if scope.place is not None:
        for one in found:
            one.location = -1
            one.bounds = [replace(bound, location=-1, value_location=-1) for bound in one.bounds]
            one.troubles = [replace(seen, location=-1) for seen in one.troubles]
    return found


def inner_joined(left: Tree | None, right: Tree | None) -> Tree | None:
    if left is None or right is None:
        return left or right
    return Tree(left=left, right=right)


def from_item(node: Node, scope: Scope) -> Tree | None:
    kind, body = opened(node)
    if kind == "RangeVar":
        return _range_var(body, scope)
    if kind == "JoinExpr":
        return _join(body, scope)
    if kind == "RangeSubselect":
        alias = body.get("alias", {})
        return subselect(body["subquery"], alias, scope, lateral=bool(body.get("lateral")))
    if kind == "RangeTableSample":
        return from_item(body["relation"], scope)
    return _opaque(body, scope)


def _opaque(body: Any, scope: Scope) -> Tree:
    """A function in FROM, or anything else whose rows come from elsewhere."""
    alias = body.get("alias", {}) if isinstance(body, dict) else {}
    expressions.value({"List": {"items": [body]}} if isinstance(body, dict) else None, scope)
    columns = dict.fromkeys(strings(alias.get("colnames")), "") or None
    relation = Relation(alias.get("aliasname", ""), scope.level)
    scope.level.relations.append(relation)
    scope.sources[relation.name or f"\0{len(scope.sources)}"] = TableSource(relation, columns)
    return Tree(relation)


def _range_var(body: Any, scope: Scope) -> Tree | None:
    schema, name = body.get("schemaname"), body.get("relname", "")
    alias = body.get("alias", {})
    if next(scope.context.relations) > _MOST_RELATIONS:
        raise TooDeepError
    if not schema:
        table = scope.common_table(name)
        if table is not None:
            return _common_table(table, alias or {"aliasname": name}, scope)
    context = scope.context
    hypertable = context.known.hypertable(schema, name, context.search_path)
    if hypertable is None:
        view = context.known.view(schema, name, context.search_path)
        if view is not None and context.depth < DEEPEST // 2:
            return _view(view, body, scope)
    if not body.get("inh", False):
        hypertable = None  # ONLY: the root alone, which holds no rows
    relation = Relation(alias.get("aliasname", name), scope.level, hypertable)
    relation.location = scope.place if scope.place is not None else body.get("location", 0)
    relation.through_view = scope.through_view
    scope.level.relations.append(relation)
    scope.sources[relation.name] = _renamed(
        TableSource(relation, table_columns(context, schema, name, relation)), alias
    )
    return Tree(relation)


def table_columns(context: Context, schema: str | None, name: str, relation: Relation) -> dict[str, str] | None:
    found = context.known.columns(schema, name, context.search_path)
    if found is None and relation.table and relation.table.columns:
        return {**dict.fromkeys(relation.table.columns, ""), relation.table.column: relation.table.type}
    return found


def _renamed(source: Source, alias: Any) -> Source:
    """`t AS x (a, b)`."""
    names = strings(alias.get("colnames"))
    columns = source.complete()
    if not names or columns is None:
        return source
    kept = [name for name, _ in columns][len(names) :]
    return ColumnSource({name: value for name, (_, value) in zip([*names, *kept], columns, strict=False)})


def _view(view: View, body: Any, scope: Scope) -> Tree | None:
    alias = dict(body.get("alias", {"aliasname": view.name.name}))
    if view.columns and "colnames" not in alias:
        alias["colnames"] = [{"String": {"sval": name}} for name in view.columns]
    place = scope.place if scope.place is not None else body.get("location", 0)
    context = replace(scope.context, search_path=view.search_path, variables=frozenset())
    inner = Scope(context, scope.level, place=place, through_view=scope.through_view or str(view.name))
    return subselect(view.query, alias, scope, inner=inner)


def _common_table(table: CommonTable, alias: Any, scope: Scope) -> Tree | None:
    if table.columns and "colnames" not in alias:
        alias = {**alias, "colnames": [{"String": {"sval": name}} for name in table.columns]}
    if table.inlined and not table.reading:
        inner = Scope(scope.context, scope.level, outer=table.scope.outer, enclosing=table.scope)
        inner.place, inner.through_view = table.scope.place, table.scope.through_view
        return subselect(table.node, alias, scope, inner=inner)
    if table.reading:
        relation = Relation(alias.get("aliasname", table.name), scope.level)
        scope.level.relations.append(relation)
        scope.sources[relation.name] = TableSource(relation, None)
        return Tree(relation)
    return _kept(read_once(table), alias, scope)


def subselect(
    node: Node, alias: Any, scope: Scope, *, lateral: bool = False, inner: Scope | None = None
) -> Tree | None:
    """A subquery in FROM: pulled up into this level where the planner does, else a relation with a level of its own."""
    body = node.get("SelectStmt", {})
    if inner is None:
        inner = Scope(scope.context, scope.level, outer=scope if lateral else scope.outer, enclosing=scope)
        inner.place, inner.through_view = scope.place, scope.through_view
    rows = body.get("valuesLists", ())
    if len(rows) == 1 and "limitCount" not in body:  # one row of VALUES is as good as its constants
        values = [expressions.value(one, inner) for one in rows[0]["List"]["items"]]
        named = [(f"column{at + 1}", value) for at, value in enumerate(values)]
        scope.sources[alias.get("aliasname", f"\0{len(scope.sources)}")] = _renamed(ColumnSource(dict(named)), alias)
        return None
    if not is_simple(body):
        inner.level = Level()
        query.select(body, inner)
        return _kept(inner.level, alias, scope)
    tree: Tree | None = None
    for item in body.get("fromClause", ()):
        tree = inner_joined(tree, from_item(item, inner))
    on: list[Predicate] = []
    tree = where(body.get("whereClause"), inner, tree, on)
    named, open_ = query.select_list(body, inner)
    source = ColumnSource(query.first_of_each(named), open_)
    scope.sources[alias.get("aliasname", f"\0{len(scope.sources)}")] = _renamed(source, alias)
    if tree is None:
        scope.level.predicates += on
        return None
    return Tree(left=tree, on=on) if on else tree


def is_simple(body: Any) -> bool:
    """Whether the planner pulls this subquery up: nothing in it groups, limits, sorts out doubles or locks."""
    keys = ("larg", "valuesLists", "groupClause", "havingClause", "distinctClause", "limitCount", "limitOffset")
    if any(key in body for key in keys) or "withClause" in body or "lockingClause" in body or "windowClause" in body:
        return False
    return not any(call_kind(call) for call in own_calls(body.get("targetList")))


def _kept(level: Level, alias: Any, scope: Scope) -> Tree:
    relation = Relation(alias.get("aliasname", ""), scope.level, subquery=level)
    scope.level.relations.append(relation)
    names = strings(alias.get("colnames"))
    renamed = {name: output.name for name, output in zip(names, level.outputs, strict=False)}
    scope.sources[relation.name or f"\0{len(scope.sources)}"] = SubquerySource(relation, renamed)
    return Tree(relation)


def _join(body: Any, scope: Scope) -> Tree | None:
    before = set(scope.sources)
    left = from_item(body["larg"], scope)
    lefts = {name: one for name, one in scope.sources.items() if name not in before}
    right = from_item(body["rarg"], scope)
    rights = {name: one for name, one in scope.sources.items() if name not in before and name not in lefts}
    kind = body.get("jointype", "JOIN_INNER")
    on: list[Predicate] = []
    # An ON clause sees the two sides only; a USING column stands for both.
    names = strings(body.get("usingClause"))
    if body.get("isNatural"):
        names, sure = _shared(lefts, rights)
        if not sure:
            on.append(Predicate(unknown=True))
    for name in names:
        one = scope.merged.get(name) or among(lefts.values(), name)
        other = among(rights.values(), name)
        if one is not None and other is not None:
            on += placed(comparisons.joined(one, "=", other, scope), scope)
            scope.merged[name] = other if kind == "JOIN_RIGHT" else one
            if kind == "JOIN_FULL":
                scope.merged[name] = Value(When.PLAN, one.vars | other.vars, Shape.WRAPPED, wrapped_by="FULL JOIN")
    joined = Tree(join=_JOINS.get(kind, Join.INNER), left=left, right=right, on=on)
    if kind == "JOIN_RIGHT":
        joined.left, joined.right = right, left
    outer_joined, scope.joined = scope.joined, []
    on += placed(predicates.conditions(body.get("quals"), scope), scope)
    for subquery in scope.joined:
        on += subquery.on
        if subquery.right is not None:
            joined.right = inner_joined(joined.right, subquery.right)
    scope.joined = outer_joined
    if "alias" in body:
        scope.sources[body["alias"]["aliasname"]] = ColumnSource({}, [*lefts.values(), *rights.values()])
        for name in (*lefts, *rights):
            scope.hidden.append(scope.sources.pop(name))
    return joined


def _shared(lefts: dict[str, Source], rights: dict[str, Source]) -> tuple[list[str], bool]:
    """The columns that a NATURAL join compares, and whether all are known."""
    sides = []
    for side in (lefts, rights):
        columns = [source.complete() for source in side.values()]
        if any(one is None for one in columns):
            return [], False
        sides.append({name for one in columns for name, _ in one or ()})
    return sorted(sides[0] & sides[1]), True
