"""What strings of programs have in common: which of them read as statements."""

from __future__ import annotations

import re

from tsmigrate.lint.sql.placeholders import Offsets

STATEMENT = re.compile(
    rb"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*"
    rb"(?:select|insert\s+into|update|delete\s+from|with|merge\s+into|copy\s*\(|explain|create|alter\s+table|do\s+\$"
    rb"|prepare|declare)\b",
    re.IGNORECASE | re.DOTALL,
)
NUMBERED = re.compile(rb"\$\d")  # $1: bound by the server, not by the driver


def offsets_from(offsets: Offsets, start: int) -> Offsets:
    """The offsets of the text that begins at `start`."""
    return Offsets(start, tuple(at - start for at in offsets.at), offsets.add)
