"""What TimescaleDB would refuse at the upgrade is refused when the revision is generated, with what works instead.

Each refusal is first shown to be true: Alembic's own operation fails on the server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alembic.autogenerate import RevisionContext
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.operations.ops import CreateIndexOp, MigrationScript
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import (
    Column,
    Computed,
    Connection,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.exc import DBAPIError

from autogenerate_support import PLAIN

Execute = Callable[..., None]
Generate = Callable[..., MigrationScript]
community = pytest.mark.edition("community")


def reading(*more: Any, value: Any = Integer, schema: str | None = None) -> MetaData:
    models = MetaData()
    at = Column("at", DateTime(timezone=True), nullable=False)
    Table("reading", models, at, Column("device", String), Column("value", value), *more, schema=schema)
    return models


@pytest.fixture
def hypertable(execute: Execute) -> None:
    execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device varchar, value int)",
        "SELECT create_hypertable('reading', 'at')",
        "INSERT INTO reading VALUES ('2026-01-01 UTC', 'x', 1)",
    )


@pytest.fixture
def columnstore(execute: Execute, hypertable: None) -> None:
    execute("ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'device')")


@pytest.fixture
def compressed(execute: Execute, columnstore: None) -> None:
    execute("SELECT compress_chunk(show_chunks('reading'))")


@pytest.fixture
def generate(connection: Connection, tmp_path: Any) -> Generate:
    """As `alembic revision --autogenerate` does, up to the writing of the file."""

    def run(models: MetaData, hook: Any = None, **options: Any) -> MigrationScript:
        given = {"target_metadata": models, "process_revision_directives": hook, **options}
        tokens = {"upgrade_token": "upgrades", "downgrade_token": "downgrades"}
        context = MigrationContext.configure(connection, opts={**tokens, **given})
        scripts = ScriptDirectory(tmp_path)
        (tmp_path / "versions").mkdir(exist_ok=True)
        asked = {"rev_id": "a1", "message": "", "head": "head", "splice": False, "branch_label": None}
        asked |= {"version_path": None, "depends_on": None, "sql": False}
        revision = RevisionContext(Config(), scripts, asked)
        (script,) = revision.generated_revisions
        revision.run_autogenerate((), context)
        return script

    return run


@pytest.fixture
def refused(generate: Generate, connection: Connection) -> Callable[..., str]:
    """The refusal of a revision that fails where plain Alembic generates it."""

    def run(models: MetaData, **options: Any) -> str:
        plain = generate(models, autogenerate_plugins=PLAIN, **options)
        with pytest.raises(DBAPIError) as failed, connection.begin_nested():
            upgrade(connection, plain)
        assert failed.value.orig.pgcode in {"0A000", "42P16", "TS103"}  # type: ignore[union-attr]
        with pytest.raises(CommandError) as refusal:
            generate(models, **options)
        return str(refusal.value)

    return run


def upgrade(connection: Connection, script: MigrationScript) -> None:
    operations = Operations(MigrationContext.configure(connection))
    for table in script.upgrade_ops.ops:  # type: ignore[union-attr]
        for each in table.ops:  # type: ignore[attr-defined]
            operations.invoke(each)


def test_an_index_concurrently_is_to_be_built_a_chunk_at_a_time(hypertable: None, refused: Callable[..., str]) -> None:
    index = Index("by_device", "device", text("at DESC"), postgresql_concurrently=True)
    says = refused(reading(index))
    assert "hypertable reading: index by_device CONCURRENTLY" in says
    assert 'op.create_index_per_chunk("reading", "by_device", ["device", "at DESC"])' in says


def test_the_alternative_keeps_condition_method_and_options(hypertable: None, refused: Callable[..., str]) -> None:
    index = Index(
        "by_device",
        "device",
        postgresql_concurrently=True,
        postgresql_where=text("device LIKE 'a%'"),
        postgresql_with={"fillfactor": 80},
    )
    says = refused(reading(index))
    assert """["device"], where="device LIKE 'a%'", options={"fillfactor": 80})""" in says


@pytest.mark.parametrize(
    "more", [{"postgresql_include": ["value"]}, {"postgresql_ops": {"device": "text_pattern_ops"}}]
)
def test_what_the_alternative_has_no_word_for_is_to_be_built_at_once(
    hypertable: None, refused: Callable[..., str], more: Any
) -> None:
    says = refused(reading(Index("by_device", "device", postgresql_concurrently=True, **more)))
    assert "op.create_index then locks the table against writing" in says


def test_an_index_that_env_py_makes_concurrent_is_seen_too(hypertable: None, generate: Generate) -> None:
    def hook(_context: object, _revision: object, scripts: list[MigrationScript]) -> None:
        for op in scripts[0].upgrade_ops.ops[0].ops:  # type: ignore[union-attr]
            assert isinstance(op, CreateIndexOp)
            op.kw["postgresql_concurrently"] = True

    models = reading(Index("by_device", "device"))
    assert generate(models).upgrade_ops.as_diffs()  # type: ignore[union-attr]
    with pytest.raises(CommandError, match=r'create_index_per_chunk\("reading"'):
        generate(models, hook)


def test_an_env_py_that_takes_the_operation_out_is_heard(hypertable: None, generate: Generate) -> None:
    def hook(_context: object, _revision: object, scripts: list[MigrationScript]) -> None:
        scripts.clear()

    generate(reading(Index("by_device", "device", unique=True)), hook)


@pytest.mark.parametrize(
    ("key", "called"),
    [
        (lambda: Index("once", "device", unique=True), "unique index once"),
        (lambda: Index("once", text("lower(device)"), unique=True), "unique index once"),
        (lambda: UniqueConstraint("device", name="once"), "unique constraint once"),
        (lambda: UniqueConstraint("device", "value"), "unique constraint (device, value)"),
    ],
)
def test_a_unique_key_is_to_have_the_partition_column(
    hypertable: None, refused: Callable[..., str], key: Any, called: str
) -> None:
    says = refused(reading(key()))
    assert f"hypertable reading: {called} is without at, by which the table is partitioned" in says
    assert "add at to it in the model" in says


def test_a_unique_key_with_the_partition_column_is_generated(hypertable: None, generate: Generate) -> None:
    generate(reading(Index("once", "device", "at", unique=True), UniqueConstraint("at", "value")))


def test_of_a_table_with_a_hash_dimension_it_is_to_have_both(execute: Execute, refused: Callable[..., str]) -> None:
    execute(
        "CREATE TABLE reading (at timestamptz NOT NULL, device varchar, value int)",
        "SELECT create_hypertable('reading', 'at', 'device', 2)",
    )
    assert "is without device, by which" in refused(reading(Index("once", "at", "value", unique=True)))


@community
def test_a_type_under_compressed_chunks_is_to_be_changed_by_the_operation_for_it(
    compressed: None, refused: Callable[..., str]
) -> None:
    says = refused(reading(value=Numeric(10, 2)))
    assert "hypertable reading: column value becomes NUMERIC(10, 2), and there are compressed chunks" in says
    assert (
        'op.alter_compressed("reading", \'ALTER COLUMN "value" TYPE NUMERIC(10, 2)\', '
        "back='ALTER COLUMN \"value\" TYPE INTEGER')" in says
    )


@community
def test_without_compressed_chunks_a_type_changes_as_ever(columnstore: None, generate: Generate) -> None:
    assert generate(reading(value=Numeric)).upgrade_ops.as_diffs()  # type: ignore[union-attr]


@community
def test_a_column_that_may_not_be_null_is_to_have_a_default_under_columnstore(
    columnstore: None, refused: Callable[..., str]
) -> None:
    says = refused(reading(Column("unit", String, nullable=False)))
    assert "hypertable reading: column unit is new, NOT NULL and without a server default" in says
    assert "server_default=" in says


@community
@pytest.mark.parametrize(
    ("kind", "more", "told", "mend"),
    [
        (Integer, [Identity()], "new and an identity", "a sequence's nextval() may be its server_default"),
        (Integer, [Computed("value + 1", persisted=True)], "generated", "that the application writes; or a view's"),
        (Double, {"server_default": func.random()}, "with the default random(), which is no constant", "leave server_"),
        (
            DateTime(timezone=True),
            {"server_default": text("now()"), "nullable": False},
            "the default now()",
            "is there",
        ),
    ],
    ids=["identity", "generated", "random", "now"],
)
def test_a_column_that_computes_its_values_is_to_come_plain_under_columnstore(  # noqa: PLR0917
    compressed: None, refused: Callable[..., str], kind: Any, more: Any, told: str, mend: str
) -> None:
    given, options = ([], more) if isinstance(more, dict) else (more, {})
    says = refused(reading(Column("more", kind, *given, **options)))
    assert "hypertable reading: column more is new" in says
    assert told in says
    assert mend in says


@community
def test_what_works_instead_of_such_a_column_works(
    compressed: None, generate: Generate, connection: Connection
) -> None:
    upgrade(connection, generate(reading(Column("noted", DateTime(timezone=True)))))
    later = reading(Column("noted", DateTime(timezone=True), server_default=text("now()")))
    upgrade(connection, generate(later, compare_server_default=True))
    assert connection.scalar(text("SELECT column_default FROM information_schema.columns WHERE column_name = 'noted'"))


@community
@pytest.mark.parametrize(
    "more",
    [
        {"nullable": True},
        {"nullable": False, "server_default": "C"},
        {"nullable": False, "server_default": text("lower('K' || '%s :x')")},
        {"nullable": False, "server_default": text("'it''s'::character varying(9)")},
    ],
)
def test_a_column_that_may_be_null_or_has_a_constant_default_is_generated(
    compressed: None, generate: Generate, connection: Connection, more: Any
) -> None:
    upgrade(connection, generate(reading(Column("unit", String, **more))))


def test_an_identity_is_not_added_to_a_table_with_chunks_and_other_columns_are(
    hypertable: None, generate: Generate, refused: Callable[..., str], connection: Connection
) -> None:
    assert "column id is new and an identity" in refused(reading(Column("id", Integer, Identity())))
    computing = [
        Column("n", Double, server_default=func.random()),
        Column("s", Integer, Computed("value + 1", persisted=True)),
    ]
    upgrade(connection, generate(reading(*computing)))


@community
def test_everything_is_said_at_once_and_each_table_by_its_schema(
    execute: Execute, generate: Generate, compressed: None
) -> None:
    execute("CREATE SCHEMA app", "ALTER TABLE reading SET SCHEMA app")
    models = reading(
        Column("unit", String, nullable=False), Index("once", "device", unique=True), value=Numeric, schema="app"
    )
    with pytest.raises(CommandError) as refusal:
        generate(models, include_schemas=True)
    says = str(refusal.value)
    assert says.count("hypertable app.reading: ") == 3
    assert says.count("mend: ") == 3
    assert 'schema="app"' in says


def test_the_same_on_a_plain_table_is_generated(execute: Execute, generate: Generate) -> None:
    execute("CREATE TABLE reading (at timestamptz NOT NULL, device varchar, value int)")
    models = reading(
        Column("unit", String, nullable=False),
        Index("by_device", "device", postgresql_concurrently=True),
        Index("once", "device", unique=True),
        value=Numeric,
    )
    assert len(generate(models).upgrade_ops.ops[0].ops) == 4  # type: ignore[union-attr]


def test_a_second_run_in_one_context_asks_the_hook_once(hypertable: None, connection: Connection) -> None:
    from alembic.autogenerate import produce_migrations

    asked = []
    hook = lambda *_: asked.append(1)  # noqa: E731
    context = MigrationContext.configure(connection, opts={"process_revision_directives": hook})
    for _ in range(2):
        script = produce_migrations(context, reading())
    context.opts["process_revision_directives"](context, (), [script])
    assert asked == [1]
