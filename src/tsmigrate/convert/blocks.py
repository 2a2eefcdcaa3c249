"""DO blocks from the pieces in `sql/`, where `{{name}}` stands for a piece or a literal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from tsmigrate.catalog.checksum import HASHED_AS_THEY_ARE
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.session import FIXED
from tsmigrate.errors import UsageError
from tsmigrate.plpgsql import REFUSED, as_do, fill
from tsmigrate.sql import identifier, literal

MISMATCH = "TSM02"
"""The SQLSTATE of a move after which rows or definitions differ: it is rolled back."""


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
    return as_do(_expanded(piece, common | values))


def _expanded(piece: str, values: Mapping[str, str]) -> str:
    """The piece with values and other pieces in their places."""
    text = files(__package__).joinpath("sql", f"{piece}.sql").read_text(encoding="utf-8")
    return fill(text, lambda name: values[name] if name in values else _expanded(name, values))


def _array(values: list[str], kind: str) -> str:
    return f"ARRAY[{', '.join(map(literal, values))}]::{kind}"
