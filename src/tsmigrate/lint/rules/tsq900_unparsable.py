"""TSQ900: A statement that names a hypertable could not be read."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, rule
from tsmigrate.lint.violation import Severity


@rule("TSQ900", Severity.INFO, About.SOURCE)
def unparsable(_statement: Statement) -> Told | None:
    """A statement that names a hypertable could not be read.

    **Problem.** The parser is PostgreSQL's own; what it cannot read is of another database, of a template language,
    or wrong.

    **What the server does.** Nothing: the linter did not judge the statement.

    **Mend.** Write the statement so that placeholders stand where values stand, or lint what the template renders.

    **When to suppress.** The file is not PostgreSQL's.
    """
    return None  # told by the engine, which meets the statement
