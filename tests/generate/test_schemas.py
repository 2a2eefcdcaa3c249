"""Schemas that nobody prepared: from plain tables to hypertables by analyze and generate, and back byte for byte."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from generate.conftest import HERE
from tsmigrate.capability import Edition

if TYPE_CHECKING:
    from generate.conftest import Site


def test_bookings_become_a_hypertable_and_their_incidents_still_point_at_them(
    plain_site: Site, edition: Edition
) -> None:
    site = plain_site
    site.begin((HERE / "bookings.sql").read_text(), (HERE / "bookings_rows.sql").read_text())
    site.desk.run("ANALYZE")
    site.desk.large("bookings")
    plan = tomllib.loads(site.plan("--memory", "64GB"))
    assert [table["name"] for table in plan["table"]] == ["bookings"]
    [table] = plan["table"]
    assert (table["column"], table["interval"], table["method"]) == ("date_created", "30 days", "copy")
    assert table["primary_key"] == ["id", "date_created"]
    assert table["drop_indexes"] == ["bookings_venue_alone"]
    assert table["columnstore"]["segmentby"] == ["venue_id"]
    [key] = plan["foreign_key"]
    # TimescaleDB before 2.21.1 refuses good rows of a foreign key into a hypertable.
    assert key["fate"] == ("widen" if edition is Edition.COMMUNITY else "drop")

    told = site.generate("--plan", "plan.toml", rehearse=True)
    assert told["summary"]["rehearsed"]
    texts = [each.read_text() for each in site.written()]
    assert sum("op.create_timescaledb_extension()" in text for text in texts) == 1

    def look() -> None:
        assert site.hypertables() == {"bookings": ("date_created", "30 days")}
        assert len(site.foreign_keys("bookings")) == 6
        wide = "FOREIGN KEY (booking_id, bookings_date_created) REFERENCES bookings(id, date_created)"
        kept = site.foreign_keys("incidents")
        if edition is Edition.COMMUNITY:
            assert wide in kept["incidents_booking_id_fkey"]
            assert "ON DELETE CASCADE" in kept["incidents_booking_id_fkey"]
        else:
            assert kept == {}

    site.goes_up_and_comes_back(look)


def test_a_ledger_is_partitioned_by_the_milliseconds_it_counts(site: Site, edition: Edition) -> None:
    site.begin((HERE / "ledger.sql").read_text(), (HERE / "ledger_rows.sql").read_text())
    site.desk.run("ANALYZE")
    site.desk.large("ledger.transactions")
    plan = tomllib.loads(site.plan("--memory", "64GB"))
    [table] = plan["table"]
    month = 30 * 86_400_000
    assert (table["column"], table["unit"], table["interval"]) == ("booked_at_ms", "milliseconds", month)
    assert table["columnstore"]["after"] == 7 * 86_400_000

    site.generate("--plan", "plan.toml")
    if edition is Edition.COMMUNITY:
        probed = json.loads(site.run("analyze", "--probe", "--table", "transactions", "--format", "json").stdout)
        assert probed["summary"]["tables"][0]["saving"]["rows"] == 5000

    def look() -> None:
        assert site.hypertables() == {"transactions": ("booked_at_ms", str(month))}
        [(gap,)] = site.ask("SELECT abs(ledger.transactions_present() - extract(epoch FROM now()) * 1000) < 5000")
        assert gap
        jobs = site.ask(
            "SELECT config ->> 'compress_after' FROM timescaledb_information.jobs "
            "WHERE hypertable_name = 'transactions'"
        )
        assert jobs == ([(str(7 * 86_400_000),)] if edition is Edition.COMMUNITY else [])

    site.goes_up_and_comes_back(look)


PARTED = """
CREATE TABLE parted (id bigint, at timestamptz NOT NULL, device int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX parted_device ON parted (device);
CREATE INDEX parted_device_at ON parted (device, at);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
CREATE VIEW late AS SELECT * FROM parted WHERE at > '2026-01-01';
CREATE EXTENSION postgres_fdw; CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE far (at timestamptz) SERVER other;
"""


def test_a_partitioned_table_is_taken_and_a_foreign_one_is_not(site: Site) -> None:
    site.begin(
        PARTED, "INSERT INTO parted SELECT n, now() - n * interval '1 hour', n % 5 FROM generate_series(1, 300) n"
    )
    told = site.generate("far", "--time", "at", code=3)
    assert "foreign table" in str(told["findings"])
    plan = (
        'version = 1\n[[table]]\nschema = "public"\nname = "parted"\ncolumn = "at"\ninterval = "7 days"\n'
        'drop_indexes = ["parted_device"]\n'
    )
    (site.folder / "plan.toml").write_text(plan)
    assert "would not come back" in str(site.generate("--plan", "plan.toml", code=3)["findings"])
    site.generate("parted", "--time", "at", "--interval", "7 days", "--no-columnstore")
    site.goes_up_and_comes_back(lambda: None)
