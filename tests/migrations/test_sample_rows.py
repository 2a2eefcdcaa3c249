"""The sample rows: the same arguments give the same rows, and the rows make sense together."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import sample_rows
import sample_traffic
from sqlalchemy import Connection, inspect, text

from tsmigrate import connect, sql
from tsmigrate.errors import BlockedError, UsageError

if TYPE_CHECKING:
    from migrations.conftest import Switchboard, SwitchboardAt

PLAIN, MESSAGES = "0001", 2_000


@pytest.fixture
def loaded(switchboard_at: SwitchboardAt) -> Iterator[Connection]:
    """A connection to the plain switchboard with the sample rows."""
    with connect.connection(switchboard_at(PLAIN, MESSAGES).database) as connection:
        yield connection


def checksums(connection: Connection) -> dict[str, tuple[object, ...]]:
    """Per table: how many rows, and a hash that does not depend on their order."""
    tables = inspect(connection).get_table_names(schema="sms")
    query = "SELECT count(*), sum(hash_record_extended(t, 0)::numeric) FROM {} AS t"
    return {
        table: tuple(connection.exec_driver_sql(query.format(sql.qualified(table, "sms"))).one()) for table in tables
    }


def number(connection: Connection, query: str) -> int:
    found: int = connection.execute(text(query)).scalar_one()
    return found


def test_the_same_arguments_give_the_same_rows(plain: Connection) -> None:
    sample_rows.load(plain, MESSAGES)
    first = checksums(plain)
    plain.rollback()
    sample_rows.load(plain, MESSAGES)
    assert checksums(plain) == first
    assert all(rows for rows, _ in first.values())


def test_another_seed_gives_other_rows(plain: Connection) -> None:
    sample_rows.load(plain, MESSAGES)
    first = checksums(plain)
    plain.rollback()
    sample_rows.load(plain, MESSAGES, seed=sample_rows.SEED + 1)
    assert {table for table, found in checksums(plain).items() if found == first[table]} == set()


@pytest.mark.parametrize("messages", [0, 1])
def test_few_messages_are_fine(plain: Connection, messages: int) -> None:
    sample_rows.load(plain, messages)
    assert number(plain, "SELECT count(*) FROM sms.outbound_messages") == messages
    assert number(plain, "SELECT count(*) FROM sms.profiles") > 0


def test_the_messages_fill_the_weeks_before_the_end(plain: Connection) -> None:
    end = datetime(2024, 6, 15, 12, tzinfo=UTC)
    sample_rows.load(plain, MESSAGES, until=end)
    query = text(
        "SELECT count(DISTINCT date_trunc('day', created_at, 'UTC')), max(created_at) FROM sms.outbound_messages"
    )
    days, latest = plain.execute(query).one()
    assert days >= 7 * sample_traffic.WEEKS
    assert latest < end


def test_nothing_happens_after_the_end(loaded: Connection) -> None:
    for table, column in [("delivery_reports", "created_at"), ("inbound_messages", "received_at")]:
        latest = loaded.execute(text(f"SELECT max({column}) FROM sms.{table}")).scalar_one()
        assert latest < sample_rows.UNTIL


def test_most_messages_have_a_report_and_some_reports_wait_to_be_resolved(loaded: Connection) -> None:
    reported = number(loaded, "SELECT count(DISTINCT message_id) FROM sms.delivery_reports")
    assert 0.85 < reported / MESSAGES < 0.98
    waiting = number(loaded, "SELECT count(*) FROM sms.delivery_reports WHERE message_id IS NULL")
    resolved = number(loaded, "SELECT sms.resolve_delivery_reports()")
    assert 0 < resolved < waiting


@pytest.mark.parametrize("column", ["profile_id", "from_number"])
def test_few_profiles_and_numbers_carry_most(loaded: Connection, column: str) -> None:
    counts = text(f"SELECT count(*) FROM sms.outbound_messages WHERE {column} IS NOT NULL GROUP BY {column} ORDER BY 1")
    busiest_last = loaded.execute(counts).scalars().all()
    assert sum(busiest_last[-len(busiest_last) // 3 :]) > MESSAGES / 2


def test_every_phone_number_is_fictional(loaded: Connection) -> None:
    numbers = (
        "SELECT to_number FROM sms.outbound_messages UNION SELECT phone_number FROM sms.phone_numbers "
        "UNION SELECT from_number FROM sms.inbound_messages"
    )
    assert (
        number(loaded, f"SELECT count(*) FROM ({numbers}) AS n(n) WHERE n !~ '^[+]1[2-9][0-9]{{2}}55501[0-9]{{2}}$'")
        == 0
    )


def test_the_next_forward_attempt_gets_the_next_number(loaded: Connection) -> None:
    for table in sample_rows.NUMBERED:
        latest = number(loaded, f"SELECT max(id) FROM sms.{table}")
        following = number(loaded, f"SELECT nextval(pg_get_serial_sequence('sms.{table}', 'id'))")
        assert following == latest + 1


@pytest.mark.edition("apache")
def test_memory_does_not_grow_with_the_messages(plain: Connection) -> None:
    def peak(messages: int) -> int:
        tracemalloc.start()
        sample_rows.load(plain, messages)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        plain.rollback()
        return highest

    assert peak(9_000) < 1.2 * peak(3_000)


def test_tables_that_hold_rows_are_refused(plain: Connection) -> None:
    sample_rows.load(plain, 1)
    with pytest.raises(BlockedError, match="holds rows already"):
        sample_rows.load(plain, 1)


@pytest.mark.parametrize("wrong", [{"messages": -1}, {"until": datetime(2025, 3, 1)}])
def test_arguments_that_make_no_sense_are_refused(plain: Connection, wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        sample_rows.load(plain, **wrong)


def test_as_a_program_it_says_in_one_line_what_it_did(switchboard: Switchboard) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, sample_rows.__file__, "--messages", "10", "--url", switchboard.database.full]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)

    without_tables = run()
    assert without_tables.returncode == 3
    assert "there is no table" in without_tables.stderr
    assert "Traceback" not in without_tables.stderr
    switchboard.upgrade()
    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"10 messages and what belongs to them are in {switchboard.database}\n"
