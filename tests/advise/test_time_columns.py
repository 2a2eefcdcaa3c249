"""The ranking of time columns, each with its evidence."""

from __future__ import annotations

from advise_support import EVENTS, FILL, FIVE_THOUSAND, Desk, said


def test_the_indexed_time_of_creation_comes_before_the_time_of_change(desk: Desk) -> None:
    desk.run(EVENTS, "ALTER TABLE events ADD updated_at timestamptz NOT NULL DEFAULT now()", FILL, "ANALYZE events")
    created, updated = desk.advice()["events"].columns
    assert (created.name, updated.name) == ("created_at", "updated_at")
    assert created.sure
    told = said(created.reasons)
    assert "it leads the index events_created_at" in told
    assert "it follows other columns in the index events_device" in told
    assert "its default is now()" in told
    assert "with a correlation of 1.00" in told
    assert "it is set again when a row changes" in said(updated.reasons)


def test_a_time_that_lies_ahead_is_not_taken_for_that_of_the_row(desk: Desk) -> None:
    desk.run(
        "CREATE TABLE bookings (starts_at timestamptz NOT NULL, booked_at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO bookings SELECT now() + n * interval '1 hour', now() - n * interval '1 hour' "
        f"FROM {FIVE_THOUSAND}",
        "ANALYZE bookings",
    )
    booked, starts = desk.advice()["bookings"].columns
    assert booked.name == "booked_at"
    assert "half of its moments lie ahead" in said(starts.reasons)


def test_what_cannot_be_the_partition_column_says_why(desk: Desk) -> None:
    desk.run(
        "CREATE DOMAIN moment AS timestamptz",
        "CREATE TABLE t (a moment, b timestamptz, c date, d timestamptz NOT NULL,"
        " e timestamp GENERATED ALWAYS AS ('2026-01-01'::timestamp) STORED)",
        f"INSERT INTO t SELECT now(), CASE WHEN n % 4 > 0 THEN now() END, '2026-01-01', now() - n * interval '1 h'"
        f" FROM {FIVE_THOUSAND}",
        "ANALYZE t",
    )
    unfit = {column.name: column.unfit for column in desk.advice()["t"].columns}
    assert unfit["d"] == ""
    assert "the domain moment" in unfit["a"]
    assert unfit["b"].startswith("25 % of its rows have no value")
    assert unfit["c"] == "all rows have the same value"
    assert unfit["e"].startswith("it is generated")
    assert desk.advice()["t"].columns[0].name == "d"
