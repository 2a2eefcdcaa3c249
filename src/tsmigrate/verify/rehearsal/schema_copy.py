"""The source's schema, made in the sandbox object by object: what cannot be made there is left out, and said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.apt import Progress
from tsmigrate.catalog import dump, sections
from tsmigrate.catalog.schema_text import without_varying_lines
from tsmigrate.connect import reason_given, sqlstate
from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import identifier, literal, qualified, raw
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify import dump_program
from tsmigrate.verify.rehearsal import roles
from tsmigrate.verify.rehearsal.source import Source

_LOCK_WAIT_SECONDS = 10
_MOST_NAMED = 5
_UNKNOWN_SETTING = "42704"

_UNREADABLE = r"""
SELECT n.nspname AS schema, c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE '\_timescaledb%'
  AND NOT (has_schema_privilege(n.oid, 'USAGE') AND CASE c.relkind
           WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT') ELSE has_table_privilege(c.oid, 'SELECT') END)
ORDER BY 1, 2
"""
_SPACES = """
SELECT t.spcname AS space, count(*) AS objects FROM pg_class c JOIN pg_tablespace t ON t.oid = c.reltablespace
WHERE t.spcname <> 'pg_global' GROUP BY 1 ORDER BY 1
"""
# A role's own settings are not taken: the role that reads is seldom the one that migrates.
_SETTINGS = """
SELECT split_part(one, '=', 1) AS name, substr(one, strpos(one, '=') + 1) AS value
FROM pg_db_role_setting s, unnest(s.setconfig) AS one
WHERE s.setrole = 0 AND s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_NOT_FOR_US = {"default_transaction_read_only", "session_preload_libraries", "local_preload_libraries"}
_MISSING_EXTENSION = re.compile(r'extension "([^"]+)" is not available|extension "([^"]+)" has no installation')


@dataclass(frozen=True)
class _LeftOut:
    name: str  # TABLE public.readings
    why: str


def copy(source: Source, into: DatabaseUrl, progress: Progress) -> list[Finding]:
    """Make it in the empty database `into`, whose role must be a superuser. The findings say what is not there."""
    connection = source.connection
    unreadable = [qualified(row.name, row.schema) for row in connection.execute(raw(_UNREADABLE))]
    progress("reading the schema", None)
    text = dump.of(source.database, dump_program.find(source.database, None, otherwise=""), _arguments(unreadable))
    owners = roles.of(connection)
    settings = {row.name: row.value for row in connection.execute(raw(_SETTINGS)) if row.name not in _NOT_FOR_US}
    progress("making the schema in the sandbox", None)
    with connect.connection(into, isolation_level="AUTOCOMMIT") as target:
        made = roles.make(target, owners, text)
        _set(target, settings)
        left_out = list(_made(target, text))
    spaces = {row.space: row.objects for row in connection.execute(raw(_SPACES))}
    return [*roles.told(made), *_told_spaces(spaces), *_told_unreadable(unreadable), *_told(left_out)]


def _arguments(unreadable: Sequence[str]) -> list[str]:
    return [
        "--schema-only",
        f"--lock-wait-timeout={_LOCK_WAIT_SECONDS * 1000}",
        "--exclude-schema=_timescaledb*",
        "--no-tablespaces",
        "--no-security-labels",
        # One that begins to replicate into a sandbox would take the source's slot.
        "--no-subscriptions",
        *(f"--exclude-table={pattern}" for pattern in unreadable),
    ]


def _set(target: Connection, settings: dict[str, str]) -> None:
    """What holds for the source's database, such as its search_path, as far as the sandbox knows it."""
    name = identifier(str(target.execute(raw("SELECT current_database()")).scalar_one()))
    for setting, value in settings.items():
        # A list such as search_path is kept as it was written, quotes and all.
        written = value if setting == "search_path" else literal(value)
        try:
            target.execute(raw(f"ALTER DATABASE {name} SET {setting} = {written}"))
        except DBAPIError:  # it is of another version
            continue


def _made(target: Connection, text: str) -> Iterator[_LeftOut]:
    """Object by object, each whole or not at all."""
    cut = sections.cut(without_varying_lines(text), sections.SCHEMA)
    cursor = target.connection.cursor()
    for statement in cut[0].lines:
        if statement.startswith(("SET ", "SELECT ")):
            try:
                cursor.execute(statement)
            except target.dialect.loaded_dbapi.Error as error:
                if sqlstate(error) != _UNKNOWN_SETTING:  # of a newer PostgreSQL
                    raise
    for section in cut[1:]:
        script = "\n".join([*section.before, *section.lines])
        if not any(line and not line.startswith("--") for line in section.lines):
            continue
        try:
            cursor.execute(script)
        except (target.dialect.loaded_dbapi.Error, UnicodeEncodeError) as error:
            said = reason_given(error)
            yield _LeftOut(section.name, said)
    cursor.close()


def _told_spaces(spaces: dict[str, int]) -> Iterator[Finding]:
    if spaces:
        named = _listed([f"{space} ({count} objects)" for space, count in spaces.items()])
        yield Finding("tablespaces", Severity.NOTE, f"left out: {named}", why="the sandbox keeps all in its own")


def _told_unreadable(unreadable: Sequence[str]) -> Iterator[Finding]:
    if unreadable:
        yield Finding(
            "rights",
            Severity.NOTE,
            f"left out, because this role may not read them: {_listed(unreadable)}",
            mend="GRANT SELECT on them (and USAGE on their schemas) to the role, for a rehearsal that holds them",
        )


def _told(left_out: Sequence[_LeftOut]) -> Iterator[Finding]:
    """An extension that is missing first; what could not be made for want of it follows from it."""
    extensions = [each for each in left_out if each.name.startswith("EXTENSION ")]
    others = [each for each in left_out if not each.name.startswith(("EXTENSION ", "COMMENT "))]
    for each in extensions:
        missing = _MISSING_EXTENSION.search(each.why)
        name = next(filter(None, missing.groups())) if missing else each.name.removeprefix("EXTENSION ").strip()
        yield Finding(
            "extensions",
            Severity.NOTE,
            f"the extension {name} is not available in the sandbox; what uses it is left out",
            why=each.why,
            mend=f"install {name} for the sandbox's PostgreSQL (tsmigrate sandbox engines)",
        )
    if others:
        why = "\n".join(f"{each.name}: {each.why}" for each in others[:_MOST_NAMED])
        yield Finding(
            "left out",
            Severity.NOTE,
            f"{len(others)} could not be made in the sandbox: {_listed([each.name for each in others])}",
            why=why,
            mend="a revision that needs them will fail here, and may not fail there",
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
