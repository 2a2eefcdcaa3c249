"""Split a chunk that is wider than its hypertable's interval, as the one that a table was attached as.

Rows move out of it, the newest first, into chunks of the interval; what is left of it in the end is a chunk of the
interval too, and still the table that was attached. TimescaleDB's own split_chunk would write the whole chunk anew for
every cut, under one lock; here a cut reads it and writes a small part of it. See docs/measurements.md.
"""

from __future__ import annotations

from tsmigrate.convert.split.plan import Cut, Plan, Request, WideChunk, plan
from tsmigrate.convert.split.run import Done, alone, cut_all

__all__ = ["Cut", "Done", "Plan", "Request", "WideChunk", "alone", "cut_all", "plan"]
