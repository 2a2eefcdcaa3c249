"""What a chain of SQLAlchemy's calls asks for: its tables by the code's names, joins, conditions, order."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tsmigrate.lint.learn.models import Model
from tsmigrate.lint.learn.relationships import Relationship
from tsmigrate.lint.sources.sqlalchemy.chain import Chain, Link, Names, chain, owners

MODULES = frozenset({"sa", "sqlalchemy", "sql", "sqla", "orm", "db", "expression", "sqlmodel"})
_STATEMENTS = frozenset({"select", "update", "delete", "exists"})
_DERIVES = frozenset({"subquery", "cte", "alias", "lateral"})
_FILTERS = frozenset({"where", "filter", "having"})
_JOINS = frozenset({"join", "outerjoin", "join_from", "outerjoin_from"})
_LIMITS = frozenset({"limit", "first", "fetch", "slice"})
# These change nothing about which rows are read.
_HARMLESS = frozenset(
    {"options", "execution_options", "with_for_update", "offset", "params", "populate_existing"}
    | {"yield_per", "enable_eagerloads", "autoflush", "correlate", "correlate_except", "prefix_with"}
    | {"suffix_with", "with_hint", "with_statement_hint", "add_columns", "with_entities", "all"}
    | {"one", "one_or_none", "scalar", "scalars", "scalar_one", "scalar_one_or_none"}
    | {"mappings", "tuples", "unique", "partitions", "fetchall", "fetchone"}
    | {"fetchmany", "keys", "returning", "values", "ordered_values", "label"}
    | {"exists", "select", "statement", "reset_joinpoint", "execute", "with_session"}
    | {"scalar_subquery", "as_scalar", "subquery", "cte", "alias", "lateral"}
    | {"add_cte", "return_defaults", "with_only_columns", "add_entity", "tablesample"}
)


class AnythingError(Exception):
    """A part that only running the code would tell."""


@dataclass(frozen=True)
class Entity:
    """What stands in FROM: a table, or a query under a name."""

    name: str
    model: Model | None = None
    derived: Query | None = None

    def column(self, attribute: str) -> str:
        if self.derived is not None:
            return self.derived.column(attribute)
        return self.model.columns.get(attribute, attribute) if self.model else attribute


@dataclass(frozen=True)
class ByKey:
    """`column = value`, where the code names an attribute only."""

    entity: Entity
    column: str
    node: ast.expr


@dataclass(frozen=True)
class Joined:
    kind: str
    entity: Entity
    node: ast.expr
    on: ast.expr | None = None
    owner: Model | None = None  # joined through this relationship of this model
    relationship: Relationship | None = None


@dataclass
class Query:
    """A statement being read. `outer`: the query in which it is a subquery, whose tables it may name."""

    names: Names
    outer: Query | None = None
    verb: str = "SELECT"
    tables: dict[str, Entity] = field(default_factory=dict)
    joins: list[Joined] = field(default_factory=list)
    conditions: list[ast.expr | ByKey] = field(default_factory=list)
    columns: list[ast.expr] = field(default_factory=list)
    order: list[ast.expr] = field(default_factory=list)
    groups: list[ast.expr] = field(default_factory=list)
    counts: bool = False
    distinct: bool = False
    limited: bool = False
    unknown: bool = False  # a part that cannot be read may be a condition
    first: tuple[Entity, ast.expr] | None = None
    word: str = ""  # UNION and its kin: of `parts`
    parts: list[Query] = field(default_factory=list)

    def column(self, attribute: str) -> str:
        """The column of its rows that an attribute of a model becomes: the first part names those of a union."""
        named = (one.column(attribute) for one in (self.parts[0] if self.parts else self).tables.values())
        return next((one for one in named if one != attribute), attribute)

    def entity(self, name: str) -> Entity | None:
        found = self.tables.get(name)
        return found if found is not None or self.outer is None else self.outer.entity(name)


class Reader:
    """Reads chains; `models` are the mapped classes and tables that are known."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self.models = models

    def read(self, made: Chain, names: Names, outer: Query | None = None) -> Query | None:
        """What a chain asks for. None: it is no statement about a known table.

        Raises AnythingError where it is one that cannot be followed.
        """
        query, started = Query(names, outer), False
        for number, link in enumerate(made.links):
            if started:
                self._link(query, link)
            elif link.name in ("get", "get_one") and self._on_session(made, number):
                started = self._get(query, link)
            elif link.call is not None and self._begins(made, number):
                started = self._start(query, link)
            elif number == 0 and isinstance(made.root, ast.Name) and made.root.id in self.models:
                # Model.query.filter(…) and table.select(); any other method of a model is the model's own
                entity = Entity(made.root.id, self.models[made.root.id])
                if link.name in _STATEMENTS and link.call is not None:
                    query.verb = link.name.upper()
                    query.conditions += link.args
                elif link.name != "query" or link.call is not None:
                    return None
                started = self._enter(query, entity, made.root)
        if not started:
            return None
        for condition in (*query.conditions, *(one.on for one in query.joins if one.on is not None)):
            if isinstance(condition, ast.expr):
                self._implied(query, condition)
        return query if query.first is not None else None

    def any_query(self, made: Chain, names: Names, outer: Query | None = None) -> Query | None:
        """What a chain asks for that may put several statements together."""
        from tsmigrate.lint.sources.sqlalchemy import sets  # noqa: PLC0415 - sets are made of what is read here

        return sets.read(made, names, self, outer) if sets.makes_set(made) else self.read(made, names, outer)

    @staticmethod
    def _on_session(made: Chain, number: int) -> bool:
        """session.get(Model, key), not the get of a cache or a registry."""
        before = made.links[number - 1].name if number else getattr(made.root, "id", "")
        return any(word in before.lower() for word in ("sess", "db"))

    @staticmethod
    def _begins(made: Chain, number: int) -> bool:
        """session.query(…); select(…) or sa.select(…), not a method of something else by that name."""
        if made.links[number].name == "query":
            return True
        if made.links[number].name not in _STATEMENTS:
            return False
        if number == 0:
            return made.root is None or getattr(made.root, "id", "") in MODULES
        return number == 1 and made.links[0].name in MODULES

    def _get(self, query: Query, link: Link) -> bool:
        entity = self._named(link.args[0], query) if len(link.args) > 1 else None
        if entity is None or entity.model is None or link.call is None:
            raise AnythingError
        self._enter(query, entity, link.args[0])
        query.conditions += [ByKey(entity, key, link.call) for key in entity.model.keys or ("id",)]
        return True

    def _start(self, query: Query, link: Link) -> bool:
        query.verb = link.name.upper() if link.name in ("update", "delete") else "SELECT"
        for argument in link.args:
            self._selected(query, argument)
        if not query.tables and not query.columns and link.name != "exists":
            raise AnythingError
        return True

    def _selected(self, query: Query, node: ast.expr) -> None:
        """An argument of select(): a model, a column of one, or an expression over some."""
        if isinstance(node, ast.Starred):
            raise AnythingError
        entity = self._named(node, query)
        if entity is not None:
            self._enter(query, entity, node)
            return
        if isinstance(node, ast.Call) and chain(node).has(*_JOINS, "union", "union_all"):
            raise AnythingError
        self._implied(query, node)
        query.columns.append(node)

    def _implied(self, query: Query, node: ast.expr) -> None:
        """The tables whose columns an expression names are read too; a subquery's are its own."""
        for owner in owners(node):
            entity = self._named(owner, query)
            if entity is not None and query.entity(entity.name) is None:
                self._enter(query, entity, owner)

    def _enter(self, query: Query, entity: Entity, node: ast.expr) -> bool:
        query.tables.setdefault(entity.name, entity)
        query.first = query.first or (entity, node)
        return True

    def name_of(self, node: ast.expr) -> str:
        """`Message`, also of `models.Message`."""
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id not in self.models:
            return node.attr if node.attr in self.models else ""
        return ""

    def _named(self, node: ast.expr, query: Query) -> Entity | None:
        """What a name stands for: a model, an alias of one, or a query under a name."""
        name = self.name_of(node)
        if name in self.models:
            return Entity(name, self.models[name])
        if not isinstance(node, ast.Name):
            return None
        value = query.names.value(node.id, node.lineno)
        if not isinstance(value, ast.Call):
            return None
        made = chain(value)
        last = made.links[-1] if made.links else Link("")
        if last.name == "aliased" and last.args:
            of = self._named(last.args[0], query)
            return replace(of, name=node.id) if of else None
        if last.name not in _DERIVES:
            return None
        if len(made.links) == 1 and isinstance(made.root, ast.Name) and made.root.id in self.models:  # table.alias()
            return Entity(node.id, self.models[made.root.id])
        inner = made.without_last()
        if isinstance(inner.root, ast.Name) and (before := query.names.grown(inner.root.id, node.lineno)):
            inner = Chain(before.root, before.links + inner.links)
        derived = self.any_query(inner, query.names)
        if derived is None:
            raise AnythingError
        return Entity(node.id, derived=derived)

    def _link(self, query: Query, link: Link) -> None:
        name, call = link.name, link.call
        if name in _FILTERS:
            query.conditions += link.args
            query.unknown = query.unknown or any(isinstance(one, ast.Starred) for one in link.args)
        elif name == "filter_by" and call is not None:
            last = self._entered(query)[-1]
            query.conditions += [ByKey(last, last.column(one.arg), call) for one in call.keywords if one.arg]
            query.unknown = query.unknown or any(one.arg is None for one in call.keywords)
        elif name in _JOINS:
            self._join(query, link)
        elif name == "select_from" and link.args:
            self._selected(query, link.args[0])
            query.columns = [one for one in query.columns if one is not link.args[0]]
        elif name == "order_by":
            query.order = query.order or list(link.args)
        elif name == "group_by":
            query.groups += link.args
        elif name == "distinct":
            query.distinct = True
        elif name in _LIMITS:
            query.limited = True
        elif name in ("get", "get_one") and call is not None:
            entity = self._entered(query)[0]
            keys = entity.model.keys if entity.model else ()
            query.conditions += [ByKey(entity, key, call) for key in keys or ("id",)]
        elif name == "count":
            query.counts, query.columns, query.groups = True, [], []
        elif name in ("delete", "update") and query.verb == "SELECT":
            query.verb = name.upper()
        elif name not in _HARMLESS:
            query.unknown = True

    @staticmethod
    def _entered(query: Query) -> list[Entity]:
        """What a condition by the name of a column alone may be about."""
        if not query.tables:
            raise AnythingError
        return list(query.tables.values())

    def _join(self, query: Query, link: Link) -> None:
        outer = link.name.startswith("outer") or any(one.arg in ("isouter", "full") for one in link.keywords)
        arguments = link.args[1:] if link.name.endswith("_from") else link.args
        if link.name.endswith("_from") and link.args:
            self._selected(query, link.args[0])
        named = next((one.value for one in link.keywords if one.arg == "onclause"), None)
        on = arguments[1] if len(arguments) > 1 else named
        kind = "LEFT JOIN" if outer else "JOIN"
        target = arguments[0] if arguments else ast.Constant(None)
        owner, attribute = self._related(on if on is not None else target, query)
        entity = self._named(target, query)
        if owner is not None:
            model = self.models.get(owner.relationships[attribute].target)
            entity = entity or (Entity(model.name, model) if model else None)
            on = None
        if entity is None:
            raise AnythingError
        self._enter(query, entity, target)
        query.joins.append(Joined(kind, entity, target, on, owner, owner.relationships[attribute] if owner else None))

    def _related(self, node: ast.expr, query: Query) -> tuple[Model | None, str]:
        """`Model.relationship`, of a model or an alias of one."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "of_type":
            node = node.func.value
        if isinstance(node, ast.Attribute) and (name := self.name_of(node.value)):
            entity = query.entity(name)
            model = entity.model if entity else self.models.get(name)
            if model is not None and node.attr in model.relationships:
                return model, node.attr
        return None, ""
