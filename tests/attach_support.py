"""A table to attach, and whether it was."""

from __future__ import annotations

from typing import Any

import pytest

from convert_support import Outcome, Session
from tsmigrate.capability import Edition
from tsmigrate.catalog.relation import Relation

community = pytest.mark.edition(Edition.COMMUNITY)
READINGS = Relation("public", "readings")


def object_of(session: Session, table: Relation) -> Any:
    """What it is to the server: the same object, in the same file."""
    return session.rows(f"SELECT oid, relfilenode FROM pg_class WHERE oid = $x${table}$x$::regclass")


def attached(outcome: Outcome) -> bool:
    return not any("copied" in notice for notice in outcome.notices)


KEYED = """
CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY, ts timestamptz, v int, PRIMARY KEY (id, ts));
INSERT INTO readings (ts, v) SELECT '2026-01-01'::timestamptz + n * interval '1 hour', n FROM generate_series(1, 100) n;
"""
LATER = "INSERT INTO readings (ts) SELECT '2030-01-01'::timestamptz + n * interval '1 day' FROM generate_series(1, 5) n"
