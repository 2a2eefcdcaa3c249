"""DO blocks from the pieces in `sql/`, where `{{name}}` stands for a piece or a literal."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from tsmigrate.catalog.checksum import HASHED_AS_THEY_ARE
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.session import FIXED
from tsmigrate.plpgsql import REFUSED, Locking, as_do, assemble, fill, lock
from tsmigrate.sql import identifier, literal

MISMATCH = "TSM02"
"""The SQLSTATE of a move after which rows or definitions differ: it is rolled back."""


def name(relation: Relation | str) -> str:
    """How SQL names it: a plain string is one name, which the search_path finds."""
    return str(relation) if isinstance(relation, Relation) else identifier(relation)


def locked(relation: Relation | str, locking: Locking, *, tied: str = "'SHARE ROW EXCLUSIVE'") -> str:
    """Lock the table for a rewrite, and those that foreign keys tie to it in the mode `tied`, an expression."""
    table = literal(name(relation))
    return lock(
        name(relation),
        "ACCESS EXCLUSIVE",
        locking,
        and_those=assemble(TIED, table=table, mode=assemble(tied, table=table)),
    )


TIED = """\
SELECT tied::regclass::text, {{mode}}
  FROM (SELECT CASE {{table}}::regclass WHEN conrelid THEN confrelid ELSE conrelid END FROM pg_constraint
         WHERE contype = 'f' AND conparentid = 0 AND {{table}}::regclass IN (conrelid, confrelid)) AS f (tied)
 WHERE tied <> {{table}}::regclass AND has_table_privilege(tied, 'UPDATE')
 GROUP BY tied
 ORDER BY 1"""


def do_block(piece: str, **values: str) -> str:
    """The piece as a statement, its places filled with `values` and with other pieces."""
    return as_do(expanded(piece, **values))


def expanded(piece: str, **values: str) -> str:
    """The piece as text, to stand for another one."""
    common = {
        "refused": literal(REFUSED),
        "mismatch": literal(MISMATCH),
        "hashed_types": _array(sorted(HASHED_AS_THEY_ARE), "text[]"),
        "fixed_names": _array(list(FIXED), "text[]"),
        "fixed_values": _array(list(FIXED.values()), "text[]"),
    }
    return _expanded(piece, common | values)


def piece(called: str) -> str:
    """A piece that needs no values, for a query of its own."""
    return _expanded(called, {})


def _expanded(piece: str, values: Mapping[str, str]) -> str:
    """The piece with values and other pieces in their places."""
    text = files(__package__).joinpath("sql", f"{piece}.sql").read_text(encoding="utf-8")
    return fill(text, lambda name: values[name] if name in values else _expanded(name, values))


def _array(values: list[str], kind: str) -> str:
    return f"ARRAY[{', '.join(map(literal, values))}]::{kind}"
