"""`tsmigrate explain-rule`: the page of one rule of the linter."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(explain_rule)


def explain_rule(
    code: Annotated[str, typer.Argument(help="The rule's code or name: TSQ104, join-missing-key.")],
) -> None:
    """Print what a lint rule finds, what the server does, how to mend it and when to suppress it."""
    from tsmigrate.errors import UsageError
    from tsmigrate.lint.rules.rule import rules

    found = next((rule for rule in rules() if code.upper() == rule.code or code == rule.name), None)
    if found is None:
        raise UsageError(f"no rule {code}", mend="one of " + ", ".join(rule.code for rule in rules()))
    print(f"{found.code} {found.name} ({found.severity})\n\n{found.page}")
