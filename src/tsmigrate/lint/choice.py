"""The rules that apply to a run: what is said for this run goes before the project's settings."""

from __future__ import annotations

from collections.abc import Sequence

from tsmigrate.errors import UsageError
from tsmigrate.lint.engine import Rules
from tsmigrate.lint.rules.rule import rules
from tsmigrate.lint.settings import LintSettings


def chosen_rules(settings: LintSettings, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> Rules:
    codes = [rule.code for rule in rules()]
    wanted = [one for part in (select or settings.select) for one in part.split(",")]
    unwanted = [one for part in (*ignore, *settings.ignore) for one in part.split(",")]
    for one in (*wanted, *unwanted, *settings.severity):
        if not any(code.startswith(one) for code in codes):
            raise UsageError(f"no rule {one}", mend="tsmigrate explain-rule shows what there is: " + ", ".join(codes))
    kept = {code for code in codes if not wanted or any(code.startswith(one) for one in wanted)}
    kept -= {code for code in kept if any(code.startswith(one) for one in unwanted)}
    return Rules(settings.severity, frozenset(codes) - kept, settings.options)
