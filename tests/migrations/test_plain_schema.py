"""Revision 0001: what it makes, it takes away, online and as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect

from tsmigrate import connect

if TYPE_CHECKING:
    from migrations.conftest import Switchboard

TABLES = {
    "profiles",
    "sending_locations",
    "phone_numbers",
    "outbound_messages",
    "outbound_messages_routing",
    "outbound_messages_telco",
    "inbound_messages",
    "inbound_message_forward_attempts",
    "delivery_reports",
    "delivery_report_forward_attempts",
    "fresh_phone_commitments",
}


def test_upgrade_makes_the_tables(switchboard: Switchboard) -> None:
    switchboard.upgrade()
    with connect.connection(switchboard.database) as connection:
        assert set(inspect(connection).get_table_names(schema="sms")) == TABLES


def test_the_start_is_plain_postgresql(switchboard: Switchboard) -> None:
    switchboard.upgrade()
    assert "timescale" not in switchboard.schema().lower()


def test_downgrade_leaves_nothing(switchboard: Switchboard) -> None:
    before = switchboard.schema()
    switchboard.upgrade()
    assert switchboard.schema() != before
    switchboard.downgrade()
    assert switchboard.schema() == before


def test_upgrade_after_downgrade_makes_the_same_again(switchboard: Switchboard) -> None:
    switchboard.upgrade()
    first = switchboard.schema()
    switchboard.downgrade()
    switchboard.upgrade()
    assert switchboard.schema() == first


def test_printed_sql_does_in_psql_what_alembic_does(switchboard: Switchboard) -> None:
    switchboard.psql(switchboard.upgrade_sql())
    printed = switchboard.schema()
    switchboard.downgrade()
    switchboard.upgrade()
    assert switchboard.schema() == printed


def test_head_as_printed_sql_runs_on_an_empty_database(switchboard: Switchboard) -> None:
    switchboard.psql(switchboard.upgrade_sql("head"))


def test_printed_downgrade_leaves_nothing(switchboard: Switchboard) -> None:
    before = switchboard.schema()
    switchboard.upgrade()
    switchboard.psql(switchboard.downgrade_sql())
    assert switchboard.schema() == before
