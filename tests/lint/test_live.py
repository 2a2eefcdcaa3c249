"""What is learned from a server, and what the servers of the tests say of the truth table."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import text

from support import Run
from tsmigrate import capability, connect
from tsmigrate.lint import truth
from tsmigrate.lint.known import Known, Name
from tsmigrate.lint.learn import live
from tsmigrate.lint.target import KNOWN
from tsmigrate.url import DatabaseUrl

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("truth_table", ROOT / "scripts" / "truth_table.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_servers_verdicts_are_those_of_the_table(database: DatabaseUrl, script: ModuleType) -> None:
    target = live.target(database)
    if target not in KNOWN:
        pytest.skip(f"the truth table has no column for {target}: make truth-table")
    wrong = []
    with connect.connection(database, isolation_level="AUTOCOMMIT") as connection:
        first_day = script.prepared(connection)
        for case in truth.cases():
            found = script.verdict(connection, case, first_day)
            if (found in (truth.NONE, truth.ERROR)) != case.flagged(target):
                wrong.append((case.name, case.table, found, case.verdicts))
    assert not wrong


def test_tables_views_functions_and_hypertables_are_learned(database: DatabaseUrl, script: ModuleType) -> None:
    with connect.connection(database, isolation_level="AUTOCOMMIT") as connection:
        script.prepared(connection)
    known = Known()
    live.learn(database, known)
    assert {str(name): one.column for name, one in known.hypertables.items()} == {
        f"public.{table}": "time" for table in ("ht", "ht2", "htn", "htd", "hti", "hts")
    }
    types = {name.name: one.type for name, one in known.hypertables.items()}
    assert (types["ht"], types["htn"], types["htd"], types["hti"]) == ("timestamptz", "timestamp", "date", "int8")
    assert known.hypertables[Name("public", "hts")].dimensions == ("device",)
    assert known.hypertables[Name("public", "hti")].now_function == "inow"
    assert known.tables[Name("public", "devices")] == {"id": "int4", "name": "text"}
    assert known.functions[Name("public", "f_stable")].volatility == "stable"
    assert Name("public", "time_bucket") not in known.functions
    assert {name.name for name in known.views} == {"v_plain", "v_agg", "v_day", "v_distinct", "v_union"}


def test_a_server_says_what_is_a_hypertable(
    database: DatabaseUrl, script: ModuleType, tsmigrate: Run, tmp_path: Path
) -> None:
    with connect.connection(database, isolation_level="AUTOCOMMIT") as connection:
        script.prepared(connection)
        community = capability.ask(connection).timescale.edition == capability.Edition.COMMUNITY
        if community:
            connection.execute(
                text(
                    "CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS "
                    "SELECT time_bucket('1 day', time) AS day, count(*) FROM ht GROUP BY 1 WITH NO DATA"
                )
            )
    (tmp_path / "q.sql").write_text(
        "SELECT * FROM v_plain WHERE id = 3;\nSELECT * FROM v_plain WHERE time >= now() - interval '1 day';\n"
        "SELECT * FROM daily;\nSELECT * FROM daily WHERE day >= now() - interval '1 week';\n"
    )
    done = tsmigrate("lint-queries", "q.sql", "--url", database.full, "--format", "json")
    found = [(one["line"], one["table"]) for one in json.loads(done.stdout)["findings"]]
    assert found == [(1, "public.ht"), *([(3, "public.daily")] if community else [])]
    assert "through public.v_plain" in done.stdout


def test_a_database_without_the_extension_is_no_error(plain_database: DatabaseUrl) -> None:
    known = Known()
    live.learn(plain_database, known)
    assert not known.hypertables
    assert live.target(plain_database) is None
