"""Refusing with all reasons at once, each with its mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsmigrate.plpgsql import REFUSED, assemble
from tsmigrate.sql import literal


@dataclass(frozen=True)
class Reason:
    """Why an operation is not begun."""

    when: str  # an SQL condition
    told: str  # an SQL expression, usually format(…)
    mend: str  # plain text


def refuse_for(what: str, reasons: Sequence[Reason]) -> str:
    """End the block where any of the reasons holds, and tell all that do. `what` is plain text."""
    return assemble(
        """
        DECLARE
          reasons text[] := '{}';
          mends text[] := '{}';
        BEGIN
          {{each}}
          IF cardinality(reasons) > 0 THEN
            RAISE EXCEPTION USING ERRCODE = '{{refused}}',
              MESSAGE = {{what}} || E' is refused:\\n- ' || array_to_string(reasons, E'\\n- '),
              HINT = array_to_string(mends, E'\\n');
          END IF;
        END;
        """,
        each="\n".join(map(_collect, reasons)),
        refused=REFUSED,
        what=literal(what),
    )


def _collect(reason: Reason) -> str:
    return assemble(
        """
        IF ({{when}}) THEN
          reasons := reasons || ({{told}})::text;
          mends := mends || {{mend}}::text;
        END IF;
        """,
        when=reason.when,
        told=reason.told,
        mend=literal(reason.mend),
    )
