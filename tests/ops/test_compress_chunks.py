"""Older chunks move into the columnstore one by one, and the downgrade takes those back and no others."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from cut_off import die_at_each_write
from ops_support import many_chunks
from tsmigrate import connect
from tsmigrate.errors import UsageError
from tsmigrate.ops.compress_chunks import CompressChunks, DecompressChunks
from tsmigrate.sql import raw

revision, down_revision = "compress", None

ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
COMPRESSED = (
    "SELECT coalesce(string_agg((range_start AT TIME ZONE 'UTC')::date::text, ' ' ORDER BY range_start), '') "
    "FROM timescaledb_information.chunks WHERE is_compressed"
)
ROWS = "SELECT count(*) || ' ' || sum(hash_record_extended(r, 0)::numeric) FROM reading r"
FIRST = "SELECT compress_chunk(c) FROM show_chunks('reading', older_than => timestamptz '2026-01-02') c"
COUNT = "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed"
community = pytest.mark.edition("community")


def up() -> None:
    op.compress_chunks("reading", "7 days")


def down() -> None:
    op.decompress_chunks("reading")


@pytest.fixture
def reading(migration: Any, edition: Any) -> Any:
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, PRIMARY KEY (device, at))",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-01-01 UTC' + n * interval '1 h', n % 5 "
        "FROM generate_series(0, 95) n",
        "INSERT INTO reading VALUES (now(), 7)",
    )
    if edition == "community":
        migration.execute("ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'device')")
    return migration


ALL_FOUR = "2026-01-01 2026-01-02 2026-01-03 2026-01-04"


@community
def test_a_downgrade_decompresses_what_was_compressed_and_leaves_the_rest(reading: Any) -> None:
    reading.execute(FIRST)
    rows = reading.value(ROWS)
    reading.there_and_back(up, down, meanwhile=lambda: check(reading, ALL_FOUR))
    check(reading, "2026-01-01")
    assert reading.value(ROWS) == rows


def check(database: Any, compressed: str) -> None:
    assert database.value(COMPRESSED) == compressed


@community
def test_what_others_compress_or_drop_meanwhile_is_theirs(reading: Any) -> None:
    reading.execute("SELECT compress_chunk(c) FROM show_chunks('reading', newer_than => interval '2 days') c")
    theirs = reading.value(COMPRESSED)
    reading.run(up)
    reading.execute("SELECT drop_chunks('reading', older_than => timestamptz '2026-01-02')")
    reading.run(down)
    check(reading, theirs)
    assert reading.value("SELECT to_regnamespace('tsmigrate')") is None


@community
def test_rows_written_into_compressed_chunks_survive(reading: Any) -> None:
    reading.run(up)
    reading.execute("INSERT INTO reading VALUES ('2026-01-02 12:34 UTC', 9)")
    rows = reading.value(ROWS)
    reading.run(down)
    assert reading.value(ROWS) == rows
    check(reading, "")


@community
def test_a_run_that_is_cut_off_anywhere_goes_on(reading: Any) -> None:
    before = reading.snapshot()
    deaths = die_at_each_write(reading, up, lambda: check(reading, ALL_FOUR), start_over=down)
    assert deaths >= 5  # its own row and four chunks
    reading.run(up)
    deaths = die_at_each_write(reading, down, lambda: check(reading, ""), start_over=up)
    assert deaths >= 5
    assert reading.snapshot() == before


@community
def test_a_chunk_that_is_held_is_waited_for_in_attempts_and_refused_by_name(
    reading: Any, settings: dict[str, str]
) -> None:
    chunk = reading.value("SELECT min(c::text) FROM show_chunks('reading', older_than => interval '7 days') c")
    settings.update(lock_timeout="50", lock_retries="1")
    busy = rf"the chunk {chunk} could not be locked in 2 attempts of 50 ms"
    with holding(reading, chunk, seconds=2.0), pytest.raises(DBAPIError, match=busy):
        reading.run(up)
    settings.update(lock_timeout="100", lock_retries="8")
    with holding(reading, chunk, seconds=0.5):
        reading.run(up)
    check(reading, ALL_FOUR)


class holding:  # noqa: N801 - reads as a word in a with statement
    """Another session holds a table for so long."""

    def __init__(self, migration: Any, table: str, seconds: float) -> None:
        self._locked = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(migration, table, seconds))

    def _hold(self, migration: Any, table: str, seconds: float) -> None:
        with connect.connection(migration.database) as connection:
            connection.execute(raw(f"LOCK TABLE {table} IN ACCESS SHARE MODE"))
            self._locked.set()
            time.sleep(seconds)

    def __enter__(self) -> None:
        self._thread.start()
        self._locked.wait()

    def __exit__(self, *_: object) -> None:
        self._thread.join()


@community
def test_chunks_that_foreign_keys_point_into_are_compressed(reading: Any) -> None:
    reading.execute(
        "CREATE TABLE note (device int, at timestamptz, FOREIGN KEY (device, at) REFERENCES reading)",
        "INSERT INTO note SELECT device, at FROM reading LIMIT 20",
    )
    reading.there_and_back(up, down, meanwhile=lambda: check(reading, ALL_FOUR))
    with pytest.raises(DBAPIError, match="foreign key"):
        reading.execute("INSERT INTO note VALUES (1, '2026-06-01')")


@community
def test_a_whole_number_is_the_value_below_which_chunks_lie(migration: Any) -> None:
    migration.execute(
        "CREATE TABLE reading (at int NOT NULL)",
        "SELECT create_hypertable('reading', by_range('at', 10))",
        "INSERT INTO reading SELECT generate_series(0, 49)",
        "ALTER TABLE reading SET (timescaledb.compress)",
    )
    migration.run(lambda: op.compress_chunks("reading", 25))
    assert migration.value(COUNT) == 2
    migration.run(down)
    assert migration.value(COUNT) == 0
    with pytest.raises(DBAPIError, match="older_than is '7 days', which is no whole number"):
        migration.run(up)


@community
def test_an_odd_name_in_an_odd_schema_is_found(migration: Any) -> None:
    table = '"My Schema"."' + ODD.replace('"', '""') + '"'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f"CREATE TABLE {table} (at timestamptz NOT NULL)",
        f"SELECT create_hypertable('{table}', by_range('at', interval '1 day'), create_default_indexes => false)",
        f"ALTER TABLE {table} SET (timescaledb.compress)",
        f"INSERT INTO {table} VALUES ('2026-01-01 UTC')",
    )
    migration.there_and_back(
        lambda: op.compress_chunks(ODD, "7 days", schema="My Schema"),
        lambda: op.decompress_chunks(ODD, schema="My Schema"),
        meanwhile=lambda: check(migration, "2026-01-01"),
    )


@community
def test_all_reasons_against_it_are_told_at_once(reading: Any) -> None:
    reading.execute("ALTER TABLE reading SET (timescaledb.compress = false)")
    with pytest.raises(DBAPIError) as refused:
        reading.run(lambda: op.compress_chunks("reading", "-7 days"))
    assert "not enabled" in str(refused.value.orig)
    assert "older_than is '-7 days', which is negative" in str(refused.value.orig)


@community
def test_it_is_alone_in_its_revision(reading: Any) -> None:
    def both() -> None:
        up()
        op.set_chunk_interval("reading", "2 days")

    with pytest.raises(CommandError, match="shares revision compress with compress_chunks"):
        reading.run(both)


@community
def test_locks_do_not_add_up_from_chunk_to_chunk(migration: Any) -> None:
    many_chunks(migration, 20)
    migration.execute(
        "CREATE SCHEMA tsmigrate",
        "CREATE TABLE tsmigrate.undo (revision text, operation text, subject text, definition jsonb, "
        "PRIMARY KEY (revision, operation, subject))",
        "CREATE TABLE held (place serial, locks int)",
        "CREATE FUNCTION count_locks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO held (locks) "
        "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid(); RETURN NULL; END $$",
        "CREATE TRIGGER counted AFTER INSERT OR DELETE ON tsmigrate.undo FOR EACH ROW EXECUTE FUNCTION count_locks()",
    )
    for step, compressed in ((up, 20), (down, 0)):
        migration.execute("TRUNCATE held")
        migration.run(step)
        assert migration.value(COUNT) == compressed
        assert migration.value("SELECT count(*) FROM held") == 21  # the chunks and its own row
        assert migration.value("SELECT max(locks) FROM held") < 100


@community
def test_it_tells_what_it_did(reading: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tsmigrate")
    reading.run(up)
    assert 'compressed 4 chunks of "reading"' in caplog.text


@community
def test_a_downgrade_without_its_row_is_refused(reading: Any) -> None:
    with pytest.raises(DBAPIError, match=r"tsmigrate.undo has no row of compress_chunks"):
        reading.run(down)


@pytest.mark.edition("apache")
def test_the_apache_edition_refuses_it_or_skips_it_both_ways(
    reading: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DBAPIError, match=r'compress_chunks of "reading" needs TimescaleDB Community'):
        reading.run(up)
    settings["on_unsupported"] = "skip"
    reading.there_and_back(up, down)
    assert 'skipped: compress_chunks of "reading"' in caplog.text
    reading.run(up)
    reading.run(up)  # the first of the two did not get to stamp its revision


def test_it_can_be_written_and_reversed() -> None:
    asked = CompressChunks("t", "s", "7 days")
    assert asked.reverse().reverse() == asked
    assert 'op.compress_chunks("t", "7 days", schema="s")' in render_python_code(UpgradeOps([asked]))
    assert 'op.decompress_chunks("t")' in render_python_code(UpgradeOps([DecompressChunks("t", None)]))
    with pytest.raises(UsageError, match="which chunks"):
        DecompressChunks("t", None).reverse()
