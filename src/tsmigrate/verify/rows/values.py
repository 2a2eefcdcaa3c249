"""The n-th value of a type, in PostgreSQL's own text form: the same number, the same value."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from tsmigrate.verify.rows.types import Type

START = datetime(2025, 1, 6, tzinfo=UTC)
SPREAD = timedelta(weeks=6)
_STRIDE = 2_242_721  # seconds; neighbours fall into different chunks, and no second of SPREAD comes twice

_Make = Callable[[str, Type, int], str]


def value(column: str, kind: Type, number: int) -> str | None:
    """None: there is no value we know of for this type."""
    if kind.labels:
        return kind.labels[number % len(kind.labels)]
    if kind.element:
        elements = [value(column, kind.element, number + step) for step in range(number % 3)]
        return (
            None
            if None in elements
            else "{" + ",".join(json.dumps(each, ensure_ascii=False) for each in elements) + "}"
        )
    make = _BY_NAME.get(kind.name) or _BY_CATEGORY.get(kind.category)
    return make(column, kind, number) if make else None


def _small(_column: str, _kind: Type, number: int) -> str:
    return str(number % 30_000)


def _whole(_column: str, _kind: Type, number: int) -> str:
    return str(number)


def _numeric(_column: str, kind: Type, number: int) -> str:
    if kind.precision is None:
        return f"{number}.5"
    digits, after = kind.precision
    number %= 10 ** max(digits - after, 0)
    return f"{number}.{'5'.ljust(after, '0')}" if 0 < after <= digits else str(number)


def _real(_column: str, _kind: Type, number: int) -> str:
    return f"{number}.5"


def _text(column: str, kind: Type, number: int) -> str:
    """The number last and kept when it has to be short: it is what makes it unique."""
    words = f"{column} {number}"
    return words[-kind.length :] if kind.length else words[-60:]


def _character(_column: str, _kind: Type, number: int) -> str:
    return chr(ord("a") + number % 26)


def _flag(_column: str, _kind: Type, number: int) -> str:
    return "true" if number % 2 else "false"


def _uuid(column: str, _kind: Type, number: int) -> str:
    return str(UUID(bytes=sha256(f"{column} {number}".encode()).digest()[:16], version=4))


def moment(number: int) -> datetime:
    return START + timedelta(seconds=number * _STRIDE % SPREAD.total_seconds(), microseconds=number % 1_000_000)


def _timestamptz(_column: str, _kind: Type, number: int) -> str:
    return moment(number).isoformat()


def _timestamp(_column: str, _kind: Type, number: int) -> str:
    return moment(number).replace(tzinfo=None).isoformat()


def _date(_column: str, _kind: Type, number: int) -> str:
    return moment(number).date().isoformat()


def _time(_column: str, _kind: Type, number: int) -> str:
    return moment(number).time().isoformat()


def _interval(_column: str, _kind: Type, number: int) -> str:
    return f"{number} minutes"


def _json(column: str, _kind: Type, number: int) -> str:
    return json.dumps({column: number})


def _inet(_column: str, _kind: Type, number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _macaddr(_column: str, _kind: Type, number: int) -> str:
    return ":".join(f"{byte:02x}" for byte in (number & 0xFFFFFFFFFF).to_bytes(6, "big"))


def _bytes(_column: str, _kind: Type, number: int) -> str:
    return "\\x" + number.to_bytes(8, "big").hex()


def _point(_column: str, _kind: Type, number: int) -> str:
    return f"({number},{number})"


def _xml(_column: str, _kind: Type, number: int) -> str:
    return f"<n>{number}</n>"


def _number_range(_column: str, _kind: Type, number: int) -> str:
    return f"[{number},{number + 1})"


def _time_range(_column: str, _kind: Type, number: int) -> str:
    begin = moment(number).replace(tzinfo=None)
    return f"[{begin.isoformat()},{(begin + timedelta(minutes=1)).isoformat()})"


_BY_NAME: dict[str, _Make] = {
    "int2": _small, "int4": _whole, "int8": _whole, "oid": _whole, "numeric": _numeric, "money": _whole,
    "float4": _real, "float8": _real, "bool": _flag, "char": _character, "uuid": _uuid,
    "timestamptz": _timestamptz, "timestamp": _timestamp, "date": _date, "time": _time, "timetz": _time,
    "interval": _interval, "json": _json, "jsonb": _json, "inet": _inet, "cidr": _inet, "macaddr": _macaddr,
    "bytea": _bytes, "point": _point, "xml": _xml, "tsvector": _text,
    "int4range": _number_range, "int8range": _number_range, "numrange": _number_range,
    "tsrange": _time_range, "tstzrange": _time_range,
}  # fmt: skip
_BY_CATEGORY: dict[str, _Make] = {"S": _text}  # citext and other strings
