"""Alembic's own `op.create_index` on an emulated aggregate, which is a view: PostgreSQL says no, and not what to do."""

from __future__ import annotations

import re

from alembic.util import CommandError
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from tsmigrate.connect import reason_given, sqlstate

_CREATE_INDEX = re.compile(r"\s*CREATE\s+(UNIQUE\s+)?INDEX\b", re.IGNORECASE)
_WRONG_OBJECT_TYPE = "42809"


@event.listens_for(Engine, "handle_error")
def _explained(context: ExceptionContext) -> None:
    error = context.original_exception
    if sqlstate(error) == _WRONG_OBJECT_TYPE and _CREATE_INDEX.match(context.statement or ""):
        raise CommandError(
            f"{reason_given(error)}\n"
            "  mend: if it is a continuous aggregate, which is a view where it is emulated: op.create_aggregate_index"
        ) from error
