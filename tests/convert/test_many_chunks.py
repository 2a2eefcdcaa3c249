"""A hypertable of 5,000 chunks goes back where the server's lock table has room, and is left alone where it has not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from convert_support import Session, block, plain
from tsmigrate import sandbox
from tsmigrate.capability import Edition
from tsmigrate.plpgsql import REFUSED
from tsmigrate.sandbox import Sandbox, cluster
from tsmigrate.url import DatabaseUrl, parse

CHUNKS = 5_000
AT_ONCE = 250  # chunks that one transaction makes on a lock table of PostgreSQL's default size
# Chunk and index of each, and a tenth more, on 100 connections.
ENOUGH = 110


@pytest.fixture
def ordinary(edition: Edition, engine: object) -> Iterator[Sandbox]:
    """A server with PostgreSQL's own setting, where a sandbox has a larger one."""
    settings = {"max_locks_per_transaction": "64", "timescaledb.max_background_workers": "0"}
    yield sandbox.up("ordinary", edition=edition, settings=settings)
    sandbox.down("ordinary")


def restarted(server: Sandbox, locks: int) -> None:
    cluster.stop(server, at_once=False)
    cluster.start(replace(server, settings={**server.settings, "max_locks_per_transaction": str(locks)}), tcp=False)


def test_five_thousand_chunks_go_back_with_the_lock_table_that_the_refusal_asks_for(ordinary: Sandbox) -> None:
    session = Session(DatabaseUrl(parse(ordinary.url), source="the test"))
    session.run(
        "CREATE EXTENSION timescaledb",
        "CREATE TABLE readings (ts timestamptz NOT NULL, v int); CREATE INDEX ON readings (v)",
        block(interval="1 hour", default_indexes=False),
    )
    for first in range(0, CHUNKS, AT_ONCE):
        numbers = f"generate_series({first}, {first + AT_ONCE - 1})"
        session.run(
            f"INSERT INTO readings SELECT '2025-01-06'::timestamptz + i * interval '1 hour', i FROM {numbers} i"
        )

    refused = session.attempt(plain())
    assert refused.code == REFUSED
    assert "it has 5000 chunks" in refused.message
    assert "room for 6400 locks where 10000 are needed" in refused.message
    (wanted,) = re.findall(r"max_locks_per_transaction to (\d+) or more", refused.hint)
    assert int(wanted) == ENOUGH
    chunks = "SELECT num_chunks FROM timescaledb_information.hypertables"
    assert session.value(chunks) == CHUNKS

    restarted(ordinary, int(wanted))
    session.run(plain())
    assert session.rows(chunks) == []
    assert session.rows("SELECT count(*), sum(v) FROM readings") == [(CHUNKS, sum(range(CHUNKS)))]
