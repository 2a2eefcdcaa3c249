"""What type a column has, as far as making a value for it needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, text

_TYPE = text("""
SELECT t.typname, t.typcategory, t.typtype, t.typbasetype, t.typtypmod, t.typelem,
       ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) AS labels
FROM pg_type t WHERE t.oid = :oid
""")
_HEADER = 4  # bytes that PostgreSQL adds to a length or precision in a type modifier


@dataclass(frozen=True)
class Type:
    name: str  # int4, varchar, …
    category: str  # pg_type's: N number, S string, D time, …
    modifier: int  # -1: none
    labels: tuple[str, ...] = ()  # of an enum
    element: Type | None = None  # of an array

    @property
    def length(self) -> int | None:
        """Of varchar(n) and char(n)."""
        return self.modifier - _HEADER if self.modifier > 0 and self.name in {"varchar", "bpchar"} else None

    @property
    def precision(self) -> tuple[int, int] | None:
        """Digits in all, and after the point, of numeric(p, s)."""
        if self.name != "numeric" or self.modifier < _HEADER:
            return None
        bits = self.modifier - _HEADER
        return bits >> 16 & 0xFFFF, bits & 0x7FF


@dataclass
class Types:
    """Asked once each."""

    connection: Connection
    _known: dict[tuple[int, int], Type] = field(default_factory=dict)

    def of(self, oid: int, modifier: int = -1) -> Type:
        """A domain is what it is based on; its checks are the server's to apply."""
        if (oid, modifier) not in self._known:
            self._known[oid, modifier] = self._ask(oid, modifier)
        return self._known[oid, modifier]

    def _ask(self, oid: int, modifier: int) -> Type:
        row = self.connection.execute(_TYPE, {"oid": oid}).one()
        if row.typtype == "d":
            return self.of(row.typbasetype, row.typtypmod if modifier == -1 else modifier)
        element = self.of(row.typelem, modifier) if row.typcategory == "A" and row.typelem else None
        return Type(row.typname, row.typcategory, modifier, tuple(row.labels), element)
