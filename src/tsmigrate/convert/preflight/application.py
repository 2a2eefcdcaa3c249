"""What applications do that a hypertable does not take: seen in functions and in pg_stat_statements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from tsmigrate.convert.preflight.check import asked, check
from tsmigrate.convert.preflight.subject import Subject
from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import raw

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_ASSIGNED = r"""(?:\s*=|[\w\s,."]*\)\s*=)"""  # alone, or in a list of columns
_STATEMENT_SHOWN = 60


@dataclass(frozen=True)
class Text:
    """SQL of the application, and where it was found."""

    where: str
    sql: str


@dataclass(frozen=True)
class Names:
    """Patterns of the table and of its partition column, as SQL may write them."""

    table: str
    column: str


@check
def upserts(subject: Subject) -> Iterator[Finding]:
    """Whether ON CONFLICT names a key without the partition column."""
    names = _names(subject)
    insert = re.compile(
        rf"\binsert\s+into\s+{names.table}(?:(?!;).)*?\bon\s+conflict\s*(?:\((?P<columns>[^)]*)\)|on\s+constraint)",
        re.IGNORECASE | re.DOTALL,
    )
    for text in _texts(subject):
        for found in insert.finditer(text.sql):
            columns = found["columns"]
            if columns is not None and not re.search(names.column, columns, re.IGNORECASE):
                yield Finding(
                    "upserts",
                    Severity.WARNING,
                    f"{text.where}: INSERT … ON CONFLICT ({_short(columns)})",
                    why="there will be no unique key of these columns alone (42P10)",
                    mend=f"Add {subject.request.column} to the conflict target, or look for the row first.",
                )
                break


@check
def updates_of_time(subject: Subject) -> Iterator[Finding]:
    """Whether statements or triggers change the partition column of a row."""
    names = _names(subject)
    update = re.compile(
        rf"\bupdate\s+(?:only\s+)?{names.table}(?:(?!;).)*?\bset\b(?:(?!\bwhere\b|;).)*?(?<![\w.\"]){names.column}{_ASSIGNED}",
        re.IGNORECASE | re.DOTALL,
    )
    upsert = re.compile(
        rf"\binsert\s+into\s+{names.table}(?:(?!;).)*?\bdo\s+update\s+set\b(?:(?!\bwhere\b|;).)*?(?<![\w.\"])"
        rf"{names.column}{_ASSIGNED}",
        re.IGNORECASE | re.DOTALL,
    )
    for text in _texts(subject):
        if update.search(text.sql) or upsert.search(text.sql):
            yield _moves_rows(f"{text.where}: UPDATE of {subject.request.column}")
    assigned = re.compile(rf"(?:;|\b(?:begin|then|else|loop))\s*new\s*\.\s*{names.column}\s*:?=", re.IGNORECASE)
    for function, source in subject.rows_of(_UPDATE_TRIGGERS):
        if assigned.search(_COMMENTS.sub(" ", source)):
            yield _moves_rows(f"the trigger function {function} sets NEW.{subject.request.column} on UPDATE")


def _moves_rows(seen: str) -> Finding:
    return Finding(
        "updates of time",
        Severity.WARNING,
        seen,
        why="a row cannot move to another chunk by UPDATE (23514)",
        mend="DELETE the row and INSERT it again, or take a time that does not change (when it was created).",
    )


@check
def maintenance(subject: Subject) -> Iterator[Finding]:
    """Whether CONCURRENTLY and COPY … TO are used on the table."""
    names = _names(subject)
    rules = (
        (
            rf"\b(?:create\s+(?:unique\s+)?index\s+concurrently\b(?:(?!;).)*?\bon\s+(?:only\s+)?|"
            rf"reindex\s*(?:\([^)]*\))?\s*table\s+concurrently\s+){names.table}",
            "CREATE INDEX or REINDEX … CONCURRENTLY",
            "a hypertable refuses CONCURRENTLY",
            "Use op.create_index_per_chunk, which locks one chunk at a time.",
        ),
        (
            rf"\bcopy\s+{names.table}\s*(?:\([^)]*\))?\s+to\b",
            "COPY … TO",
            "it copies nothing: the rows are in chunks",
            f"COPY (SELECT * FROM {subject.name}) TO …",
        ),
    )
    for text in _texts(subject):
        for pattern, what, why, mend in rules:
            if re.search(pattern, text.sql, re.IGNORECASE | re.DOTALL):
                yield Finding("maintenance", Severity.WARNING, f"{text.where}: {what}", why, mend)


@asked(Severity.WARNING)
def changing_time() -> str:
    """Whether the partition column is one that an UPDATE is made to change, by its name or by its trigger."""
    return """
        SELECT format('%I sounds like the time of the last change', time_column),
               'a row cannot move to another chunk by UPDATE (23514)',
               'Take the time at which the row was created, if it has one.'
        WHERE facts.is_time AND facts.relkind IN ('r', 'p')
          AND time_column::text ~* '(^|_)(updated|modified|changed|touched|last_seen)(_?(at|on|time|date|ts))?$'
    """


@asked(Severity.NOTE)
def afterwards() -> str:
    """What an application must not do with a hypertable."""
    return """
        SELECT 'what was not seen here may still be somewhere in the application',
               'a hypertable refuses ON CONFLICT without the partition column, an UPDATE that moves a row to another '
               || 'chunk, and CREATE INDEX or REINDEX CONCURRENTLY; COPY … TO copies nothing; a query without a range '
               || 'of time visits every chunk',
               'Search the application for these.'
        WHERE facts.relkind IN ('r', 'p')
    """


def _texts(subject: Subject) -> Sequence[Text]:
    """Functions, without TimescaleDB's and PostgreSQL's own, and the statements that this role may see."""
    functions = [Text(f"the function {name}", sql) for name, sql in subject.rows_of(_FUNCTIONS)]
    return [Text(text.where, _COMMENTS.sub(" ", text.sql)) for text in [*functions, *_statements(subject)]]


def _statements(subject: Subject) -> Sequence[Text]:
    place = subject.rows_of(_STATEMENTS_VIEW)
    if not place:
        return []
    try:
        with subject.connection.begin_nested():
            query = f"SELECT query FROM {place[0].view} s WHERE {_THIS_DATABASE} ORDER BY s.calls DESC LIMIT 5000"
            statements = [row.query for row in subject.connection.execute(raw(query)) if row.query]
    except DBAPIError:  # 55000: the extension is there, its library is not preloaded; 42501: not for us
        return []
    return [Text(f"pg_stat_statements, “{_short(sql)}”", sql) for sql in statements]


def _short(sql: str) -> str:
    words = " ".join(sql.split())
    return words if len(words) <= _STATEMENT_SHOWN else words[: _STATEMENT_SHOWN - 1] + "…"


def _names(subject: Subject) -> Names:
    """A name may be quoted, and the table's may have a schema before it."""
    table = subject.request.table
    bare = table if isinstance(table, str) else table.name
    return Names(rf"(?:(?:\w+|\"[^\"]+\")\s*\.\s*)?{_written(bare)}", _written(subject.request.column))


def _written(name: str) -> str:
    quoted = re.escape('"' + name.replace('"', '""') + '"')
    return rf"(?:{quoted}|\b{re.escape(name)}\b)" if re.fullmatch(r"[a-z_]\w*", name) else rf"(?:{quoted})"


_FUNCTIONS = r"""
SELECT p.oid::regprocedure::text, coalesce(nullif(p.prosrc, ''), pg_get_function_sqlbody(p.oid), '')
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE l.lanname NOT IN ('c', 'internal') AND p.prokind IN ('f', 'p') AND facts.relkind IN ('r', 'p')
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE '\_timescaledb%'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""
_UPDATE_TRIGGERS = """
SELECT DISTINCT p.oid::regprocedure::text, p.prosrc
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = target AND NOT t.tgisinternal AND t.tgtype & 1 = 1 AND t.tgtype & 2 = 2 AND t.tgtype & 16 = 16
ORDER BY 1
"""
_STATEMENTS_VIEW = """
SELECT format('%I.pg_stat_statements', n.nspname) AS view
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements' AND facts.relkind IN ('r', 'p') AND has_schema_privilege(n.oid, 'USAGE')
"""
_THIS_DATABASE = "s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
