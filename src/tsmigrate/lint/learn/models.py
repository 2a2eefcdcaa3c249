"""SQLAlchemy's models and tables, read from source: which class stands for which table, and its columns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from tsmigrate.lint.known import Name
from tsmigrate.lint.learn import relationships
from tsmigrate.lint.learn.relationships import Relationship, called

TELLS = (b"__tablename__", b"Table(")


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

    def reference_to(self, other: Model, columns: tuple[str, ...] = ()) -> Reference | None:
        """The foreign key to another table; `columns` decide between several."""
        for one in self.references:
            if one[1] in (other.table.name, str(other.table)) and (not columns or set(columns) & set(one[0])):
                return one
        return None

    def joined(self, relationship: Relationship, other: Model) -> list[tuple[str, str]] | None:
        """The pairs of columns, this table's and the other's, by which a relationship joins. None: not known."""
        if not relationship.readable:
            return None
        if relationship.pairs is not None:
            sides = [one if one[0][0] == self.name else one[::-1] for one in relationship.pairs]
            if self.name == other.name or any((a[0], b[0]) != (self.name, other.name) for a, b in sides):
                return None
            return [(self.columns.get(a[1], a[1]), other.columns.get(b[1], b[1])) for a, b in sides]
        keys = tuple(model.columns.get(one, one) for one in relationship.foreign_keys for model in (self, other))
        mine, theirs = self.reference_to(other, keys), other.reference_to(self, keys)
        if mine is not None:
            return list(zip(mine[0], mine[2], strict=True))
        return list(zip(theirs[2], theirs[0], strict=True)) if theirs is not None else None


def read(content: bytes, schema: str) -> Iterator[Model]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    constants: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            constants |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    for one in ast.walk(tree):
        model = None
        if isinstance(one, ast.ClassDef):
            model = _mapped(one, schema, constants)
        elif isinstance(one, ast.Assign) and isinstance(one.value, ast.Call) and called(one.value) == "Table":
            model = _table(one, schema, constants)
        if model is not None:
            yield model


def _text(node: ast.expr | None, constants: dict[str, object]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and isinstance(constants.get(node.id), str):
        return str(constants[node.id])
    return None


def _mapped(node: ast.ClassDef, schema: str, constants: dict[str, object]) -> Model | None:
    made = _Columns(constants)
    table: str | None = None
    for statement in node.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        value = getattr(statement, "value", None)
        if not isinstance(target, ast.Name):
            continue
        if target.id == "__tablename__":
            table = _text(value, constants)
        elif target.id == "__table_args__":
            schema = _schema(value, constants) or schema
            for one in value.elts if isinstance(value, ast.Tuple) else ():
                made.constraint(one)
        elif isinstance(value, ast.Call):
            made.add(target.id, value, getattr(statement, "annotation", None))
        elif isinstance(statement, ast.AnnAssign) and value is None and "Mapped" in ast.dump(statement.annotation):
            made.columns[target.id] = target.id
    if table is None:
        return None
    return Model(node.name, Name(schema, table), made.columns, tuple(made.keys), tuple(made.references), made.related)


def _schema(node: ast.expr | None, constants: dict[str, object]) -> str | None:
    options = node.elts[-1] if isinstance(node, ast.Tuple) and node.elts else node
    if isinstance(options, ast.Dict):
        for key, value in zip(options.keys, options.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "schema":
                return _text(value, constants)
    return None


def _table(node: ast.Assign, schema: str, constants: dict[str, object]) -> Model | None:
    call = node.value
    target = node.targets[0]
    if not isinstance(call, ast.Call) or not isinstance(target, ast.Name) or not call.args:
        return None
    name = _text(call.args[0], constants)
    made = _Columns(constants)
    for argument in call.args[2:]:
        if isinstance(argument, ast.Call) and called(argument) == "Column" and argument.args:
            made.add(_text(argument.args[0], constants) or "", argument)
        else:
            made.constraint(argument)
    for keyword in call.keywords:
        if keyword.arg == "schema":
            schema = _text(keyword.value, constants) or schema
    if name is None:
        return None
    return Model(target.id, Name(schema, name), made.columns, tuple(made.keys), tuple(made.references))


class _Columns:
    """The columns and keys of one table."""

    def __init__(self, constants: dict[str, object]) -> None:
        self.constants = constants
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
        column = _text(call.args[0], self.constants) if call.args else None
        column = column or attribute
        self.columns[attribute] = column
        for keyword in call.keywords:
            if keyword.arg == "primary_key" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
                self.keys.append(column)
        for argument in call.args:
            if isinstance(argument, ast.Call) and called(argument) == "ForeignKey" and argument.args:
                self._reference((column,), [_text(argument.args[0], self.constants)])

    def constraint(self, node: ast.expr) -> None:
        if not isinstance(node, ast.Call):
            return
        if called(node) == "PrimaryKeyConstraint":
            self.keys += [name for one in node.args if (name := _text(one, self.constants))]
        if called(node) == "ForeignKeyConstraint" and len(node.args) >= 2:
            sides = [
                [_text(one, self.constants) for one in side.elts] if isinstance(side, (ast.List, ast.Tuple)) else []
                for side in node.args[:2]
            ]
            if all(sides[0]):
                self._reference(tuple(str(one) for one in sides[0]), sides[1])

    def _reference(self, columns: tuple[str, ...], targets: list[str | None]) -> None:
        pairs = [one.rpartition(".") for one in targets if one]
        if len(pairs) == len(columns):
            self.references.append((columns, pairs[0][0], tuple(column for _, _, column in pairs)))
