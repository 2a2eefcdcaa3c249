"""A line a finding, as compilers and editors do."""

from __future__ import annotations

from tsmigrate.lint.report.report import Report, report_format

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


@report_format("gcc")
def gcc(report: Report) -> str:
    return "".join(
        f"{one.file}:{one.line}:{one.column}: {_LEVELS[one.severity]}: {one.message} [{one.rule}]\n"
        for one in report.violations
    )
