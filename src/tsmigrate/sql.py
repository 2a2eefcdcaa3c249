"""Quoting for PostgreSQL: the only way identifiers and literals enter SQL text.

Values go to the server as bind parameters. These functions are for what cannot be bound: names, and the bodies of
DO blocks and `--sql` output.
"""

from __future__ import annotations

import re

from sqlalchemy import TextClause, text

from tsmigrate.errors import UsageError

MAX_IDENTIFIER_BYTES = 63
# Whatever Python takes for the end of a line when it indents.
_LINE_BREAKS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def identifier(name: str) -> str:
    """`name` as a quoted identifier, refused rather than truncated when PostgreSQL would cut it off."""
    if not name:
        raise UsageError("an empty string is not a name", mend="name the table, column or schema")
    if "\x00" in name:
        raise UsageError(f"the name {name!r} holds a NUL character, which PostgreSQL cannot store")
    if len(name.encode()) > MAX_IDENTIFIER_BYTES:
        raise UsageError(
            f"the name {name!r} is {len(name.encode())} bytes long; PostgreSQL keeps {MAX_IDENTIFIER_BYTES}",
            mend="use a shorter name",
        )
    quoted = name.replace('"', '""')
    if not _LINE_BREAKS.search(name):
        return f'"{quoted}"'
    # Escaped, so that statements can be indented without changing what they name.
    escaped = _LINE_BREAKS.sub(lambda found: f"\\{ord(found[0]):04x}", quoted.replace("\\", "\\\\"))
    return f'U&"{escaped}"'


def qualified(name: str, schema: str | None = None) -> str:
    """`"schema"."name"`, or `"name"` where no schema is given."""
    return f"{identifier(schema)}.{identifier(name)}" if schema else identifier(name)


def literal(value: str) -> str:
    """`value` as a string literal that means the same whatever standard_conforming_strings says."""
    if "\x00" in value:
        raise UsageError("a text value holds a NUL character, which PostgreSQL cannot store")
    quoted = value.replace("'", "''").replace("\\", "\\\\")
    escaped = _LINE_BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
    return f"E'{escaped}'" if "\\" in escaped else f"'{escaped}'"


def dollar_quoted(body: str) -> str:
    """`body` between dollar quotes whose tag does not occur in it: for DO blocks and function bodies."""
    tag, number = "$tsmigrate$", 0
    while tag in body or body.endswith(tag[:-1]):
        number += 1
        tag = f"$tsmigrate{number}$"
    return f"{tag}{body}{tag}"


def raw(statement: str) -> TextClause:
    """`statement` for SQLAlchemy, sent as it stands: a colon in it is a colon, not a bind parameter."""

    return text(statement.replace(":", "\\:"))
