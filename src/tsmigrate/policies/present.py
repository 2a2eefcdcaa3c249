"""What time it is for a hypertable: the server's present, or what the table's own function says."""

from __future__ import annotations

from tsmigrate.plpgsql import assemble, refuse


def ago(relation: str, span: str, into: str) -> str:
    """So long before the present, as a text, by the partition column of `relation` or of what its aggregate is over.

    `span` is an expression of type text, NULL for no bound; the block has the variables `of_type` and `of_numbers`.
    """
    return assemble(
        _AGO,
        relation=relation,
        span=span,
        into=into,
        no_present=refuse(
            "format('nothing says which number is the present for %s', bottom.relation)",
            "name a function that does: SELECT set_integer_now_func(…)",
        ),
    )


# The view of dimensions leaves out the function's schema. The present of a column without time zone is that of the
# session, as in TimescaleDB's own policies.
_AGO = """\
DECLARE
  bottom record;
BEGIN
  WITH RECURSIVE below (relation) AS (
    SELECT {{relation}}::regclass
    UNION ALL
    SELECT p.source FROM below b JOIN tsmigrate.policy p ON p.relation = b.relation AND p.kind = 'aggregate'
  )
  SELECT b.relation, d.column_type AS type, d.integer_now_func_schema AS schema, d.integer_now_func AS name INTO bottom
    FROM below b
    JOIN pg_class c ON c.oid = b.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN _timescaledb_catalog.hypertable h ON (h.schema_name, h.table_name) = (n.nspname, c.relname)
    JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id AND d.interval_length IS NOT NULL
   ORDER BY d.id LIMIT 1;
  of_type := bottom.type;
  of_numbers := of_type IN ('smallint'::regtype, 'integer', 'bigint');
  IF {{span}} IS NULL THEN
    {{into}} := NULL;
  ELSIF NOT of_numbers THEN
    EXECUTE format('SELECT (now() - $1::interval)::%s::text', of_type) INTO {{into}} USING {{span}};
  ELSIF bottom.name IS NULL THEN
    {{no_present}}
  ELSE
    EXECUTE format('SELECT (%I.%I() - $1::%s)::text', bottom.schema, bottom.name, of_type) INTO {{into}} USING {{span}};
  END IF;
END;"""
