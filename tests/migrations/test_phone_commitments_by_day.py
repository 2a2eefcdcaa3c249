"""Revisions 0011 to 0013: a continuous aggregate in place of the cache; where the edition has none, tsmigrate's own."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tsmigrate import connect
from tsmigrate.policies import runner, state
from tsmigrate.policies.state import Kind

BY_DAY = "SELECT truncated_day, phone_number, commitment, segments FROM {} ORDER BY 1, 2"
COUNTED = """(
    SELECT date_trunc('day', created_at, 'UTC') AS truncated_day, from_number AS phone_number,
           count(*) AS commitment, sum(estimated_segments) AS segments
    FROM sms.outbound_messages WHERE from_number IS NOT NULL GROUP BY 1, 2
) AS counted"""
CACHE, VIEW, AGGREGATE = "sms.fresh_phone_commitments", "sms.phone_commitments", "sms.phone_commitments_by_day"
ADD_A_SEGMENT = (
    "UPDATE sms.outbound_messages SET estimated_segments = estimated_segments + 1 WHERE from_number IS NOT NULL"
)
REFRESH = f"CALL refresh_continuous_aggregate('{AGGREGATE}', NULL, NULL)"
apache = pytest.mark.edition("apache")


@pytest.fixture
def loaded(switchboard_at: Any) -> Any:
    """The switchboard at head, with messages from before the hypertables."""
    return switchboard_at("head", 500)


def by_day(switchboard: Any, source: str) -> list[Any]:
    with connect.connection(switchboard.database) as connection:
        return list(connection.execute(text(BY_DAY.format(source))))


def change(switchboard: Any, *statements: str) -> None:
    """Each in a transaction of its own, or outside of one."""
    with connect.connection(switchboard.database) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in statements:
            connection.execute(text(statement))


def refresh(switchboard: Any) -> None:
    """All of the aggregate, as each edition does it."""
    with connect.connection(switchboard.database) as connection:
        emulated = [each for each in state.policies(connection) if each.kind is Kind.AGGREGATE]
        connection.rollback()
        for aggregate in emulated:
            runner.refreshed(connection, aggregate, None, None)
    if not emulated:
        change(switchboard, REFRESH)


def exists(connection: Connection, name: str) -> bool:
    return bool(connection.execute(text(f"SELECT to_regclass('{name}') IS NOT NULL")).scalar_one())


def test_readers_get_what_counting_the_messages_gives(loaded: Any) -> None:
    assert by_day(loaded, VIEW) == by_day(loaded, COUNTED) != []


def test_with_the_aggregate_the_cache_is_gone(loaded: Any) -> None:
    with connect.connection(loaded.database) as connection:
        assert not exists(connection, CACHE)
    assert by_day(loaded, AGGREGATE) == by_day(loaded, COUNTED)


def test_a_new_message_is_seen_at_once(loaded: Any) -> None:
    change(
        loaded,
        "INSERT INTO sms.outbound_messages (profile_id, sending_location_id, from_number, to_number, body) "
        "SELECT profile_id, id, '+12125550100', '+13125550120', 'Hello' FROM sms.sending_locations LIMIT 1",
    )
    assert by_day(loaded, VIEW)[-1].commitment == 1
    assert by_day(loaded, VIEW) == by_day(loaded, COUNTED)


def test_an_update_of_an_aggregated_day_is_seen_only_after_a_refresh_that_covers_it(loaded: Any) -> None:
    """Real time adds the rows after the last aggregated bucket; it does not look again at those within."""
    before = by_day(loaded, VIEW)
    change(loaded, ADD_A_SEGMENT)
    assert by_day(loaded, VIEW) == before != by_day(loaded, COUNTED)
    refresh(loaded)
    assert by_day(loaded, VIEW) == by_day(loaded, COUNTED)


def test_the_way_back_counts_the_messages_anew_even_where_the_aggregate_was_stale(loaded: Any) -> None:
    change(loaded, ADD_A_SEGMENT)
    loaded.downgrade("0012")
    assert by_day(loaded, CACHE) == by_day(loaded, COUNTED)
    change(loaded, ADD_A_SEGMENT)
    assert by_day(loaded, VIEW) == by_day(loaded, COUNTED)


def test_days_whose_messages_were_dropped_come_back_from_the_aggregate(loaded: Any) -> None:
    before = by_day(loaded, VIEW)
    change(loaded, "SELECT drop_chunks('sms.outbound_messages', timestamptz '2025-02-10')")
    loaded.downgrade("0012")
    assert by_day(loaded, CACHE) == before


@pytest.mark.edition("community")
def test_the_same_number_of_buckets_comes_by_the_policy(loaded: Any) -> None:
    """Its jobs are there: one that refreshes, and three months later one that drops."""
    with connect.connection(loaded.database) as connection:
        jobs = connection.execute(
            text(
                "SELECT proc_name, schedule_interval::text, config ->> 'start_offset', config ->> 'drop_after' "
                "FROM timescaledb_information.jobs WHERE proc_name IN "
                "('policy_refresh_continuous_aggregate', 'policy_retention') "
                "AND hypertable_name NOT LIKE '%attempts' ORDER BY 1, 4 LIMIT 2"
            )
        ).all()
    assert jobs[0][:3] == ("policy_refresh_continuous_aggregate", "00:15:00", "3 days")
    assert jobs[1][3] == "3 mons"


@apache
def test_what_the_edition_lacks_is_emulated_or_waits(loaded: Any) -> None:
    with connect.connection(loaded.database) as connection:
        policies = state.policies(connection)
        connection.rollback()
        kinds = [each.kind for each in policies]
        assert Counter(kinds) == {
            Kind.AGGREGATE: 1,
            Kind.REFRESH: 1,
            Kind.RETENTION: 7,
            Kind.COLUMNSTORE: 7,
            Kind.COLUMNSTORE_POLICY: 7,
        }
        assert {each.state for each in policies if each.kind in {Kind.COLUMNSTORE, Kind.COLUMNSTORE_POLICY}} == {
            "deferred"
        }
        results = list(runner.run_due(connection))
    assert [result.outcome for result in results] == ["done"] * 8
