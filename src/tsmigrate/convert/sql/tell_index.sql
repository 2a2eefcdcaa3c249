-- What pg_stat_activity shows of it to other sessions: 63 bytes at most, in ASCII.
IF statement LIKE 'SET LOCAL default_tablespace%' OR statement LIKE '% FOREIGN KEY %' THEN
  number_of_index := number_of_index + (statement LIKE 'SET LOCAL default_tablespace%')::int;
  PERFORM set_config('application_name', left(regexp_replace(
    CASE WHEN statement LIKE 'SET LOCAL default_tablespace%' THEN
      format('tsmigrate: building index %s of %s, ', number_of_index, indexes_to_build)
    ELSE 'tsmigrate: checking foreign key ' END
    || (regexp_match(statement, '(?:INDEX|CONSTRAINT) ("(?:[^"]|"")*"|[^ ]+)'))[1], '[^ -~]', '?', 'g'), 63), true);
END IF;
