"""A database, and what is advised on it."""

from __future__ import annotations

import pytest

from advise_support import Desk
from tsmigrate.url import DatabaseUrl


@pytest.fixture
def desk(database: DatabaseUrl) -> Desk:
    return Desk(database)
