"""SARIF 2.1.0, for code scanning."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from tsmigrate import __version__
from tsmigrate.lint.report.report import Report, report_format
from tsmigrate.lint.rules.rule import rules
from tsmigrate.lint.violation import Violation

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


@report_format("sarif")
def sarif(report: Report) -> str:
    known = [
        {
            "id": one.code,
            "name": "".join(part.title() for part in one.name.split("-")),
            "shortDescription": {"text": one.summary},
            "fullDescription": {"text": one.page},
            "defaultConfiguration": {"level": _LEVELS[one.severity]},
        }
        for one in rules()
    ]
    driver = {"name": "tsmigrate lint-queries", "version": __version__, "rules": known}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one) for one in report.violations],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(one: Violation) -> dict[str, Any]:
    region = {
        "startLine": one.line,
        "startColumn": one.column,
        "endLine": one.end_line,
        "endColumn": one.end_column,
    }
    place: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": quote(one.file.replace("\\", "/"))}, "region": region}
    }
    if one.function:
        place["logicalLocations"] = [{"fullyQualifiedName": one.function, "kind": "function"}]
    return {
        "ruleId": one.rule,
        "level": _LEVELS[one.severity],
        "message": {"text": f"{one.message}. Mend: {one.hint}" if one.hint else one.message},
        "locations": [place],
        "partialFingerprints": {"tsmigrate/v1": one.fingerprint},
    }
