"""What TimescaleDB's releases change that matters here, as data."""

from __future__ import annotations

from dataclasses import dataclass

from tsmigrate.capability import Edition, Version

# From this TimescaleDB on, the oldest and the newest PostgreSQL that it is made for.
MADE_FOR = {
    Version(2, 19): (14, 17),
    Version(2, 20): (15, 17),
    Version(2, 23): (15, 18),
    Version(2, 29): (16, 18),
}
WITHOUT_OLD_AGGREGATES = Version(2, 25)
"""From here on there are no continuous aggregates in the format of before 2.7."""


@dataclass(frozen=True)
class Change:
    """What is different from a release on."""

    since: Version
    what: str
    edition: Edition = Edition.APACHE  # that has it: the Community edition has what the Apache-2 edition has
    breaks: str = ""  # what worked before and no longer does


CHANGES = (
    Change(Version(2, 20), "split_chunk; CHECK and FOREIGN KEY on compressed tables", Edition.COMMUNITY),
    Change(
        Version(2, 21),
        "chunks can be attached and detached: op.create_hypertable(..., method='attach')",
        Edition.COMMUNITY,
    ),
    Change(Version(2, 21, 1), "foreign keys into hypertables refuse no good rows: op.widen_foreign_key"),
    Change(Version(2, 22), "a uuid (version 7) can be the partition column"),
    Change(
        Version(2, 23),
        "unlogged hypertables",
        breaks="CREATE TABLE … WITH (tsdb.hypertable) adds a columnstore policy by itself",
    ),
    Change(
        WITHOUT_OLD_AGGREGATES,
        "",
        breaks="jobs stand in _timescaledb_catalog.bgw_job, no longer in _timescaledb_config; continuous aggregates in "
        "the format of before 2.7 are gone",
    ),
    Change(Version(2, 27), "ENABLE TRIGGER and DISABLE TRIGGER on hypertables"),
    Change(
        Version(2, 28),
        "columns can be added to continuous aggregates",
        breaks="publications FOR ALL TABLES are refused beside hypertables; the view continuous_aggregates has no "
        "column finalized",
    ),
    Change(
        Version(2, 29),
        "",
        breaks="tables of _timescaledb_catalog have other columns: read timescaledb_information instead",
    ),
    Change(Version(2, 29, 1), "an attached chunk is marked as it should be", Edition.COMMUNITY),
)


def crossed(before: Version, after: Version, edition: Edition | None) -> list[Change]:
    """What an update from one to the other changes on this edition. None: it is not known, so all of it."""
    return [
        change
        for change in CHANGES
        if before < change.since <= after and (edition is not Edition.APACHE or change.edition is Edition.APACHE)
    ]


def first_without(postgres: int) -> Version | None:
    """The first release that is no longer made for this PostgreSQL. None: there is none yet."""
    return next((since for since, (oldest, _) in MADE_FOR.items() if oldest > postgres), None)
