"""DO blocks from the pieces in `sql/`, where `{{name}}` stands for a piece or a literal."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from importlib.resources import files

from tsmigrate.catalog.checksum import HASHED_AS_THEY_ARE
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.session import FIXED
from tsmigrate.errors import UsageError
from tsmigrate.sql import dollar_quoted, identifier, literal

# PostgreSQL keeps classes that begin with I to Z for such use.
REFUSED = "TSM01"  # nothing was changed; the message holds every reason, the hint how to mend each
MISMATCH = "TSM02"  # rows differ after the move: it is rolled back

_PIECE = re.compile(r"^(?P<indent> *)\{\{(?P<piece>\w+)\}\}$", re.MULTILINE)
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Locking:
    """How long to wait for a lock, and how often to try again."""

    timeout_ms: int = 5_000
    retries: int = 5

    def __post_init__(self) -> None:
        if self.timeout_ms < 1 or self.retries < 0:
            raise UsageError(
                f"a lock timeout of {self.timeout_ms} ms with {self.retries} retries makes no sense",
                mend="the timeout is at least 1 ms (0 would wait for ever), the retries at least 0",
            )


def name(relation: Relation | str) -> str:
    """How SQL names it: a plain string is one name, which the search_path finds."""
    return str(relation) if isinstance(relation, Relation) else identifier(relation)


def do_block(piece: str, **values: str) -> str:
    """The piece as a statement, its places filled with `values` and with other pieces."""
    common = {
        "refused": literal(REFUSED),
        "mismatch": literal(MISMATCH),
        "hashed_types": _array(sorted(HASHED_AS_THEY_ARE), "text[]"),
        "fixed_names": _array(list(FIXED), "text[]"),
        "fixed_values": _array(list(FIXED.values()), "text[]"),
    }
    text = _expanded(piece, common.keys() | values.keys())
    return f"DO {dollar_quoted(chr(10) + _PLACE.sub(lambda place: (common | values)[place[1]], text))};"


def _expanded(piece: str, values: Set[str]) -> str:
    """The piece with others in their places, indented; `values` come later, as a literal may hold a newline."""

    def fill(place: re.Match[str]) -> str:
        if place["piece"] in values:
            return place[0]
        content = _expanded(place["piece"], values).rstrip("\n")
        return "\n".join(place["indent"] + line if line else "" for line in content.split("\n"))

    text = files(__package__).joinpath("sql", f"{piece}.sql").read_text(encoding="utf-8")
    return _PIECE.sub(fill, text)


def _array(values: list[str], kind: str) -> str:
    return f"ARRAY[{', '.join(map(literal, values))}]::{kind}"
