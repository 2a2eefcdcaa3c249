"""The name of a table or a sequence."""

from __future__ import annotations

from dataclasses import dataclass

from tsmigrate.sql import qualified


@dataclass(frozen=True, order=True)
class Relation:
    schema: str
    name: str

    def __str__(self) -> str:
        """As SQL names it, quoted."""
        return qualified(self.name, self.schema)
