"""`tsmigrate preflight`: what would a table meet on its way to a hypertable?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.options import Format, Ini, OutputFormat, TableSchema, Url, database, interval_of
from tsmigrate.finding import counted_word

if TYPE_CHECKING:
    from tsmigrate.convert.estimate import Estimate
    from tsmigrate.convert.preflight import Report


def register(app: typer.Typer) -> None:
    app.command()(preflight)


def preflight(
    *,
    table: Annotated[
        str, typer.Argument(help="The table, as it is called in the catalogs: unquoted.", metavar="TABLE")
    ],
    time: Annotated[str, typer.Option("--time", metavar="COLUMN", help="The partition column.")],
    interval: Annotated[
        str | None,
        typer.Option("--interval", help="That of the chunks: '1 day', or a number for a column of numbers.  [7 days]"),
    ] = None,
    schema: TableSchema = None,
    fast: Annotated[bool, typer.Option("--fast", help="Read catalogs and statistics only, no rows.")] = False,
    url: Url = None,
    config: Ini = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Say what would stop or hurt a table's conversion to a hypertable, and what it would come to.

    Changes nothing. What `op.create_hypertable` would refuse is a blocker, in the same words. Rows are looked at by an
    index that begins with the column, or else in one scan; a sample is copied, to see how long it takes, and forgotten.
    Exit code 0: nothing stands in the way; 1: there are warnings; 3: something blocks.
    """
    from tsmigrate import connect
    from tsmigrate.catalog.relation import Relation
    from tsmigrate.cli.terminal import print_findings, print_json, progress
    from tsmigrate.convert.preflight import Request, examine
    from tsmigrate.finding import exit_code
    from tsmigrate.finding import report as document

    target = database(url, config)
    request = Request(Relation(schema, table) if schema else table, time, interval_of(interval), fast)
    with progress() as shown, connect.connection(target) as connection:
        report = examine(connection, request, lambda step: shown(step, None))
    if output is Format.JSON:
        print_json(document("preflight", report.findings, {"database": str(target), **_summary(report)}))
    else:
        print_findings(report.findings)
        print(f"\n{_predicted(report)}\n{_verdict(report)}")
    raise typer.Exit(exit_code(report.findings))


def _summary(report: Report) -> dict[str, object]:
    from tsmigrate.capability import described
    from tsmigrate.finding import Severity

    counts = Counter(finding.severity for finding in report.findings)
    rows = report.rows
    return {
        "server": described(report.server),
        "table": report.table,
        "column": report.column,
        "interval": report.interval,
        "rows": rows.counted,
        "rows_exact": rows.exact,
        "earliest": rows.earliest,
        "latest": rows.latest,
        "table_bytes": report.sizes.table,
        "index_bytes": report.sizes.indexes,
        "chunks": rows.chunks,
        "chunks_exact": rows.chunks_exact,
        "locks": report.locks,
        "lock_room": report.lock_room,
        "estimates": [_written(each) for each in _estimates(report)],
        **{f"{severity}s": counts[severity] for severity in Severity if severity is not Severity.OK},
    }


def _predicted(report: Report) -> str:
    """What the conversion comes to, as far as it is known, on short lines."""
    from tsmigrate.convert.words import size

    rows = report.rows
    lines = [f"{report.table} by {report.column}"]
    if rows.counted is not None:
        counted = f"{rows.counted:,} rows" if rows.exact else f"about {rows.counted:,} rows"
        lines.append(f"{counted}, {size(report.sizes.table)} and {size(report.sizes.indexes)} of indexes")
    if rows.earliest:
        lines.append(f"from {rows.earliest} to {rows.latest}")
    if rows.chunks is not None:
        chunks = f"{rows.chunks:,} chunks" if rows.chunks_exact else f"about {rows.chunks:,} chunks"
        lines.append(f"{chunks} of {report.interval}, {report.locks:,} of {report.lock_room:,} locks")
    lines += [f"{each.way}: {each.told}" for each in _estimates(report)]
    return "\n  ".join(lines)


def _written(estimate: Estimate) -> dict[str, object]:
    return {
        "method": estimate.way,
        "lock_seconds": [round(estimate.low, 1), round(estimate.high, 1)],
        "disk_bytes": estimate.disk,
        "wal_bytes": estimate.log,
        "tried": estimate.tried,
    }


def _estimates(report: Report) -> list[Estimate]:
    """Of each way that this server knows."""
    outlook = report.outlook
    if outlook is None:
        return []
    return [outlook.copying(), *([outlook.attaching()] if outlook.may_attach else [])]


def _verdict(report: Report) -> str:
    from tsmigrate.finding import Severity, exit_code

    counts = Counter(finding.severity for finding in report.findings)
    verdict = {0: "ready", 1: "possible, with warnings", 3: "blocked"}[exit_code(report.findings)]
    counted = (counted_word(counts[severity], severity) for severity in Severity if severity is not Severity.OK)
    return f"{verdict}: {', '.join(counted)}"
