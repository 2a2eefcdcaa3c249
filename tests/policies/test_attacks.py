"""Odd names and types, queries that cannot be emulated, foreign hands, and what is dropped and comes back."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from ops_support import refusal
from tsmigrate import connect
from tsmigrate.policies import runner, state

revision, down_revision = "attacks", None

pytestmark = pytest.mark.edition("apache")
ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
HOURLY = "SELECT time_bucket('1 hour', at) AS hour, device, sum(v) AS v FROM reading GROUP BY 1, device"


def aggregate(query: str = HOURLY, name: str = "hourly") -> None:
    op.create_continuous_aggregate(name, query)


def drop() -> None:
    op.drop_continuous_aggregate("hourly")


BAD = {
    "SELECT device, count(*) FROM reading GROUP BY 1": "does not select and group by a time_bucket",
    "SELECT date_trunc('hour', at), count(*) FROM reading GROUP BY 1": "does not select and group by a time_bucket",
    "SELECT time_bucket('1 h', at), time_bucket('2 h', at) FROM reading GROUP BY 1, 2": "several time_buckets",
    "WITH x AS (SELECT * FROM reading) SELECT time_bucket('1 h', at), count(*) FROM x GROUP BY 1": "has a WITH",
    "SELECT time_bucket('1 h', at), count(*) FROM (SELECT * FROM reading) x GROUP BY 1": "has a subquery",
    "SELECT DISTINCT time_bucket('1 h', at), count(*) FROM reading GROUP BY 1": "says DISTINCT",
    "SELECT time_bucket('1 h', at), count(*), rank() OVER () FROM reading GROUP BY 1": "window function",
    "SELECT time_bucket('1 h', r.at), 1 FROM reading r RIGHT JOIN plain USING (device) GROUP BY 1": "RIGHT or FULL",
    "SELECT time_bucket('1 h', r.at), 1 FROM plain LEFT JOIN reading r USING (device) GROUP BY 1": "right of a LEFT",
    "SELECT time_bucket('1 h', r.at), 1 FROM reading r JOIN other USING (device) GROUP BY 1": "several hypertables",
    "SELECT time_bucket('1 h', at), count(*) FROM plain GROUP BY 1": "reads no hypertable",
    "SELECT time_bucket('1 h', p.at), 1 FROM reading r JOIN plain p USING (device) GROUP BY 1": "is partitioned by at",
    "SELECT time_bucket('1 h', at), count(*) FROM reading GROUP BY 1 LIMIT 3": "has a LIMIT",
    "SELECT time_bucket('1 h', at) AS at, count(*) FROM reading GROUP BY at": "GROUP BY at means the column",
    "SELECT time_bucket('1 h', at), count(at::date) FROM reading GROUP BY 1": "something else at the next refresh",
    "SELECT time_bucket('1 h', at), count(*) FROM reading WHERE at > current_date GROUP BY 1": "present time",
    "SELECT time_bucket('1 h', at": "cannot be read",
}


def test_what_cannot_be_refreshed_by_buckets_is_refused_with_the_reason(emulating: Any) -> None:
    emulating.execute(
        "CREATE TABLE plain (at timestamptz NOT NULL, device int)",
        "CREATE TABLE other (LIKE plain)",
        "SELECT create_hypertable('other', 'at')",
    )
    before = emulating.snapshot()
    for query, reason in BAD.items():
        with pytest.raises(DBAPIError) as refused:
            emulating.run(lambda query=query: aggregate(query, "bad"))
        assert refused.value.orig.pgcode == "TSM01", query
        assert reason in refused.value.orig.diag.message_primary, query
        assert refused.value.orig.diag.message_hint, query
    assert emulating.snapshot() == before


# The partition column's type, the width of its chunks, of a bucket, two times in different buckets, and a bucket.
TYPES = {
    "timestamp": ("'2026-01-01 10:00'", "'2026-02-03 11:00'", "interval '1 month'", "'1 month'"),
    "date": ("'2026-01-01'", "'2026-01-09'", "interval '7 days'", "'1 week', \"offset\" => '1 day'::interval"),
    "bigint": ("5", "105", "50", "10"),
    "smallint": ("-5", "105", "50", "10::smallint"),
    "timestamptz": ("'2026-03-28 10:00+00'", "'2026-03-30 11:00+00'", "interval '1 day'", "'1 day', 'Europe/Berlin'"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_and_odd_names(emulating: Any, kind: str) -> None:
    one, other, interval, width = TYPES[kind]
    first, _, rest = width.partition(",")
    bucket = f'time_bucket({first}, "At ""x"{", " + rest if rest else ""})'
    table, name = ('"My Schema"."' + each.replace('"', '""') + '"' for each in (ODD, ODD[1:]))
    emulating.execute(
        'CREATE SCHEMA "My Schema"',
        f'CREATE TABLE {table} ("At ""x" {kind} NOT NULL, "%" int)',
        f"""SELECT create_hypertable('{table}', by_range('At "x', {interval}))""",
        f"INSERT INTO {table} VALUES ({one}, 1), ({one}, 1), ({other}, NULL)",
    )
    query = f'SELECT {bucket} AS "by "" %", "%", count(*) FROM {table} GROUP BY 1, 2'
    given = f"SELECT string_agg(g::text, E'\\n' ORDER BY g::text) FROM ({query}) AS g"
    shown = f"SELECT string_agg(g::text, E'\\n' ORDER BY g::text) FROM {name} AS g"
    emulating.there_and_back(
        lambda: op.create_continuous_aggregate(ODD[1:], query, schema="My Schema"),
        lambda: op.drop_continuous_aggregate(ODD[1:], schema="My Schema"),
        meanwhile=lambda: emulating.run(lambda: op.refresh_continuous_aggregate(ODD[1:], schema="My Schema")),
    )
    emulating.run(lambda: op.create_continuous_aggregate(ODD[1:], query, schema="My Schema"))
    assert emulating.value(shown) == emulating.value(given)
    with connect.connection(emulating.database) as connection:
        (policy,) = state.policies(connection)
        connection.rollback()
        assert runner.refreshed(connection, policy, None, None)["rows_written"] == 2
        assert runner.refreshed(connection, policy, None, None)["rows_removed"] == 2
    assert emulating.value(shown) == emulating.value(given)
    emulating.execute(f"INSERT INTO {table} VALUES ({one}, 1)")
    assert emulating.value(shown) != emulating.value(given)
    with connect.connection(emulating.database) as connection:
        runner.refreshed(connection, policy, None, None)
    assert emulating.value(shown) == emulating.value(given)


def test_what_an_upgrade_drops_comes_back_with_all_that_was_given_to_it(emulating: Any) -> None:
    reader = f"reader_of_{emulating.database.url.database}"
    emulating.run(aggregate)
    emulating.run(lambda: op.add_refresh_policy("hourly", "3 days", "1 hour", "15 minutes"))
    emulating.execute(
        f'CREATE ROLE "{reader}"',
        f'GRANT SELECT ON hourly TO "{reader}" WITH GRANT OPTION',
        "COMMENT ON VIEW hourly IS 'It''s hourly'",
        "COMMENT ON COLUMN hourly.v IS 'a sum'",
        "DROP TABLE tsmigrate.undo",  # another revision's
    )
    try:
        emulating.there_and_back(drop, lambda: op.restore_continuous_aggregate("hourly"))
        with connect.connection(emulating.database) as connection:
            assert len(state.policies(connection)) == 2
    finally:
        emulating.execute(f'DROP OWNED BY "{reader}"', f'DROP ROLE "{reader}"')


def test_buckets_without_rows_below_them_are_not_dropped(emulating: Any) -> None:
    emulating.run(aggregate)
    emulating.run(lambda: op.refresh_continuous_aggregate("hourly"))
    emulating.execute("SELECT drop_chunks('reading', timestamptz '2026-03-04')")
    told = refusal(emulating, drop)
    assert 'of the buckets of "hourly" have no rows below them any more (2026-03-01 00:00' in told
    assert "tsmigrate.allow_data_loss = true" in told


def test_an_operation_may_say_it_for_itself(emulating: Any, settings: dict[str, str]) -> None:
    settings["on_unsupported"] = "error"
    told = refusal(emulating, lambda: op.add_retention_policy("reading", "1 month"))
    assert "set tsmigrate.on_unsupported = emulate" in told
    emulating.run(lambda: op.add_retention_policy("reading", "1 month", on_unsupported="emulate"))
    assert emulating.value("SELECT count(*) FROM tsmigrate.policy") == 1
    told = refusal(emulating, lambda: op.remove_retention_policy("reading"))
    assert "was emulated in the upgrade" in told
    emulating.run(lambda: op.remove_retention_policy("reading", on_unsupported="emulate"))
    with pytest.raises(CommandError, match="error or skip or emulate"):
        emulating.run(lambda: op.remove_retention_policy("reading", on_unsupported="ignore"))


def test_it_refuses_what_is_refused_where_the_server_can(emulating: Any) -> None:
    emulating.run(aggregate)
    emulating.run(lambda: op.add_refresh_policy("hourly", "60 days", "1 hour", "15 minutes"))
    told = refusal(emulating, lambda: op.add_retention_policy("reading", "30 days"))
    assert "its continuous aggregate public.hourly is refreshed from 60 days on" in told
    told = refusal(emulating, lambda: op.add_refresh_policy("hourly", "1 hour", "30 minutes", "1 hour"))
    assert "less than two buckets of 01:00:00" in told
    assert "it has a refresh policy already" in told
    told = refusal(emulating, lambda: op.add_columnstore_policy("reading", "7 days"))
    assert "its columnstore is not enabled" in told


def test_a_retention_that_has_dropped_chunks_is_not_taken_back_silently(emulating: Any) -> None:
    emulating.run(lambda: op.add_retention_policy("reading", "1 month"))
    emulating.execute("INSERT INTO reading VALUES ('2025-01-01', 1, 1)")
    with connect.connection(emulating.database) as connection:
        assert [result.outcome for result in runner.run_due(connection)] == ["done"]
    told = refusal(emulating, lambda: op.remove_retention_policy("reading"))
    assert "10 of the 10 chunks that there were at the upgrade have been dropped" in told


def test_a_schema_of_another_role_is_not_written_into(emulating: Any) -> None:
    other = f"other_of_{emulating.database.url.database}"
    owner = f"owner_of_{emulating.database.url.database}"
    emulating.execute(
        f'CREATE ROLE "{other}"', f'CREATE ROLE "{owner}"', f'CREATE SCHEMA tsmigrate AUTHORIZATION "{other}"'
    )
    emulating.execute(f'ALTER TABLE reading OWNER TO "{owner}"', f'GRANT ALL ON SCHEMA tsmigrate TO "{owner}"')
    try:

        def as_owner() -> None:
            op.get_bind().exec_driver_sql(f'SET LOCAL ROLE "{owner}"')
            op.add_retention_policy("reading", "1 month")

        with pytest.raises(DBAPIError, match="the schema tsmigrate belongs to"):
            emulating.run(as_owner)
    finally:
        emulating.execute(
            "DROP SCHEMA tsmigrate",
            f'REASSIGN OWNED BY "{owner}" TO CURRENT_USER',
            f'DROP OWNED BY "{owner}", "{other}"',
            f'DROP ROLE "{owner}", "{other}"',
        )


def test_an_ordinary_owner_needs_no_superuser(emulating: Any) -> None:
    owner = f"owner_of_{emulating.database.url.database}"
    emulating.execute(
        f'CREATE ROLE "{owner}" LOGIN',
        f'ALTER TABLE reading OWNER TO "{owner}"',
        f'GRANT CREATE ON DATABASE "{emulating.database.url.database}" TO "{owner}"',
        f'GRANT CREATE ON SCHEMA public TO "{owner}"',
    )

    def as_owner() -> None:
        op.get_bind().exec_driver_sql(f'SET LOCAL ROLE "{owner}"')
        aggregate()
        op.add_refresh_policy("hourly", "300 days", "1 hour", "15 minutes")
        op.add_retention_policy("reading", "1 year")

    try:
        emulating.run(as_owner)
        with connect.connection(emulating.database) as connection:
            connection.exec_driver_sql(f'SET ROLE "{owner}"')
            connection.commit()
            results = list(runner.run_due(connection))
        assert [(result.outcome, result.error) for result in results] == [("done", "")] * 2
    finally:
        emulating.execute(f'DROP OWNED BY "{owner}" CASCADE', f'DROP ROLE "{owner}"')
