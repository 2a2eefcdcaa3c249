"""Pieces of PL/pgSQL that the DO blocks share: taking a lock patiently, and refusing with a mend."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent, indent

from tsmigrate.errors import UsageError
from tsmigrate.sql import dollar_quoted, literal

REFUSED = "TSM01"
"""The SQLSTATE of a refusal of ours: nothing was changed, the message says why and the hint how to mend it.

PostgreSQL keeps classes that begin with I to Z for such use."""

NOTICE = "tsmigrate: "
"""How a notice or warning of ours begins, so that it is told from the server's own."""


TIMESCALE = "(SELECT e.extnamespace::regnamespace FROM pg_extension e WHERE e.extname = 'timescaledb')"
"""An expression: the schema of TimescaleDB's functions, for format's %s. A search_path may be without it."""


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


def view_options(view: str) -> str:
    """An expression: what stands between the name and AS where the view is replaced and is to keep its options."""
    return (
        "(SELECT ' WITH (' || string_agg(format('%I = %L', o.option_name, o.option_value), ', ') || ')' "
        f"FROM pg_class v, pg_options_to_table(v.reloptions) o WHERE v.oid = {view})"
    )


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


@dataclass(frozen=True)
class Locking:
    """How long to wait for a lock, and how often to try again."""

    timeout_ms: int = 5_000
    retries: int = 10

    def __post_init__(self) -> None:
        if self.timeout_ms < 1 or self.retries < 0:
            raise UsageError(
                f"a lock timeout of {self.timeout_ms} ms with {self.retries} retries makes no sense",
                mend="the timeout is at least 1 ms (0 would wait for ever), the retries at least 0",
            )

    @property
    def attempts(self) -> str:
        return f"{self.retries + 1} attempts of {self.timeout_ms} ms"


def lock(
    subject: str,
    mode: str,
    locking: Locking,
    *,
    and_those: str | None = None,
    only: bool = False,
    held_in: str | None = None,
) -> str:
    """Lock the table: all of `and_those` in the same attempt, or none of them.

    A failed attempt lets go of what it got and pauses, so that nobody queues behind us for longer than the timeout;
    the pauses differ, so that two of us do not meet again and again. `and_those` is a query for the (quoted) names of
    further tables and the mode for each; `only` leaves out a hypertable's chunks, which each take a place in the
    server's lock table. `held_in`, an expression for a (quoted) name, is locked instead of a subject whose rows it has:
    the lock of a view reaches every table that it reads. Pending deferred constraint checks come first: ALTER TABLE
    refuses while there are any (55006).
    """
    command = f"LOCK TABLE {'ONLY ' if only else ''}"
    lock_table = literal(f"{command}{subject} IN {mode} MODE")
    return assemble(
        """
        SET CONSTRAINTS ALL IMMEDIATE;
        DECLARE
          meant regclass := to_regclass({{name}});
        BEGIN
          {{attempts}}
          IF to_regclass({{name}}) IS DISTINCT FROM meant THEN
            {{replaced}}
          END IF;
        END;
        """,
        name=literal(subject),
        attempts=in_attempts(
            assemble(
                """
                EXECUTE {{lock_table}};
                {{others}}
                """,
                lock_table=f"'{command}' || {held_in} || ' IN {mode} MODE'" if held_in else lock_table,
                others=_lock_those(and_those) if and_those else "",
            ),
            locking,
            busy=_unavailable(f"{subject} could not be locked in {locking.attempts}", free("it")),
        ),
        replaced=_unavailable(
            f"{subject} was replaced by another table while its lock was waited for",
            "run it again: nothing was changed",
        ),
    )


def in_attempts(work: str, locking: Locking, *, busy: str, given_up_on: str = "") -> str:
    """`work`, tried until it gets its locks, or else `busy`. It is left alone on the conditions `given_up_on`.

    The timeout is set within the attempt, so that it holds where the block has committed before.
    """
    return assemble(
        """
        FOR attempt IN 0..{{retries}} LOOP
          BEGIN
            PERFORM set_config('lock_timeout', '{{timeout}}ms', true);
            {{work}}
            EXIT;
          EXCEPTION
            {{given_up_on}}
            WHEN lock_not_available THEN
              IF attempt = {{retries}} THEN
                {{busy}}
              END IF;
              PERFORM pg_sleep(least(0.1 * 2 ^ attempt, 10) * (0.5 + random()));
          END;
        END LOOP;
        """,
        timeout=str(locking.timeout_ms),
        retries=str(locking.retries),
        work=work,
        given_up_on=f"WHEN {given_up_on} THEN\n  EXIT;" if given_up_on else "",
        busy=busy,
    )


def _lock_those(query: str) -> str:
    return assemble(
        """
        DECLARE
          other text;
          their_mode text;
        BEGIN
          FOR other, their_mode IN {{query}} LOOP
            EXECUTE format('LOCK TABLE %s IN %s MODE', other, their_mode);
          END LOOP;
        END;
        """,
        query=query,
    )


def _unavailable(message: str, mend: str) -> str:
    """End the block with PostgreSQL's own code for a lock that is not to be had: the caller may come again."""
    return (
        f"RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = {literal(message)}, HINT = {literal(mend)};"
    )


def free(held: str) -> str:
    """The mend where locks are not to be had on what is `held`."""
    return (
        f"end the sessions that hold {held} (pg_locks, pg_blocking_pids), or raise tsmigrate.lock_timeout or "
        "tsmigrate.lock_retries (-x or alembic.ini)"
    )
