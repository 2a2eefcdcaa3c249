"""The options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tsmigrate.capability import Edition
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
TableSchema = Annotated[
    str | None, typer.Option("--schema", help="The table's schema (default: what the search_path finds).")
]
CrashAt = Annotated[
    CrashPoints, typer.Option("--crash", help="At which statements of an upgrade to cut its connection.")
]
ForEnvPy = Annotated[
    list[str] | None,
    typer.Option("-x", metavar="NAME=VALUE", help="Handed to env.py; can be repeated.", show_default=False),
]


def database(url: str | None, ini: Path | None) -> DatabaseUrl:
    """The database that these options, the environment and the configuration name."""
    from tsmigrate import sandbox
    from tsmigrate.url import resolve

    return resolve(url, ini=ini, sandbox=sandbox.running_url)


def edition_of(wanted: AnyEdition) -> Edition | None:
    from tsmigrate.capability import Edition

    return None if wanted is AnyEdition.ANY else Edition(wanted)


def interval_of(text: str | None) -> str | int | None:
    """A number, for a column of numbers, or PostgreSQL's text of an interval."""
    return int(text) if text and re.fullmatch(r"[+-]?\d+", text) else text


def memory_bytes(memory: str | None) -> int | None:
    """A size as `--memory` takes it."""
    from tsmigrate.errors import UsageError

    if memory is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(MB|GB|TB)\s*", memory, re.IGNORECASE)
    if found is None or not float(found[1]):
        raise UsageError(f"{memory!r} is no size of memory", mend="write it as 64GB or 512MB")
    return int(float(found[1]) * 1024 ** {"MB": 2, "GB": 3, "TB": 4}[found[2].upper()])
