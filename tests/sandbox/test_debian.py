"""A fetched engine is complete or absent, small, and independent of what the machine has installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import Run
from tsmigrate import apt, sandbox
from tsmigrate.capability import Edition
from tsmigrate.sandbox import debian, engines, places

pytestmark = [
    pytest.mark.fetch,
    pytest.mark.skipif(apt.unusable() is not None, reason=f"no engine can be fetched: {apt.unusable()}"),
]
MEGABYTE = 1_000_000


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache."""
    folder = Path(tempfile.mkdtemp(prefix="tsm", dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setenv(places.CACHE_DIR, str(folder))
    yield folder
    shutil.rmtree(folder)


def fetch_in_background(cache: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tsmigrate", "sandbox", "engines", "--fetch"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, places.CACHE_DIR: str(cache)},
    )


def test_a_fetched_engine_runs_a_server_stands_alone_and_is_gone_when_it_is_removed(cache: Path, state: Path) -> None:
    steps: list[str] = []
    folder = debian.fetch(lambda step, _fraction: steps.append(step))

    assert list(dict.fromkeys(steps)) == [
        "reading the package index",
        "downloading",
        "unpacking",
        "making it stand alone",
    ]
    assert sorted(path.name for path in (cache / "engines").iterdir()) == [".lock", debian.NAME]
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    assert size < 150 * MEGABYTE
    [engine] = [found for found in engines.found() if found.bin == folder]
    assert engine.edition is Edition.APACHE
    running = sandbox.up(pg_bin=folder)
    dumped = subprocess.run(
        [str(folder / "pg_dump"), running.url],
        capture_output=True,
        text=True,
        check=True,
        env=places.bare_environment(),
    )
    assert "PostgreSQL database dump complete" in dumped.stdout
    assert_loads_nothing_from_outside(folder, cache)
    sandbox.down()
    assert debian.remove()
    assert debian.fetched() == []
    assert not debian.remove()


def assert_loads_nothing_from_outside(folder: Path, cache: Path) -> None:
    traced = subprocess.run(
        [str(folder / "postgres"), "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={"LD_TRACE_LOADED_OBJECTS": "1"},
    )
    loaded = [line.split("=>")[-1].split()[0] for line in traced.stdout.splitlines() if "vdso" not in line]
    assert loaded
    assert not [path for path in loaded if not Path(path).is_relative_to(cache)]


@pytest.mark.parametrize("after", [0.5, 1.5, 2.5])
def test_a_killed_fetch_leaves_no_half_made_engine_and_the_next_one_finishes(cache: Path, after: float) -> None:
    fetching = fetch_in_background(cache)
    time.sleep(after)
    fetching.kill()
    fetching.wait()
    for found in debian.fetched():
        assert engines.inspect(found, engines.Origin.FETCHED)
    assert engines.inspect(debian.fetch(lambda *_: None), engines.Origin.FETCHED)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to make a small disk")
@pytest.mark.parametrize("megabytes", [20, 120, 160, 260], ids=lambda size: f"{size}MB")
def test_a_full_disk_is_said_and_its_room_given_back(
    cache: Path, small_disk: Callable[[Path, int], None], tsmigrate: Run, megabytes: int
) -> None:
    """While reading the index, unpacking (twice), and putting the engine together."""
    small_disk(cache, megabytes)
    done = tsmigrate("sandbox", "engines", "--fetch")
    assert done.returncode == 3
    assert "disk is full" in done.stderr or "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (cache / "engines").iterdir()] == [".lock"]


def test_two_fetches_at_once_make_one_engine(cache: Path) -> None:
    both = [fetch_in_background(cache) for _ in range(2)]
    assert [fetching.wait() for fetching in both] == [0, 0]
    assert len(debian.fetched()) == 1
