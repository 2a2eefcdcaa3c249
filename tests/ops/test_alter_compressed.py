"""A table with compressed chunks is altered, and everything else is afterwards as it was, wherever it was cut off."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import render_python_code
from alembic.operations.ops import UpgradeOps
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from cut_off import MOST, arm, die_at_each_write, live
from ops_support import many_chunks
from tsmigrate.errors import UsageError
from tsmigrate.ops.alter_compressed import AlterCompressed

revision, down_revision = "alter", None

ODD = 'Odd "name"; DROP @table:%s $$' + "x" * 34  # 63 bytes
COMPRESSED = (
    "SELECT coalesce(string_agg((range_start AT TIME ZONE 'UTC')::date::text, ' ' ORDER BY range_start), '') "
    "FROM timescaledb_information.chunks WHERE is_compressed"
)
TYPE = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{}'::regclass AND attname = 'value'"
TYPE_EVERYWHERE = (
    "SELECT string_agg(DISTINCT a.atttypid::regtype::text, ' ') FROM pg_attribute a "
    "WHERE attname = 'value' AND attrelid IN (SELECT 'reading'::regclass UNION ALL SELECT show_chunks('reading'))"
)
JOBS = (
    "SELECT string_agg(concat_ws(' ', job_id, proc_name, scheduled, next_start), ', ' ORDER BY job_id) "
    "FROM timescaledb_information.jobs WHERE job_id > 999"
)
VALUES = "SELECT count(*) || ' ' || sum(value::numeric) || ' ' || count(DISTINCT (at, device)) FROM reading"
community = pytest.mark.edition("community")


def up() -> None:
    op.alter_compressed("reading", "ALTER COLUMN value TYPE numeric", back="ALTER COLUMN value TYPE real")


def down() -> None:
    op.alter_compressed("reading", "ALTER COLUMN value TYPE real", back="ALTER COLUMN value TYPE numeric")


@pytest.fixture
def reading(migration: Any, edition: Any) -> Any:
    """Four chunks, the first two compressed; the retention policy is paused for a reason of its own."""
    migration.execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device int, value real, PRIMARY KEY (device, at))",
        "SELECT create_hypertable('reading', by_range('at', interval '1 day'))",
        "INSERT INTO reading SELECT timestamptz '2026-01-01 UTC' + n * interval '1 h', n % 5, n "
        "FROM generate_series(0, 95) n",
    )
    if edition == "community":
        migration.execute(
            "ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'device')",
            "SELECT add_compression_policy('reading', interval '7 days')",
            "SELECT add_retention_policy('reading', interval '100 years')",
            "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs "
            "WHERE proc_name = 'policy_retention'",
            "SELECT alter_job(job_id, next_start => '2030-01-01') FROM timescaledb_information.jobs "
            "WHERE proc_name = 'policy_compression'",
            "SELECT compress_chunk(c) FROM show_chunks('reading', older_than => timestamptz '2026-01-03 UTC') c",
        )
    return migration


FIRST_TWO = "2026-01-01 2026-01-02"


@community
def test_all_but_the_alteration_is_as_before(reading: Any) -> None:
    jobs, values = reading.value(JOBS), reading.value(VALUES)

    def check() -> None:
        assert reading.value(TYPE_EVERYWHERE) == "numeric"
        assert reading.value(COMPRESSED) == FIRST_TWO
        assert reading.value(JOBS) == jobs
        assert reading.value(VALUES) == values
        assert reading.value("SELECT to_regnamespace('tsmigrate')") is None

    reading.there_and_back(up, down, meanwhile=check)
    assert reading.value(TYPE_EVERYWHERE) == "real"
    assert reading.value(COMPRESSED) == FIRST_TWO
    assert (reading.value(JOBS), reading.value(VALUES)) == (jobs, values)


@community
def test_a_run_that_is_cut_off_anywhere_goes_on(reading: Any) -> None:
    before, jobs, values = reading.snapshot(), reading.value(JOBS), reading.value(VALUES)

    def check() -> None:
        assert reading.value(TYPE_EVERYWHERE) == "numeric"
        assert reading.value(COMPRESSED) == FIRST_TWO
        assert (reading.value(JOBS), reading.value(VALUES)) == (jobs, values)

    deaths = die_at_each_write(reading, up, check, start_over=down)
    assert deaths >= 8  # begun, two chunks out, altered, two chunks in, finished, its own row
    reading.run(down)
    assert reading.snapshot() == before
    assert reading.value(COMPRESSED) == FIRST_TWO


@community
def test_what_others_do_while_it_lies_half_done_is_not_lost(reading: Any) -> None:
    """Wherever it was cut off, rows come in, a chunk is compressed, one is dropped, a policy goes and one comes."""
    for number in range(1, MOST):
        arm(reading, number)
        try:
            reading.run(up)
        except (DBAPIError, PendingRollbackError):
            live(reading)
        else:
            break
        reading.execute(
            "INSERT INTO reading VALUES ('2026-01-01 12:34 UTC', 77, 0.5), ('2026-01-04 12:34 UTC', 77, 0.5)",
            "SELECT compress_chunk(c) FROM show_chunks('reading', newer_than => timestamptz '2026-01-04 UTC') c",
            "SELECT drop_chunks('reading', older_than => timestamptz '2026-01-03 UTC', "
            "newer_than => timestamptz '2026-01-02 UTC')",
            "SELECT remove_retention_policy('reading')",
            "SELECT add_reorder_policy('reading', 'reading_pkey')",
        )
        values = reading.value(VALUES)
        reading.run(up)
        assert reading.value(VALUES) == values
        assert reading.value(TYPE_EVERYWHERE) == "numeric"
        assert reading.value(COMPRESSED) == "2026-01-01 2026-01-04"
        assert reading.value("SELECT bool_and(scheduled) FROM timescaledb_information.jobs WHERE job_id > 999")
        assert reading.value("SELECT count(*) FROM timescaledb_information.jobs WHERE job_id > 999") == 2
        reading.run(down)
        restore(reading)
    assert number > 8


def restore(reading: Any) -> None:
    """As the fixture made it."""
    reading.execute(
        "SELECT remove_reorder_policy('reading')",
        "DELETE FROM reading WHERE device = 77",
        "INSERT INTO reading SELECT timestamptz '2026-01-02 UTC' + n * interval '1 h', n % 5, n "
        "FROM generate_series(0, 23) n",
        "SELECT decompress_chunk(c, true) FROM show_chunks('reading') c",
        "SELECT compress_chunk(c) FROM show_chunks('reading', older_than => timestamptz '2026-01-03 UTC') c",
        "SELECT add_retention_policy('reading', interval '100 years')",
    )


@community
@pytest.mark.parametrize(
    ("alteration", "back"),
    [
        # With the columnstore enabled TimescaleDB refuses it, compressed chunks or not …
        (
            "ALTER COLUMN value SET STORAGE PLAIN, ADD COLUMN note text NOT NULL DEFAULT random()::text",
            "DROP COLUMN note",
        ),
        ("ADD COLUMN owner int NOT NULL DEFAULT 1 REFERENCES owner", "DROP COLUMN owner"),
        # … and this one it would get wrong.
        ("ADD COLUMN number bigserial", "DROP COLUMN number"),
    ],
)
def test_the_columnstore_is_disabled_meanwhile_where_it_is_in_the_way(reading: Any, alteration: str, back: str) -> None:
    reading.execute("CREATE TABLE owner (id int PRIMARY KEY)", "INSERT INTO owner VALUES (1)")
    jobs = reading.value(JOBS)

    def check() -> None:
        assert reading.value(COMPRESSED) == FIRST_TWO
        column = alteration.split("ADD COLUMN ")[1].split(maxsplit=1)[0]
        assert reading.value(f"SELECT count({column}) FROM reading") == 96

    reading.there_and_back(
        lambda: op.alter_compressed("reading", alteration, back=back),
        lambda: op.alter_compressed("reading", back, back=alteration),
        meanwhile=check,
    )
    assert reading.value(JOBS) == jobs


@community
@pytest.mark.parametrize(
    ("alteration", "reason"),
    [
        ("ALTER COLUMN valeu TYPE numeric", 'column "valeu" of relation "reading" does not exist'),
        ("ALTER COLUMN value TIPE numeric", "syntax error"),
        ("ALTER COLUMN value TYPE uuid", "cannot be cast automatically"),
        ("ADD COLUMN value int", "already exists"),
    ],
)
def test_a_slip_of_the_pen_is_refused_before_anything_changes(reading: Any, alteration: str, reason: str) -> None:
    chunks = reading.value("SELECT sum(oid::bigint) FROM pg_class WHERE relname ~ '^compress_hyper.*chunk$'")
    before, jobs = reading.snapshot(), reading.value(JOBS)
    with pytest.raises(DBAPIError, match=f'alter_compressed of "reading" is refused: .*{reason}'):
        reading.run(lambda: op.alter_compressed("reading", alteration, back="-"))
    assert reading.snapshot() == before
    assert reading.value(JOBS) == jobs
    assert reading.value("SELECT sum(oid::bigint) FROM pg_class WHERE relname ~ '^compress_hyper.*chunk$'") == chunks


@community
@pytest.mark.parametrize(
    ("alteration", "reason"),
    [
        ("ALTER COLUMN value TYPE int USING 1 / (value - 95)::int", "division by zero"),
        ("DROP COLUMN device", "device"),
        ("ENABLE ROW LEVEL SECURITY", "row security"),
        (
            "ADD CONSTRAINT alone EXCLUDE USING btree (value WITH =, at WITH =)",
            "does not enforce exclusion|is not supported for",
        ),
        ("DROP CONSTRAINT nowhere", "nowhere"),
    ],
)
def test_an_alteration_that_fails_leaves_all_as_it_was(reading: Any, alteration: str, reason: str) -> None:
    before, jobs, values = reading.snapshot(), reading.value(JOBS), reading.value(VALUES)
    with pytest.raises(DBAPIError, match=f'"reading" could not be altered: .*({reason})') as refused:
        reading.run(lambda: op.alter_compressed("reading", alteration, back="-"))
    assert "chunks and policies are as they were" in str(refused.value.orig)
    assert reading.snapshot() == before
    assert reading.value(COMPRESSED) == FIRST_TWO
    assert (reading.value(JOBS), reading.value(VALUES)) == (jobs, values)
    reading.run(up)  # corrected, it works


@community
def test_another_alteration_is_refused_while_one_is_half_done(reading: Any) -> None:
    for number in range(1, MOST):
        arm(reading, number)
        with pytest.raises((DBAPIError, PendingRollbackError)):
            reading.run(up)
        live(reading)
        if reading.value(TYPE.format("reading")) == "numeric":
            break
    with pytest.raises(DBAPIError, match="was cut off after this alteration was made: ALTER COLUMN value TYPE numeric"):
        reading.run(lambda: op.alter_compressed("reading", "ALTER COLUMN value TYPE text", back="-"))
    reading.run(up)
    assert reading.value(COMPRESSED) == FIRST_TWO


@community
def test_chunks_that_foreign_keys_point_into_are_compressed_again(reading: Any) -> None:
    reading.execute(
        "CREATE TABLE note (device int, at timestamptz, FOREIGN KEY (device, at) REFERENCES reading)",
        "INSERT INTO note SELECT device, at FROM reading LIMIT 20",
    )
    reading.there_and_back(up, down)
    assert reading.value(COMPRESSED) == FIRST_TWO


@community
def test_more_chunks_than_the_lock_table_holds_are_refused_before_any_is_decompressed(few_locks: Any) -> None:
    many_chunks(few_locks, 80)
    few_locks.run(lambda: op.compress_chunks("reading", "7 days"))
    with pytest.raises(DBAPIError, match=r"altering all of its chunks needs 240 locks .* has room for 200"):
        few_locks.run(up)
    assert few_locks.value("SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed") == 80


@community
def test_an_odd_name_in_an_odd_schema_is_found(migration: Any) -> None:
    table = '"My Schema"."' + ODD.replace('"', '""') + '"'
    migration.execute(
        'CREATE SCHEMA "My Schema"',
        f"CREATE TABLE {table} (at timestamptz NOT NULL, value real)",
        f"SELECT create_hypertable('{table}', by_range('at', interval '1 day'), create_default_indexes => false)",
        f"INSERT INTO {table} VALUES ('2026-01-01 UTC', 1)",
        f"ALTER TABLE {table} SET (timescaledb.compress)",
        f"SELECT compress_chunk(c) FROM show_chunks('{table}') c",
    )
    alteration, back = "ALTER COLUMN value TYPE text USING value || 'a:b%s'", "ALTER COLUMN value TYPE real USING 1"
    migration.there_and_back(
        lambda: op.alter_compressed(ODD, alteration, back=back, schema="My Schema"),
        lambda: op.alter_compressed(ODD, back, back=alteration, schema="My Schema"),
    )
    assert migration.value(COMPRESSED) == "2026-01-01"


@community
def test_the_printed_sql_does_the_same(reading: Any) -> None:
    """As psql does it, a statement at a time."""
    before = reading.snapshot()
    for step in (up, down):
        autocommit(reading, reading.sql(step))
        assert reading.value(COMPRESSED) == FIRST_TWO
    assert reading.snapshot() == before


def autocommit(reading: Any, printed: str) -> None:
    import psycopg2

    connection = psycopg2.connect(reading.database.url.set(drivername="postgresql").render_as_string(False))
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in printed.split(";;"):  # each block ends in one of its own and one of Alembic's
            for each in statement.split("\nCOMMIT;\n"):
                cursor.execute(each.replace("BEGIN;\n", "").strip() or "SELECT 1")
    connection.close()


@pytest.mark.edition("apache")
def test_on_the_apache_edition_it_is_a_plain_alteration(reading: Any) -> None:
    before = reading.value(VALUES)
    reading.there_and_back(up, down)
    reading.run(up)
    assert reading.value(TYPE_EVERYWHERE) == "numeric"
    assert reading.value(VALUES) == before


@pytest.mark.edition("apache")
def test_what_the_apache_edition_cannot_alter_is_told_and_leaves_no_trace(reading: Any) -> None:
    before = reading.snapshot()
    with pytest.raises(DBAPIError, match="could not be altered"):
        reading.run(lambda: op.alter_compressed("reading", "ADD UNIQUE (device)", back="-"))
    assert reading.snapshot() == before


@pytest.mark.parametrize("text", ["", "ALTER TABLE reading ALTER COLUMN value TYPE numeric", "RENAME TO other"])
def test_nonsense_is_no_alteration(text: str) -> None:
    for asked in (AlterCompressed("reading", None, text, "-"), AlterCompressed("reading", None, "-", text)):
        with pytest.raises(UsageError, match="alter_compressed of"):
            asked._insist_on_alterations()


def test_it_can_be_written_and_reversed() -> None:
    asked = AlterCompressed("t", "s", "DROP COLUMN a", "ADD COLUMN a int")
    assert asked.reverse() == AlterCompressed("t", "s", "ADD COLUMN a int", "DROP COLUMN a")
    assert asked.reverse().reverse() == asked
    assert 'op.alter_compressed("t", "DROP COLUMN a", back="ADD COLUMN a int", schema="s")' in (
        render_python_code(UpgradeOps([asked]))
    )
