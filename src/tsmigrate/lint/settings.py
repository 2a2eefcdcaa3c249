"""What a project says about its linting: `[tool.tsmigrate]` in pyproject.toml, or tsmigrate.toml with the same tables.

search_path = ["sms", "public"]

[hypertables]                       # in pyproject.toml: [tool.tsmigrate.hypertables]
"sms.outbound_messages" = { column = "created_at", type = "timestamptz" }

[lint]                              # in pyproject.toml: [tool.tsmigrate.lint]
ignore = ["TSQ302"]
severity = { TSQ205 = "error" }
TSQ101 = { exempt = ["sms.countries"] }
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tsmigrate.errors import UsageError
from tsmigrate.lint import target
from tsmigrate.lint.known import DEFAULT_SEARCH_PATH, Hypertable, Name
from tsmigrate.lint.options import Options, severity, texts
from tsmigrate.lint.options import read as read_options
from tsmigrate.lint.rules.rule import rules
from tsmigrate.lint.sql.functions import type_name
from tsmigrate.lint.target import Target
from tsmigrate.lint.violation import Severity

FILES = ("tsmigrate.toml", "pyproject.toml")
_LINT = frozenset(
    {"select", "ignore", "severity", "target", "exclude", "fail_on", "require_reason", "baseline", "learn"}
)
_HYPERTABLE = frozenset({"column", "type", "columns", "dimensions", "now_function"})


@dataclass(frozen=True)
class LintSettings:
    file: Path | None = None
    hypertables: tuple[Hypertable, ...] = ()
    search_path: tuple[str, ...] = DEFAULT_SEARCH_PATH
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)
    options: Mapping[str, Options] = field(default_factory=dict)  # by the rule's code
    target: Target | None = None
    exclude: tuple[str, ...] = ()
    fail_on: Severity = Severity.ERROR
    require_reason: bool = False
    baseline: Path | None = None
    learn: tuple[Path, ...] = ()  # read for what they define, beside the linted paths


def find(start: Path) -> LintSettings:
    """The settings that hold for `start`: the nearest file upwards that has any."""
    here = start.absolute()
    for folder in (here, *here.parents):
        for name in FILES:
            path = folder / name
            if path.is_file() and (table := _table(path)):
                return _read(path, table)
    return LintSettings()


def _table(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", mend="make it readable") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", mend="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}", mend="mend the file") from None
    if path.name == "pyproject.toml":
        content = content.get("tool", {}).get("tsmigrate", {})
    return content


def _read(path: Path, table: dict[str, Any]) -> LintSettings:
    lint = table.get("lint", {})
    if not isinstance(lint, dict):
        raise UsageError(f"{path}: lint is no table", mend="write [lint] above its settings")
    codes = {rule.code: rule.options for rule in rules()}
    unknown = set(lint) - {*_LINT, *(name.replace("_", "-") for name in _LINT), *codes}
    if unknown:
        raise UsageError(
            f"{path}: [lint] has no setting {', '.join(sorted(unknown))}",
            mend=f"it has {', '.join(sorted(_LINT))}, and a table for each rule",
        )
    options = {code: read_options(f"{path}: [lint.{code}]", codes[code], lint[code]) for code in codes if code in lint}
    lint = {name.replace("-", "_"): value for name, value in lint.items()}
    severities = {code: severity(value, path) for code, value in dict(lint.get("severity", {})).items()}
    severities |= {code: one.severity for code, one in options.items() if one.severity is not None}
    search_path = tuple(table.get("search_path", DEFAULT_SEARCH_PATH))
    declared = table.get("hypertables", {})
    baseline = lint.get("baseline")
    return LintSettings(
        file=path,
        hypertables=tuple(_hypertable(path, name, one, search_path) for name, one in declared.items()),
        search_path=search_path,
        select=_texts(path, lint, "select"),
        ignore=_texts(path, lint, "ignore"),
        severity=severities,
        options=options,
        target=target.Target.parse(lint["target"]) if "target" in lint else None,
        exclude=_texts(path, lint, "exclude"),
        fail_on=severity(lint.get("fail_on", "error"), path),
        require_reason=bool(lint.get("require_reason", False)),
        baseline=path.parent / baseline if baseline else None,
        learn=tuple(path.parent / one for one in _texts(path, lint, "learn")),
    )


def _texts(path: Path, lint: dict[str, Any], name: str) -> tuple[str, ...]:
    return texts(f"{path}: {name}", lint.get(name, []))


def _hypertable(path: Path, name: str, one: Any, search_path: tuple[str, ...]) -> Hypertable:
    if isinstance(one, str):
        one = {"column": one}
    if not isinstance(one, dict) or not isinstance(one.get("column"), str) or set(one) - _HYPERTABLE:
        raise UsageError(
            f"{path}: hypertable {name} is not declared as it should be",
            mend=f'"{name}" = {{ column = "created_at" }}; further keys: {", ".join(sorted(_HYPERTABLE - {"column"}))}',
        )
    columns = one.get("columns")
    return Hypertable(
        Name.parse(name, search_path[0]),
        one["column"],
        type_name(one.get("type", "timestamptz")),
        tuple(columns) if columns else None,
        tuple(one.get("dimensions", ())),
        one.get("now_function"),
        source=str(path),
    )
