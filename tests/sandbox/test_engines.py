"""Engines are found in the documented order, and a folder that is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support import Run
from tsmigrate.capability import Edition
from tsmigrate.errors import SandboxError, UsageError
from tsmigrate.sandbox import debian, engines
from tsmigrate.sandbox.engines import Engine, Origin


def choose(edition: Edition | None, **options: Path) -> Engine:
    return engines.choose(edition, progress=lambda *_: None, **options)


def test_the_named_engine_comes_first(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engines.found(engine.bin)[0].origin is Origin.NAMED
    monkeypatch.setenv(engines.PG_BIN, str(engine.bin))
    assert choose(None).bin == engine.bin


def test_no_engine_is_listed_twice(engine: Engine) -> None:
    folders = [found.bin.resolve() for found in engines.found(engine.bin)]
    assert len(folders) == len(set(folders))


def test_what_is_said_of_an_engine_is_what_its_server_says(engine: Engine) -> None:
    assert str(engine) == f"PostgreSQL {engine.postgres.major}.{engine.postgres.minor}, TimescaleDB " + (
        f"{engine.timescaledb} {engine.edition}"
    )
    assert "timescaledb" in engine.preloadable


def test_a_named_engine_of_the_other_edition_is_refused(engine: Engine) -> None:
    other = next(edition for edition in Edition if edition is not engine.edition)
    with pytest.raises(SandboxError, match=f"has the {engine.edition} edition, not {other}"):
        choose(other, pg_bin=engine.bin)


@pytest.mark.parametrize("folder", ["/nowhere", "/usr/bin", "/etc/passwd"])
def test_a_folder_without_an_engine_is_refused(folder: str) -> None:
    with pytest.raises(UsageError, match="is not the program folder"):
        engines.found(Path(folder))


def test_an_engine_without_timescaledb_is_none(plain_engine: Engine) -> None:
    assert engines.inspect(plain_engine.bin, Origin.NAMED) is None


def test_none_found_and_none_to_fetch_says_the_ways_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engines, "found", lambda _named=None: [])
    monkeypatch.setattr(debian, "unusable", lambda: "this is not a Debian machine")
    for edition in (None, *Edition):
        with pytest.raises(SandboxError) as refused:
            choose(edition)
        for way in ("package", "docker compose up", "--url"):
            assert way in refused.value.mend


def test_the_list_is_readable_by_programs(engine: Engine, tsmigrate: Run) -> None:
    done = tsmigrate("sandbox", "engines", "--format", "json")
    listed = json.loads(done.stdout)["summary"]["engines"]
    assert {"edition": str(engine.edition), "bin": str(engine.bin)}.items() <= next(
        entry for entry in listed if entry["bin"] == str(engine.bin)
    ).items()
