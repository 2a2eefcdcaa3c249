"""A role that may create in the schema public, and lays traps there for whoever has that schema in the search_path.

PostgreSQL takes the function or operator whose types fit best, wherever it stands: one for the very types of a call
goes before pg_catalog's for any type. A trap would do anything in the name of whoever runs into it; ours count, by a
sequence, which no rollback takes back.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from tsmigrate.sql import identifier

TYPES = (
    "text",
    "name",
    "integer",
    "bigint",
    "regclass",
    "oid",
    "regtype",
    "boolean",
    "timestamptz",
    "interval",
    "jsonb",
)
FUNCTIONS = {
    **dict.fromkeys(("quote_ident", "quote_literal", "to_jsonb", "count", "array_agg", "jsonb_agg", "to_regclass"), 1),
    **dict.fromkeys(("format", "jsonb_build_object", "array_position", "hashtextextended", "power", "round"), 2),
    **dict.fromkeys(("set_config", "format", "array_position"), 3),
}
FIXED = (
    "format(text, text, text, text)",
    "format(text, name, name, text)",
    "format(text, text, text)",
    "format(text, name, name)",
    "format(text, text, text, text, text)",
    "hashtextextended(text, integer)",
    "power(integer, integer)",
    "array_position(text[], text)",
    'array_position(text[], "char")',
    "jsonb_build_object(text, text, text, bigint, text, boolean)",
    "jsonb_build_object(text, text, text, text, text, bigint, text, bigint)",
    "jsonb_build_object(text, text)",
    "make_interval(double precision)",
    "pg_try_advisory_lock(integer)",
    "string_agg(name, text)",
)
OPERATORS = ("=", "<>", "<", "<=", ">", ">=", "||", "+", "-", "*")
LAY = """
DO $$
DECLARE
  body text := 'BEGIN PERFORM nextval(''public.sprung''); RETURN NULL; END';
  trap text;
BEGIN
  FOREACH trap IN ARRAY ARRAY[{functions}] LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION public.%s RETURNS text LANGUAGE plpgsql AS %L', trap, body);
    EXCEPTION WHEN duplicate_function THEN NULL;
    END;
  END LOOP;
  FOREACH trap IN ARRAY ARRAY[{operators}] LOOP
    EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS boolean LANGUAGE plpgsql AS %L',
                   'op ' || trap, split_part(trap, ' ', 2), body);
    EXECUTE format('CREATE OPERATOR public.%s (FUNCTION = public.%I, LEFTARG = %s, RIGHTARG = %s)',
                   split_part(trap, ' ', 1), 'op ' || trap, split_part(split_part(trap, ' ', 2), ',', 1),
                   split_part(split_part(trap, ' ', 2), ',', 2));
  END LOOP;
END $$
"""


def _traps() -> list[str]:
    return [
        *FIXED,
        *(
            f"{name}({', '.join(types)})"
            for name, count in FUNCTIONS.items()
            for types in product(TYPES, repeat=min(count, 2))
        ),
    ]


def lay(migration: Any, role: str) -> None:
    owner = identifier(role)
    pairs = [(one, other) for one, other in product(TYPES, repeat=2) if one != other]
    migration.execute(
        f"CREATE ROLE {owner}",
        f"GRANT CREATE ON SCHEMA public TO {owner}",
        f"SET ROLE {owner}",
        "SET LOCAL search_path = pg_catalog",
        LAY.format(
            functions=", ".join(f"'{trap}'" for trap in _traps()),
            operators=", ".join(f"'{sign} {one},{other}'" for sign in OPERATORS for one, other in pairs),
        ),
        # And tables that a catalog could be taken for.
        *(f"CREATE TABLE public.{name} (x int)" for name in ("pg_class", "pg_namespace", "pg_extension", "policy")),
        "CREATE SEQUENCE public.sprung",
        "GRANT ALL ON public.sprung TO PUBLIC",
        "RESET ROLE",
    )


def sprung(migration: Any) -> bool:
    return bool(migration.value("SELECT is_called FROM public.sprung"))


def clear(migration: Any, role: str) -> None:
    owner = identifier(role)
    migration.execute(f"DROP OWNED BY {owner} CASCADE", f"DROP ROLE {owner}")
