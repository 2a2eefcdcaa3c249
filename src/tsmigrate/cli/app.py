"""The `tsmigrate` program: collects the commands beside this file and turns errors into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from typing import Annotated

import typer

from tsmigrate import __version__, cli
from tsmigrate.cli.light import LightGroup
from tsmigrate.errors import TsmigrateError

app = typer.Typer(
    name="tsmigrate",
    cls=LightGroup,
    help="Take a PostgreSQL schema to TimescaleDB with Alembic, and back, exactly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130
_INTERNAL_ERROR = 70


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"tsmigrate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    global _debug  # noqa: PLW0603 - main() must know after the command line library has unwound
    _debug = debug


_debug = False


def _collect_commands() -> None:
    """Every module in this package that has a `register` function is a command."""
    for module in pkgutil.iter_modules(cli.__path__):
        command = importlib.import_module(f"{cli.__name__}.{module.name}")
        if hasattr(command, "register"):
            command.register(app)


_collect_commands()


def main() -> None:
    """The console script."""
    try:
        app()
    except TsmigrateError as error:
        if _debug:
            raise
        _complain(error.message, error.mend)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        _complain("interrupted")
        sys.exit(INTERRUPTED)
    except Exception as error:
        if _debug:
            raise
        _complain(*_unforeseen(error))
        sys.exit(3 if isinstance(error, OSError) else _INTERNAL_ERROR)


def _unforeseen(error: Exception) -> tuple[str, str]:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}", "see the file and its rights, or free some room"
    return f"{type(error).__name__}: {error}", "this is a bug in tsmigrate; please report it with the output of --debug"


def _complain(message: str, mend: str = "") -> None:
    from tsmigrate.url import without_passwords

    sys.stdout.flush()
    print(f"error: {without_passwords(message)}", file=sys.stderr)
    if mend:
        print(f"  mend: {without_passwords(mend)}", file=sys.stderr)
