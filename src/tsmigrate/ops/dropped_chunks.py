"""Which chunks retention has dropped: what its upgrade remembers for its downgrade to find that out."""

from __future__ import annotations

from tsmigrate.catalog.timescale import RETENTION_POLICY
from tsmigrate.ops.facts import OF_HOLDER, policy
from tsmigrate.plpgsql import assemble
from tsmigrate.sql import literal

ADD_RETENTION = "add_retention_policy"

_CHUNKS = f"""\
(SELECT coalesce(jsonb_agg(jsonb_build_object(
          'schema', chunk_schema, 'name', chunk_name,
          'from', coalesce(to_jsonb(range_start), to_jsonb(range_start_integer)),
          'to', coalesce(to_jsonb(range_end), to_jsonb(range_end_integer)))), '[]')
   FROM timescaledb_information.chunks
  WHERE {OF_HOLDER})"""

# Numbers of slices are given out once, whether or not the chunk stays; compressed chunks have none.
MEMORY = f"""\
jsonb_build_object(
  'chunks', {_CHUNKS},
  'last_slice', (SELECT CASE WHEN is_called THEN last_value ELSE 0 END
                   FROM _timescaledb_catalog.dimension_slice_id_seq)
)"""
"""An expression: what the upgrade remembers."""


def chunks_replaced(subject: str, old: str) -> str:
    """Chunks were made anew, with all their rows: a downgrade of retention is not to take the old ones for dropped.

    `old` is an expression of type text[], the names of those that there were; `facts` is known. What an upgrade knew
    and had been dropped before stays known.
    """
    return assemble(
        """
        IF to_regclass('tsmigrate.undo') IS NOT NULL THEN
          UPDATE tsmigrate.undo
             SET definition = {{memory}} || jsonb_build_object(
                   'chunks', {{chunks}} || coalesce((
                     SELECT jsonb_agg(k) FROM jsonb_array_elements(definition -> 'chunks') AS k
                      WHERE NOT format('%I.%I', k ->> 'schema', k ->> 'name') = ANY ({{old}})), '[]'))
           WHERE operation = {{operation}} AND definition ? 'chunks'
             AND to_regclass(subject) = {{subject}}::regclass;
        END IF;
        """,
        memory=MEMORY,
        chunks=_CHUNKS,
        old=old,
        operation=literal(ADD_RETENTION),
        subject=literal(subject),
    )


# A chunk that was merged lives on in another of that time; one that was detached, as a table.
FIND_KNOWN_GONE = """\
SELECT format('%s of the %s chunks that there were at the upgrade have been dropped', count(*),
              jsonb_array_length(before -> 'chunks'))
  INTO gone
  FROM (SELECT k ->> 'schema' AS schema, k ->> 'name' AS name, k ->> 'from' AS since, k ->> 'to' AS until
          FROM jsonb_array_elements(before -> 'chunks') AS k) AS c
 WHERE to_regclass(format('%I.%I', c.schema, c.name)) IS NULL
   AND NOT EXISTS (
     SELECT FROM timescaledb_information.chunks m
      WHERE (m.hypertable_schema, m.hypertable_name) = (facts.holder_schema, facts.holder_name)
        AND before -> 'chunks' @> jsonb_build_array(jsonb_build_object('schema', m.chunk_schema, 'name', m.chunk_name))
        AND CASE WHEN facts.by_number
                 THEN m.range_start_integer <= c.since::bigint AND m.range_end_integer >= c.until::bigint
                 ELSE m.range_start <= c.since::timestamptz AND m.range_end >= c.until::timestamptz END)
HAVING count(*) > 0;"""
"""Into `gone`: that of the chunks that `before` knows some are no more."""

# What our own runner dropped before `tsmigrate policies promote` handed the policy over is known exactly.
FIND_GONE = f"""\
{FIND_KNOWN_GONE}
IF gone IS NULL AND (before ->> 'dropped')::bigint > 0 THEN
  gone := format('%s of its chunks or buckets made since the upgrade have been dropped', before ->> 'dropped');
END IF;
IF gone IS NULL AND EXISTS (
  SELECT FROM timescaledb_information.job_stats s
   WHERE s.total_successes > 0 AND s.job_id IN (
     SELECT job_id FROM timescaledb_information.jobs WHERE {policy(RETENTION_POLICY)})
) THEN
  SELECT format('chunks made since the upgrade may have been dropped: %s numbers of chunks are missing', missing)
    INTO gone
    FROM (SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END
                    FROM _timescaledb_catalog.dimension_slice_id_seq)
                 - (before ->> 'last_slice')::bigint
                 - (SELECT count(*) FROM _timescaledb_catalog.dimension_slice
                     WHERE id > (before ->> 'last_slice')::bigint) AS missing) AS given_out
   WHERE missing > 0;
END IF;"""
"""The same, and of those made since, as far as their numbers tell."""
