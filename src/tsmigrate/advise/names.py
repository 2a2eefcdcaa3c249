"""Names as people write them: in quotes where they must be."""

from __future__ import annotations

import re

from tsmigrate.catalog.relation import Relation
from tsmigrate.sql import identifier

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def shown(relation: Relation) -> str:
    return f"{shown_name(relation.schema)}.{shown_name(relation.name)}"


def shown_name(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    return identifier(name) if name.isprintable() else _escaped(name)


def _escaped(name: str) -> str:
    """What would move a terminal's cursor or end a line is written as PostgreSQL writes it."""
    doubled = name.replace("\\", "\\\\").replace('"', '""')
    return 'U&"' + "".join(each if each.isprintable() else f"\\+{ord(each):06x}" for each in doubled) + '"'
