"""The worked example answers alike on both editions: the same rows, the same changes, the same SELECTs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sample_rows
from alembic import op
from sqlalchemy import text

from migrations.conftest import Switchboard
from ops.conftest import Migration, settings
from support import Take
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.policies import runner, state
from tsmigrate.policies.state import Kind

revision, down_revision = "both", None

__all__ = ["settings"]
AGGREGATE = "sms.phone_commitments_by_day"
READS = (
    f"SELECT * FROM {AGGREGATE} ORDER BY 1, 2",
    "SELECT * FROM sms.phone_commitments ORDER BY 1, 2",
    f"SELECT phone_number, sum(commitment), max(segments) FROM {AGGREGATE} GROUP BY 1 ORDER BY 1",
)
SEND = (
    "INSERT INTO sms.outbound_messages (created_at, profile_id, sending_location_id, from_number, to_number, body, "
    "estimated_segments) SELECT timestamptz '{at} UTC', profile_id, id, '+12125550100', '+13125550120', 'Hello', 2 "
    "FROM sms.sending_locations ORDER BY id LIMIT 1"
)
# The telco's and the routing rows of messages go with them.
DELETE = (
    "DELETE FROM sms.outbound_messages_telco WHERE original_created_at {when}",
    "DELETE FROM sms.outbound_messages_routing WHERE original_created_at {when}",
    "DELETE FROM sms.outbound_messages WHERE created_at {when}",
)


class Example:
    """The worked example at head, with rows of the same seed wherever it is."""

    def __init__(self, switchboard: Switchboard, edition: Edition, take: Take) -> None:
        self.switchboard, self.edition = switchboard, edition
        self.migration = Migration(switchboard.database, take)
        switchboard.upgrade("0001")
        with connect.connection(switchboard.database) as connection:
            sample_rows.load(connection, 300)
            connection.commit()
        switchboard.upgrade("head")

    def change(self, *statements: str) -> None:
        with connect.connection(self.switchboard.database) as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            for statement in statements:
                connection.execute(text(statement))

    def delete(self, when: str) -> None:
        self.change(*(each.format(when=when) for each in DELETE))

    def refresh(self, start: str | None = None, end: str | None = None) -> None:
        if self.edition is Edition.COMMUNITY:
            bounds = ", ".join(f"timestamptz '{bound}'" if bound else "NULL" for bound in (start, end))
            self.change(f"CALL refresh_continuous_aggregate('{AGGREGATE}', {bounds})")
            return
        with connect.connection(self.switchboard.database) as connection:
            [aggregate] = [each for each in state.policies(connection) if each.kind is Kind.AGGREGATE]
            connection.rollback()
            runner.refreshed(connection, aggregate, start, end)

    def materialized_only(self, only: bool) -> None:
        self.migration.run(lambda: op.set_materialized_only("phone_commitments_by_day", only, schema="sms"))

    def read(self) -> list[list[tuple[Any, ...]]]:
        with connect.connection(self.switchboard.database) as connection:
            return [[tuple(row) for row in connection.execute(text(query))] for query in READS]


def answers(example: Example) -> Iterator[Any]:
    """What is read after each of many changes, with a name for it."""
    yield "as upgraded", example.read()
    example.change(SEND.format(at="2025-02-28 23:30"), SEND.format(at="2025-03-02 10:00"))
    yield "a row in a bucket that is filled, and one after all of them", example.read()
    example.change(SEND.format(at="2025-02-03 00:10"), SEND.format(at="2024-12-24 12:00"))
    example.change(
        "UPDATE sms.outbound_messages SET estimated_segments = estimated_segments + 1 "
        "WHERE from_number IS NOT NULL AND created_at BETWEEN '2025-02-10 UTC' AND '2025-02-12 UTC'"
    )
    example.delete("BETWEEN '2025-02-15 06:00 UTC' AND '2025-02-15 18:00 UTC'")
    example.delete("BETWEEN '2025-02-18 UTC' AND '2025-02-18 23:59:59.999999 UTC'")
    yield "late rows, updates and deletes, not refreshed", example.read()
    example.refresh("2025-02-10 05:00+00", "2025-02-16 05:00+00")
    yield "a window refreshed, the buckets that lie in it whole", example.read()
    example.refresh("2025-02-16+00", "2025-02-20+00")
    yield "a bucket that lost all of its rows", example.read()
    example.materialized_only(True)
    yield "only what is filled", example.read()
    example.refresh()
    yield "everything refreshed, only what is filled", example.read()
    example.change(SEND.format(at="2025-03-04 10:00"))
    yield "a newer row is not added", example.read()
    example.materialized_only(False)
    yield "a newer row is added", example.read()
    example.delete(">= '2025-02-25 UTC'")
    example.refresh()
    yield "the newest buckets lost all of their rows", example.read()
    example.delete("IS NOT NULL")
    example.refresh()
    yield "all buckets did", example.read()


@pytest.mark.edition("apache")
def test_the_same_changes_give_the_same_answers_on_both_editions(
    switchboard: Switchboard, take: Take, settings: dict[str, str], request: pytest.FixtureRequest
) -> None:
    settings["on_unsupported"] = "emulate"
    server, clones = (request.getfixturevalue(f"community_{what}") for what in ("server", "plain_clones"))
    name = clones.take()
    emulated = Example(switchboard, Edition.APACHE, take)
    native = Example(Switchboard(server.database(name)), Edition.COMMUNITY, take)
    read: dict[str, Any] = {}
    for (step, ours), (_, theirs) in zip(answers(emulated), answers(native), strict=True):
        assert ours == theirs, step
        assert ours not in read.values() or " not " in step, f"{step} made no difference"
        read[step] = ours
    days = {step: {f"{row[0]:%m-%d}" for row in of_all[0]} for step, of_all in read.items()}
    assert "02-18" in days["a window refreshed, the buckets that lie in it whole"]
    assert "02-18" not in days["a bucket that lost all of its rows"]
    assert read["all buckets did"] == [[], [], []]
    clones.drop(name)
