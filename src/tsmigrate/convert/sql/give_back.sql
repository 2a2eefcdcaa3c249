PERFORM set_config('search_path', '', true);
IF facts.relforcerowsecurity THEN
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
END IF;

-- What neither the catalog nor the revision will be able to say.
remembered := jsonb_strip_nulls(jsonb_build_object(
  {{also_remembered}}
  'nullable', nullif(was_nullable, false),
  'publications', nullif(to_jsonb(publications), '[]'),
  'triggers_kept_off', nullif(to_jsonb(triggers_kept_off), '[]'),
  'trigger_modes', nullif(to_jsonb(trigger_modes), '[]'),
  'indexes', (SELECT jsonb_object_agg(indexrelid::regclass::text, pg_get_indexdef(indexrelid)) FROM pg_index
              WHERE indrelid = target AND NOT indexrelid::regclass::text = ANY (indexes_before))));
IF remembered <> '{}' THEN
  {{remember}}
END IF;
PERFORM set_config('search_path', callers_path, true);
