"""One way to name the database, and no password in any output."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsmigrate.errors import UsageError
from tsmigrate.url import parse, resolve, shown, without_passwords

PASSWORD = "s3cr3t-Ünïque"


def no_sandbox() -> None:
    return None


@pytest.fixture
def ini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose alembic.ini names a database; the current folder is that project."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "alembic.ini"
    path.write_text("[alembic]\nsqlalchemy.url = postgresql://ini@h/d\n")
    return path


def test_the_order_is_option_environment_configuration_sandbox(ini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSMIGRATE_URL", "postgresql://own@h/d")
    monkeypatch.setenv("DATABASE_URL", "postgresql://common@h/d")

    def user(given: str | None = None) -> str | None:
        return resolve(given, ini=ini, sandbox=lambda: "postgresql://sandbox@h/d").url.username

    assert user("postgresql://option@h/d") == "option"
    assert user() == "own"
    monkeypatch.delenv("TSMIGRATE_URL")
    assert user() == "common"
    monkeypatch.delenv("DATABASE_URL")
    assert user() == "ini"
    ini.write_text("[alembic]\n")
    assert user() == "sandbox"


def test_pyproject_names_a_database_and_the_ini_file_wins_over_it(ini: Path) -> None:
    (ini.parent / "pyproject.toml").write_text('[tool.alembic]\n"sqlalchemy.url" = "postgresql://toml@h/d"\n')
    assert resolve(None, sandbox=no_sandbox).url.username == "ini"
    ini.unlink()
    assert resolve(None, sandbox=no_sandbox).url.username == "toml"


def test_no_database_named_says_three_ways_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        resolve(None, sandbox=no_sandbox)
    for way in ("--url", "TSMIGRATE_URL", "tsmigrate sandbox up"):
        assert way in caught.value.mend


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_plain_scheme_means_psycopg2(scheme: str) -> None:
    assert parse(f"{scheme}://u@h/d").drivername == "postgresql+psycopg2"


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_a_named_driver_is_left_as_given(driver: str) -> None:
    assert parse(f"{driver}://u@h/d").drivername == driver


def test_a_socket_url_keeps_its_folder_and_is_shown_readably() -> None:
    for text in ("postgresql://u@/d?host=/run/pg&port=5433", "postgresql://u@/d?host=%2Frun%2Fpg&port=5433"):
        url = parse(text)
        assert url.query["host"] == "/run/pg"
        assert shown(url) == "postgresql://u@/d?host=/run/pg&port=5433"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "postgres:/h/d",
        f"postgres//u:{PASSWORD}@h/d",
        f"postgresql://u:{PASSWORD}@h:port/d",
        f"postgresql://u:{PASSWORD}@part@h/d",
        f"mysql://u:{PASSWORD}@h/d",
    ],
)
def test_a_malformed_url_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "--url")
    said = f"{caught.value.message} {caught.value.mend}"
    assert "--url" in said
    assert "postgresql://user@host:5432/database" in said
    assert PASSWORD not in said


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12))
def test_no_password_is_ever_shown(noise: str) -> None:
    """Escaped or not: what stands between the colon and the host is shown by no message."""
    password = f"{PASSWORD}{noise}{PASSWORD}"
    try:
        said = shown(parse(f"postgresql://user:{password}@host/db"))
    except UsageError as error:
        said = f"{error.message} {error.mend}"
    assert PASSWORD not in said


@pytest.mark.parametrize(
    "text",
    [
        f'could not parse "postgresql://u:{PASSWORD}@h/d"',
        f"connection to postgres://u:{PASSWORD}@h failed",
        f"dsn: host=h user=u password={PASSWORD} dbname=d",
        f"password = '{PASSWORD}'",
        f"https://h/?sslpassword={PASSWORD}&x=1",
    ],
)
def test_a_password_is_taken_out_of_text_from_elsewhere(text: str) -> None:
    assert PASSWORD not in without_passwords(text)
    assert "***" in without_passwords(text)


def test_a_password_in_the_query_is_hidden() -> None:
    assert shown(parse(f"postgresql://u@h/d?password={PASSWORD}&x=1")) == "postgresql://u@h/d?password=***&x=1"
