"""Pieces of PL/pgSQL that the DO blocks share: taking a lock patiently, and refusing with a mend."""

from __future__ import annotations

import re
from textwrap import dedent, indent

from tsmigrate.sql import dollar_quoted, literal

REFUSED = "TSM01"
"""The SQLSTATE of a refusal of ours; env.py's connection turns it into one line with its mend."""


def do_block(template: str, **pieces: str) -> str:
    """A DO statement from a template in which `@name` stands for a piece.

    A piece alone on its line is indented as the line is, so that what a DBA reads looks written by hand.
    """
    return f"DO {dollar_quoted(chr(10) + assemble(template, **pieces) + chr(10))};"


def assemble(template: str, **pieces: str) -> str:
    """`template` with its `@name`s filled in, once: what a piece holds is not looked at again."""

    def fill(found: re.Match[str]) -> str:
        if found["alone"]:
            return indent(pieces[found["alone"]].strip("\n"), found["indent"])
        return pieces[found["within"]]

    return _PLACE.sub(fill, dedent(template).strip())


_PLACE = re.compile(r"^(?P<indent> *)@(?P<alone>\w+)$|@(?P<within>\w+)", re.MULTILINE)


def refuse(message: str, mend: str) -> str:
    """End the block. `message` is an SQL expression, usually format(…); `mend` is plain text."""
    return f"RAISE EXCEPTION USING ERRCODE = '{REFUSED}', MESSAGE = {message}, HINT = {literal(mend)};"


def require_table(subject: str) -> str:
    """Refuse where there is no table of that (quoted) name."""
    return assemble(
        """
        IF to_regclass(@table) IS NULL THEN
          @missing
        END IF;
        """,
        table=literal(subject),
        missing=refuse(literal(f"there is no table {subject}"), "correct the name in the revision, or name its schema"),
    )


def lock(subject: str, mode: str, *, timeout_ms: int, retries: int) -> str:
    """Lock the table, waiting `timeout_ms` at a time so that the queue behind us can move between attempts.

    Pending deferred constraint checks come first: ALTER TABLE refuses while there are any (55006).
    """
    return assemble(
        """
        SET CONSTRAINTS ALL IMMEDIATE;
        PERFORM set_config('lock_timeout', '@timeout', true);
        FOR attempt IN 0..@retries LOOP
          BEGIN
            LOCK TABLE @table IN @mode MODE;
            EXIT;
          EXCEPTION WHEN lock_not_available THEN
            IF attempt = @retries THEN
              @busy
            END IF;
            PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 5));
          END;
        END LOOP;
        """,
        timeout=f"{timeout_ms}ms",
        retries=str(retries),
        table=subject,
        mode=mode,
        busy=refuse(
            literal(f"{subject} could not be locked in {retries + 1} attempts of {timeout_ms} ms"), _FREE_THE_LOCK
        ),
    )


_FREE_THE_LOCK = (
    "end the sessions that hold it (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or "
    "tsmigrate.lock_retries (-x or alembic.ini)"
)
