"""TSQ911: A suppression does not say why."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, rule
from tsmigrate.lint.violation import Severity


@rule("TSQ911", Severity.WARNING, About.SOURCE)
def suppression_without_reason(_statement: Statement) -> Told | None:
    """A suppression does not say why.

    **Problem.** With `require_reason = true` in `[tool.tsmigrate.lint]` each suppression has to give its reason.

    **What the server does.** Nothing.

    **Mend.** Write it after the rule: `-- tsmigrate: ignore TSQ101 the report reads everything`.

    **When to suppress.** Never.
    """
    return None  # told where suppressions are sifted
