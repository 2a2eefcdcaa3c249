"""What a plan says of columnstore, relatives, indexes, caches and method."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advise_support import EVENTS, FILL, FIVE_THOUSAND, Desk, said
from tsmigrate.advise.advice import Plan
from tsmigrate.advise.judge.method import method
from tsmigrate.capability import Edition


def plan(desk: Desk, table: str = "events") -> Plan:
    found = desk.advice()[table].plan
    assert found is not None
    return found


def test_the_columnstore_is_segmented_by_what_indexes_lead_with_and_has_enough_rows(desk: Desk) -> None:
    desk.run(EVENTS, FILL)
    desk.large("events")
    store = plan(desk).columnstore
    assert store.segmentby == ("device",)
    assert store.orderby == ("created_at DESC", "id")
    assert "rows of each of its 10 values" in said(store.reasons)


def test_a_column_with_few_rows_of_a_value_does_not_segment(desk: Desk) -> None:
    desk.run(EVENTS.replace("(device, created_at)", "(value, created_at)"), FILL)
    desk.large("events")
    store = plan(desk).columnstore
    assert store.segmentby == ()
    assert "rows of each in a chunk" in said(store.reasons)


@pytest.mark.parametrize(
    "what", ["ENABLE ROW LEVEL SECURITY", "ADD EXCLUDE USING btree (id WITH =, created_at WITH =)"]
)
def test_what_forbids_a_columnstore_is_said(desk: Desk, what: str) -> None:
    desk.run(EVENTS, FILL, f"ALTER TABLE events {what}")
    desk.large("events")
    assert "cannot have a columnstore" in plan(desk).columnstore.refused


def test_a_large_child_with_the_parents_key_gets_the_parents_time(desk: Desk) -> None:
    desk.run(
        EVENTS,
        FILL,
        "CREATE TABLE details (event_id bigint PRIMARY KEY REFERENCES events ON DELETE CASCADE, note text)",
        f"INSERT INTO details SELECT n, 'x' FROM {FIVE_THOUSAND}",
        "CREATE TABLE notes (id int PRIMARY KEY, event_id bigint REFERENCES events, note text)",
    )
    desk.large("events")
    desk.large("details")
    child, parent = plan(desk, "details"), plan(desk)
    assert child.column == "created_at"
    assert child.comes_from.startswith('op.add_partition_column("details", "created_at", parent="events"')
    assert child.interval == parent.interval
    fates = {fate.name: fate for fate in parent.foreign_keys}
    assert fates["details_event_id_fkey"].choice == "drop"
    assert "a hypertable cannot refer to a hypertable" in fates["details_event_id_fkey"].text
    assert fates["notes_event_id_fkey"].choice == "drop or widen"
    assert {each.relation.name for each in parent.children} == {"details", "notes"}
    assert "events_pkey (id) must become (id, created_at)" in said(parent.keys)


def test_indexes_that_others_cover_are_named_now_and_after_the_key_is_wider(desk: Desk) -> None:
    desk.run(
        EVENTS,
        FILL,
        "CREATE INDEX by_device ON events (device)",
        "CREATE INDEX by_id ON events (id, created_at)",
        "CREATE INDEX by_device_down ON events (device DESC)",
        "CREATE INDEX some_devices ON events (device) WHERE device > 3",
    )
    desk.large("events")
    redundant = {each.name: each.text for each in plan(desk).redundant}
    assert set(redundant) == {"by_device", "by_id"}
    assert redundant["by_device"].startswith("events_device begins with the same columns")
    assert "events_pkey will begin with the same columns once it is widened" in redundant["by_id"]


def test_a_table_that_triggers_add_to_is_named_as_a_cache(desk: Desk) -> None:
    desk.run(
        EVENTS,
        FILL,
        "CREATE TABLE by_day (day date PRIMARY KEY, events bigint NOT NULL)",
        """CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             INSERT INTO by_day AS kept VALUES (NEW.created_at::date, 1)
             ON CONFLICT (day) DO UPDATE SET events = kept.events + 1; RETURN NULL; END$$""",
        "CREATE TRIGGER keep_by_day AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION keep()",
        "CREATE TABLE log (at timestamptz, what text)",
        """CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             INSERT INTO log VALUES (now(), 'x'); RETURN NULL; END$$""",
        "CREATE TRIGGER noted AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION noted()",
    )
    desk.large("events")
    [cache] = plan(desk).caches
    assert (cache.relation.name, cache.triggers) == ("by_day", ("keep_by_day",))
    assert "a continuous aggregate can replace" in cache.text


def test_a_small_copy_is_copied_and_a_huge_one_attached_where_the_server_can(desk: Desk, edition: Edition) -> None:
    desk.run(EVENTS, FILL)
    desk.large("events")
    evidence = desk.evidence()
    [table] = evidence.tables.values()
    assert method(table, "created_at", evidence).name == "copy"
    gigabyte = 1024**3
    big = replace(table, heap=5 * gigabyte, index_bytes=5 * gigabyte)
    assert method(big, "created_at", evidence).name == ("attach" if edition is Edition.COMMUNITY else "online")
    huge = replace(table, heap=1000 * gigabyte, index_bytes=500 * gigabyte)
    told = method(huge, "created_at", evidence)
    assert told.name == "online"
    assert "too big to lock for a copy" in said(told.reasons)
    assert "an online move is planned" in said(told.reasons)
