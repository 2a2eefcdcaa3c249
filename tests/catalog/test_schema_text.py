"""The schema's text is pg_dump's, repeatable, and safe to make."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsmigrate.catalog import dump
from tsmigrate.catalog.ids import Ids
from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.sql import identifier
from tsmigrate.url import DatabaseUrl, parse

NASTY = (Path(__file__).parent / "nasty.sql").read_text()
Run = Callable[..., None]
VARYING = ("\\restrict ", "\\unrestrict ", "-- Dumped ")


def schema_text(database: DatabaseUrl, pg_dump: str, **options: str) -> str:
    return Snapshot.take(database, pg_dump, **options).schema


def plain_dump(database: DatabaseUrl, pg_dump: str) -> list[str]:
    """pg_dump's own words, line by line."""
    url = database.url
    address = f"host={url.query['host']} port={url.query['port']} user={url.username} dbname={url.database}"
    return subprocess.check_output([pg_dump, "--schema-only", "--dbname", address], text=True).split("\n")


def test_without_timescaledb_it_is_what_pg_dump_says_but_for_the_varying_lines(
    plain_database: DatabaseUrl, run: Run, pg_dump: str
) -> None:
    run(plain_database, NASTY)
    said, text = plain_dump(plain_database, pg_dump), schema_text(plain_database, pg_dump).split("\n")
    body = said.index("SET statement_timeout = 0;")
    end = said.index("-- PostgreSQL database dump complete")
    assert "\n".join(said[body:end]) in "\n".join(text)
    head_and_tail = [line for line in said[:body] + said[end:] if not line.startswith(VARYING)]
    assert text[: text.index(said[body])] + text[text.index(said[end]) :] == head_and_tail


def test_a_nasty_schema_is_the_same_after_dump_and_restore(
    plain_database: DatabaseUrl, new_database: Callable[[], DatabaseUrl], run: Run, pg_dump: str
) -> None:
    run(plain_database, NASTY)
    text = schema_text(plain_database, pg_dump)
    restored = new_database()
    run(restored, text)
    assert schema_text(restored, pg_dump) == text


def test_two_dumps_of_one_database_are_equal(database: DatabaseUrl, pg_dump: str) -> None:
    assert schema_text(database, pg_dump) == schema_text(database, pg_dump)


@pytest.mark.parametrize("name", ["alembic_version", 'odd "*.name', "é" * 31])
def test_the_version_table_is_left_out_in_any_schema(
    plain_database: DatabaseUrl, run: Run, pg_dump: str, name: str
) -> None:
    run(plain_database, "CREATE SCHEMA elsewhere")
    before = schema_text(plain_database, pg_dump)
    for schema in ("public", "elsewhere"):
        run(
            plain_database,
            f"CREATE TABLE {schema}.{identifier(name)} (version_num varchar(32) NOT NULL PRIMARY KEY)",
            f"COMMENT ON TABLE {schema}.{identifier(name)} IS 'not ours'",
        )
    assert schema_text(plain_database, pg_dump, version_table=name) == before


def test_an_older_pg_dump_is_refused_with_the_version_to_use(
    database: DatabaseUrl, older_pg_dump: str, server_major: int
) -> None:
    with pytest.raises(BlockedError, match="an older pg_dump does not know") as refused:
        schema_text(database, older_pg_dump)
    assert f"PostgreSQL {server_major} or later" in refused.value.mend


def test_a_program_that_is_missing_or_another_is_wrong_use(database: DatabaseUrl, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot run"):
        schema_text(database, str(tmp_path / "pg_dump"))
    with pytest.raises(UsageError, match="not PostgreSQL's pg_dump"):
        schema_text(database, "echo")


def test_a_dump_that_fails_says_what_pg_dump_says(database: DatabaseUrl, run: Run, pg_dump: str) -> None:
    run(database, "CREATE ROLE sees_nothing", "CREATE TABLE hidden (x int)")
    as_role = database.url.update_query_dict({"options": "-c role=sees_nothing"})
    try:
        with pytest.raises(BlockedError, match="permission denied for table hidden"):
            schema_text(DatabaseUrl(as_role, source="the test"), pg_dump)
    finally:
        run(database, "DROP ROLE sees_nothing")


def recorder(folder: Path, pg_dump: str) -> Path:
    """A program that notes how it was called, then becomes pg_dump."""
    program = folder / "noting_pg_dump"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {folder}/arguments\n'
        f'printf "%s\\n" "$PGPASSWORD" >> {folder}/password\nexec {pg_dump} "$@"\n'
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("as_parameter", [False, True])
def test_a_password_reaches_pg_dump_but_never_its_command_line(
    database: DatabaseUrl, pg_dump: str, tmp_path: Path, as_parameter: bool
) -> None:
    url = database.url
    secret = "s3cr3t@'\\ x"
    url = url.update_query_dict({"password": secret}) if as_parameter else url.set(password=secret)
    schema_text(DatabaseUrl(url, source="the test"), str(recorder(tmp_path, pg_dump)))
    assert "s3cr3t" not in (tmp_path / "arguments").read_text()
    assert secret in (tmp_path / "password").read_text().splitlines()


def test_a_secret_that_only_the_command_line_could_carry_is_refused(database: DatabaseUrl, pg_dump: str) -> None:
    url = DatabaseUrl(database.url.update_query_dict({"sslpassword": "s3cr3t"}), source="the test")
    with pytest.raises(UsageError, match="without showing it") as refused:
        schema_text(url, pg_dump)
    assert "s3cr3t" not in str(refused.value)


def test_the_parameters_of_the_url_are_honoured(database: DatabaseUrl, pg_dump: str, tmp_path: Path) -> None:
    wanted = {"passfile": str(tmp_path / "it's here"), "sslmode": "prefer", "options": "-c search_path=pg_catalog"}
    url = DatabaseUrl(database.url.update_query_dict(wanted), source="the test")
    schema_text(url, str(recorder(tmp_path, pg_dump)))
    address = (tmp_path / "arguments").read_text()
    assert "sslmode='prefer'" in address
    assert "it\\'s here" in address
    assert f"host='{database.url.query['host']}'" in address


def test_several_hosts_are_handed_on() -> None:
    url = parse("postgresql://me:hush@/db?host=first:5433&host=second:5434")
    address = dump._address(DatabaseUrl(url, source="the test"))
    assert "host='first,second'" in address
    assert "port='5433,5434'" in address
    assert "hush" not in address


@given(st.text())
def test_without_hypertables_no_definition_is_touched(definition: str) -> None:
    definition += "_materialized_hypertable_1 cagg_watermark(1)"
    assert Ids({}).named(definition) == definition


@given(st.integers(1, 2000), st.integers(1, 2000))
def test_names_stand_where_known_numbers_were_and_other_numbers_stay(known: int, other: int) -> None:
    text = f"x_materialized_hypertable_{known} _materialized_hypertable_{other}_b_idx cagg_watermark({other})"
    name = "s.agg" if known == other else str(other)
    expected = f"x_materialized_hypertable_{known} _materialized_hypertable_{name}_b_idx cagg_watermark({name})"
    assert Ids({known: "s.agg"}).named(text) == expected


def test_the_number_in_the_trigger_of_older_versions_is_named() -> None:
    trigger = "EXECUTE FUNCTION _timescaledb_functions.continuous_agg_invalidation_trigger('{}');"
    assert Ids({12: "sms.sent"}).named(trigger.format(12)) == trigger.format("sms.sent")
