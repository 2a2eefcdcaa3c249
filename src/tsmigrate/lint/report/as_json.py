"""For programs: one JSON document."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from tsmigrate.lint.report.report import Report, report_format
from tsmigrate.lint.violation import Severity, Violation

VERSION = 1


@report_format("json")
def as_json(report: Report) -> str:
    return json.dumps(document(report), indent=2) + "\n"


def _finding(one: Violation) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if not name.startswith("statement_")}


def document(report: Report) -> dict[str, Any]:
    judged = report.judged
    return {
        "version": VERSION,
        "command": "lint-queries",
        "findings": [_finding(one) for one in judged.violations],
        "summary": {
            "files": judged.files,
            "statements": judged.statements,
            "hypertable_statements": judged.hypertable_statements,
            "by_rule": dict(sorted(Counter(one.rule for one in judged.violations).items())),
            "by_severity": {str(one): report.by_severity[one] for one in Severity},
            "unparsed": [{"file": file, "line": line, "why": why} for file, line, why in judged.unparsed],
            "suppressed": report.suppressed,
            "in_baseline": report.in_baseline,
        },
    }
