"""The sandbox to rehearse in: of an engine as like the source's server as there is."""

from __future__ import annotations

from pathlib import Path

from tsmigrate.capability import Edition, Server
from tsmigrate.sandbox import engines
from tsmigrate.sandbox.engines import Engine


def fitting(source: Server, edition: Edition | None) -> Path | None:
    """The programs of the engine to use. None: there is none of that edition yet; the sandbox knows how to get one.

    The source's own edition, where it has one and none is asked for; then its PostgreSQL or, failing that, a newer one.
    """
    wanted = edition or source.timescale.edition
    found = engines.found()
    fit = [engine for engine in found if engine.edition is wanted] or ([] if edition else found)
    if not fit:
        return None
    return min(fit, key=lambda engine: _distance(engine, source)).bin


def _distance(engine: Engine, source: Server) -> tuple[bool, int]:
    away = engine.postgres.major - source.postgres.major
    return (away < 0, abs(away))
