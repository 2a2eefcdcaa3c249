"""What the operations do where `tsmigrate.on_unsupported` is `emulate`: rows in `tsmigrate.policy`, and what they say.

An operation that is emulated asks and refuses just as it does where the server can do it: the same pieces of PL/pgSQL,
which read what is emulated and deferred as if TimescaleDB had it (see `emulated`).
"""

from __future__ import annotations

import re

from tsmigrate import undo
from tsmigrate.ops.reasons import OWNER_CANNOT_LOG_IN, Reason
from tsmigrate.plpgsql import assemble, tell
from tsmigrate.policies import state
from tsmigrate.policies.state import Kind, Row
from tsmigrate.sql import literal
from tsmigrate.undo import Key


def emulated(piece: str) -> str:
    """`piece` as it is where policies, aggregates and columnstores are those of `tsmigrate.policy`.

    The views of TimescaleDB that it reads are replaced by queries that give rows of the same columns.
    """
    return _VIEW.sub(lambda found: f"{_IN_PLACE[found['view']]} AS {_alias(found)}", piece)


_VIEW = re.compile(
    r"timescaledb_information\.(?P<view>jobs|continuous_aggregates|dimensions|hypertables)\b(?:\s+(?P<next>\w+))?"
)
_KEYWORDS = {"where", "join", "left", "on", "order", "group", "limit", "cross"}


def _alias(found: re.Match[str]) -> str:
    following = found["next"]
    if following is None:
        return found["view"]
    return f"{found['view']} {following}" if following.lower() in _KEYWORDS else following


_NAMED = "tsmigrate.policy p JOIN pg_class c ON c.oid = p.relation JOIN pg_namespace n ON n.oid = c.relnamespace"
_IN_PLACE = {
    "jobs": f"""\
(SELECT n.nspname AS hypertable_schema, c.relname AS hypertable_name, 1000 AS job_id, p.config, p.schedule_interval,
        CASE p.kind WHEN 'retention' THEN 'policy_retention' WHEN 'refresh' THEN 'policy_refresh_continuous_aggregate'
                    WHEN 'columnstore policy' THEN 'policy_compression' WHEN 'reorder policy' THEN 'policy_reorder'
                    END AS proc_name
   FROM {_NAMED} WHERE p.kind NOT IN ('aggregate', 'columnstore'))""",
    "continuous_aggregates": f"""\
(SELECT n.nspname AS view_schema, c.relname AS view_name, p.config ->> 'definition' AS view_definition,
        name 'tsmigrate' AS materialization_hypertable_schema,
        (p.config ->> 'holder')::name AS materialization_hypertable_name,
        m.nspname AS hypertable_schema, s.relname AS hypertable_name,
        (p.config ->> 'materialized_only')::boolean AS materialized_only,
        EXISTS (SELECT FROM tsmigrate.policy WHERE relation = p.relation AND kind = 'columnstore')
          AS compression_enabled
   FROM {_NAMED} JOIN pg_class s ON s.oid = p.source JOIN pg_namespace m ON m.oid = s.relnamespace
  WHERE p.kind = 'aggregate')""",
    "dimensions": """\
(SELECT d.dimension_number, d.hypertable_schema, d.hypertable_name, d.column_name, d.column_type, d.integer_now_func
   FROM timescaledb_information.dimensions d
 UNION ALL
 SELECT 1, 'tsmigrate', (config ->> 'holder')::name, (config ->> 'bucket_column')::name, (config ->> 'type')::regtype,
        NULL
   FROM tsmigrate.policy WHERE kind = 'aggregate')""",
    "hypertables": """\
(SELECT h.hypertable_schema, h.hypertable_name,
        EXISTS (SELECT FROM tsmigrate.policy
                 WHERE relation = format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass
                   AND kind = 'columnstore') AS compression_enabled
   FROM timescaledb_information.hypertables h)""",
}


def reasons(those: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """No job runs as the owner."""
    return tuple(reason for reason in those if reason is not OWNER_CANNOT_LOG_IN)


def begin(work: str) -> str:
    """`work`, emulated, which reads the tables that it may be the first to need."""
    return f"{state.TABLES}\n{emulated(work)}"


def entered(key: Key, row: Row, memory: str = "'{}'") -> str:
    """The row, what the downgrade needs to know of it, and a word to whoever runs the block."""
    return assemble(
        """
        {{remember}}
        {{write}}
        {{tell}}
        """,
        remember=undo.remember(key, f"{memory}::jsonb || '{{\"emulated\": true}}'"),
        write=state.write(key, row),
        tell=told(key, row.state),
    )


def told(key: Key, what: str, does: str = "") -> str:
    does = does or {
        "emulated": "tsmigrate policies run does it",
        "deferred": "until tsmigrate policies promote",
    }.get(what, "")
    return tell(literal(f"{what}: {key.operation} of {key.subject}" + (f" ({does})" if does else "")))


def removed(kind: Kind) -> str:
    """The row of `facts` goes."""
    return state.forget(kind, "facts.relation")


def remembered(key: Key | None) -> str:
    """That an operation which takes something away was emulated, for its downgrade; None: it is itself one."""
    return undo.remember(key, "'{\"emulated\": true}'") if key else ""


def taken_away(kind: Kind, key: Key | None, look: str) -> str:
    """What stands in `tsmigrate.policy` for the table that `look` finds goes; for `key` see `remembered`."""
    return assemble(
        """
        {{look}}
        {{remember}}
        {{forget}}
        """,
        look=begin(look),
        remember=remembered(key),
        forget=removed(kind),
    )
