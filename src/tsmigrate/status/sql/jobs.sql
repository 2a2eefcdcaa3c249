-- Jobs below 1000 are the extension's own. Up to 2.2x the view names the hypertable behind an aggregate.
SELECT j.job_id, coalesce(a.view_schema, j.hypertable_schema) AS schema,
       coalesce(a.view_name, j.hypertable_name) AS name, j.proc_schema, j.proc_name, j.scheduled,
       j.schedule_interval::text AS every, j.config::text AS config,
       CASE WHEN isfinite(s.last_run_started_at) THEN s.last_run_started_at END AS last_run,
       CASE WHEN isfinite(s.last_successful_finish) THEN s.last_successful_finish END AS last_success,
       CASE WHEN isfinite(coalesce(s.next_start, j.next_start)) THEN coalesce(s.next_start, j.next_start) END AS next_run,
       s.last_run_status, coalesce(s.total_failures, 0) AS failures, e.sqlerrcode, e.err_message
FROM timescaledb_information.jobs j
LEFT JOIN timescaledb_information.job_stats s USING (job_id)
LEFT JOIN timescaledb_information.continuous_aggregates a
  ON (a.materialization_hypertable_schema, a.materialization_hypertable_name) =
     (j.hypertable_schema, j.hypertable_name)
LEFT JOIN (
  SELECT DISTINCT ON (job_id) job_id, sqlerrcode, err_message FROM timescaledb_information.job_errors
  ORDER BY job_id, finish_time DESC NULLS LAST
) AS e USING (job_id)
WHERE j.job_id >= 1000
ORDER BY j.job_id
