"""The options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tsmigrate.url import DatabaseUrl


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


class AnyEdition(StrEnum):
    APACHE = "apache"
    COMMUNITY = "community"
    ANY = "any"


class CrashPoints(StrEnum):
    NONE = "none"
    SAMPLE = "sample"
    ALL = "all"


Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="The database. Otherwise TSMIGRATE_URL, DATABASE_URL, sqlalchemy.url, or a running sandbox.",
        show_default=False,
    ),
]
Ini = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The Alembic configuration (default: ./alembic.ini).", show_default=False),
]
OutputFormat = Annotated[Format, typer.Option("--format", help="How to report.")]


def database(url: str | None, ini: Path | None) -> DatabaseUrl:
    """The database that these options, the environment and the configuration name."""
    from tsmigrate import sandbox
    from tsmigrate.url import resolve

    return resolve(url, ini=ini, sandbox=sandbox.running_url)


def counted_word(number: int, word: str) -> str:
    """`1 warning`, `2 warnings`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
