"""What a project may say about a single rule: `[tool.tsmigrate.lint.TSQ101]` in pyproject.toml.

Every rule takes `severity` and `exempt`; what else it takes it declares itself.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any

from tsmigrate.errors import UsageError
from tsmigrate.lint.known import Name
from tsmigrate.lint.violation import Severity

# What each option is for, as a rule's page says it.
ABOUT = {
    "severity": '`severity = "warning"`: error, warning or info.',
    "exempt": '`exempt = ["sms.archive_*"]`: hypertables that the rule leaves alone.',
    "allow_unfiltered": "`allow_unfiltered = true`: a statement without any condition on the table means to take all.",
    "stable_functions": '`stable_functions = ["app.today"]`: functions that are stable although nothing read says so.',
}
EVERY_RULE = ("severity", "exempt")


@dataclass(frozen=True)
class Options:
    """Of one rule."""

    severity: Severity | None = None
    exempt: tuple[str, ...] = ()
    allow_unfiltered: bool = False
    stable_functions: tuple[str, ...] = ()

    def exempts(self, table: str) -> bool:
        """Whether `schema.name` is left alone; a pattern without a schema is of the schema public."""
        return any(fnmatchcase(table, str(Name.parse(pattern))) for pattern in self.exempt)


def read(where: str, taken: tuple[str, ...], written: Any) -> Options:
    """A table of settings. `taken`: the options that the rule has."""
    if not isinstance(written, dict):
        raise UsageError(f"{where} is no table of options", mend=f"it takes {', '.join(taken)}")
    found = Options()
    for key, value in written.items():
        name = key.replace("-", "_")
        if name not in taken:
            raise UsageError(f"{where} has no option {key}", mend=f"it takes {', '.join(taken)}")
        found = replace(found, **{name: _value(f"{where}: {key}", name, value)})
    return found


def _value(where: str, name: str, value: Any) -> Any:
    default = next(one.default for one in fields(Options) if one.name == name)
    if name == "severity":
        return severity(value, where)
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise UsageError(f"{where} is {value!r}", mend="write true or false")
    return texts(where, value)


def texts(where: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise UsageError(f"{where} is {value!r}", mend='write a list of texts: ["…"]')


def severity(value: Any, where: object) -> Severity:
    try:
        return Severity(value)
    except ValueError:
        raise UsageError(f"{where}: not a severity: {value}", mend=f"one of {', '.join(Severity)}") from None
