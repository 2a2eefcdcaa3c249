"""The report as the document that every reporting command prints."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from tsmigrate.advise.advice import Advice
from tsmigrate.advise.report.report import Report, remarks
from tsmigrate.capability import described
from tsmigrate.finding import Finding
from tsmigrate.finding import report as document


def as_json(report: Report) -> dict[str, Any]:
    """`findings` name their table, or none; `summary.tables` has the evidence and the plan of each."""
    general = [*remarks(report), *report.obstacles.server]
    counted = Counter(str(advice.verdict.choice) for advice in report.advices)
    made = document(
        "analyze",
        general,
        {
            "database": report.database,
            "server": described(report.evidence.server),
            **{choice: counted[choice] for choice in ("convert", "consider", "leave")},
            "tables": [_table(advice) for advice in report.advices],
        },
    )
    made["findings"] = [_finding(finding, None) for finding in general] + [
        _finding(finding, advice)
        for advice in report.advices
        for finding in report.obstacles.of_table.get(advice.table.oid, ())
    ]
    return made


def _finding(finding: Finding, advice: Advice | None) -> dict[str, Any]:
    return {"table": str(advice.table.relation) if advice else None, **asdict(finding)}


def _table(advice: Advice) -> dict[str, Any]:
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
    }


def _without(made: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in made.items() if name != key}
