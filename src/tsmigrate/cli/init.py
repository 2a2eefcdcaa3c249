"""`tsmigrate init`: prepare an existing Alembic project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.options import Ini
from tsmigrate.finding import counted_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsmigrate.init import Plan
    from tsmigrate.init.edit import ByHand

_OPTIONAL = """\
optional: in env.py, `with environment.connection() as connection:` (from tsmigrate.ops import environment) finds the
database as tsmigrate's commands do, and tells a refusal in a line instead of a traceback."""


def register(app: typer.Typer) -> None:
    app.command()(init)


def init(
    config: Ini = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes and write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
) -> None:
    """Add what tsmigrate needs to a project's env.py and alembic.ini (or pyproject.toml), after showing it.

    That is the import of the autogenerate plugin, a transaction for each revision, and the settings as comments. What
    it does not understand it leaves alone, and says which line to add. Running it again is harmless. Exit code 0:
    nothing is left to do; 1: something is (with --dry-run: would be).
    """
    from tsmigrate import init
    from tsmigrate.init.write import write

    plan = init.plan(config)
    _show(plan)
    if not plan.changes and not plan.by_hand:
        print("nothing to do")
        return
    if plan.changes and not dry_run:
        if not yes and not _agreed(len(plan.changes)):
            print("nothing was changed")
            raise typer.Exit(1)
        for change in plan.changes:
            write(change)
            print(f"wrote {change.path}")
        print(_OPTIONAL)
        plan = init.plan(config)  # for the lines as they are now
    _tell(plan.by_hand)
    raise typer.Exit(1 if plan.by_hand or dry_run else 0)


def _show(plan: Plan) -> None:
    from tsmigrate.patch import diff

    for change in plan.changes:
        print(diff(str(change.path), change.before, change.after), end="")


def _tell(by_hand: Sequence[ByHand]) -> None:
    if by_hand:
        print("left to you:")
    for place in by_hand:
        print(f"{place.path}:{place.line}: {place.why}\n  mend: {place.mend}")


def _agreed(files: int) -> bool:
    from tsmigrate.errors import UsageError

    try:
        return input(f"write {counted_word(files, 'file')}? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        raise UsageError("nobody is there to ask", mend="--yes writes, --dry-run only shows") from None
