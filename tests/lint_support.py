"""What the linter's tests share."""

from __future__ import annotations

from typing import Protocol

from tsmigrate.lint.target import DEFAULT, Target
from tsmigrate.lint.violation import Violation


class Lint(Protocol):
    def __call__(self, sql: str, target: Target = DEFAULT) -> list[Violation]: ...
