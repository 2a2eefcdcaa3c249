"""A reorder policy comes with the upgrade and goes with the downgrade."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.errors import UsageError
from tsmigrate.ops.reorder_policy import AddReorderPolicy, RemoveReorderPolicy

revision, down_revision = "reorder_policy", None

ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
POLICY = (
    "SELECT schedule_interval || ' ' || (config ->> 'index_name') FROM timescaledb_information.jobs WHERE job_id > 999"
)
community = pytest.mark.edition("community")


def down() -> None:
    op.remove_reorder_policy("reading")


@pytest.fixture
def reading(migration: Any) -> Any:
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-01-01' + n * interval '1 h', 95 - n "
        "FROM generate_series(0, 95) n",
        "CREATE INDEX by_device ON reading (device, at DESC)",
    )
    return migration


def check(database: Any, policy: str) -> None:
    assert database.value(POLICY) == policy


@community
def test_a_downgrade_takes_the_policy_away(reading: Any) -> None:
    reading.there_and_back(
        lambda: op.add_reorder_policy("reading", "by_device", schedule_interval="3 hours"),
        down,
        meanwhile=lambda: check(reading, "03:00:00 by_device"),
    )
    reading.there_and_back(
        lambda: op.add_reorder_policy("reading", "reading_at_idx"),
        down,
        meanwhile=lambda: check(reading, "12:00:00 reading_at_idx"),
    )


@community
def test_what_an_upgrade_removes_its_downgrade_adds_as_it_was(reading: Any) -> None:
    reading.execute("SELECT alter_job(add_reorder_policy('reading', 'by_device'), schedule_interval => '5 h')")

    def upgrade() -> None:
        op.remove_reorder_policy("reading")

    def downgrade() -> None:
        op.add_reorder_policy("reading", "by_device", schedule_interval="5 hours")

    reading.there_and_back(upgrade, downgrade, meanwhile=lambda: reading.run(upgrade))  # twice does no harm


@community
def test_odd_names_and_a_number_for_time(migration: Any) -> None:
    name = '"' + ODD.replace('"', '""') + '"'
    index = name.replace("x", "i")
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f'CREATE TABLE "My Schema".{name} (at bigint NOT NULL)',
        f"SELECT create_hypertable('\"My Schema\".{name}', by_range('at', 1000))",
        f'CREATE INDEX {index} ON "My Schema".{name} (at)',
    )
    migration.there_and_back(
        lambda: op.add_reorder_policy(ODD, ODD.replace("x", "i"), schedule_interval="1 day", schema="My Schema"),
        lambda: op.remove_reorder_policy(ODD, schema="My Schema"),
    )


@community
def test_the_job_does_what_it_is_for(reading: Any) -> None:
    reading.run(lambda: op.add_reorder_policy("reading", "by_device"))
    first = "SELECT device FROM _timescaledb_internal._hyper_1_1_chunk LIMIT 1"
    before = reading.value(first)
    with connect.connection(reading.database) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        job = reading.value("SELECT job_id FROM timescaledb_information.jobs WHERE job_id > 999")
        connection.exec_driver_sql(f"CALL run_job({job})")
    assert reading.value(first) < before


@community
def test_what_would_fail_is_refused_with_all_reasons(reading: Any) -> None:
    reading.execute("SELECT add_reorder_policy('reading', 'by_device')", "CREATE TABLE plain (at timestamptz)")
    before = reading.snapshot()
    with pytest.raises(DBAPIError) as refused:
        reading.run(lambda: op.add_reorder_policy("reading", "gone", schedule_interval="soon"))
    for told in (
        "it has no index gone, but by_device, reading_at_idx",
        "it has a reorder policy already, by by_device",
        "schedule_interval is 'soon', which is no interval",
    ):
        assert told in str(refused.value)
    with pytest.raises(DBAPIError, match='"plain" is not a hypertable'):
        reading.run(lambda: op.add_reorder_policy("plain", "by_device"))
    assert reading.snapshot() == before


@pytest.mark.edition("apache")
def test_the_apache_edition_refuses_or_skips_both_ways(reading: Any, settings: dict[str, str]) -> None:
    def upgrade() -> None:
        op.add_reorder_policy("reading", "by_device")

    def downgrade() -> None:
        op.remove_reorder_policy("reading")

    with pytest.raises(DBAPIError, match=r"add_reorder_policy .* needs TimescaleDB Community"):
        reading.run(upgrade)
    settings["on_unsupported"] = "skip"
    reading.there_and_back(upgrade, downgrade)
    assert reading.value("SELECT to_regclass('tsmigrate.undo')") is None


def test_the_operation_is_written_and_reversed() -> None:
    asked = AddReorderPolicy("t", "s", "by_device", "1 day")
    assert asked.reverse().reverse() == asked
    assert asked.to_diff_tuple() == ("add_reorder_policy", "t", "s", "by_device", "1 day")
    text = render_python_code(UpgradeOps([asked]))
    assert 'op.add_reorder_policy("t", "by_device", schedule_interval="1 day", schema="s")' in text
    with pytest.raises(UsageError, match="does not know the policy"):
        RemoveReorderPolicy("t", None).reverse()
