"""Made-up rows satisfy what the schema asks of them; tables that take none are listed with the reason."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from alembic_project import Project, Rehearse, told
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.tables import user_tables
from tsmigrate.errors import UsageError
from tsmigrate.finding import Severity
from tsmigrate.verify.rows.fill import Filled, fill
from tsmigrate.verify.rows.tables import Promises

EVERYTHING = """
CREATE TYPE mood AS ENUM ('fine', 'so-so');
CREATE DOMAIN percent AS int CHECK (VALUE >= 0);
CREATE TABLE everything (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, small smallint NOT NULL, big bigint NOT NULL,
    price numeric(6, 2) NOT NULL, ratio float8 NOT NULL, name varchar(4) NOT NULL UNIQUE, code char(3) NOT NULL,
    flag boolean NOT NULL, key uuid NOT NULL UNIQUE, day date NOT NULL, at timestamptz NOT NULL DEFAULT now(),
    local timestamp NOT NULL, lasts interval NOT NULL, doc jsonb NOT NULL, raw json NOT NULL, mood mood NOT NULL,
    moods mood[] NOT NULL, words text[] NOT NULL, host inet NOT NULL, data bytea NOT NULL, part percent NOT NULL,
    twice int GENERATED ALWAYS AS (part * 2) STORED, stage text NOT NULL CHECK (stage IN ('queued', 'it''s sent')),
    span tstzrange NOT NULL, maybe text
);
"""
FAMILY = """
CREATE TABLE parents (a int, b text, PRIMARY KEY (a, b));
CREATE TABLE children (id uuid PRIMARY KEY, a int NOT NULL, b text NOT NULL, FOREIGN KEY (a, b) REFERENCES parents);
CREATE TABLE twins (id uuid PRIMARY KEY REFERENCES children, other uuid REFERENCES twins);
"""


def filled(connection: Connection, rows: int, start: int = 1) -> dict[str, Filled]:
    found = fill(connection, user_tables(connection), rows, start=start)
    return {each.table.name: each for each in found}


def count(connection: Connection, table: str, where: str = "true") -> int:
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE {where}").scalar_one())


def test_every_common_type_gets_a_value(plain_connection: Connection) -> None:
    plain_connection.exec_driver_sql(EVERYTHING)
    assert filled(plain_connection, 100)["everything"] == Filled(Relation("public", "everything"), 100, "")
    assert 0 < count(plain_connection, "everything", "maybe IS NULL") < 100
    days = plain_connection.exec_driver_sql("SELECT max(at) - min(at) > interval '5 weeks' FROM everything")
    assert days.scalar_one()


def test_foreign_keys_hold_and_one_to_one_children_get_rows_again(plain_connection: Connection) -> None:
    plain_connection.exec_driver_sql(FAMILY)
    assert {name: each.rows for name, each in filled(plain_connection, 20).items()} == {
        "parents": 20, "children": 20, "twins": 20,
    }  # fmt: skip
    assert {each.rows for each in filled(plain_connection, 20, start=21).values()} == {10}


def test_rows_keep_to_keys_that_a_revision_has_dropped_or_widened(plain_connection: Connection) -> None:
    """Else the downgrade that brings the key back would fail for rows of our own making."""
    run, promises = plain_connection.exec_driver_sql, Promises()
    run("CREATE TABLE message (id int PRIMARY KEY); CREATE TABLE routing (id int PRIMARY KEY REFERENCES message)")
    fill(plain_connection, user_tables(plain_connection), 5, start=1, promises=promises)
    run("ALTER TABLE routing DROP CONSTRAINT routing_id_fkey, DROP CONSTRAINT routing_pkey, ADD at timestamptz")
    for start in (6, 11, 16):
        fill(plain_connection, user_tables(plain_connection), 5, start=start, promises=promises)
    assert count(plain_connection, "routing") == 20
    run("ALTER TABLE routing ADD PRIMARY KEY (id), ADD FOREIGN KEY (id) REFERENCES message")


def test_keys_that_share_a_column_name_the_same_parent(plain_connection: Connection) -> None:
    plain_connection.exec_driver_sql(
        "CREATE TABLE owners (id int PRIMARY KEY);"
        "CREATE TABLE things (owner int REFERENCES owners, id int, PRIMARY KEY (owner, id));"
        "CREATE TABLE uses (owner int NOT NULL REFERENCES owners, thing int NOT NULL,"
        " FOREIGN KEY (owner, thing) REFERENCES things)"
    )
    assert filled(plain_connection, 10)["uses"].rows == 10


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("CREATE TABLE t (a text NOT NULL CHECK (a ~ '^[0-9]{5}$'))", 'violates check constraint "t_a_check"'),
        ("CREATE TABLE t (a polygon NOT NULL)", "column a is of type polygon, for which no value can be made"),
        ("CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL REFERENCES t)", "which holds no rows"),
        ("CREATE TABLE t (a int) PARTITION BY RANGE (a)", "no partition of relation"),
    ],
)
def test_a_table_that_takes_none_says_why(plain_connection: Connection, table: str, reason: str) -> None:
    plain_connection.exec_driver_sql(table)
    assert reason in filled(plain_connection, 5)["t"].reason
    assert count(plain_connection, "t") == 0


def test_a_check_that_only_empty_columns_pass_is_met(plain_connection: Connection) -> None:
    plain_connection.exec_driver_sql("CREATE TABLE t (a int NOT NULL, b text CHECK (b ~ '^[0-9]{5}$'))")
    assert filled(plain_connection, 5)["t"].rows == 5


def test_the_same_rows_in_every_run(plain_connection: Connection) -> None:
    plain_connection.exec_driver_sql(EVERYTHING)
    texts = []
    for _ in range(2):
        filled(plain_connection, 30)
        read = plain_connection.exec_driver_sql("SELECT md5(string_agg(e::text, '|' ORDER BY big)) FROM everything e")
        texts.append(read.scalar_one())
        plain_connection.exec_driver_sql("TRUNCATE everything RESTART IDENTITY")
    assert texts[0] == texts[1]


def test_tables_without_rows_are_in_the_report(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", "CREATE TABLE t (a polygon NOT NULL)", "DROP TABLE t")
    report = rehearse()
    assert report.exit_code == 0
    (note,) = told(report, Severity.NOTE)
    assert note.seen == 'table "public"."t" was tested without rows'


SEED = "INSERT INTO u SELECT g, '100%: ' || g FROM generate_series(1, 3) g; -- a :colon"


def test_a_seed_is_loaded_after_the_first_revision_that_it_fits(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", "CREATE TABLE t (a int)", "DROP TABLE t")
    project.revision("b2", "CREATE TABLE u (a int, b text)", "DROP TABLE u", after="a1")
    project.revision("c3", "SELECT 1", "DELETE FROM u WHERE a = 3", after="b2")
    (project.folder / "rows.sql").write_text(SEED)
    report = rehearse(seed=str(project.folder / "rows.sql"), rows=0)
    assert "was loaded after b2" in report.findings[-1].seen
    (finding,) = report.differences
    assert finding.why == 'table "public"."u": 3 rows before, 2 after'


@pytest.mark.parametrize("folder", [".", "migrations"])
def test_a_function_can_be_the_seed(project: Project, rehearse: Rehearse, folder: str) -> None:
    project.revision("a1", "CREATE TABLE t (a int)", "DROP TABLE t")
    code = "def load(connection):\n    connection.exec_driver_sql('INSERT INTO t VALUES (1)')\n"
    (project.folder / folder / "my_rows.py").write_text(code)
    assert "my_rows:load was loaded after a1" in rehearse(seed="my_rows:load").findings[-1].seen


def test_a_seed_that_never_works_blocks(project: Project, rehearse: Rehearse) -> None:
    project.revision("a1", "CREATE TABLE t (a int)", "DROP TABLE t")
    (project.folder / "rows.sql").write_text("INSERT INTO no_such_table VALUES (1)")
    report = rehearse(seed=str(project.folder / "rows.sql"))
    assert report.exit_code == 3
    assert "no_such_table" in report.findings[-1].why


@pytest.mark.parametrize("seed", ["no_such_file.sql", "no_such_module:load", "json:no_such_function"])
def test_a_seed_that_is_not_there_is_wrong_use(project: Project, rehearse: Rehearse, seed: str) -> None:
    project.revision("a1", "CREATE TABLE t (a int)", "DROP TABLE t")
    with pytest.raises(UsageError, match="seed"):
        rehearse(seed=seed)
