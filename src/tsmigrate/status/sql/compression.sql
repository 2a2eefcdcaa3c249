SELECT h.schema_name AS schema, h.table_name AS name,
       sum(z.uncompressed_heap_size + z.uncompressed_toast_size + z.uncompressed_index_size)::bigint AS before,
       sum(z.compressed_heap_size + z.compressed_toast_size + z.compressed_index_size)::bigint AS after,
       coalesce(sum(z.numrows_pre_compression), 0)::bigint AS rows
FROM _timescaledb_catalog.compression_chunk_size z
JOIN _timescaledb_catalog.chunk c ON c.id = z.chunk_id
JOIN _timescaledb_catalog.hypertable h ON h.id = c.hypertable_id
GROUP BY 1, 2
