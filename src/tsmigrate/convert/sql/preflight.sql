-- What is known of the table; the checks below read it.
SELECT * INTO facts FROM (
  {{facts}}
) AS known;
extension_schema := facts.extension_schema;
-- The view is there only with the extension.
IF facts.preloaded AND extension_schema IS NOT NULL THEN
  EXECUTE $hypertables$
    {{hypertables}}
  $hypertables$ INTO already_on, hypertables USING target;
END IF;
{{interval_read}}
IF facts.relkind IN ('r', 'p') AND facts.owned THEN
  PERFORM set_config('application_name', 'tsmigrate: waiting for the lock', true);
  {{lock}}
  PERFORM set_config('application_name', 'tsmigrate: checking rows', true);
  -- An owner under FORCE would count, and move, only the rows that policies show (create_hypertable: 0A000).
  IF facts.relforcerowsecurity THEN
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', target);
  END IF;
  {{count_rows}}
END IF;

-- What stands in the way: all of it, before the first change.
{{refusals}}
