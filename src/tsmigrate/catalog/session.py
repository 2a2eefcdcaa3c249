"""Settings that decide how the server writes values, fixed while we compare what it writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

FIXED = {
    "search_path": "",  # names in definitions and regclass values are written in full
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "row_security": "off",  # rows hidden by a policy are an error, not a smaller count
}
_SET = text("""
SELECT set_config(name, value, true)
FROM unnest(CAST(:names AS text[]), CAST(:values AS text[])) AS wanted (name, value)
""")


@contextmanager
def fixed_settings(connection: Connection) -> Iterator[None]:
    """FIXED for what runs inside, in a savepoint that is rolled back at the end.

    The rollback gives back the caller's settings, and the locks that reading took, whether the inside succeeds or
    fails; an error leaves the transaction usable. The connection must therefore be in a transaction, not in
    autocommit, and nothing inside may write.
    """
    savepoint = connection.begin_nested()
    try:
        connection.execute(_SET, {"names": list(FIXED), "values": list(FIXED.values())})
        yield
    finally:
        savepoint.rollback()
