"""Equal rows have equal checksums wherever and however they are stored; any other rows have another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tsmigrate import connect
from tsmigrate.catalog.checksum import Rows, of_table
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.sql import identifier, qualified
from tsmigrate.url import DatabaseUrl

Script = Callable[..., None]
on_a_server = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Every type without an extended hash, or whose hash calls different values equal; and plain ones among them.
TYPES = """
    CREATE TYPE mood AS ENUM ('calm', 'cross');
    CREATE TYPE pair AS (a int, b point);
    CREATE DOMAIN place AS point;
    CREATE COLLATION shaky (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE plain (
        ts timestamptz NOT NULL, id int, big bigint, ok bool, u uuid, b bytea, d date, t text, shaky text COLLATE shaky,
        n numeric, f float8, f4 real, i interval, j json, jb jsonb, x xml, spot point, place place, pair pair,
        ints int[], spots point[], mood mood, moods mood[], span tstzrange, m money, bits varbit, net inet,
        fixed char(5), twice int GENERATED ALWAYS AS (id * 2) STORED);
    INSERT INTO plain
    SELECT '2026-01-01'::timestamptz + k * interval '1 hour', k, k, k % 2 = 0, md5(k::text)::uuid, decode(md5(k::text), 'hex'),
           '2026-01-01'::date + k, 'text ' || k % 10, 'Shaky ' || k, k / 7.0, k / 7.0, k / 7.0, k * interval '1 day',
           json_build_object('k', k), jsonb_build_object('k', k / 7.0), '<a/>', point(k, k / 3.0), point(k, 1),
           (k, point(k, k))::pair, ARRAY[k, NULL], ARRAY[point(k, 1)], (CASE WHEN k % 2 = 0 THEN 'calm' ELSE 'cross' END)::mood,
           '{calm}', tstzrange('2026-01-01', NULL), k::text::money, k::bit(8), '10.0.0.1', 'ab'
    FROM generate_series(1, 500) k;
    INSERT INTO plain (ts) VALUES ('2026-01-01'), ('infinity');
    INSERT INTO plain (ts, f, n) VALUES ('2026-01-02', '-0', 'NaN'), ('2026-01-02', 'NaN', '-Infinity');
"""  # noqa: E501
AS_HYPERTABLE = """
    CREATE TABLE hyper (LIKE plain INCLUDING ALL);
    SELECT create_hypertable('hyper', by_range('ts', interval '1 day'));
    INSERT INTO hyper ({columns}) SELECT {columns} FROM plain ORDER BY random();
"""
COMPRESSED = """
    ALTER TABLE hyper SET (timescaledb.compress, timescaledb.compress_segmentby = 'mood', timescaledb.compress_orderby = 'ts');
    SELECT compress_chunk(c) FROM show_chunks('hyper') c;
"""  # noqa: E501


def columns_of(connection: Connection) -> str:
    names = connection.exec_driver_sql(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'plain'::regclass AND attnum > 0 AND attgenerated = ''"
    ).scalars()
    return ", ".join(names)


def one_row(connection: Connection, script: Script, type_: str, value: str) -> Rows:
    script(connection, "DROP TABLE IF EXISTS one", f"CREATE TABLE one (id int, v {type_})")
    script(connection, f"INSERT INTO one VALUES (1, {value})")
    return of_table(connection, "one")


def test_a_plain_table_and_the_same_rows_in_a_hypertable_are_equal(connection: Connection, script: Script) -> None:
    script(connection, TYPES)
    script(connection, AS_HYPERTABLE.format(columns=columns_of(connection)))
    plain = of_table(connection, "plain")
    assert plain.count == 504
    assert of_table(connection, "hyper") == plain


@pytest.mark.edition("community")
def test_the_columnstore_does_not_change_the_checksum(connection: Connection, script: Script) -> None:
    script(connection, TYPES)
    script(connection, AS_HYPERTABLE.format(columns=columns_of(connection)), COMPRESSED)
    assert of_table(connection, "hyper") == of_table(connection, "plain")


def test_converting_in_place_does_not_change_the_checksum(connection: Connection, script: Script) -> None:
    script(connection, TYPES)
    script(connection, "DELETE FROM plain WHERE ts = 'infinity'")
    before = of_table(connection, "plain")
    script(connection, "SELECT create_hypertable('plain', by_range('ts', interval '7 days'), migrate_data => true)")
    assert of_table(connection, "plain") == before


def test_an_empty_table_is_nothing(connection: Connection, script: Script) -> None:
    script(connection, "CREATE TABLE empty (x int, p point)")
    assert of_table(connection, "empty") == Rows(0, 0)


def test_rows_without_columns_are_counted(connection: Connection, script: Script) -> None:
    script(connection, "CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES; INSERT INTO bare DEFAULT VALUES")
    assert of_table(connection, "bare").count == 2


def test_a_dropped_column_leaves_no_trace(connection: Connection, script: Script) -> None:
    script(connection, "CREATE TABLE whole (a int, b text); INSERT INTO whole VALUES (1, 'x'), (2, NULL)")
    script(connection, "CREATE TABLE once (gone int, a int, gone_too point, b text)")
    script(connection, "INSERT INTO once VALUES (9, 1, '(1,1)', 'x'), (9, 2, NULL, NULL)")
    script(connection, "ALTER TABLE once DROP gone, DROP gone_too")
    assert of_table(connection, "once") == of_table(connection, "whole")


ROWS = st.lists(st.tuples(st.integers(-(2**31), 2**31 - 1), st.none() | st.text().map(lambda t: t.replace("\0", ""))))


def fill(connection: Connection, rows: Sequence[tuple[int, str | None]]) -> Rows:
    with connection.connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS filled (a int, b text); TRUNCATE filled")
        cursor.executemany(
            "INSERT INTO filled VALUES (%s, %s)",
            [(a, b.encode("utf-8", "replace").decode() if b else b) for a, b in rows],
        )
    return of_table(connection, "filled")


@on_a_server
@given(data=st.data(), rows=ROWS)
def test_the_order_of_rows_does_not_matter(
    connection: Connection, data: st.DataObject, rows: list[tuple[int, str | None]]
) -> None:
    assert fill(connection, data.draw(st.permutations(rows))) == fill(connection, rows)


@on_a_server
@given(rows=ROWS.filter(bool), data=st.data(), bit=st.integers(0, 30))
def test_one_changed_bit_changes_the_checksum(
    connection: Connection, rows: list[tuple[int, str | None]], data: st.DataObject, bit: int
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    changed = [*rows[:at], (rows[at][0] ^ 1 << bit, rows[at][1]), *rows[at + 1 :]]
    before, after = fill(connection, rows), fill(connection, changed)
    assert before.count == after.count
    assert before.checksum != after.checksum


def test_a_row_twice_is_not_a_row_once_nor_none(connection: Connection) -> None:
    assert len({fill(connection, [(1, "x")] * times).checksum for times in range(5)}) == 5


# Each pair is equal to the server's `=`, or has no `=` at all; and yet not the same row.
DIFFERENT = [
    ("numeric", "1.0", "1.00"),
    ("float8", "'0'", "'-0'"),
    ("interval", "'1 month'", "'30 days'"),
    ("int[]", "'{1,2,3,4}'", "'{{1,2},{3,4}}'"),
    ("text COLLATE shaky", "'a'", "'A'"),
    ("jsonb", "'[1.0]'", "'[1.00]'"),
    ("json", """'{"a": 1}'""", """'{"a":1}'"""),
    ("point", "'(1,2)'", "'(1,2.0000000000000004)'"),
    ("xml", "'<a/>'", "'<a></a>'"),
    ("place", "'(1,1)'", "'(1,0)'"),
    ("pair", "'(1,)'", "'(,)'"),
    ("point[]", """'{"(1,1)"}'""", """'{"(1,0)"}'"""),
    ("text", "''", "NULL"),
    ("text", "'x'", "'x '"),
    ("char(3)", "''", "NULL"),
    ("bytea", r"'\x00'", r"'\x0000'"),
    ("float8", "'0.1'", "'0.10000000000000002'"),
    ("mood", "'calm'", "'cross'"),
]


@pytest.mark.parametrize(("type_", "one", "other"), DIFFERENT)
def test_values_that_are_not_the_same_differ(
    connection: Connection, script: Script, type_: str, one: str, other: str
) -> None:
    script(connection, TYPES)
    first = one_row(connection, script, type_, one)
    assert first == one_row(connection, script, type_, one)
    assert first != one_row(connection, script, type_, other)


def test_the_session_s_settings_have_no_say_and_are_given_back(connection: Connection, script: Script) -> None:
    script(connection, TYPES, "ALTER TABLE plain ADD of regclass, ADD ofs regclass[]")
    script(connection, "UPDATE plain SET of = 'plain', ofs = '{plain}'")
    before = of_table(connection, "plain")
    odd = {
        "TimeZone": "Asia/Kathmandu",
        "DateStyle": "German, DMY",
        "IntervalStyle": "sql_standard",
        "extra_float_digits": "-15",
        "bytea_output": "escape",
        "search_path": "pg_catalog, public",
    }
    for name, value in odd.items():
        script(connection, f"SET {name} = {value if ',' in value else repr(value)}")
    assert of_table(connection, "plain", "public") == before
    for name, value in odd.items():
        assert connection.exec_driver_sql(f"SHOW {name}").scalar_one() == value


def test_a_restored_copy_with_other_oids_is_equal(connection: Connection, script: Script) -> None:
    script(connection, TYPES)
    before = of_table(connection, "plain")
    text_columns = "mood, moods, pair, place"
    mood_only = of_table(connection, "plain", columns=text_columns.split(", "))
    script(connection, "ALTER TABLE plain ALTER mood TYPE text, ALTER moods TYPE text, ALTER pair TYPE text")
    script(connection, "DROP TYPE mood, pair; CREATE TYPE mood AS ENUM ('cross', 'calm')")
    script(connection, "CREATE TYPE pair AS (a int, b point)")
    script(connection, "ALTER TABLE plain ALTER mood TYPE mood USING mood::mood")
    script(connection, "ALTER TABLE plain ALTER moods TYPE mood[] USING moods::mood[]")
    script(connection, "ALTER TABLE plain ALTER pair TYPE pair USING pair::pair")
    assert of_table(connection, "plain") == before
    assert of_table(connection, "plain", columns=text_columns.split(", ")) == mood_only


def test_columns_are_hashed_in_the_order_given(connection: Connection, script: Script) -> None:
    script(connection, "CREATE TABLE ab (a int, b int); INSERT INTO ab VALUES (1, 2)")
    script(connection, "CREATE TABLE ba (b int, a int); INSERT INTO ba VALUES (2, 1)")
    assert of_table(connection, "ab") != of_table(connection, "ba")
    assert of_table(connection, "ab", columns=["b", "a"]) == of_table(connection, "ba")
    assert of_table(connection, "ab", columns=["a"]) == of_table(connection, "ba", columns=["a"])


def test_stored_generated_columns_count(connection: Connection, script: Script) -> None:
    script(connection, "CREATE TABLE one_g (a int, g int GENERATED ALWAYS AS (a + 1) STORED)")
    script(connection, "CREATE TABLE two_g (a int, g int GENERATED ALWAYS AS (a + 2) STORED)")
    script(connection, "INSERT INTO one_g VALUES (1); INSERT INTO two_g VALUES (1)")
    assert of_table(connection, "one_g") != of_table(connection, "two_g")


@pytest.mark.parametrize(
    "name", ['Quo"te', "per%cent %s %(x)s", "co:lon :x", "é" * 31, "x" * 63, "a.b; --", "\\n", " "]
)
def test_any_name_will_do(connection: Connection, script: Script, name: str) -> None:
    script(connection, f"CREATE SCHEMA {identifier(name)}")
    script(connection, f"CREATE TABLE {qualified(name, name)} ({identifier(name)} point, id int)")
    script(connection, f"INSERT INTO {qualified(name, name)} VALUES ('(1,2)', 1)")
    assert of_table(connection, name, name).count == 1
    assert of_table(connection, name, name, [name]).checksum != 0


def test_what_is_not_there_is_named_and_leaves_the_transaction_usable(connection: Connection, script: Script) -> None:
    script(connection, "CREATE TABLE there (a int)")
    with pytest.raises(UsageError, match=r'no table "public"\."nowhere"'):
        of_table(connection, "nowhere", "public")
    with pytest.raises(UsageError, match='"there" stores no column "b", "c"') as refused:
        of_table(connection, "there", columns=["a", "b", "c"])
    assert '"a"' in refused.value.mend
    assert of_table(connection, "there") == Rows(0, 0)


def test_rows_that_a_policy_hides_are_an_error_not_a_smaller_count(connection: Connection, script: Script) -> None:
    script(connection, "CREATE TABLE guarded (a int); INSERT INTO guarded VALUES (1), (2)")
    script(connection, "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (a = 1)")
    script(connection, "CREATE ROLE half_blind; GRANT SELECT ON guarded TO half_blind; SET ROLE half_blind")
    with pytest.raises(BlockedError, match="may not see all of its rows") as refused:
        of_table(connection, "guarded", "public")
    assert '"public"."guarded"' in refused.value.message
    assert connection.exec_driver_sql("SELECT count(*) FROM guarded").scalar_one() == 1
    assert connection.exec_driver_sql("SHOW row_security").scalar_one() == "on"


def test_a_read_only_transaction_is_enough(database: DatabaseUrl, run: Script) -> None:
    run(database, "CREATE TABLE x (a point); INSERT INTO x VALUES ('(1,1)')")
    with connect.connection(database) as reader:
        reader.exec_driver_sql("SET TRANSACTION READ ONLY")
        assert of_table(reader, "x").count == 1


def test_partitions_are_read_through_their_root(connection: Connection, script: Script) -> None:
    script(
        connection, "CREATE TABLE flat (ts date, x int); INSERT INTO flat VALUES ('2026-01-01', 1), ('2027-01-01', 2)"
    )
    script(
        connection,
        """CREATE TABLE parted (ts date, x int) PARTITION BY RANGE (ts);
           CREATE TABLE p26 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
           CREATE TABLE p27 PARTITION OF parted DEFAULT; INSERT INTO parted SELECT * FROM flat""",
    )
    assert of_table(connection, "parted") == of_table(connection, "flat")
