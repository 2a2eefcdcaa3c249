"""A hypertable of many chunks goes back where the server's lock table has room, and is left alone where it has not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from convert_support import Session, block, plain
from tsmigrate import sandbox
from tsmigrate.capability import Edition
from tsmigrate.plpgsql import REFUSED
from tsmigrate.sandbox import Sandbox, cluster
from tsmigrate.url import DatabaseUrl, parse


@dataclass(frozen=True)
class Case:
    """A server, a hypertable on it, and what its lock table lacks and needs."""

    connections: int
    locks: int  # a connection, before
    chunks: int
    at_once: int  # chunks that one transaction makes there
    enough: int  # locks a connection: chunk and index of each, and a tenth more


SMALL = Case(connections=20, locks=20, chunks=500, at_once=25, enough=55)
# With PostgreSQL's own setting, where a sandbox has a larger one.
LARGE = Case(connections=100, locks=64, chunks=5_000, at_once=250, enough=110)


@pytest.fixture(params=[SMALL, pytest.param(LARGE, marks=pytest.mark.slow)], ids=["small", "large"])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def ordinary(edition: Edition, engine: object, case: Case) -> Iterator[Sandbox]:
    settings = {
        "max_connections": str(case.connections),
        "max_locks_per_transaction": str(case.locks),
        "max_prepared_transactions": "0",
        "timescaledb.max_background_workers": "0",
    }
    yield sandbox.up("ordinary", edition=edition, settings=settings)
    sandbox.down("ordinary")


def restarted(server: Sandbox, locks: int) -> None:
    cluster.stop(server, at_once=False)
    cluster.start(replace(server, settings={**server.settings, "max_locks_per_transaction": str(locks)}), tcp=False)


def test_many_chunks_go_back_with_the_lock_table_that_the_refusal_asks_for(ordinary: Sandbox, case: Case) -> None:
    session = Session(DatabaseUrl(parse(ordinary.url), source="the test"))
    session.run(
        "CREATE EXTENSION timescaledb",
        "CREATE TABLE readings (ts timestamptz NOT NULL, v int); CREATE INDEX ON readings (v)",
        block(interval="1 hour", default_indexes=False),
    )
    for first in range(0, case.chunks, case.at_once):
        numbers = f"generate_series({first}, {first + case.at_once - 1})"
        session.run(
            f"INSERT INTO readings SELECT '2025-01-06'::timestamptz + i * interval '1 hour', i FROM {numbers} i"
        )

    refused = session.attempt(plain())
    assert refused.code == REFUSED
    assert f"it has {case.chunks} chunks" in refused.message
    room = case.connections * case.locks
    assert f"room for {room} locks where {2 * case.chunks} are needed" in refused.message
    (wanted,) = re.findall(r"max_locks_per_transaction to (\d+) or more", refused.hint)
    assert int(wanted) == case.enough
    chunks = "SELECT num_chunks FROM timescaledb_information.hypertables"
    assert session.value(chunks) == case.chunks

    restarted(ordinary, int(wanted))
    session.run(plain())
    assert session.rows(chunks) == []
    assert session.rows("SELECT count(*), sum(v) FROM readings") == [(case.chunks, sum(range(case.chunks)))]
