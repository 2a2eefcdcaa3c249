"""SQLAlchemy's models and tables, read from source: which class stands for which table, and its columns."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tsmigrate.lint.known import Name
from tsmigrate.lint.learn import declarations, relationships
from tsmigrate.lint.learn.columns import type_of
from tsmigrate.lint.learn.declarations import Bound, Declared
from tsmigrate.lint.learn.relationships import Pairs, Relationship, called

TELLS = (b"__tablename__", b"Table(")
_ANNOTATED = {"datetime": "timestamp", "date": "date", "int": "int4"}

Reference = tuple[tuple[str, ...], str, tuple[str, ...]]  # columns, table, its columns


@dataclass(frozen=True)
class Model:
    """A mapped class, or a Table in a variable. `columns` leads from attributes to columns."""

    name: str
    table: Name
    columns: dict[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()  # the primary key's columns
    references: tuple[Reference, ...] = ()
    relationships: dict[str, Relationship] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)  # of its columns, where they are written
    declared: Declared | None = None

    def reference_to(self, other: Model, columns: tuple[str, ...] = ()) -> Reference | None:
        """The foreign key to another table; `columns` decide between several."""
        for one in self.references:
            if one[1] in (other.table.name, str(other.table)) and (not columns or set(columns) & set(one[0])):
                return one
        return None

    def joined(self, relationship: Relationship, other: Model) -> list[tuple[str, str]] | None:
        """The pairs of columns, this table's and the other's, by which a relationship joins. None: not known."""
        if not relationship.readable or relationship.secondary:
            return None
        if relationship.pairs is not None:
            sides = [one if one[0][0] == self.name else one[::-1] for one in relationship.pairs]
            if self.name == other.name or any((a[0], b[0]) != (self.name, other.name) for a, b in sides):
                return None
            return [(self.columns.get(a[1], a[1]), other.columns.get(b[1], b[1])) for a, b in sides]
        keys = tuple(model.columns.get(one, one) for one in relationship.foreign_keys for model in (self, other))
        return self.referring(other, keys)

    def referring(self, other: Model, columns: tuple[str, ...] = ()) -> list[tuple[str, str]] | None:
        """The pairs of columns of the foreign key between two tables. None: there is none."""
        mine, theirs = self.reference_to(other, columns), other.reference_to(self, columns)
        if mine is not None:
            return list(zip(mine[0], mine[2], strict=True))
        return list(zip(theirs[2], theirs[0], strict=True)) if theirs is not None else None

    def through(self, relationship: Relationship, other: Model, models: Mapping[str, Model]) -> Through | None:
        """How a relationship with a table between joins. None: not known."""
        name = relationship.secondary
        named = (one for one in models.values() if name in (one.table.name, str(one.table)))
        between = models.get(name) or next(named, None)
        if between is None or not relationship.readable or self.table == other.table:
            return None
        mine, theirs = self._to(between, relationship.pairs), other._to(between, relationship.second)
        return Through(between, mine, theirs) if mine and theirs else None

    def _to(self, between: Model, pairs: Pairs | None) -> list[tuple[str, str]]:
        """This table's columns, and those of a table between that are equal to them."""
        if pairs is None:
            reference = between.reference_to(self)
            return list(zip(reference[2], reference[0], strict=True)) if reference is not None else []
        sides = [one if one[0][0] == self.name else one[::-1] for one in pairs]
        if any(one[0] != self.name or other[0] not in (between.name, between.table.name) for one, other in sides):
            return []
        return [(self.columns.get(one[1], one[1]), between.columns.get(other[1], other[1])) for one, other in sides]


@dataclass(frozen=True)
class Through:
    """A table between two: the pairs of columns, this table's and the other's, with those of the table between."""

    between: Model
    mine: list[tuple[str, str]]
    theirs: list[tuple[str, str]]


def read(content: bytes, schema: str) -> Iterator[Model]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    bound = declarations.bound(tree)
    for one in ast.walk(tree):
        model = None
        if isinstance(one, ast.ClassDef):
            model = _mapped(one, schema, bound)
        elif isinstance(one, (ast.Assign, ast.AnnAssign)) and one.value is not None and called(one.value) == "Table":
            model = _table(one, schema, bound)
        if model is not None:
            yield model


def _mapped(node: ast.ClassDef, schema: str, bound: Bound) -> Model | None:
    made = _Columns(bound)
    table: str | None = None
    declared: Declared | None = None
    for statement in node.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = getattr(statement, "value", None)
        if not isinstance(target, ast.Name):
            continue
        if target.id == "__tablename__":
            table = bound.text(value)
        elif target.id == "__table_args__":
            schema = bound.text(_option(value, "schema")) or schema
            declared = declarations.hypertable(_option(value, "info"), bound)
            for one in value.elts if isinstance(value, ast.Tuple) else ():
                made.constraint(one)
        elif isinstance(value, ast.Call):
            made.add(target.id, value, getattr(statement, "annotation", None))
        elif isinstance(statement, ast.AnnAssign) and value is None and "Mapped" in ast.dump(statement.annotation):
            made.columns[target.id] = target.id
            made.annotated(target.id, statement.annotation)
    return made.model(node.name, Name(schema, table), declared) if table is not None else None


def _option(node: ast.expr | None, name: str) -> ast.expr | None:
    """An entry of `__table_args__`: a dict, or a tuple that ends with one."""
    options = node.elts[-1] if isinstance(node, ast.Tuple) and node.elts else node
    if isinstance(options, ast.Dict):
        for key, value in zip(options.keys, options.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == name:
                return value
    return None


def _table(node: ast.Assign | ast.AnnAssign, schema: str, bound: Bound) -> Model | None:
    call = node.value
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if not isinstance(call, ast.Call) or not isinstance(target, ast.Name) or not call.args:
        return None
    name = bound.text(call.args[0])
    made = _Columns(bound)
    for argument in call.args[2:]:
        if isinstance(argument, ast.Call) and called(argument) == "Column" and argument.args:
            made.add(bound.text(argument.args[0]) or "", argument)
        else:
            made.constraint(argument)
    options = {one.arg: one.value for one in call.keywords}
    schema = bound.schema(options.get("schema"), call.args[1] if len(call.args) > 1 else None) or schema
    declared = declarations.hypertable(options.get("info"), bound)
    return made.model(target.id, Name(schema, name), declared) if name is not None else None


class _Columns:
    """The columns and keys of one table."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.types: dict[str, str] = {}
        self.columns: dict[str, str] = {}
        self.keys: list[str] = []
        self.references: list[Reference] = []
        self.related: dict[str, Relationship] = {}

    def add(self, attribute: str, call: ast.Call, annotation: ast.expr | None = None) -> None:
        kind = called(call)
        if kind == "relationship" and (found := relationships.read(call, annotation)) is not None:
            self.related[attribute] = found
        if kind not in ("Column", "mapped_column", "column_property"):
            return
        column = self.bound.text(call.args[0]) if call.args else None
        column = column or attribute
        self.columns[attribute] = column
        self.annotated(column, annotation)
        for argument in call.args:
            if not (isinstance(argument, ast.Constant) or called(argument) == "ForeignKey"):
                self.types[column] = type_of(self.bound.meant(argument) or argument)
                break
        for keyword in call.keywords:
            if keyword.arg == "primary_key" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
                self.keys.append(column)
        for argument in call.args:
            if isinstance(argument, ast.Call) and called(argument) == "ForeignKey" and argument.args:
                self._reference((column,), [self.bound.text(argument.args[0])])

    def annotated(self, column: str, annotation: ast.expr | None) -> None:
        """Mapped[date], Mapped[int]: the type that SQLAlchemy makes of it."""
        if isinstance(annotation, ast.Subscript) and (type_ := _ANNOTATED.get(called(annotation.slice))):
            self.types[column] = type_

    def model(self, name: str, table: Name, declared: Declared | None) -> Model:
        keys, references = tuple(self.keys), tuple(self.references)
        return Model(name, table, self.columns, keys, references, self.related, self.types, declared)

    def constraint(self, node: ast.expr) -> None:
        if not isinstance(node, ast.Call):
            return
        if called(node) == "PrimaryKeyConstraint":
            self.keys += [name for one in node.args if (name := self.bound.text(one))]
        if called(node) == "ForeignKeyConstraint" and len(node.args) >= 2:
            sides = [
                [self.bound.text(one) for one in side.elts] if isinstance(side, (ast.List, ast.Tuple)) else []
                for side in node.args[:2]
            ]
            if all(sides[0]):
                self._reference(tuple(str(one) for one in sides[0]), sides[1])

    def _reference(self, columns: tuple[str, ...], targets: list[str | None]) -> None:
        pairs = [one.rpartition(".") for one in targets if one]
        if columns and len(pairs) == len(columns):
            self.references.append((columns, pairs[0][0], tuple(column for _, _, column in pairs)))
