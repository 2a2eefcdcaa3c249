"""SQLAlchemy's expressions as SQL: `select(M).where(M.id == x)` is judged as the statement that it will become.

A statement that may be built further elsewhere, or that holds what only running the code would tell, is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tsmigrate.lint.learn.models import Model
from tsmigrate.lint.sources.literals import Text
from tsmigrate.lint.sources.program import Program
from tsmigrate.lint.sources.sqlalchemy import loads
from tsmigrate.lint.sources.sqlalchemy.find import chains
from tsmigrate.lint.sources.sqlalchemy.query import AnythingError, Reader
from tsmigrate.lint.sources.sqlalchemy.write import Writer


def statements(program: Program, models: Mapping[str, Model]) -> Iterator[tuple[Text, str]]:
    """Each statement, and the function that it is in."""
    reader = Reader(models)
    writer = Writer(reader, program.place)
    for found in chains(program):
        try:
            query = reader.any_query(found.chain, found.names)
            if query is not None:
                yield writer.statement(query), found.function
        except (AnythingError, RecursionError):
            continue
    yield from loads.statements(program, models)
