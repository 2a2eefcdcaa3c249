"""What reading a relationship runs: SELECT … FROM its table WHERE the columns of its condition are those of the row."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from tsmigrate.lint.learn.models import Model
from tsmigrate.lint.learn.relationships import called
from tsmigrate.lint.sources.literals import Text
from tsmigrate.lint.sources.program import Program


def statements(program: Program, models: Mapping[str, Model]) -> Iterator[tuple[Text, str]]:
    for node in ast.walk(program.tree):
        owner = models.get(node.name) if isinstance(node, ast.ClassDef) else None
        for statement in node.body if isinstance(node, ast.ClassDef) and owner is not None else ():
            target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
            value = getattr(statement, "value", None)
            if (
                owner
                and isinstance(target, ast.Name)
                and isinstance(value, ast.Call)
                and called(value) == "relationship"
            ):
                text = _load(owner, target.id, models, program.place(value))
                if text is not None:
                    yield text, f"{owner.name}.{target.id}"


def _load(owner: Model, attribute: str, models: Mapping[str, Model], place: int) -> Text | None:
    relationship = owner.relationships.get(attribute)
    target = models.get(relationship.target) if relationship is not None and relationship.loads else None
    if relationship is None or target is None:
        return None
    tables, conditions = [target], []
    if relationship.secondary:
        through = owner.through(relationship, target, models)
        between = through.between.name if through is not None else ""
        for one, other in through.theirs if through is not None else ():
            conditions.append(f'"{target.name}"."{one}" = "{between}"."{other}"')
        conditions += [f'"{between}"."{other}" = $1' for _, other in (through.mine if through is not None else ())]
        tables += [through.between] if through is not None else []
    else:
        conditions += [f'"{target.name}"."{column}" = $1' for _, column in owner.joined(relationship, target) or ()]
    if not conditions:
        return None
    made = Text()
    made.put(b"SELECT * FROM ", place)
    made.put(", ".join('"{}"."{}" AS "{}"'.format(*one.table, one.name) for one in tables).encode(), place)
    made.put(f" WHERE {' AND '.join(conditions)}".encode(), place)
    return made
