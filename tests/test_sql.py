"""Names and values reach the server as they are, whatever is in them."""

from __future__ import annotations

from textwrap import indent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tsmigrate import sql
from tsmigrate.errors import UsageError

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
NAMES = TEXT.filter(lambda name: 0 < len(name.encode()) <= sql.MAX_IDENTIFIER_BYTES)
on_one_connection = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@on_one_connection
@given(name=NAMES)
def test_an_identifier_comes_back_as_it_was(connection: Connection, name: str) -> None:
    row = connection.execute(sql.raw(f"SELECT 1 AS {sql.identifier(name)}"))
    assert list(row.keys()) == [name]


@on_one_connection
@given(value=TEXT)
@pytest.mark.parametrize("conforming", ["on", "off"])
def test_a_literal_comes_back_as_it_was(connection: Connection, value: str, conforming: str) -> None:
    connection.exec_driver_sql(f"SET standard_conforming_strings = {conforming}")
    connection.exec_driver_sql("SET escape_string_warning = off")
    assert connection.execute(sql.raw(f"SELECT {sql.literal(value)}")).scalar_one() == value


@on_one_connection
@given(body=TEXT)
def test_a_dollar_quoted_body_comes_back_as_it_was(connection: Connection, body: str) -> None:
    assert connection.execute(sql.raw(f"SELECT {sql.dollar_quoted(body)}")).scalar_one() == body


@pytest.mark.parametrize("body", ["$tsmigrate$", "$tsmigrate", "$tsmigrate$ $tsmigrate1$", "a$tsmigrate$b:c"])
def test_a_body_that_holds_the_tag_gets_another(connection: Connection, body: str) -> None:
    assert connection.execute(sql.raw(f"SELECT {sql.dollar_quoted(body)}")).scalar_one() == body


def test_colons_and_percent_signs_are_not_parameters(connection: Connection) -> None:
    statement = r"""SELECT '{"a": 5}'::json ->> 'a', 'b%s', '50%', ':name', 'x\:y', 7 % 4"""
    assert tuple(connection.execute(sql.raw(statement)).one()) == ("5", "b%s", "50%", ":name", r"x\:y", 3)


@pytest.mark.parametrize("text", ["a\nb", "a\r\n'\"\\b", "\u2028\\u0041", "\v\f\x85\n  "])
def test_indenting_a_statement_changes_nothing_in_it(connection: Connection, text: str) -> None:
    statement = indent(f"SELECT {sql.literal(text)} AS {sql.identifier(text)}", "    ")
    result = connection.execute(sql.raw(statement))
    assert list(result.keys()) == [text]
    assert result.scalar_one() == text


def test_a_name_of_63_bytes_is_kept_and_a_longer_one_refused() -> None:
    assert sql.identifier("é" * 31 + "e")
    with pytest.raises(UsageError, match="64 bytes"):
        sql.identifier("é" * 32)


@pytest.mark.parametrize("name", ["", "a\x00b"])
def test_what_postgresql_cannot_store_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        sql.identifier(name)


def test_a_qualified_name_quotes_both_parts() -> None:
    assert sql.qualified('a"b', "s.t") == '"s.t"."a""b"'
    assert sql.qualified("a") == '"a"'
