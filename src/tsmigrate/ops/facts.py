"""What the blocks of the operations on hypertables ask of the catalogs, and the reasons that several of them share."""

from __future__ import annotations

from tsmigrate.ops.reasons import Reason
from tsmigrate.ops.support import require_hypertable
from tsmigrate.plpgsql import assemble, require_table
from tsmigrate.sql import literal

POLICY_OF_COLUMNSTORE = "policy_compression"
POLICY_OF_RETENTION = "policy_retention"


def find_hypertable(subject: str) -> str:
    """Read what is known of the table into the record `hypertable`, or refuse where it is none."""
    return assemble(
        """
        {{require_table}}
        {{require_hypertable}}
        SELECT c.oid::regclass AS relation, n.nspname AS schema, c.relname AS name, c.relrowsecurity AS row_security,
               pg_has_role(c.relowner, 'USAGE') AS owned, o.rolname AS owner, o.rolcanlogin AS owner_logs_in,
               h.compression_enabled AS columnstore, d.column_name, d.column_type::text AS column_type,
               d.column_type IN ('smallint'::regtype, 'integer', 'bigint') AS counts,
               d.integer_now_func AS integer_now
          INTO STRICT hypertable
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
          JOIN timescaledb_information.hypertables h
            ON (h.hypertable_schema, h.hypertable_name) = (n.nspname, c.relname)
          JOIN timescaledb_information.dimensions d
            ON (d.hypertable_schema, d.hypertable_name) = (n.nspname, c.relname)
         WHERE c.oid = {{table}}::regclass AND d.dimension_number = 1;
        """,
        require_table=require_table(subject),
        require_hypertable=require_hypertable(subject, "convert it first: op.create_hypertable"),
        table=literal(subject),
    )


NOT_ITS_OWNER = Reason(
    when="NOT hypertable.owned",
    told="format('%I may not change it', current_user)",
    mend="run the migration as the table's owner, or as a member of that role",
)

NO_COLUMNSTORE = Reason(
    when="NOT hypertable.columnstore",
    told="'its columnstore is not enabled'",
    mend="enable it first: op.set_columnstore",
)


def policy_of(name: str) -> str:
    """A condition on timescaledb_information.jobs: the hypertable's policies of that name."""
    return (
        "(hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) "
        f"AND proc_name = {literal(name)} AND job_id >= 1000"
    )


COMPRESSED_CHUNKS = """\
SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks
 WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND is_compressed"""
"""A query: the chunks of the hypertable that are in the columnstore."""


def room_for_locks(needed: str, doing: str) -> Reason:
    """The server's lock table holds what one transaction needs. `needed` is a query for that number."""
    return Reason(
        when=f"({needed}) > current_setting('max_locks_per_transaction')::int * {_PLACES}",
        told=f"format('{doing} needs %s locks in one transaction, and the server''s lock table has room for %s', "
        f"({needed}), current_setting('max_locks_per_transaction')::int * {_PLACES})",
        mend="set max_locks_per_transaction to the first number divided by max_connections plus "
        "max_prepared_transactions, or more, and restart the server",
    )


_PLACES = "(current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)"

LOCKS_TO_ALTER = """\
SELECT count(*) + coalesce(sum((SELECT count(*) FROM pg_index WHERE indrelid = c.oid)
                               + CASE WHEN c.reltoastrelid <> 0 THEN 2 ELSE 0 END), 0)
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = hypertable.relation"""
"""A query: how many locks an ALTER TABLE takes that concerns every chunk."""

LOCKS_TO_DECOMPRESS = """\
SELECT coalesce(sum(5 + (SELECT count(*) FROM pg_index
                          WHERE indrelid = format('%I.%I', chunk_schema, chunk_name)::regclass)), 0)
  FROM timescaledb_information.chunks
 WHERE (hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND is_compressed"""
"""A query: how many locks it takes to decompress all chunks: each with its indexes, and what it was compressed into."""

POLICIES_TO_PAUSE = (
    "(hypertable_schema, hypertable_name) = (hypertable.schema, hypertable.name) AND job_id >= 1000 "
    f"AND proc_name IN ({literal(POLICY_OF_COLUMNSTORE)}, {literal(POLICY_OF_RETENTION)}, 'policy_reorder')"
)
"""A condition on timescaledb_information.jobs: the policies that would meddle with chunks."""
