"""The partition column, the hash column, and the function that tells an integer column's now."""

from __future__ import annotations

from tsmigrate.convert.preflight.check import asked, refused
from tsmigrate.finding import Severity


@refused
def time_column() -> str:
    """Whether the partition column is there, is of a fit type (no domain), and is not generated."""
    return """
        SELECT format('it has no column %I', time_column), '',
               'Name the partition column; names are case-sensitive.'
        WHERE facts.relkind IN ('r', 'p') AND facts.attnum IS NULL
        UNION ALL
        SELECT format('its column %I is of type %s, which cannot be a partition column', time_column, facts.type),
               'TimescaleDB partitions by time or by whole numbers',
               CASE facts.typtype
                 WHEN 'd' THEN format('Give %I the base type: ALTER TABLE … ALTER COLUMN … TYPE.', time_column)
                 ELSE 'Use a column of type date, timestamp, timestamptz, smallint, integer or bigint.' END
        WHERE facts.relkind IN ('r', 'p') AND facts.attnum IS NOT NULL AND NOT facts.is_time
        UNION ALL
        SELECT format('its column %I is generated', time_column), 'TimescaleDB refuses it',
               format('ALTER TABLE %s ALTER COLUMN %I DROP EXPRESSION', target, time_column)
        WHERE facts.attgenerated <> ''
    """


@refused
def hash_column() -> str:
    """Whether the second dimension's column is there, and its partitions can be made."""
    return """
        SELECT format('it has no column %I', hash_column), '',
               'Name the hash dimension''s column; names are case-sensitive.'
        WHERE facts.relkind IN ('r', 'p') AND hash_column IS NOT NULL AND facts.hash_attnum IS NULL
        UNION ALL
        SELECT format('a hash dimension cannot have %s partitions', hash_partitions), '',
               'Ask for 1 to 32767 partitions.'
        WHERE target IS NOT NULL AND hash_column IS NOT NULL AND hash_partitions NOT BETWEEN 1 AND 32767
    """


@refused
def integer_now() -> str:
    """Whether the function that is to tell an integer column's now is there, and belongs to one."""
    return """
        SELECT format('the function %s is not there, or not only once', now_function), '',
               'Name one function without arguments that returns the column''s type.'
        WHERE target IS NOT NULL AND now_function IS NOT NULL AND to_regproc(now_function) IS NULL
        UNION ALL
        SELECT format('a function for "now" belongs to integer time, and %I is of type %s', time_column, facts.type),
               '',
               'Leave integer_now out.'
        WHERE target IS NOT NULL AND now_function IS NOT NULL AND facts.is_time AND facts.time_type NOT LIKE 'int%'
    """


@asked(Severity.WARNING)
def no_integer_now() -> str:
    """Whether an integer column needs a function that tells its now."""
    return """
        SELECT format('its column %I is of type %s, and nothing tells its present', time_column, facts.type),
               'retention, columnstore and refresh policies work by age, and fail without a function for "now"',
               'Create a STABLE function without arguments that returns it, and name it in op.create_hypertable('
               || '…, integer_now=…).'
        WHERE facts.is_time AND facts.time_type LIKE 'int%' AND now_function IS NULL
    """


@asked(Severity.WARNING)
def time_zone() -> str:
    """Whether the partition column tells a moment, or only what a clock showed."""
    return """
        SELECT format('its column %I is a timestamp without time zone', time_column),
               'chunks, buckets and policies take it for UTC; local times repeat an hour a year, and run hours early '
               || 'or late',
               'If it holds local time: '
               || format('ALTER TABLE %s ALTER COLUMN %I TYPE timestamptz USING %I AT TIME ZONE ''…'' (it rewrites the '
                         || 'table; easiest before the conversion). If it holds UTC there is nothing to do.',
                         target, time_column, time_column)
        WHERE facts.is_time AND facts.time_type = 'timestamp'
    """


@asked(Severity.NOTE)
def nullable_time() -> str:
    """Whether the partition column becomes NOT NULL by the conversion."""
    return """
        SELECT format('its column %I becomes NOT NULL', time_column),
               'a row without time has no chunk; writers that leave it out will fail unless it has a default',
               ''
        WHERE facts.is_time AND facts.relkind IN ('r', 'p') AND NOT facts.attnotnull
    """
