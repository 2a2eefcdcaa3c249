"""Is this server, edition, role and Alembic environment fit for tsmigrate, and what exactly is missing?"""

from __future__ import annotations

from pathlib import Path

from tsmigrate import capability, connect
from tsmigrate.capability import Server
from tsmigrate.doctor import environment, server, update
from tsmigrate.errors import BlockedError
from tsmigrate.finding import Finding, Severity
from tsmigrate.url import DatabaseUrl


def examine(database: DatabaseUrl, ini: Path | None) -> tuple[list[Finding], Server | None]:
    """All findings about `database` and the Alembic project, and the server if it answered."""
    findings: list[Finding] = []
    answered = None
    try:
        with connect.connection(database) as connection:
            answered = capability.ask(connection)
            known = update.ask(connection, answered, database)
        findings.append(Finding("connection", Severity.OK, f"reached {database} (from {database.source})"))
        findings += server.examine(answered) + update.examine(answered, known)
    except BlockedError as error:
        findings.append(Finding("connection", Severity.BLOCKER, error.message, mend=error.mend))
    return findings + environment.examine(ini), answered
