"""How fast this server checks, moves and indexes rows of this table: measured on a few of its pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from tsmigrate.convert.blocks import expanded
from tsmigrate.plpgsql import assemble
from tsmigrate.sql import literal

PAGES = 256
"""Two megabytes: some tens of thousands of rows, and a fraction of a second with a handful of indexes."""

Ask = Callable[[str], Sequence[Any]]
"""Runs a statement as it stands and gives its rows, if it has any."""


@dataclass(frozen=True)
class Probe:
    """Seconds for so many pages of rows."""

    pages: int
    rows: int
    checking: float
    moving: float
    indexing: float


def measure(ask: Ask, relation: int) -> Probe | None:
    """Copy pages from the middle of the table into a temporary table, checksum and index them. None: no rows there.

    It belongs into a savepoint that is rolled back. The pages lie together, since rows in order of time sort faster.
    """
    which = str(int(relation))
    (table, pages, columns), *_ = ask(expanded("sampled", relation=which))
    first = max(0, (pages - PAGES) // 2)
    moving = _seconds(ask, assemble(_COPY, table=table, first=_page(first), end=_page(first + PAGES)))
    rows = ask("SELECT count(*) FROM pg_temp.tsmigrate_sample")[0][0]
    if not rows:
        return None
    checking = _seconds(ask, assemble(_CHECK, columns=columns))
    definitions = [definition for (definition,) in ask(expanded("sampled_indexes", relation=which))]
    indexing = sum(_seconds(ask, definition) for definition in definitions)
    return Probe(min(PAGES, pages), rows, checking, moving, indexing)


def _seconds(ask: Ask, statement: str) -> float:
    begun = monotonic()
    ask(statement)
    return monotonic() - begun


def _page(number: int) -> str:
    return literal(f"({number},0)")


_COPY = """
CREATE TEMPORARY TABLE tsmigrate_sample ON COMMIT DROP AS
SELECT * FROM ONLY {{table}} WHERE ctid >= {{first}}::tid AND ctid < {{end}}::tid
"""
_CHECK = "SELECT count(*), sum(hash_record_extended(ROW({{columns}}), 0)) FROM pg_temp.tsmigrate_sample"
