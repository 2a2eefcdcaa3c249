"""What becomes of an operation on a server that cannot do it: refused, skipped or emulated, together with its way back.

The block itself asks the server, as it must for `--sql`. What each operation needs stands in `tsmigrate.capability`.
"""

from __future__ import annotations

from tsmigrate import undo
from tsmigrate.capability import REQUIREMENTS, Edition, Requirement
from tsmigrate.ops.run import OnUnsupported, Run
from tsmigrate.plpgsql import assemble, refuse, tell
from tsmigrate.sql import literal
from tsmigrate.undo import Key


def require_support(key: Key, run: Run, *, emulated: str | None = None) -> str:
    """Go on only where the server can do `key.operation`; otherwise refuse, or leave a row for the downgrade and end.

    `emulated` is what is done in its place where the edition is what is missing, if anything can be.

    It comes first in a block: what is skipped asks nothing of the objects it names, which may be skipped ones.
    """
    needed = REQUIREMENTS[key.operation]
    return assemble(
        """
        IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
          {{no_extension}}
        ELSIF {{old}} THEN
          {{too_old}}
        {{apache}}
        END IF;
        """,
        no_extension=refuse(
            literal(f"{key.operation} of {key.subject} needs TimescaleDB, which this database does not have"),
            "create it first: op.create_timescaledb_extension",
        ),
        old=f"{INSTALLED_VERSION} < ARRAY{list(needed.since)}",
        too_old=_unsupported(
            key,
            run,
            needed,
            "(SELECT 'TimescaleDB ' || extversion FROM pg_extension WHERE extname = 'timescaledb')",
            "upgrade TimescaleDB",
        ),
        apache=_unless_community(key, run, needed, emulated),
    )


def _unless_community(key: Key, run: Run, needed: Requirement, emulated: str | None) -> str:
    if needed.edition is not Edition.COMMUNITY:
        return ""
    return assemble(
        """
        ELSIF NOT _timescaledb_functions.tsl_loaded() THEN
          {{unsupported}}
        """,
        unsupported=_unsupported(key, run, needed, "'the Apache-2 edition'", "use a server with the Community edition")
        if emulated is None or run.on_unsupported is not OnUnsupported.EMULATE
        else f"{emulated}\nRETURN;",
    )


def _unsupported(key: Key, run: Run, needed: Requirement, has: str, mend: str) -> str:
    """`has` is an expression: what the server has instead of `needed`."""
    if run.on_unsupported is not OnUnsupported.SKIP:
        missing = literal(f"{key.operation} of {key.subject} needs {needed}; this server has ")
        ways = [mend, needed.instead, _WITHOUT[run.on_unsupported]]
        return refuse(f"{missing} || {has}", "; or ".join(filter(None, ways)))
    return assemble(
        """
        {{remember}}
        {{tell}}
        RETURN;
        """,
        remember=undo.remember(key, "'{\"skipped\": true}'"),
        tell=tell(literal(f"skipped: {key.operation} of {key.subject} (needs {needed})"), "WARNING"),
    )


_WITHOUT = {
    OnUnsupported.ERROR: "set tsmigrate.on_unsupported = emulate to have tsmigrate do what it can in its place, or "
    "skip to go on without it",
    OnUnsupported.EMULATE: "it cannot be emulated; to go on without it, give it on_unsupported='skip'",
}


def require_support_in_upgrade(key: Key, run: Run, *, emulated: str | None = None) -> str:
    """For what takes away in a downgrade what the upgrade has brought: what was skipped there has left a row."""
    return "" if run.downgrading else require_support(key, run, emulated=emulated)


def taken_back(variable: str, key: Key, run: Run, emulated: str) -> str:
    """End the downgrade's block where the upgrade skipped the operation, as `return_if_skipped`, or emulated it.

    `emulated` takes back what was done in its place.
    """
    if run.on_unsupported is not OnUnsupported.EMULATE:
        emulated = refuse(
            literal(f"{key.operation} of {key.subject} was emulated in the upgrade"),
            "set tsmigrate.on_unsupported = emulate (-x or alembic.ini) to take it back",
        )
    return assemble(
        """
        {{skipped}}
        IF {{variable}} ? 'emulated' THEN
          {{emulated}}
          RETURN;
        END IF;
        """,
        skipped=return_if_skipped(variable),
        variable=variable,
        emulated=emulated,
    )


def skip_with_upgrade(key: Key, run: Run) -> str:
    """In a downgrade, end the block where the upgrade skipped `key.operation`, which this takes back."""
    if not run.downgrading:
        return ""
    return assemble(
        """
        DECLARE
          upgraded jsonb;
        BEGIN
          {{recall}}
          {{return_if_skipped}}
        END;
        """,
        recall=undo.recall(key, "upgraded"),
        return_if_skipped=return_if_skipped("upgraded"),
    )


def return_if_skipped(variable: str) -> str:
    """End the downgrade's block when the row that `undo.recall` read says that the upgrade skipped the operation."""
    return assemble(
        """
        IF {{variable}} ? 'skipped' THEN
          RETURN;
        END IF;
        """,
        variable=variable,
    )


INSTALLED_VERSION = (
    "(SELECT string_to_array(substring(extversion FROM '^[0-9.]+'), '.')::int[] "
    "FROM pg_extension WHERE extname = 'timescaledb')"
)
"""An expression: the extension's version, an array that compares as versions do."""
