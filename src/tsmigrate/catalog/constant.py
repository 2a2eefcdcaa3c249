"""Whether an expression is a constant, as PostgreSQL's planner sees it."""

from __future__ import annotations

import json
import re

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate.sql import raw

# NULL, true, 3, '-3'::integer, '{1,2}'::integer[], '2026-01-01 00:00:00+00'::timestamp with time zone
_CONSTANT = re.compile(r"(NULL|true|false|-?[0-9.]+|[BX]?'(?:[^']|'')*')(::[^()]+(\([0-9,]+\)[^()]*)?)?", re.IGNORECASE)


def is_constant(connection: Connection, expression: str) -> bool | None:
    """None where the server cannot tell, since something in it is not there (yet).

    TimescaleDB folds a default as the planner does (`1 + 1`, a function that can be inlined) and asks what is left.
    """
    savepoint = connection.begin_nested()
    try:
        said = connection.execute(raw(f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT {expression}")).scalar_one()
        plan = json.loads(said) if isinstance(said, str) else said  # drivers differ
        output: list[str] = plan[0]["Plan"]["Output"]
        return len(output) == 1 and _CONSTANT.fullmatch(output[0]) is not None
    except DBAPIError:
        return None
    finally:
        savepoint.rollback()
