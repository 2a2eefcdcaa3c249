"""The report as the document that every reporting command prints."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from tsmigrate.advise.advice import Advice
from tsmigrate.advise.impact import Impact
from tsmigrate.advise.report.report import Report
from tsmigrate.advise.saving import Saving
from tsmigrate.capability import described
from tsmigrate.finding import Finding
from tsmigrate.finding import report as document


def as_json(report: Report) -> dict[str, Any]:
    """`findings` name their table, or none; `summary.tables` has the evidence and the plan of each."""
    general = report.general
    counted = Counter(str(advice.verdict.choice) for advice in report.advices)
    made = document(
        "analyze",
        general,
        {
            "database": report.database,
            "server": described(report.evidence.server),
            **{choice: counted[choice] for choice in ("convert", "consider", "leave")},
            "tables": [_table(advice, report) for advice in report.advices],
        },
    )
    made["findings"] = [_finding(finding, None) for finding in general] + [
        _finding(finding, advice) for advice in report.advices for finding in report.of_table(advice)
    ]
    return made


def _finding(finding: Finding, advice: Advice | None) -> dict[str, Any]:
    return {"table": str(advice.table.relation) if advice else None, **asdict(finding)}


def _table(advice: Advice, report: Report) -> dict[str, Any]:
    table = advice.table
    return {
        "schema": table.relation.schema,
        "table": table.relation.name,
        "bytes": table.size,
        "index_bytes": table.index_bytes,
        "rows": table.known_rows,
        "analyzed": table.analyzed.isoformat() if table.analyzed else None,
        "writes": asdict(table.writes),
        "growth": _without(asdict(advice.growth), "spread") if advice.growth else None,
        "verdict": str(advice.verdict.choice),
        "reasons": [asdict(reason) for reason in advice.verdict.reasons],
        "time_columns": [
            {
                "column": each.name,
                "type": each.column.type,
                "points": each.points,
                "unfit": each.unfit,
                "reasons": [asdict(reason) for reason in each.reasons],
            }
            for each in advice.columns
        ],
        "plan": asdict(advice.plan) if advice.plan else None,
        "drift": [each.text for each in advice.drift],
        "saving": _saving(report.saving(advice)),
        "queries": _queries(report.impact, table.oid) if report.impact else None,
    }


def _saving(saving: Saving | None) -> dict[str, Any] | None:
    return {**asdict(saving), "ratio": round(saving.ratio, 2)} if saving else None


def _queries(impact: Impact, table: int) -> list[dict[str, Any]]:
    return [
        {
            "rule": one.rule,
            "severity": str(one.severity),
            "must_change": impact.must(one),
            "file": one.file,
            "line": one.line,
            "message": one.message,
            "mend": one.hint,
        }
        for one in impact.of_table.get(table, ())
    ]


def _without(made: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in made.items() if name != key}
