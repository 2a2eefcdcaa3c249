"""TSQ910: A suppression comment silences nothing."""

from __future__ import annotations

from tsmigrate.lint.rules.rule import About, Statement, Told, rule
from tsmigrate.lint.violation import Severity


@rule("TSQ910", Severity.WARNING, About.SOURCE)
def unused_suppression(_statement: Statement) -> Told | None:
    """A suppression comment silences nothing.

    **Problem.** The query was mended or moved, and the comment stayed. It would silence the next mistake in this
    place.

    **What the server does.** Nothing.

    **Mend.** Delete the comment.

    **When to suppress.** Never.
    """
    return None  # told where suppressions are sifted
