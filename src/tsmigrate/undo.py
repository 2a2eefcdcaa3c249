"""What an upgrade takes away that neither the catalog nor the revision can give back: rows in `tsmigrate.undo`.

The functions here give pieces of PL/pgSQL for the DO blocks that do the work, so that a row is written in the same
transaction, online and from `--sql` output alike. The schema `tsmigrate` comes with the first row and goes with the
last. A row is found again by the revision, the operation and the table: a downgrade runs in the revision that wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from tsmigrate.plpgsql import assemble, refuse
from tsmigrate.sql import literal, raw

SCHEMA = "tsmigrate"


@dataclass(frozen=True)
class Key:
    """Which row. `subject` is the table's name as the revision writes it, quoted, or another object's."""

    revision: str
    operation: str
    subject: str
    written: bool = True
    """Not in a downgrade, after which nobody looks for the row: a second downgrade would find it in its way."""

    @property
    def condition(self) -> str:
        return (
            f"revision = {literal(self.revision)} AND operation = {literal(self.operation)} "
            f"AND subject = {literal(self.subject)}"
        )


def remember(key: Key, definition: str) -> str:
    """Write the row; `definition` is an expression of type jsonb."""
    if not key.written:
        return ""
    return assemble(
        """
        {{table}}
        INSERT INTO tsmigrate.undo (revision, operation, subject, definition)
        VALUES ({{revision}}, {{operation}}, {{subject}}, {{definition}});
        """,
        table=_TABLE,
        revision=literal(key.revision),
        operation=literal(key.operation),
        subject=literal(key.subject),
        definition=definition,
    )


def keep(key: Key, definition: str) -> str:
    """Write the row, over the one that is there: an operation that commits on its way keeps its state in it."""
    return assemble(
        """
        {{table}}
        INSERT INTO tsmigrate.undo (revision, operation, subject, definition)
        VALUES ({{revision}}, {{operation}}, {{subject}}, {{definition}})
        ON CONFLICT (revision, operation, subject) DO UPDATE SET definition = EXCLUDED.definition;
        """,
        table=_TABLE,
        revision=literal(key.revision),
        operation=literal(key.operation),
        subject=literal(key.subject),
        definition=definition,
    )


def own_schema(name: str, comment: str) -> str:
    """A piece of PL/pgSQL: the schema of that plain name, for us alone. What stands in it is acted on."""
    return assemble(
        """
        IF to_regnamespace('{{name}}') IS NULL THEN
          CREATE SCHEMA {{name}};
          REVOKE ALL ON SCHEMA {{name}} FROM PUBLIC;
          COMMENT ON SCHEMA {{name}} IS {{comment}};
        ELSIF NOT (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = '{{name}}') THEN
          {{another_s}}
        END IF;
        """,
        name=name,
        comment=literal(comment),
        another_s=refuse(
            f"(SELECT format('the schema {name} belongs to %s, and %I is no member of that role', nspowner::regrole, "
            f"current_user) FROM pg_namespace WHERE nspname = '{name}')",
            "run every revision as the same role, or as a member of that one",
        ),
    )


CREATE_SCHEMA = own_schema(SCHEMA, "What tsmigrate needs to take its steps back; goes with its last row")

DROP_SCHEMA = """\
IF NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'tsmigrate'::regnamespace) THEN
  DROP SCHEMA tsmigrate;
END IF;"""
"""A piece of PL/pgSQL: unless something is left in it."""

_TABLE = assemble(
    """
    IF to_regclass('tsmigrate.undo') IS NULL THEN
      {{schema}}
      CREATE TABLE tsmigrate.undo (
        revision text NOT NULL, operation text NOT NULL, subject text NOT NULL, definition jsonb NOT NULL,
        PRIMARY KEY (revision, operation, subject)
      );
    END IF;
    """,
    schema=CREATE_SCHEMA,
)


def amend(key: Key, addition: str) -> str:
    """Add to the row; `addition` is an expression of type jsonb, an object."""
    return (
        f"UPDATE tsmigrate.undo SET definition = definition || {addition} WHERE {key.condition};" if key.written else ""
    )


def look(key: Key, variable: str) -> str:
    """Read the row into `variable` (jsonb), NULL where there is none, and leave it."""
    return assemble(
        """
        {{variable}} := NULL;
        IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
          SELECT definition INTO {{variable}} FROM tsmigrate.undo WHERE {{condition}};
        END IF;
        """,
        variable=variable,
        condition=key.condition,
    )


def recall(key: Key, variable: str) -> str:
    """Read the row into `variable` (jsonb), NULL where there is none, and delete it.

    By way of text: of a long value the variable would hold no more than where it is kept, which goes with the table.
    """
    return assemble(
        """
        {{variable}} := NULL;
        IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
          DELETE FROM tsmigrate.undo WHERE {{condition}} RETURNING definition::text::jsonb INTO {{variable}};
          IF NOT EXISTS (SELECT FROM tsmigrate.undo) THEN
            DROP TABLE tsmigrate.undo;
            {{drop_schema}}
          END IF;
        END IF;
        """,
        variable=variable,
        condition=key.condition,
        drop_schema=DROP_SCHEMA,
    )


def skipped(connection: Connection) -> frozenset[tuple[str, str]]:
    """The operation and the subject of each upgrade that went on without what the server could not do."""
    return _those(connection, "SELECT operation, subject FROM tsmigrate.undo WHERE definition ? 'skipped'")


def kept_aside(connection: Connection) -> frozenset[tuple[str, str]]:
    """The schema and the name of each continuous aggregate that an upgrade renamed, for its downgrade to bring back."""
    return _those(
        connection,
        "SELECT definition ->> 'schema', definition ->> 'name' FROM tsmigrate.undo "
        "WHERE operation = 'rename_continuous_aggregate' AND definition ? 'name'",
    )


def _those(connection: Connection, query: str) -> frozenset[tuple[str, str]]:
    if connection.execute(raw("SELECT to_regclass('tsmigrate.undo')")).scalar() is None:
        return frozenset()
    return frozenset((one, other) for one, other in connection.execute(raw(query)))


def insist(variable: str, key: Key) -> str:
    """Refuse when `recall` found no row: then this revision's upgrade did not run here, or its rows were deleted."""
    message = literal(f"tsmigrate.undo has no row of {key.operation} on {key.subject} in revision {key.revision}")
    return assemble(
        """
        IF {{variable}} IS NULL THEN
          {{lost}}
        END IF;
        """,
        variable=variable,
        lost=refuse(message, "without it the state before the upgrade is unknown; restore the row from a backup"),
    )
