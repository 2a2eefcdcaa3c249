-- Before 2.20 TimescaleDB accepts zero and negative intervals.
DECLARE
  span interval;
  number numeric;
BEGIN
  IF is_integer_interval THEN
    number := wanted_interval::numeric;
  ELSE
    span := wanted_interval::interval;
  END IF;
  IF (is_integer_interval AND number <= 0) OR (NOT is_integer_interval AND span <= interval '0') THEN
    reasons := reasons || format('its chunks cannot span %s', wanted_interval);
    mends := mends || 'Give an interval greater than zero.'::text;
  ELSIF is_time AND is_integer_interval <> (time_type LIKE 'int%') THEN
    reasons := reasons || format('%s is no interval for the column %I of type %s', wanted_interval, time_column, facts.type);
    mends := mends || format('Give %s.', CASE WHEN is_integer_interval THEN 'an interval such as ''1 day'''
                                              ELSE 'an integer in the unit of the column' END);
  ELSIF is_integer_interval
    AND number > (CASE time_type WHEN 'int2' THEN 32767 WHEN 'int4' THEN 2147483647 ELSE 9223372036854775807 END) THEN
    reasons := reasons || format('%s is more than the column %I of type %s can count', wanted_interval, time_column, facts.type);
    mends := mends || 'Give a smaller interval.'::text;
  ELSIF time_type = 'date' AND extract(epoch FROM span) % 86400 <> 0 THEN
    reasons := reasons || format('chunks of a date column span whole days, and %s is none', wanted_interval);
    mends := mends || 'Give an interval of whole days.'::text;
  ELSIF extract(year FROM span) <> 0 OR extract(month FROM span) <> 0 THEN
    RAISE NOTICE 'a month in the interval % means a fixed 30 days to TimescaleDB', wanted_interval;
  END IF;
EXCEPTION WHEN invalid_text_representation OR invalid_datetime_format OR interval_field_overflow
             OR datetime_field_overflow THEN
  reasons := reasons || format('%L is no interval', wanted_interval);
  mends := mends || 'Write it as PostgreSQL does: ''1 day''.'::text;
END;
