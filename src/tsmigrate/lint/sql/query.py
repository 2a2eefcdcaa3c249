"""Reads a query into levels, the way the planner would: simple subqueries and views are pulled up, the rest stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tsmigrate.lint.known import View
from tsmigrate.lint.sql import expressions, predicates
from tsmigrate.lint.sql.few import few_read
from tsmigrate.lint.sql.native import Node
from tsmigrate.lint.sql.nodes import constant, opened, strings, walk
from tsmigrate.lint.sql.predicates import Predicate
from tsmigrate.lint.sql.relation import Barrier, Join, Level, Relation, Tree
from tsmigrate.lint.sql.scope import ColumnSource, Context, Scope, Source, SubquerySource, TableSource, among
from tsmigrate.lint.sql.targets import call_kind, in_list, own_calls
from tsmigrate.lint.sql.values import Shape, Value, When

_DEEPEST = 60
_MOST_RELATIONS = 4000  # views and common tables that double each other grow without end
_JOINS = {"JOIN_INNER": Join.INNER, "JOIN_LEFT": Join.LEFT, "JOIN_RIGHT": Join.LEFT, "JOIN_FULL": Join.FULL}


class TooDeepError(Exception):
    """A query nested more deeply than anyone writes by hand."""


@dataclass(slots=True, eq=False)
class CommonTable:
    """WITH name AS (…)."""

    name: str
    node: Node
    scope: Scope
    columns: list[str]
    references: int
    materialized: bool | None
    recursive: bool
    level: Level | None = None
    reading: bool = False

    @property
    def writes(self) -> bool:
        return "SelectStmt" not in self.node

    @property
    def inlined(self) -> bool:
        if self.writes or self.recursive or self.materialized or "lockingClause" in self.node["SelectStmt"]:
            return False
        if self._volatile():
            return False
        return self.materialized is False or self.references == 1

    def _volatile(self) -> bool:
        context = self.scope.context
        calls = (strings(body["funcname"]) for kind, body in walk(self.node) if kind == "FuncCall")
        return any(
            expressions.stability(path, context.known.function(None, path[-1], context.search_path)) is When.VOLATILE
            for path in calls
        )

    @property
    def barrier(self) -> Barrier:
        if self.writes or "lockingClause" in self.node["SelectStmt"]:
            return Barrier.WRITES
        if self.recursive:
            return Barrier.RECURSIVE
        return Barrier.MATERIALIZED if self.materialized else Barrier.TWICE


def select(body: Any, scope: Scope) -> Level:
    """Read a SELECT into `scope.level`."""
    level = scope.level
    scope.context.depth += 1
    if scope.context.depth > _DEEPEST:
        raise TooDeepError
    try:
        common_tables(body, scope)
        if "larg" in body:
            _set_operation(body, scope)
        elif "valuesLists" in body:
            _values(body, scope)
        else:
            level.tree = _from_and_where(body, scope)
            _columns(body, scope)
            _having(body, scope)
            level.few = few_read(body, scope)
    finally:
        scope.context.depth -= 1
    return level


# -- WITH ------------------------------------------------------------------------------------------------------------


def common_tables(body: Any, scope: Scope) -> None:
    clause = body.get("withClause")
    if not clause:
        return
    references: dict[str, int] = {}
    for kind, one in walk(body):
        if kind == "RangeVar" and "schemaname" not in one:
            references[one.get("relname", "")] = references.get(one.get("relname", ""), 0) + 1
    for item in clause["ctes"]:
        table = item["CommonTableExpr"]
        name = table["ctename"]
        wanted = table.get("ctematerialized", "CTEMaterializeDefault")
        itself = any(k == "RangeVar" and v.get("relname") == name for k, v in walk(table["ctequery"]))
        scope.tables[name] = CommonTable(
            name,
            table["ctequery"],
            scope,
            strings(table.get("aliascolnames")),
            references.get(name, 0),
            {"CTEMaterializeAlways": True, "CTEMaterializeNever": False}.get(wanted),
            bool(clause.get("recursive")) and itself,
        )
        if "SelectStmt" not in table["ctequery"]:
            _read_once(scope.tables[name])


def _read_once(table: CommonTable) -> Level:
    """The level of a common table that is computed on its own, once, whoever reads it."""
    if table.level is None:
        table.level = level = Level(barrier=table.barrier)
        table.scope.level.children.append(level)
        table.reading = True
        inner = Scope(table.scope.context, level, outer=table.scope.outer, enclosing=table.scope)
        inner.place, inner.through_view = table.scope.place, table.scope.through_view
        statement(table.node, inner)
        table.reading = False
    return table.level


# -- FROM and WHERE --------------------------------------------------------------------------------------------------


def _from_and_where(body: Any, scope: Scope) -> Tree | None:
    tree: Tree | None = None
    for item in body.get("fromClause", ()):
        tree = _inner(tree, from_item(item, scope))
    return where(body.get("whereClause"), scope, tree, scope.level.predicates)


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


def _inner(left: Tree | None, right: Tree | None) -> Tree | None:
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
        return _subselect(body["subquery"], alias, scope, lateral=bool(body.get("lateral")))
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
        if view is not None and context.depth < _DEEPEST // 2:
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
    return _subselect(view.query, alias, scope, inner=inner)


def _common_table(table: CommonTable, alias: Any, scope: Scope) -> Tree | None:
    if table.columns and "colnames" not in alias:
        alias = {**alias, "colnames": [{"String": {"sval": name}} for name in table.columns]}
    if table.inlined and not table.reading:
        inner = Scope(scope.context, scope.level, outer=table.scope.outer, enclosing=table.scope)
        inner.place, inner.through_view = table.scope.place, table.scope.through_view
        return _subselect(table.node, alias, scope, inner=inner)
    if table.reading:
        relation = Relation(alias.get("aliasname", table.name), scope.level)
        scope.level.relations.append(relation)
        scope.sources[relation.name] = TableSource(relation, None)
        return Tree(relation)
    return _kept(_read_once(table), alias, scope)


def _subselect(
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
        select(body, inner)
        return _kept(inner.level, alias, scope)
    tree: Tree | None = None
    for item in body.get("fromClause", ()):
        tree = _inner(tree, from_item(item, inner))
    on: list[Predicate] = []
    tree = where(body.get("whereClause"), inner, tree, on)
    named, open_ = _select_list(body, inner)
    source = ColumnSource(first_of_each(named), open_)
    scope.sources[alias.get("aliasname", f"\0{len(scope.sources)}")] = _renamed(source, alias)
    if tree is None:
        scope.level.predicates += on
        return None
    return Tree(left=tree, on=on) if on else tree


def first_of_each(columns: list[tuple[str, Value]]) -> dict[str, Value]:
    """Columns by name, in their order; of two with the same name the first."""
    found: dict[str, Value] = {}
    for name, value in columns:
        found.setdefault(name, value)
    return found


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
            on += placed([predicates.joined(one, other, "=", scope)], scope)
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
            joined.right = _inner(joined.right, subquery.right)
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


# -- SELECT list, GROUP BY, set operations ---------------------------------------------------------------------------


def _select_list(body: Any, scope: Scope) -> tuple[list[tuple[str, Value]], list[Source]]:
    """The columns in their order, and the stars over columns that are not all known."""
    named: list[tuple[str, Value]] = []
    open_: list[Source] = []
    for item in body.get("targetList", ()):
        target = item["ResTarget"]
        kind, value_body = opened(target.get("val", {}))
        if kind == "ColumnRef":
            fields = strings(value_body["fields"])
            if fields[-1] == "*":
                chosen = [scope.sources.get(fields[-2])] if len(fields) > 1 else list(scope.sources.values())
                for source in chosen:
                    columns = source.complete() if source else None
                    if columns is not None:
                        named += columns
                    elif source is not None:
                        open_.append(source)
                continue
            name = target.get("name", fields[-1])
        elif kind == "FuncCall":
            name = target.get("name", strings(value_body["funcname"])[-1])
        else:
            name = target.get("name", "?column?")
        named.append((name, expressions.value(target.get("val"), scope)))
    return named, open_


def _columns(body: Any, scope: Scope) -> None:
    """The columns of a level, and what keeps predicates on them outside."""
    level = scope.level
    named, open_ = _select_list(body, scope)
    listed = [value for _, value in named]
    scope.aliases = first_of_each(named)
    calls = list(own_calls([body.get("targetList"), body.get("havingClause")]))
    level.grouped = "groupClause" in body or any(call_kind(call) == "aggregate" for call in calls)
    level.filtered = "whereClause" in body
    if "limitOffset" in body or _limits(body):
        level.barrier = level.barrier or Barrier.LIMIT
    if any("GroupingSet" in item for item in body.get("groupClause", ())):
        level.barrier = level.barrier or Barrier.GROUPED
    windows = {one["WindowDef"].get("name"): one["WindowDef"] for one in body.get("windowClause", ())}
    for call in own_calls([body.get("targetList"), body.get("sortClause")]):
        if "over" in call:
            over = call["over"]
            over = windows.get(over.get("name") or over.get("refname"), over) if "partitionClause" not in over else over
            level.partitions.append([in_list(one, listed, scope) for one in over.get("partitionClause", ())])
    distinct = body.get("distinctClause")
    if distinct and distinct[0]:
        level.distinct_on = [in_list(one, listed, scope) for one in distinct]
    for name, value in named:
        level.put(name, value)
    level.open = open_
    for clause in ("groupClause", "sortClause", "limitCount", "limitOffset"):
        _look_into(body.get(clause), scope)


def _limits(body: Any) -> bool:
    count = body.get("limitCount")
    return count is not None and not count.get("A_Const", {}).get("isnull")


def _look_into(node: Any, scope: Scope) -> None:
    """Subqueries in clauses that matter for nothing else."""
    if node and any(kind == "SubLink" for kind, _ in walk(node)):
        expressions.value({"List": {"items": node if isinstance(node, list) else [node]}}, scope)


def _having(body: Any, scope: Scope) -> None:
    """HAVING by grouping columns is moved to WHERE by the planner; by an aggregate it stays."""
    node = body.get("havingClause")
    if not node:
        return
    parts = node["BoolExpr"]["args"] if node.get("BoolExpr", {}).get("boolop") == "AND_EXPR" else [node]
    grouping_sets = any("GroupingSet" in item for item in body.get("groupClause", ()))
    for part in parts:
        if any(call_kind(call) == "aggregate" for call in own_calls(part)) or grouping_sets:
            expressions.value(part, scope)
        else:
            scope.level.tree = where(part, scope, scope.level.tree, scope.level.predicates)


def _set_operation(body: Any, scope: Scope) -> None:
    level = scope.level
    if body.get("op") == "SETOP_EXCEPT":
        level.barrier = level.barrier or Barrier.EXCEPT
    if "limitOffset" in body or _limits(body):
        level.barrier = level.barrier or Barrier.LIMIT
    for side in ("larg", "rarg"):
        branch = Scope(scope.context, Level(), outer=scope.outer, enclosing=scope)
        branch.place, branch.through_view = scope.place, scope.through_view
        select(body[side], branch)
        level.branches.append(branch.level)
    first = level.branches[0]
    for output in first.outputs:
        level.put(output.name, output.value)
    level.open = first.open
    level.correlated = level.correlated or any(one.correlated for one in level.branches)
    _look_into(body.get("limitCount"), scope)


def _values(body: Any, scope: Scope) -> None:
    rows = [[expressions.value(one, scope) for one in row["List"]["items"]] for row in body["valuesLists"]]
    for at, value in enumerate(rows[0]):
        # Several rows have to be joined; one row is constants.
        scope.level.put(f"column{at + 1}", value)


# -- subqueries in expressions ---------------------------------------------------------------------------------------


def _subquery(node: Node, scope: Scope) -> tuple[Level, Value, bool]:
    """A subquery as a value: its level, its first column, and whether it reads columns of this level."""
    inner = Scope(scope.context, Level(), outer=scope, enclosing=scope, place=scope.place)
    inner.through_view = scope.through_view
    select(node["SelectStmt"], inner)
    scope.level.children.append(inner.level)
    first = inner.level.outputs[0].value if inner.level.outputs else Value()
    return inner.level, first, inner.level.correlated


def _sublink(body: Any, scope: Scope, negated: bool) -> Tree | None:
    """EXISTS and IN as joins, as the planner makes them where they stand alone in a WHERE."""
    query = body["subselect"]["SelectStmt"]
    if body["subLinkType"] == "EXISTS_SUBLINK":
        return _exists(query, scope, negated)
    if body["subLinkType"] == "ANY_SUBLINK" and not negated:
        return _in(body, query, scope)
    return None


def _exists(query: Any, scope: Scope, negated: bool) -> Tree | None:
    plain = {key: one for key, one in query.items() if key not in ("sortClause", "targetList")}
    if constant(query.get("limitCount")) not in (None, 0):
        plain.pop("limitCount")
    if not is_simple(plain) or "fromClause" not in plain:
        return None
    trial = Scope(scope.context, Level(), outer=scope, enclosing=scope, place=scope.place)
    _from_and_where(plain, trial)
    if not trial.level.correlated:
        return None  # asked once, and answered by the first row found
    inner = Scope(scope.context, scope.level, outer=scope, enclosing=scope, place=scope.place)
    inner.through_view = scope.through_view
    tree: Tree | None = None
    for item in plain["fromClause"]:
        tree = _inner(tree, from_item(item, inner))
    on: list[Predicate] = []
    tree = where(plain.get("whereClause"), inner, tree, on)
    return Tree(join=Join.ANTI if negated else Join.SEMI, right=tree, on=on)


def _in(body: Any, query: Any, scope: Scope) -> Tree | None:
    operator = strings(body.get("operName"))[-1] if body.get("operName") else "="
    tested = expressions.value(body["testexpr"], scope)
    if not tested.vars:
        return None
    holder = Scope(scope.context, scope.level, outer=scope, enclosing=scope, place=scope.place)
    tree = _subselect({"SelectStmt": query}, {"aliasname": "\0in"}, holder, lateral=False)
    source = holder.sources["\0in"]
    columns = source.complete()
    if tree is None or columns is None:
        return Tree(join=Join.SEMI, right=tree) if tree else None
    parts = tested.row if tested.row is not None else [tested]
    on = [predicates.joined(part, value, operator, scope) for part, (_, value) in zip(parts, columns, strict=False)]
    for one in on:
        one.troubles = [
            replace(seen, trouble=predicates.Trouble.SUBQUERY, what="IN (SELECT …)")
            if seen.trouble is predicates.Trouble.JOINED
            else seen
            for seen in one.troubles
        ]
    return Tree(join=Join.SEMI, right=tree, on=placed(on, scope))


def statement(node: Node, scope: Scope) -> None:
    """Any statement that reads or writes rows, into `scope.level`."""
    from tsmigrate.lint.sql import writes  # noqa: PLC0415 - which reads queries with this module

    kind, body = opened(node)
    if kind == "SelectStmt":
        select(body, scope)
    else:
        writes.read(kind, body, scope)


expressions.subquery = _subquery
predicates.pull_up = _sublink
