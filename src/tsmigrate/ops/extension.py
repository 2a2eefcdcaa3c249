"""`op.create_timescaledb_extension` and its way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.operations import Operations

from tsmigrate import undo
from tsmigrate.ops.operation import Operation, operation
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import do_block, refuse

CREATE = "create_timescaledb_extension"


def _key(run: Run) -> undo.Key:
    return undo.Key(run.revision, CREATE, "timescaledb", written=not run.downgrading)


@operation
@dataclass(frozen=True)
class CreateTimescaledbExtension(Operation):
    """Create the extension, unless the database has it already; the downgrade then leaves it where it is.

    Refused where TimescaleDB's files are missing, or where it is not preloaded: that would end the connection.
    """

    name = CREATE

    @classmethod
    def create_timescaledb_extension(cls, operations: Operations) -> None:
        """Create the timescaledb extension unless it is there."""
        operations.invoke(cls())

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                BEGIN
                  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
                    {{it_was_there}}
                  ELSIF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN
                    {{no_files}}
                  ELSIF NOT EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.max_background_workers') THEN
                    {{not_preloaded}}
                  ELSE
                    CREATE EXTENSION timescaledb;
                  END IF;
                END
                """,
                it_was_there=undo.remember(_key(run), "'{}'"),
                no_files=refuse(
                    "'TimescaleDB is not installed on this server'",
                    "install its package, preload it and restart the server",
                ),
                not_preloaded=refuse(
                    "'timescaledb is not preloaded, and creating the extension would end the connection'",
                    "add timescaledb to shared_preload_libraries and restart the server",
                ),
            )
        ]

    def reverse(self) -> DropTimescaledbExtension:
        return DropTimescaledbExtension()


@operation
@dataclass(frozen=True)
class DropTimescaledbExtension(Operation):
    """Take `create_timescaledb_extension` back: drop the extension, unless it was there before.

    Refused while hypertables are left: the extension would take them with it.
    """

    name = "drop_timescaledb_extension"

    @classmethod
    def drop_timescaledb_extension(cls, operations: Operations) -> None:
        """Drop the timescaledb extension unless it was there before the upgrade."""
        operations.invoke(cls())

    def statements(self, run: Run) -> Sequence[str]:
        return [
            do_block(
                """
                DECLARE
                  was_there jsonb;
                  hypertables text;
                BEGIN
                  {{recall}}
                  IF was_there IS NULL AND EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
                    SELECT string_agg(format('%I.%I', hypertable_schema, hypertable_name), ', ')
                      INTO hypertables FROM timescaledb_information.hypertables;
                    IF hypertables IS NOT NULL THEN
                      {{some_left}}
                    END IF;
                    DROP EXTENSION timescaledb RESTRICT;
                  END IF;
                END
                """,
                recall=undo.recall(_key(run), "was_there"),
                some_left=refuse(
                    "format('these are still hypertables: %s', hypertables)", "revert them first: op.revert_hypertable"
                ),
            )
        ]

    def reverse(self) -> CreateTimescaledbExtension:
        return CreateTimescaledbExtension()
