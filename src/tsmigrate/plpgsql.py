"""Pieces of PL/pgSQL that the DO blocks share: taking a lock patiently, and refusing with a mend."""

from __future__ import annotations

import re
from collections.abc import Callable
from textwrap import dedent, indent

from tsmigrate.sql import dollar_quoted, literal

REFUSED = "TSM01"
"""The SQLSTATE of a refusal of ours: nothing was changed, the message says why and the hint how to mend it.

PostgreSQL keeps classes that begin with I to Z for such use."""

NOTICE = "tsmigrate: "
"""How a notice or warning of ours begins, so that it is told from the server's own."""


def do_block(template: str, **pieces: str) -> str:
    """A DO statement from a template with pieces; see `assemble`."""
    return as_do(assemble(template, **pieces))


def as_do(body: str) -> str:
    return f"DO {dollar_quoted(chr(10) + body + chr(10))};"


def assemble(template: str, **pieces: str) -> str:
    """`template` with each `{{name}}` replaced by its piece, once: what a piece holds is not looked at again.

    A piece alone on its line is indented as the line is, so that what a DBA reads looks written by hand; an empty one
    leaves no line.
    """
    return fill(dedent(template).strip(), pieces.__getitem__)


def fill(template: str, piece: Callable[[str], str]) -> str:
    """As `assemble`, with the pieces found by a function."""

    def replace(found: re.Match[str]) -> str:
        if found["within"]:
            return piece(found["within"])
        text = piece(found["alone"]).strip("\n")
        return indent(text, found["indent"]) + "\n" if text else ""

    return _PLACE.sub(replace, template).rstrip("\n")


_PLACE = re.compile(r"^(?P<indent> *)\{\{(?P<alone>\w+)\}\}(?:\n|\Z)|\{\{(?P<within>\w+)\}\}", re.MULTILINE)


def refuse(message: str, mend: str) -> str:
    """End the block. `message` is an SQL expression, usually format(…); `mend` is plain text."""
    return f"RAISE EXCEPTION USING ERRCODE = '{REFUSED}', MESSAGE = {message}, HINT = {literal(mend)};"


def tell(message: str, level: str = "NOTICE") -> str:
    """Say something to whoever runs the block. `message` is an SQL expression."""
    return f"RAISE {level} '%', {literal(NOTICE)} || {message};"


def require_table(subject: str) -> str:
    """Refuse where there is no table of that (quoted) name."""
    return assemble(
        """
        IF to_regclass({{table}}) IS NULL THEN
          {{missing}}
        END IF;
        """,
        table=literal(subject),
        missing=refuse(literal(f"there is no table {subject}"), "correct the name in the revision, or name its schema"),
    )


def lock(subject: str, mode: str, *, timeout_ms: int, retries: int, and_those: str | None = None) -> str:
    """Lock the table, waiting `timeout_ms` at a time so that the queue behind us can move between attempts.

    `and_those` is a query for the (quoted) names of further tables, locked in the same attempt or none of them.
    Pending deferred constraint checks come first: ALTER TABLE refuses while there are any (55006).
    """
    return assemble(
        """
        SET CONSTRAINTS ALL IMMEDIATE;
        PERFORM set_config('lock_timeout', '{{timeout}}', true);
        FOR attempt IN 0..{{retries}} LOOP
          BEGIN
            LOCK TABLE {{table}} IN {{mode}} MODE;
            {{others}}
            EXIT;
          EXCEPTION WHEN lock_not_available THEN
            IF attempt = {{retries}} THEN
              {{busy}}
            END IF;
            PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 5));
          END;
        END LOOP;
        """,
        timeout=f"{timeout_ms}ms",
        retries=str(retries),
        table=subject,
        mode=mode,
        others=_lock_those(and_those, mode) if and_those else "",
        busy=refuse(
            literal(f"{subject} could not be locked in {retries + 1} attempts of {timeout_ms} ms"), _FREE_THE_LOCK
        ),
    )


def _lock_those(query: str, mode: str) -> str:
    return assemble(
        """
        DECLARE
          other text;
        BEGIN
          FOR other IN {{query}} LOOP
            EXECUTE format('LOCK TABLE %s IN {{mode}} MODE', other);
          END LOOP;
        END;
        """,
        query=query,
        mode=mode,
    )


_FREE_THE_LOCK = (
    "end the sessions that hold it (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or "
    "tsmigrate.lock_retries (-x or alembic.ini)"
)
