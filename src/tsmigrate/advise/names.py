"""Names as people write them: in quotes where they must be."""

from __future__ import annotations

import re

from tsmigrate.catalog.relation import Relation
from tsmigrate.sql import identifier

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def shown(relation: Relation) -> str:
    return f"{shown_name(relation.schema)}.{shown_name(relation.name)}"


def shown_name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else identifier(name)
