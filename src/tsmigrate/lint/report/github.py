"""Annotations of a GitHub workflow run."""

from __future__ import annotations

from tsmigrate.lint.report.report import Report, report_format

_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


@report_format("github")
def github(report: Report) -> str:
    return "".join(
        f"::{_LEVELS[one.severity]} file={_property(one.file)},line={one.line},endLine={one.end_line},"
        f"col={one.column},endColumn={one.end_column},title={_property(f'{one.rule} {one.name}')}"
        f"::{_text(f'{one.message}; {one.hint}')}\n"
        for one in report.violations
    )


def _text(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _text(value).replace(":", "%3A").replace(",", "%2C")
