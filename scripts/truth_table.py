"""Run the cases of the truth table against live servers and write down what each excluded.

Usage: python scripts/truth_table.py [--check] [--sql FILE]
Starts a throwaway server of each edition found. --check compares instead of writing. --sql prints the verdict of each
line of a file (`table: statement`) instead of running the cases.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tsmigrate import capability, connect, sandbox
from tsmigrate.capability import Edition
from tsmigrate.errors import SandboxError
from tsmigrate.lint import truth
from tsmigrate.lint.target import Release, Target
from tsmigrate.lint.truth import Case
from tsmigrate.url import resolve

_EXCLUDED = re.compile(r"Chunks excluded during (startup|runtime): (\d+)")
_CHUNK = re.compile(r"(_hyper_(\d+)_\d+_chunk)\b")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file, do not write it")
    parser.add_argument("--sql", type=Path, help="judge these statements instead")
    options = parser.parse_args()
    cases, different = truth.cases(), 0
    for target, connection in servers():
        first_day = prepared(connection)
        if options.sql:
            for line in options.sql.read_text().splitlines():
                table, _, sql = line.partition(":")
                if sql:
                    found = verdict(connection, Case("", table, sql.strip(), (), (), {}, None), first_day)
                    print(f"{target}  {found:13} {table}: {sql.strip()}")
            continue
        column = truth.column(target)
        replayed = []
        for case in cases:
            found = verdict(connection, case, first_day)
            if found != case.verdicts.get(column):
                different += 1
                print(f"{target}: {case.name}: {case.verdicts.get(column)} in the file, {found} on the server")
            replayed.append(replace(case, verdicts={**case.verdicts, column: found}))
        cases = replayed
        print(f"{target}: {len(cases)} cases")
    if not (options.check or options.sql):
        truth.CASES.write_text("".join(truth.written(case) + "\n" for case in cases))
    return 1 if different and options.check else 0


def servers() -> Iterator[tuple[Target, Connection]]:
    """A connection to a fresh database of each edition found."""
    for edition in Edition:
        try:
            url = sandbox.up(f"truth-{edition}", edition=edition).url
        except SandboxError as error:
            print(f"no server of the {edition} edition: {error.message}", file=sys.stderr)
            continue
        try:
            with connect.connection(
                resolve(url, sandbox=sandbox.running_url), isolation_level="AUTOCOMMIT"
            ) as connection:
                server = capability.ask(connection)
                connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS timescaledb")
                installed = capability.ask(connection).timescale.installed
                assert installed
                yield Target(server.postgres.major, Release(installed.major, installed.minor)), connection
        finally:
            sandbox.down(f"truth-{edition}")


def prepared(connection: Connection) -> datetime:
    """The tables filled; the day of the first row."""
    connection.exec_driver_sql("SET timezone = 'UTC'")
    cursor = connection.connection.cursor()
    cursor.execute(truth.SETUP.read_text())
    cursor.execute("SELECT date_trunc('day', min(time)) FROM ht")
    [[first_day]] = cursor.fetchall()
    return first_day.astimezone(UTC)


def verdict(connection: Connection, case: Case, first_day: datetime) -> str:
    """When the chunks of the case's table were excluded. What the statement writes is undone."""
    cursor = connection.connection.cursor()
    cursor.execute("BEGIN")
    try:
        for one in (*case.settings, *case.prepare):
            cursor.execute(truth.filled(one, first_day))
        cursor.execute("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) " + truth.filled(case.sql, first_day))
        plan = [line for (line,) in cursor.fetchall()]
        cursor.execute(
            "SELECT h.id, count(*) FROM _timescaledb_catalog.hypertable h JOIN pg_inherits i "
            "ON i.inhparent = format('%%I.%%I', h.schema_name, h.table_name)::regclass "
            "WHERE h.table_name = %s GROUP BY 1",
            [case.table],
        )
        [(hypertable, chunks)] = cursor.fetchall()
    except DBAPIError:
        return truth.ERROR
    except Exception as error:
        if type(error).__module__.startswith("psycopg2"):
            return truth.ERROR
        raise
    finally:
        cursor.execute("ROLLBACK")
        cursor.execute("DEALLOCATE ALL")
    return read(plan, hypertable, chunks)


def read(plan: list[str], hypertable: int, chunks: int) -> str:
    """The verdict of a plan's text."""
    planned, executed = set(), set()
    excluded = {"startup": 0, "runtime": 0}
    pending: list[tuple[str, int]] = []
    for line in plan:
        for kind, number in _EXCLUDED.findall(line):
            pending.append((kind, int(number)))
        for name, owner in _CHUNK.findall(line):
            if int(owner) != hypertable or not re.search(r"(Scan|on) .*" + name, line):
                continue
            planned.add(name)
            if "never executed" not in line:
                executed.add(name)
            for kind, number in pending:
                excluded[kind] += number
            pending = []
    if any("ChunkAppend" in line for line in plan) and pending and not planned:
        for kind, number in pending:
            excluded[kind] += number
    found = []
    if len(planned) + excluded["startup"] < chunks:
        found.append("PLAN")
    if excluded["startup"]:
        found.append("STARTUP")
    if excluded["runtime"] or len(executed) < len(planned):
        found.append("RUNTIME")
    return "+".join(found) or truth.NONE


if __name__ == "__main__":
    sys.exit(main())
