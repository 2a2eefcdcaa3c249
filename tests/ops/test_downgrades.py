"""An upgrade may take away what an earlier one brought: its downgrade gives it back, twice over, and leaves no row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError

from tsmigrate.errors import UsageError
from tsmigrate.ops.columnstore import SetColumnstore
from tsmigrate.ops.disable_columnstore import DisableColumnstore

revision, down_revision = "downgrades", None
community = pytest.mark.edition("community")
UNDO = "SELECT to_regclass('tsmigrate.undo')"


@pytest.fixture
def reading(migration: Any) -> Any:
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, value real)",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-01-01' + n * interval '1 h', n % 5, n "
        "FROM generate_series(0, 95) n",
    )
    return migration


def steps(up: Callable[[], None], down: Callable[[], None]) -> tuple[Callable[[], None], Callable[[], None]]:
    """As a revision has them: an operation asks which of the two called it."""

    def upgrade() -> None:
        up()

    def downgrade() -> None:
        down()

    return upgrade, downgrade


@community
def test_policies_and_a_columnstore_go_and_come_back(reading: Any) -> None:
    reading.execute(
        "ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'device', "
        "timescaledb.compress_orderby = 'at DESC')",
        "CALL add_columnstore_policy('reading', after => interval '7 days', schedule_interval => interval '6 hours')",
        "SELECT add_retention_policy('reading', interval '100 years')",
        "SELECT count(compress_chunk(c)) FROM show_chunks('reading') c",
    )

    def up() -> None:
        op.remove_retention_policy("reading")
        op.remove_columnstore_policy("reading")
        op.disable_columnstore("reading")

    def down() -> None:
        op.set_columnstore("reading", segmentby=["device"], orderby=["at DESC"])
        op.add_columnstore_policy("reading", "7 days", schedule_interval="6 hours")
        op.add_retention_policy("reading", "100 years", "1 day")

    reading.there_and_back(*steps(up, down))
    assert reading.value("SELECT count(*) FROM reading") == 96
    assert reading.value(UNDO) is None


@community
def test_a_downgrade_of_retention_insists_on_what_the_upgrade_remembers(reading: Any) -> None:
    """An upgrade may remove any policy; a downgrade has to know which chunks there were."""
    reading.execute("SELECT add_retention_policy('reading', interval '100 years')")
    upgrade, downgrade = steps(*[lambda: op.remove_retention_policy("reading")] * 2)
    with pytest.raises(DBAPIError, match=r"tsmigrate\.undo has no row of add_retention_policy"):
        reading.run(downgrade)
    reading.run(upgrade)
    assert reading.value("SELECT count(*) FROM timescaledb_information.jobs WHERE job_id >= 1000") == 0


@community
def test_a_columnstore_is_not_disabled_while_a_policy_would_compress_again(reading: Any) -> None:
    reading.execute(
        "ALTER TABLE reading SET (timescaledb.compress)",
        "CALL add_columnstore_policy('reading', after => interval '7 days')",
    )
    with pytest.raises(DBAPIError, match="a policy would compress its chunks again"):
        reading.run(lambda: op.disable_columnstore("reading"))


@community
def test_an_aggregate_changes_its_name_and_how_it_is_read(reading: Any) -> None:
    reading.execute(
        'CREATE MATERIALIZED VIEW "By day" WITH (timescaledb.continuous) AS '
        "SELECT time_bucket('1 day', at) AS day, count(*) FROM reading GROUP BY 1 WITH NO DATA",
        "SELECT add_continuous_aggregate_policy('\"By day\"', '3 days', NULL, '1 hour')",
    )

    def up() -> None:
        op.remove_refresh_policy("By day")
        op.set_materialized_only("By day", False)
        op.rename_continuous_aggregate("By day", 'it\'s "old"')

    def down() -> None:
        op.rename_continuous_aggregate('it\'s "old"', "By day")
        op.set_materialized_only("By day", True)
        op.add_refresh_policy("By day", "3 days", None, "1 hour")

    reading.there_and_back(*steps(up, down))


@community
def test_a_column_is_added_to_an_aggregate_and_taken_out(reading: Any) -> None:
    reading.execute(
        "CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS "
        "SELECT time_bucket('1 day', at) AS day, count(*) FROM reading GROUP BY 1 WITH NO DATA",
        "COMMENT ON VIEW daily IS 'kept'",
    )

    def up() -> None:
        op.add_column_to_continuous_aggregate("daily", 'The "most"', "real", "max(value)")
        op.add_column_to_continuous_aggregate("daily", "least", "real", "min(value)")

    def down() -> None:
        op.drop_column_from_continuous_aggregate("daily", "least")
        op.drop_column_from_continuous_aggregate("daily", 'The "most"')

    reading.there_and_back(*steps(up, down))


def test_a_number_of_partitions_is_set_and_restored(reading: Any) -> None:
    with pytest.raises(DBAPIError, match="it has no hash dimension"):
        reading.run(lambda: op.set_hash_partitions("reading", 8))
    reading.execute("SELECT add_dimension('reading', by_hash('device', 4))")
    reading.there_and_back(
        *steps(lambda: op.set_hash_partitions("reading", 8), lambda: op.restore_hash_partitions("reading"))
    )
    with pytest.raises(UsageError, match="cannot make 0 partitions"):
        reading.run(lambda: op.set_hash_partitions("reading", 0))


def test_a_hypertable_that_a_downgrade_makes_can_be_made_by_it_again(reading: Any) -> None:
    reading.execute("DROP TABLE reading", "CREATE TABLE reading (at timestamptz NOT NULL)")
    _, downgrade = steps(lambda: None, lambda: op.create_hypertable("reading", "at", "1 day"))
    reading.run(downgrade)
    reading.execute("DROP TABLE reading", "CREATE TABLE reading (at timestamptz NOT NULL)")
    reading.run(downgrade)
    assert reading.value(UNDO) is None


@pytest.mark.edition("apache")
def test_the_apache_edition_skips_both_ways(reading: Any, settings: dict[str, str]) -> None:
    def up() -> None:
        op.remove_retention_policy("reading")
        op.remove_columnstore_policy("reading")
        op.disable_columnstore("reading")
        op.remove_refresh_policy("daily")
        op.set_materialized_only("daily", True)
        op.rename_continuous_aggregate("daily", "old")

    def down() -> None:
        op.rename_continuous_aggregate("old", "daily")
        op.set_materialized_only("daily", False)
        op.add_refresh_policy("daily", "3 days", None, "1 hour")
        op.set_columnstore("reading")
        op.add_columnstore_policy("reading", "7 days")
        op.add_retention_policy("reading", "1 year")

    with pytest.raises(DBAPIError, match=r"remove_retention_policy .* needs TimescaleDB Community"):
        reading.run(up)
    settings["on_unsupported"] = "skip"
    reading.there_and_back(*steps(up, down))
    assert reading.value(UNDO) is None


def test_what_was_disabled_is_written_and_reversed() -> None:
    was = SetColumnstore("t", "s", ["a"], ["b DESC"])
    asked = DisableColumnstore("t", "s", was)
    assert asked.reverse() == was
    assert 'op.disable_columnstore("t", schema="s")' in render_python_code(UpgradeOps([asked]))
    with pytest.raises(UsageError, match="does not know how the columnstore was laid out"):
        DisableColumnstore("t", None).reverse()
