"""A policy or a layout is handed over by the operation that its revision names, as if the revision ran now.

What the downgrade of that operation needs is remembered anew, as of now; what only our own runner knew is added to it.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from tsmigrate.catalog.timescale import REFRESH_POLICY, RETENTION_POLICY
from tsmigrate.errors import BlockedError
from tsmigrate.ops.columnstore import SetColumnstore
from tsmigrate.ops.columnstore_policy import AddColumnstorePolicy
from tsmigrate.ops.facts import find_hypertable_or_aggregate
from tsmigrate.ops.facts import policy as on_it
from tsmigrate.ops.operation import TableOperation
from tsmigrate.ops.refresh_policy import AddRefreshPolicy
from tsmigrate.ops.reorder_policy import AddReorderPolicy
from tsmigrate.ops.retention_policy import AddRetentionPolicy
from tsmigrate.ops.run import Run
from tsmigrate.plpgsql import TIMESCALE, Locking, as_do, do_block
from tsmigrate.policies import state
from tsmigrate.policies.state import Kind, Policy
from tsmigrate.sql import raw


def hand_over(connection: Connection, policy: Policy) -> None:
    operation = _operation(policy)
    key = {"revision": policy.revision, "operation": policy.operation, "subject": policy.subject}
    connection.execute(_NO_LONGER, {"oid": policy.oid, "kind": str(policy.kind)})
    known = connection.execute(_FORGET, key).scalar()
    run = Run(revision=policy.revision, locking=Locking())
    for statement in operation.statements(run):
        connection.execute(raw(statement))
    if connection.execute(raw("SELECT to_regclass('tsmigrate.undo')")).scalar():
        connection.execute(_RENAME, key | {"here": operation.subject})
        if policy.kind is Kind.RETENTION and known is not None:
            connection.execute(_ADD_KNOWN, key | {"known": known, "dropped": int(policy.config.get("dropped", 0))})
    if policy.paused:
        connection.execute(
            raw(_paused(operation.subject, RETENTION_POLICY if policy.kind is Kind.RETENTION else REFRESH_POLICY))
        )
    connection.execute(raw(as_do(f"BEGIN\n{state.SWEEP}\nEND")))


_NO_LONGER = text("DELETE FROM tsmigrate.policy WHERE relation = :oid AND kind = :kind")
_THIS = "revision = :revision AND operation = :operation AND subject = :subject"
_FORGET = text(f"DELETE FROM tsmigrate.undo WHERE {_THIS} RETURNING CAST(definition AS text)")
_RENAME = text(
    "UPDATE tsmigrate.undo SET subject = :subject "
    "WHERE revision = :revision AND operation = :operation AND subject = :here"
)
# A chunk that there was at the upgrade and is gone stays known, and so does how many our own runner has dropped.
_ADD_KNOWN = text(f"""
UPDATE tsmigrate.undo SET definition = definition || pg_catalog.jsonb_build_object(
  'dropped', CAST(:dropped AS bigint),
  'chunks', (definition -> 'chunks') || coalesce((
    SELECT pg_catalog.jsonb_agg(k) FROM pg_catalog.jsonb_array_elements(CAST(:known AS jsonb) -> 'chunks') AS k
     WHERE NOT EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(definition -> 'chunks') AS now
                        WHERE now -> 'name' = k -> 'name' AND now -> 'schema' = k -> 'schema')), '[]'))
WHERE {_THIS}
""")


def _paused(subject: str, procedure: str) -> str:
    """What rested goes on resting."""
    return do_block(
        """
        DECLARE
          facts record;
          job int;
        BEGIN
          {{find}}
          SELECT job_id INTO job FROM timescaledb_information.jobs WHERE {{policy}};
          EXECUTE format('SELECT %s.alter_job($1, scheduled => false)', {{timescale}}) USING job;
        END
        """,
        find=find_hypertable_or_aggregate(subject),
        policy=on_it(procedure),
        timescale=TIMESCALE,
    )


def _operation(policy: Policy) -> TableOperation:
    if policy.relation is None:
        raise BlockedError(f"{policy.name} is gone")
    name, schema, config = policy.relation.name, policy.relation.schema, policy.config
    if policy.kind is Kind.COLUMNSTORE:
        declared = config["declared"]
        return SetColumnstore(name, schema, declared["segmentby"], declared["orderby"])
    if policy.kind is Kind.COLUMNSTORE_POLICY:
        return AddColumnstorePolicy(name, schema, config["compress_after"], config.get("schedule_interval"))
    if policy.kind is Kind.REORDER_POLICY:
        return AddReorderPolicy(name, schema, config["index_name"], config.get("schedule_interval"))
    if policy.kind is Kind.REFRESH:
        return AddRefreshPolicy(name, schema, config["start_offset"], config["end_offset"], policy.every or "")
    return AddRetentionPolicy(name, schema, config["drop_after"], policy.every)
