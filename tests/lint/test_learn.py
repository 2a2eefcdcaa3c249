"""What is a hypertable, and from where that is known."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tsmigrate.errors import UsageError
from tsmigrate.lint import settings
from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Hypertable, Known, Name
from tsmigrate.lint.learn.learn import learn
from tsmigrate.lint.learn.statements import Learner
from tsmigrate.lint.run import Job, lint_file
from tsmigrate.lint.settings import LintSettings
from tsmigrate.lint.target import DEFAULT


def learned(sql: str) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    known = Known()
    Learner(known, "x.sql").file(sql.encode())
    return {str(name): (one.column, one.type, one.dimensions) for name, one in known.hypertables.items()}


TABLE = 'CREATE TABLE s.t (id bigint, at timestamp, "When" date); '
MADE = {
    "SELECT create_hypertable('s.t', 'at');": ("at", "timestamp", ()),
    "SELECT create_hypertable('s.t'::regclass, by_range('at', interval '1 day'));": ("at", "timestamp", ()),
    "SELECT public.create_hypertable(relation => 's.t', time_column_name => 'at');": ("at", "timestamp", ()),
    "SELECT * FROM create_hypertable('s.t', 'When', chunk_time_interval => interval '1 day');": ("When", "date", ()),
    "DO $$ BEGIN PERFORM create_hypertable('s.t', 'at'); END $$;": ("at", "timestamp", ()),
    "SET search_path = s; SELECT create_hypertable('t', 'at');": ("at", "timestamp", ()),
    "SELECT create_hypertable('s.t', 'at'); SELECT add_dimension('s.t', by_hash('id', 4));": (
        "at",
        "timestamp",
        ("id",),
    ),
    "SELECT create_hypertable('s.t', 'at', 'id', 4);": ("at", "timestamp", ("id",)),
    "ALTER TABLE s.t RENAME COLUMN at TO since; SELECT create_hypertable('s.t', 'since');": ("since", "timestamp", ()),
    "ALTER TABLE s.t ADD seen timestamptz; SELECT create_hypertable('s.t', 'seen');": ("seen", "timestamptz", ()),
}


@pytest.mark.parametrize("sql", MADE)
def test_sql_that_makes_a_hypertable(sql: str) -> None:
    assert learned(TABLE + sql) == {"s.t": MADE[sql]}


def test_tables_made_as_hypertables_and_aggregates() -> None:
    assert learned(
        "CREATE TABLE a (at timestamptz, v int) WITH (tsdb.hypertable, tsdb.partition_column = 'at');"
        "CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS "
        "SELECT time_bucket('1 day', at) AS day, sum(v) FROM a GROUP BY 1 WITH NO DATA;"
    ) == {"public.a": ("at", "timestamptz", ()), "public.daily": ("day", "timestamptz", ())}


def test_a_dropped_table_is_forgotten() -> None:
    assert learned("CREATE TABLE a (at date); SELECT create_hypertable('a', 'at'); DROP TABLE a;") == {}


REVISION = """
from alembic import op
import sqlalchemy as sa
revision = "{revision}"
down_revision = {below}
SCHEMA = "sms"
TABLES = {{"one": "at", "two": "since"}}
EXTRA = (("three", "at"), ("four", "at"))

def helper(table, column):
    op.create_hypertable(table, column, "1 day", schema=SCHEMA)

def upgrade():
{body}
"""


def project(folder: Path, *bodies: str) -> Path:
    (folder / "migrations" / "versions").mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    for number, body in enumerate(bodies):
        below = f'"r{number - 1}"' if number else None
        code = REVISION.format(revision=f"r{number}", below=below, body=textwrap.indent(textwrap.dedent(body), "    "))
        (folder / "migrations" / "versions" / f"{9 - number}.py").write_text(code)
    return folder


def test_revisions_are_read_and_not_run(tmp_path: Path) -> None:
    project(
        tmp_path,
        'op.create_table("one", sa.Column("id", sa.BigInteger()), sa.Column("at", sa.DateTime()), schema=SCHEMA)',
        """
        for table, column in TABLES.items():
            op.create_hypertable(table, column, "1 day", schema=SCHEMA)
        for table, column in EXTRA:
            helper(table, column)
        if context.is_online():
            op.execute("SELECT create_hypertable('five', 'at')")
        op.execute(f"SELECT create_hypertable('{SCHEMA}.six', 'at')")
        raise SystemExit("was run")
        """,
        'op.revert_hypertable("four", schema=SCHEMA)\nunknown(table)\nop.create_hypertable(other, "at", "1 day")',
    )
    known = learn(LintSettings(), [], tmp_path)
    assert {str(name): one.column for name, one in known.hypertables.items()} == {
        "sms.one": "at",
        "sms.two": "since",
        "sms.three": "at",
        "public.five": "at",
        "sms.six": "at",
    }
    assert known.hypertables[Name("sms", "one")].type == "timestamp"
    assert known.tables[Name("sms", "one")] == {"id": "int8", "at": "timestamp"}


HELPERS = """
from alembic import op
from . import deeper
from .deeper import last as final
UNIT = "1 day"
def convert(table, column="at", *, schema="sms"):
    op.create_hypertable(table, column, UNIT, schema=schema)
    deeper.last("of_" + table)
    final("kept")
def again(table):
    again(table)
"""


@pytest.mark.parametrize(
    ("where", "imports", "call"),
    [
        ("migrations/helpers", "from helpers import convert", "convert"),
        ("migrations/versions/helpers", "from .helpers import convert as made", "made"),
        ("migrations/helpers", "from ..helpers import convert", "convert"),
        ("migrations/helpers", "from .. import helpers", "helpers.convert"),
        ("migrations/helpers", "import migrations.helpers", "migrations.helpers.convert"),
        ("src/app/db", "from app.db import convert", "convert"),
        ("app/db", "import app.db as d", "d.convert"),
    ],
)
def test_functions_of_the_projects_other_modules_are_followed(
    where: str, imports: str, call: str, tmp_path: Path
) -> None:
    project(tmp_path, f'{call}("one")\n{call}("two", "since", schema="b")\nelsewhere.convert("x")')
    package = tmp_path / where
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(HELPERS)
    (package / "deeper.py").write_text("def last(name):\n    op.create_hypertable(name, 'at', '1 day')\n")
    revision = tmp_path / "migrations" / "versions" / "9.py"
    revision.write_text(imports + "\nfrom nowhere import never\n" + revision.read_text())
    known = learn(LintSettings(), [], tmp_path)
    assert {str(name): one.column for name, one in known.hypertables.items()} == {
        "sms.one": "at",
        "b.two": "since",
        "public.of_one": "at",
        "public.of_two": "at",
        "public.kept": "at",
    }


def test_the_first_that_says_something_about_a_table_wins(tmp_path: Path) -> None:
    project(tmp_path, 'op.create_hypertable("t", "by_revision", "1 day")')
    (tmp_path / "s.sql").write_text("SELECT create_hypertable('t', 'by_sql');")
    (tmp_path / "m.py").write_text(
        'class A(Base):\n    __tablename__ = "t"\n    __table_args__ = {"info": {"x": Hypertable("by_model")}}\n'
    )
    declared = LintSettings(hypertables=(Hypertable(Name("public", "t"), "by_setting"),))
    files = [tmp_path / "s.sql", tmp_path / "m.py"]

    def column(chosen: LintSettings, paths: list[Path]) -> str:
        return learn(chosen, paths, tmp_path).hypertables[Name("public", "t")].column

    columns = [column(declared, files), column(LintSettings(), files)]
    (tmp_path / "alembic.ini").unlink()
    columns += [column(LintSettings(), files), column(LintSettings(), files[1:])]
    assert columns == ["by_setting", "by_revision", "by_sql", "by_model"]


def test_a_helper_that_calls_itself_ends(tmp_path: Path) -> None:
    project(tmp_path, 'again("x")\nop.create_hypertable("one", "at", "1 day")')
    (tmp_path / "migrations" / "versions" / "helpers.py").write_text(HELPERS)
    revision = tmp_path / "migrations" / "versions" / "9.py"
    revision.write_text("from .helpers import again\n" + revision.read_text())
    assert [*map(str, learn(LintSettings(), [], tmp_path).hypertables)] == ["public.one"]


def rules_in(known: Known, path: Path) -> list[str]:
    return [one.rule for one in lint_file(Job(Engine(known, DEFAULT)), str(path)).violations]


def test_a_revision_from_before_is_history(tmp_path: Path) -> None:
    backfill = 'op.execute("UPDATE sms.one SET x = 1 WHERE id = 3")'
    project(tmp_path, backfill, 'op.create_hypertable("one", "at", "1 day", schema=SCHEMA)', backfill)
    known = learn(LintSettings(), [], tmp_path)
    versions = tmp_path / "migrations" / "versions"
    assert rules_in(known, versions / "9.py") == []
    assert rules_in(known, versions / "7.py") == ["TSQ102"]


def test_so_is_a_numbered_sql_file(tmp_path: Path) -> None:
    early = "UPDATE t SET x = 1 WHERE id = 3; CREATE TABLE c (p bigint REFERENCES t (id));"
    written = {
        "V2__fill.sql": early,
        "V10__hyper.sql": "SELECT create_hypertable('t', 'at');",
        "V11__more.sql": early,
        "queries.sql": early,
    }
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    known = learn(LintSettings(), sorted(tmp_path.iterdir()), tmp_path)
    assert rules_in(known, tmp_path / "V2__fill.sql") == []
    assert rules_in(known, tmp_path / "V11__more.sql") == ["TSQ102", "TSQ106"]
    assert rules_in(known, tmp_path / "queries.sql") == ["TSQ102", "TSQ106"]


def test_a_declaration_goes_before_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("CREATE TABLE t (at date, x date); SELECT create_hypertable('t', 'at');")
    (tmp_path / "tsmigrate.toml").write_text('[hypertables]\nt = { column = "x", type = "timestamp with time zone" }\n')
    known = learn(settings.find(tmp_path), [tmp_path / "a.sql"], tmp_path)
    [found] = known.hypertables.values()
    assert (found.column, found.type) == ("x", "timestamptz")


@pytest.mark.parametrize(
    "text",
    [
        "[hypertables]\nt = 3\n",
        "[hypertables]\nt = { columns = ['a'] }\n",
        "[hypertables]\nt = { column = 'a', unheard = 1 }\n",
        "[lint]\nfail_on = 'sometimes'\n",
        "[lint]\ntarget = 'oracle'\n",
        "[lint\n",
    ],
)
def test_a_wrong_setting_is_told_with_its_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "tsmigrate.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        settings.find(tmp_path)
    assert caught.value.mend
