"""The chunks' interval."""

from __future__ import annotations

from tsmigrate.convert.preflight.check import refused, warned


@refused
def interval() -> str:
    """Whether the interval is one, is greater than zero, and suits the column's type."""
    return """
        -- Before 2.20 TimescaleDB accepts zero and negative intervals.
        SELECT seen, '', mend
        FROM (VALUES
          (1, wanted_length IS NULL, format('%L is no interval', wanted_interval),
           'Write it as PostgreSQL does: ''1 day''.'),
          (2, wanted_length <= 0, format('its chunks cannot span %s', wanted_interval),
           'Give an interval greater than zero.'),
          (3, facts.is_time AND is_integer_interval <> (facts.time_type LIKE 'int%'),
           format('%s is no interval for the column %I of type %s', wanted_interval, time_column, facts.type),
           format('Give %s.', CASE WHEN is_integer_interval THEN 'an interval such as ''1 day'''
                                   ELSE 'an integer in the unit of the column' END)),
          (4, is_integer_interval AND wanted_length > CASE facts.time_type WHEN 'int2' THEN 32767
                                                           WHEN 'int4' THEN 2147483647 ELSE 9223372036854775807 END,
           format('%s is more than the column %I of type %s can count', wanted_interval, time_column, facts.type),
           'Give a smaller interval.'),
          (5, facts.time_type = 'date' AND wanted_length % 86400 <> 0,
           format('chunks of a date column span whole days, and %s is none', wanted_interval),
           'Give an interval of whole days.')
        ) AS rules (place, broken, seen, mend)
        WHERE broken AND wanted_interval IS NOT NULL
        ORDER BY place LIMIT 1
    """


@warned
def months() -> str:
    """Whether the interval holds months, which TimescaleDB counts as 30 days each."""
    return """
        SELECT format('a month in the interval %s means a fixed 30 days to TimescaleDB', wanted_interval),
               'chunks will not begin on the first of a month', 'Give days instead, so that nobody is surprised.'
        WHERE NOT is_integer_interval AND wanted_length IS NOT NULL
          AND extract(month FROM wanted_interval::interval) + extract(year FROM wanted_interval::interval) <> 0
    """
