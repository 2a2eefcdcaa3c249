"""How long, or how far back: an interval, or a whole number where the partition column is one."""

from __future__ import annotations

from tsmigrate.ops.reasons import Reason
from tsmigrate.plpgsql import assemble
from tsmigrate.sql import literal


def read_span(name: str, value: str | int, *, counts: str, zero: bool = False) -> str:
    """Read `value` into the variable `<name>_time` or, where `counts` (a condition) holds, `<name>_count`.

    What is wrong with it goes into `<name>_wrong`. TimescaleDB accepts zero and negative spans.
    """
    return assemble(
        """
        BEGIN
          IF {{counts}} THEN
            {{name}}_count := {{value}}::bigint;
          ELSIF {{is_number}} THEN
            {{name}}_wrong := format('%s is a whole number, and its partition column is none', {{value}});
          ELSE
            {{name}}_time := {{value}}::interval;
          END IF;
          IF {{name}}_count {{below}} 0 OR {{name}}_time {{below}} interval '0' THEN
            {{name}}_wrong := format('an interval of %s is not positive', {{value}});
          END IF;
        EXCEPTION WHEN data_exception THEN
          {{name}}_wrong := format(CASE WHEN {{counts}} THEN '%L is no whole number, and its partition column is one'
                                        ELSE '%L is no interval' END, {{value}});
        END;
        """,
        name=name,
        value=literal(str(value)),
        is_number="true" if isinstance(value, int) else "false",
        counts=counts,
        below="<" if zero else "<=",
    )


INTEGER_NOW_MISSING = Reason(
    when="hypertable.counts AND hypertable.integer_now IS NULL",
    told="format('its partition column %I is a number, and nothing says which number is now', hypertable.column_name)",
    mend="name a function that does: SELECT set_integer_now_func(…)",
)
