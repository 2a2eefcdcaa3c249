"""Sessions that die in the middle of an operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError, PendingRollbackError

_DIE = """
CREATE FUNCTION dying.at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('dying.writes') = (SELECT number FROM dying.wanted) THEN
    PERFORM pg_terminate_backend(pg_backend_pid());
  END IF;
  RETURN NULL;
END $$
"""
MOST = 100


def die_at_each_write(
    migration: Any, step: Callable[[], None], check: Callable[[], None], *, start_over: Callable[[], None]
) -> int:
    """`step` is ended at its first write to tsmigrate.undo, run again, checked and started over; then at its second …

    Every state of an operation that commits on its way is such a write, so it is cut off before each of its commits.
    Returns how often it was.
    """
    for number in range(1, MOST):
        arm(migration, number)
        try:
            migration.run(step)
        except (DBAPIError, PendingRollbackError) as error:
            assert "terminating connection" in _all_of(error) or "closed the connection" in _all_of(error)
        else:
            live(migration)
            check()
            return number - 1
        arm(migration, 0)
        migration.run(step)
        check()
        migration.run(start_over)
    raise AssertionError(f"it wrote more than {MOST} times")


def _all_of(error: BaseException) -> str:
    """With those it happened in the handling of."""
    return str(error) + (_all_of(error.__context__) if error.__context__ else "")


def arm(migration: Any, number: int) -> None:
    """The table tsmigrate.undo goes with its last row, so one of ours stays in it."""
    live(migration)
    migration.execute(
        "CREATE SCHEMA dying",
        "CREATE TABLE dying.wanted AS SELECT " + str(number) + " AS number",
        "CREATE SEQUENCE dying.writes",
        _DIE,
        "CREATE SCHEMA IF NOT EXISTS tsmigrate",
        "CREATE TABLE IF NOT EXISTS tsmigrate.undo (revision text NOT NULL, operation text NOT NULL, "
        "subject text NOT NULL, definition jsonb NOT NULL, PRIMARY KEY (revision, operation, subject))",
        "INSERT INTO tsmigrate.undo VALUES ('stays', '', '', '{}')",
        "CREATE TRIGGER dying AFTER INSERT OR UPDATE OR DELETE ON tsmigrate.undo "
        "FOR EACH ROW EXECUTE FUNCTION dying.at()",
    )


def live(migration: Any) -> None:
    """Nothing of this is left, nor of the toolkit where it has nothing to remember."""
    migration.execute("DROP SCHEMA IF EXISTS dying CASCADE")
    if migration.value("SELECT to_regclass('tsmigrate.undo')") is None:
        return
    migration.execute("DELETE FROM tsmigrate.undo WHERE revision = 'stays'")
    if migration.value("SELECT count(*) FROM tsmigrate.undo") == 0:
        migration.execute("DROP SCHEMA tsmigrate CASCADE")
