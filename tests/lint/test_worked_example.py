"""The worked example's functions as they were written for plain tables, with its hypertables known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support import Run

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "migrations" / "sql" / "0001"


@pytest.fixture
def found(tsmigrate: Run) -> list[Mapping[str, Any]]:
    done = tsmigrate("lint-queries", FUNCTIONS, "--format", "json", cwd=ROOT)
    assert done.returncode == 1, done.stderr
    findings: list[Mapping[str, Any]] = json.loads(done.stdout)["findings"]
    return findings


def test_the_look_ups_without_time_are_found(found: list[Mapping[str, Any]]) -> None:
    told = {(one["function"], one["table"], one["rule"]) for one in found}
    assert told == {
        ("sms.tg_resolve_delivery_report", "sms.outbound_messages_telco", "TSQ101"),
        ("sms.resolve_delivery_reports", "sms.outbound_messages_telco", "TSQ104"),
        ("sms.resolve_delivery_reports", "sms.delivery_reports", "TSQ104"),
        ("sms.resolve_delivery_reports", "sms.delivery_reports", "TSQ102"),
        ("sms.is_repeat_message", "sms.outbound_messages", "TSQ302"),
    }


def test_a_violation_points_into_the_functions_body(found: list[Mapping[str, Any]]) -> None:
    for one in found:
        line = Path(one["file"]).read_text().splitlines()[one["line"] - 1]
        assert line[one["column"] - 1 :].startswith(one["table"])


def test_the_hypertables_are_read_from_the_revisions(tsmigrate: Run) -> None:
    shown = tsmigrate("lint-queries", "migrations", "--show-hypertables", cwd=ROOT).stdout
    assert len(shown.splitlines()) == 8
    assert "sms.phone_commitments_by_day  truncated_day timestamptz" in shown
    assert "sms.outbound_messages_telco  original_created_at timestamptz" in shown
    assert "0006_hypertables.py" in shown


def test_without_hypertables_it_says_how_to_declare_them(tsmigrate: Run, tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_text("SELECT 1")
    done = tsmigrate("lint-queries", "query.sql")
    assert done.returncode == 2
    assert "[tool.tsmigrate.hypertables]" in done.stderr


def test_the_rewritten_functions_have_no_findings(tsmigrate: Run) -> None:
    done = tsmigrate("lint-queries", ROOT / "migrations" / "sql" / "0007", "--fail-on", "warning", cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_the_projects_own_code_has_no_findings_but_what_a_downgrade_restores(tsmigrate: Run) -> None:
    own = [path for path in (ROOT / "src" / "tsmigrate").iterdir() if path.name not in ("lint", "__pycache__")]
    paths = [*own, ROOT / "migrations" / "versions"]
    done = tsmigrate("lint-queries", *paths, "--format", "json", cwd=ROOT)
    found = json.loads(done.stdout)["findings"]
    assert {(Path(one["file"]).name, one["rule"]) for one in found} <= {("0008_senders_name_the_time.py", "TSQ101")}


def test_a_code_base_without_hypertables_has_no_findings(tsmigrate: Run, tmp_path: Path) -> None:
    names = ("events", "messages", "jobs", "sessions", "readings", "parts", "users", "logs", "time", "data")
    (tmp_path / "tsmigrate.toml").write_text("[hypertables]\n" + "".join(f'{name} = "created_at"\n' for name in names))
    library = Path(json.__file__).parents[1]
    for name in ("asyncio", "email", "http", "json", "logging", "sqlite3", "unittest"):
        shutil.copytree(library / name, tmp_path / name)
    done = tsmigrate("lint-queries", ".", "--fail-on", "info")
    assert done.returncode == 0, done.stdout
