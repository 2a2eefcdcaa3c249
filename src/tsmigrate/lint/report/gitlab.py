"""GitLab's code quality report."""

from __future__ import annotations

import json
from collections import Counter

from tsmigrate.lint.report.report import Report, report_format

_LEVELS = {"error": "major", "warning": "minor", "info": "info"}


@report_format("gitlab")
def gitlab(report: Report) -> str:
    seen: Counter[str] = Counter()
    issues = []
    for one in report.violations:
        seen[one.fingerprint] += 1  # each entry needs a fingerprint of its own
        number = seen[one.fingerprint]
        issues.append(
            {
                "description": f"{one.message}; {one.hint}" if one.hint else one.message,
                "check_name": one.rule,
                "fingerprint": one.fingerprint if number == 1 else f"{one.fingerprint}-{number}",
                "severity": _LEVELS[one.severity],
                "location": {"path": one.file, "lines": {"begin": one.line, "end": one.end_line}},
            }
        )
    return json.dumps(issues, indent=2) + "\n"
