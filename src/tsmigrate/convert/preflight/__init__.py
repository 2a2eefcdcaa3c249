"""What a conversion would meet: `tsmigrate preflight` tells all of it, `create_hypertable` refuses by a part of it."""

from __future__ import annotations

from tsmigrate.convert.preflight.check import checks, refusals, warnings
from tsmigrate.convert.preflight.report import Report, examine
from tsmigrate.convert.preflight.subject import Request

__all__ = ["Report", "Request", "checks", "examine", "refusals", "warnings"]
