"""The whole way from a database to the report: gather, judge, look for obstacles, and try what is to be tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tsmigrate import connect
from tsmigrate.advise.advice import advise
from tsmigrate.advise.evidence import Evidence, Table
from tsmigrate.advise.gather import gather
from tsmigrate.advise.impact import impact
from tsmigrate.advise.obstacles import SECONDS, obstacles
from tsmigrate.advise.report.report import Report
from tsmigrate.advise.saving import savings
from tsmigrate.apt import Progress
from tsmigrate.errors import UsageError
from tsmigrate.url import DatabaseUrl


@dataclass(frozen=True)
class Wanted:
    schemas: Sequence[str] = ()  # of the tables to judge; none: of all
    tables: Sequence[str] = ()  # by name, with or without its schema; none: all
    fast: bool = False  # read no rows
    probe: bool = False  # compress some, in a sandbox
    source: Path | None = None  # the program whose queries are judged
    memory: int | None = None  # bytes; None: as the server says

    def __post_init__(self) -> None:
        if self.probe and self.fast:
            raise UsageError("--probe reads rows, and --fast reads none", mend="give one of the two")
        if self.source and not self.source.exists():
            raise UsageError(f"{self.source} does not exist", mend="name the folder that holds the program's source")


def analyze(database: DatabaseUrl, wanted: Wanted, progress: Progress) -> Report:
    """Nothing is written to the database."""
    with connect.connection(database) as connection:
        evidence = gather(connection, lambda step: progress(step, None))
        chosen = {table.oid for table in _chosen(evidence, wanted)}
        advices = [advice for advice in advise(evidence, wanted.memory) if advice.table.oid in chosen]
        limit = None if wanted.tables else SECONDS
        found = obstacles(connection, advices, lambda step: progress(step, None), fast=wanted.fast, limit=limit)
    saved = savings(database, advices, progress) if wanted.probe else None
    changes = impact(wanted.source, advices, database, progress) if wanted.source else None
    return Report(str(database), evidence, advices, found, saved, changes)


def _chosen(evidence: Evidence, wanted: Wanted) -> list[Table]:
    tables = list(evidence.tables.values())
    for schema in wanted.schemas:
        if not any(table.relation.schema == schema for table in tables):
            raise UsageError(
                f"there is no table in a schema {schema!r}", mend="names are case-sensitive, without quotes"
            )
    tables = [table for table in tables if not wanted.schemas or table.relation.schema in wanted.schemas]
    if not wanted.tables:
        return tables
    return [table for name in wanted.tables for table in _called(name, tables)]


def _called(name: str, tables: Sequence[Table]) -> list[Table]:
    found = [
        table for table in tables if name in (table.relation.name, f"{table.relation.schema}.{table.relation.name}")
    ]
    if not found:
        raise UsageError(f"there is no table {name!r}", mend="names are case-sensitive, without quotes")
    return found
