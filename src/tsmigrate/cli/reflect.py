"""`tsmigrate reflect`: what would a model declare for the hypertables that are there?"""

from __future__ import annotations

from typing import Annotated

import typer

from tsmigrate.cli.options import Ini, Url, database


def register(app: typer.Typer) -> None:
    app.command()(reflect)


def reflect(
    *,
    tables: Annotated[
        list[str] | None,
        typer.Argument(help="Hypertables, as they are called in the catalogs (default: all).", metavar="[TABLE]..."),
    ] = None,
    schema: Annotated[
        str | None, typer.Option("--schema", help="Only the hypertables of this schema.", show_default=False)
    ] = None,
    url: Url = None,
    config: Ini = None,
) -> None:
    """Print declarations for the hypertables, policies and continuous aggregates that a database has.

    It is Python for models: `info=` of a table, and `ContinuousAggregate(…)` beside it. With these declarations in the
    models, autogenerate finds no difference.
    """
    from tsmigrate import connect
    from tsmigrate.catalog.reflect import reflected

    with connect.connection(database(url, config)) as connection:
        print(reflected(connection, tables or [], schema), end="")
