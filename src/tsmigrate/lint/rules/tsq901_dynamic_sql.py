"""TSQ901: A statement on a hypertable is put together while running."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, rule
from tsmigrate.lint.violation import Severity


@rule("TSQ901", Severity.INFO, About.SOURCE)
def dynamic_sql(_statement: Statement) -> Told | None:
    """A statement on a hypertable is put together while running.

    **Problem.** `EXECUTE 'SELECT … ' || filter`, or a WHERE clause that is inserted as text: what it will say is
    not in the source.

    **What the server does.** Unknown; the linter did not judge the statement.

    **Mend.** Keep the bound on the partition column in the fixed part of the text.

    **When to suppress.** The inserted text is known to hold the bound.
    """
    return None  # told by the engine, which meets the statement
