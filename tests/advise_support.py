"""Tables that look large to the catalogs, and the advice on them."""

from __future__ import annotations

from dataclasses import dataclass

from tsmigrate import connect
from tsmigrate.advise.advice import Advice, advise
from tsmigrate.advise.evidence import Evidence
from tsmigrate.advise.gather import gather
from tsmigrate.advise.judge.reason import Reason
from tsmigrate.sql import literal, raw
from tsmigrate.url import DatabaseUrl

FIVE_THOUSAND = "generate_series(1, 5000) AS n"
EVENTS = """
CREATE TABLE events (id bigint PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), device int, value float8);
CREATE INDEX events_created_at ON events (created_at);
CREATE INDEX events_device ON events (device, created_at);
"""
FILL = f"""
INSERT INTO events SELECT n, now() - (5000 - n) * interval '30 minutes', n % 10, n FROM {FIVE_THOUSAND};
"""
"""Of the last 104 days, 48 a day."""


@dataclass(frozen=True)
class Desk:
    database: DatabaseUrl

    def run(self, *statements: str) -> None:
        with connect.connection(self.database) as connection:
            for statement in statements:
                connection.execute(raw(statement))
            connection.commit()

    def large(self, table: str, rows: int = 50_000_000) -> None:
        """ANALYZE it, and let the catalogs say that it has so many rows."""
        self.run(
            f"ANALYZE {table}",
            f"UPDATE pg_class SET reltuples = {rows} WHERE oid = {literal(table)}::regclass",
        )

    def evidence(self) -> Evidence:
        with connect.connection(self.database) as connection:
            return gather(connection, lambda _step: None)

    def advice(self, memory: int | None = None) -> dict[str, Advice]:
        return {advice.table.relation.name: advice for advice in advise(self.evidence(), memory)}


def said(reasons: tuple[Reason, ...]) -> str:
    return "\n".join(reason.text for reason in reasons)
