SELECT CASE WHEN is_integer_interval THEN wanted_interval::numeric
            ELSE (extract(year FROM span) * 12 + extract(month FROM span)) * 30 * 86400 + extract(day FROM span) * 86400
                 + extract(hour FROM span) * 3600 + extract(minute FROM span) * 60 + extract(second FROM span) END
FROM (SELECT CASE WHEN NOT is_integer_interval THEN wanted_interval::interval END) AS given (span)
