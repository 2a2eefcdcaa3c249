-- In seconds, or in the column's own unit. A month is 30 days to TimescaleDB.
BEGIN
  wanted_length := (
    {{interval_length}}
  );
EXCEPTION WHEN invalid_text_representation OR invalid_datetime_format OR interval_field_overflow
             OR datetime_field_overflow THEN
  wanted_length := NULL;
END;
