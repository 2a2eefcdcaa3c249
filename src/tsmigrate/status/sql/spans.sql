-- A month is as long as the last one.
SELECT span, CASE WHEN span ~ '^-?\d+$' THEN span::float8
                  ELSE extract(epoch FROM now() - (now() - span::interval))::float8 END AS amount
FROM unnest(CAST(:spans AS text[])) AS span
