"""`tsmigrate doctor`: is everything here fit, and what is missing?"""

from __future__ import annotations

from collections import Counter

import typer

from tsmigrate.cli.options import Format, Ini, OutputFormat, Url, database
from tsmigrate.finding import counted_word


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(url: Url = None, config: Ini = None, output: OutputFormat = Format.TEXT) -> None:
    """Check server, edition, role and Alembic environment, with a mend for each finding.

    Reads only. Exit code 0: fit; 1: there are warnings; 3: something blocks or nothing answers.
    """
    from tsmigrate import doctor
    from tsmigrate.capability import described
    from tsmigrate.cli.terminal import print_findings, print_json
    from tsmigrate.finding import Severity, exit_code, report

    target = database(url, config)
    findings, server = doctor.examine(target, config)
    counts = Counter(finding.severity for finding in findings)
    if output is Format.JSON:
        summary = {
            "database": str(target),
            "source": target.source,
            "server": described(server) if server else None,
            **{f"{severity}s": counts[severity] for severity in Severity if severity is not Severity.OK},
        }
        print_json(report("doctor", findings, summary))
    else:
        print_findings(findings)
        verdict = {0: "fit", 1: "usable, with warnings", 3: "not fit yet"}[exit_code(findings)]
        counted = ", ".join(
            counted_word(counts[severity], severity) for severity in Severity if severity is not Severity.OK
        )
        print(f"\n{verdict}: {counted}")
    raise typer.Exit(exit_code(findings))
