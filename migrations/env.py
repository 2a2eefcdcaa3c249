"""Alembic's environment for the worked example: which database, and how revisions run."""

from logging.config import fileConfig

import models
from alembic import context

import tsmigrate.autogenerate  # noqa: F401 - teaches autogenerate about TimescaleDB
from tsmigrate.ops import environment

if context.config.config_file_name:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """What autogenerate compares: the other schemas are not this project's, and the cache is there or not."""
    return name == models.SCHEMA if kind == "schema" else (kind, name) != ("table", models.CACHE)


def run_offline() -> None:
    """`--sql`: print the statements; no database is asked."""
    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # psycopg2's own would print every % twice
        literal_binds=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    with environment.connection() as connection:
        context.configure(
            connection=connection,
            transaction_per_migration=True,
            target_metadata=models.metadata,
            include_schemas=True,
            include_name=is_ours,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
