"""What went wrong with a server is told in a line."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError

from tsmigrate.connect import reason_given


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("\nno route\nto host\n"), "no route"),
        (DBAPIError("SELECT 1", {}, OSError("closed: password=secret")), "closed: password=***"),
        (DBAPIError("SELECT 1", {}, OSError()), "no reason given"),
    ],
)
def test_the_reason_of_an_error_is_one_line_even_where_the_driver_gives_none(error: Exception, told: str) -> None:
    assert reason_given(error) == told
