"""What PostgreSQL's and TimescaleDB's own functions are: how stable, what they return, which of them aggregate.

A function that is neither here nor known from the project is taken for immutable: a wrong silence is better than a
false alarm about a helper that the linter has not seen.
"""

from __future__ import annotations

VOLATILE = frozenset(
    [
        "clock_timestamp",
        "timeofday",
        "random",
        "gen_random_uuid",
        "nextval",
        "currval",
        "lastval",
        "setval",
        "uuid_generate_v4",
        "uuidv4",
        "uuidv7",
        "pg_sleep",
        "txid_current",
        "pg_advisory_lock",
        "random_normal",
    ]
)
STABLE = frozenset(
    [
        "now",
        "transaction_timestamp",
        "statement_timestamp",
        "current_setting",
        "date_trunc",
        "age",
        "to_date",
        "make_timestamptz",
    ]
)
RETURNS = {
    "now": "timestamptz",
    "transaction_timestamp": "timestamptz",
    "statement_timestamp": "timestamptz",
    "clock_timestamp": "timestamptz",
    "to_timestamp": "timestamptz",
    "make_timestamptz": "timestamptz",
    "make_timestamp": "timestamp",
    "make_date": "date",
    "to_date": "date",
    "make_interval": "interval",
    "extract": "numeric",
    "date_part": "float8",
    "floor": "numeric",
    "ceil": "numeric",
    "round": "numeric",
    "count": "int8",
    "current_setting": "text",
    "to_char": "text",
    "random": "float8",
}
# These return the type of the argument in this place.
SAME_TYPE = {"coalesce": 0, "greatest": 0, "least": 0, "max": 0, "min": 0, "date_trunc": 1, "time_bucket": 1}
SQL_VALUES = {  # SVFOP_*: the functions that SQL spells without parentheses
    "SVFOP_CURRENT_DATE": "date",
    "SVFOP_CURRENT_TIMESTAMP": "timestamptz",
    "SVFOP_CURRENT_TIMESTAMP_N": "timestamptz",
    "SVFOP_LOCALTIMESTAMP": "timestamp",
    "SVFOP_LOCALTIMESTAMP_N": "timestamp",
    "SVFOP_CURRENT_TIME": "timetz",
    "SVFOP_LOCALTIME": "time",
}
AGGREGATES = frozenset(
    [
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "first",
        "last",
        "array_agg",
        "string_agg",
        "bool_and",
        "bool_or",
        "every",
        "json_agg",
        "jsonb_agg",
        "json_object_agg",
        "jsonb_object_agg",
        "bit_and",
        "bit_or",
        "bit_xor",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "variance",
        "var_pop",
        "var_samp",
        "corr",
        "covar_pop",
        "covar_samp",
        "regr_slope",
        "regr_count",
        "regr_intercept",
        "regr_r2",
        "mode",
        "percentile_cont",
        "percentile_disc",
        "histogram",
        "xmlagg",
        "range_agg",
        "range_intersect_agg",
        "any_value",
        "counter_agg",
        "time_weight",
        "stats_agg",
        "percentile_agg",
        "approx_percentile_agg",
        "uddsketch",
        "tdigest",
        "hyperloglog",
        "candlestick_agg",
        "approx_count_distinct",
        "locf",
        "interpolate",
        "rollup",
    ]
)
RANGES = frozenset(["tstzrange", "tsrange", "daterange", "int8range", "int4range"])
NAMES_OF_TYPES = {
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "bigint": "int8",
    "integer": "int4",
    "int": "int4",
    "smallint": "int2",
    "double precision": "float8",
    "float": "float8",
    "real": "float4",
    "decimal": "numeric",
}
INTEGERS = frozenset({"int2", "int4", "int8"})
FRACTIONS = frozenset({"numeric", "float4", "float8"})
TIMES = frozenset({"timestamptz", "timestamp", "date"})
# Functions of many rows, which keep a subquery from being pulled up.
SETS = frozenset(["generate_series", "unnest", "regexp_split_to_table", "jsonb_array_elements", "json_array_elements"])
# Every name that means something to the linter: what a statement calls otherwise is a name like any other.
MEANT = frozenset(
    [*VOLATILE, *STABLE, *RETURNS, *RETURNS.values(), *SAME_TYPE, *SQL_VALUES.values(), *AGGREGATES, *RANGES, *SETS]
    + [*INTEGERS, *FRACTIONS, *TIMES, "time_bucket", "interval", "public", "pg_catalog"]
    + [word for name, plain in NAMES_OF_TYPES.items() for word in (*name.split(), plain)]
    + [f"column{number}" for number in range(1, 100)]  # of VALUES
)


def type_name(name: str) -> str:
    """PostgreSQL's inner name of a type: `timestamp with time zone` and `TIMESTAMPTZ` alike."""
    plain = " ".join(name.lower().split()).removeprefix("pg_catalog.")
    return NAMES_OF_TYPES.get(plain, plain)
