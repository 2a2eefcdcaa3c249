"""Words that several test modules share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from tsmigrate.catalog.snapshot import Snapshot
from tsmigrate.url import DatabaseUrl, parse

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Take = Callable[[DatabaseUrl], Snapshot]
Prepared = Callable[[str, Callable[[DatabaseUrl], None]], DatabaseUrl]


@dataclass(frozen=True)
class TestServer:
    """Where a server is, in the words that pytest-postgresql's `depends_on` reads."""

    __test__ = False

    host: str
    port: int
    user: str
    password: str | None
    options: str = ""
    maintenance_dbname: str = "postgres"
    template_dbname: str | None = None

    @classmethod
    def at(cls, text: str) -> TestServer:
        url = parse(text)
        host = url.host or str(url.query["host"])
        port = url.port or int(str(url.query.get("port", 5432)))
        return cls(host=host, port=port, user=url.username or "postgres", password=url.password)

    def database(self, name: str) -> DatabaseUrl:
        password = f":{self.password}" if self.password else ""
        text = f"postgresql://{self.user}{password}@/{name}?host={self.host}&port={self.port}"
        return DatabaseUrl(parse(text), source="the test")
