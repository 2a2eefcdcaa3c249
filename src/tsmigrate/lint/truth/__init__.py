"""When chunks are excluded, as tried on servers: the cases, their tables, and each version's verdict.

`scripts/truth_table.py` (`make truth-table`) runs them again with EXPLAIN and rewrites the verdicts of that version;
the tests replay them through the linter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tsmigrate.lint.target import Target

FOLDER = Path(__file__).parent
CASES = FOLDER / "cases.jsonl"
SETUP = FOLDER / "setup.sql"
NONE, ERROR = "NONE", "ERROR"


# Where the linter says something else than the server, and why it does.
DISAGREEMENTS = {
    "devices d WHERE NOT EXISTS (SELECT 1 FROM ht WHERE ht.device = d.id)": "stops early only if every device is found",
    "devices WHERE id = ANY(SELECT device FROM ht)": "stops early only when every device is found",
    "SELECT *, EXISTS (SELECT 1 FROM ht WHERE ht.id = dim.id) FROM dim": "stops early only when every id is found",
    "ht FULL JOIN ht2 USING (time, id) WHERE time = '{A}'": "a merged column of a FULL JOIN is not followed",
}


@dataclass(frozen=True)
class Case:
    name: str
    table: str
    sql: str
    prepare: tuple[str, ...]
    settings: tuple[str, ...]
    verdicts: Mapping[str, str]
    exempt: str | None

    @property
    def judged(self) -> str:
        """The statement that a reader of source sees: of a prepared case the text in PREPARE."""
        return self.prepare[0] if self.prepare else self.sql

    def flagged(self, target: Target) -> bool:
        """Whether the server reads every chunk, or refuses."""
        return self.verdicts[column(target)] in (NONE, ERROR)


def column(target: Target) -> str:
    """The key of a version's verdicts in the file."""
    return str(target).replace(",", "_").replace(".", "_")


def cases() -> list[Case]:
    return [_case(json.loads(line)) for line in CASES.read_text().splitlines()]


def _case(row: dict[str, Any]) -> Case:
    verdicts = {key: value for key, value in row.items() if key.startswith("pg")}
    settings, prepare = tuple(row["settings"]), tuple(row["prepare"])
    return Case(row["case"], row["table"], row["sql"], prepare, settings, verdicts, row["exempt"])


def written(case: Case) -> str:
    """A case as a line of the file."""
    row = {"case": case.name, "table": case.table, "sql": case.sql, "prepare": case.prepare, "settings": case.settings}
    return json.dumps({**row, **case.verdicts, "exempt": case.exempt})


def filled(text: str, first_day: datetime) -> str:
    """`text` with its marks filled in: {A} is ten days after the first, {B} twelve."""
    a, b = first_day + timedelta(days=10), first_day + timedelta(days=12)
    marks = {
        "{A}": a.isoformat(sep=" "),
        "{B}": b.isoformat(sep=" "),
        "{A_date}": a.date().isoformat(),
        "{B_date}": b.date().isoformat(),
        "{A_epoch}": str(int(a.timestamp())),
        "{B_epoch}": str(int(b.timestamp())),
        "{A_epoch_day}": str(int(a.timestamp()) // 86400),
    }
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return text
