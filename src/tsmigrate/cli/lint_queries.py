"""`tsmigrate lint-queries`: does every query still carry its partition column?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsmigrate.cli.light import LightCommand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tsmigrate.lint.engine import Engine, Rules
    from tsmigrate.lint.known import Known
    from tsmigrate.lint.report.report import Report
    from tsmigrate.lint.settings import LintSettings
    from tsmigrate.lint.snippet import Judged
    from tsmigrate.lint.target import Target


class LintFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"
    GCC = "gcc"


class FailOn(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


_DECLARE = """declare them in pyproject.toml, or without [tool.tsmigrate] in tsmigrate.toml:
    [tool.tsmigrate.hypertables]
    "public.messages" = { column = "created_at" }
  or lint SQL files that call create_hypertable, or give a server with --url"""


Paths = Annotated[list[Path] | None, typer.Argument(help="Files and folders (default: this folder).")]
Url = Annotated[
    str | None,
    typer.Option("--url", help="Ask this server what is a hypertable, and judge for its version."),
]
ForServer = Annotated[str | None, typer.Option("--target", help="The server to judge for: pg15,ts2.28.")]
Select = Annotated[list[str] | None, typer.Option("--select", help="Only these rules (codes or beginnings).")]
Ignore = Annotated[list[str] | None, typer.Option("--ignore", help="Not these rules (codes or beginnings).")]
Output = Annotated[LintFormat, typer.Option("--format", help="How to report.")]
FailAt = Annotated[
    FailOn | None, typer.Option("--fail-on", help="Exit with 1 at this severity or worse.", show_default="error")
]
ShowHypertables = Annotated[
    bool, typer.Option("--show-hypertables", help="Say what is a hypertable and from where that is known.")
]
Statistics = Annotated[bool, typer.Option("--statistics", help="Only count, by rule and table.")]
DiffBase = Annotated[
    str | None, typer.Option("--diff-base", metavar="REV", help="Only what changed since this git revision.")
]
Baseline = Annotated[Path | None, typer.Option("--baseline", help="Leave out the findings listed in this file.")]
WriteBaseline = Annotated[
    Path | None, typer.Option("--write-baseline", help="List the findings in this file and exit with 0.")
]
Fix = Annotated[bool, typer.Option("--fix", help="Apply the safe fixes to the files.")]
Diff = Annotated[bool, typer.Option("--diff", help="Print the safe fixes as a patch, change nothing.")]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", help="Processes (default: one a core).", min=1)]


def register(app: typer.Typer) -> None:
    app.command(cls=LightCommand)(lint_queries)


def lint_queries(
    paths: Paths = None,
    *,
    url: Url = None,
    target: ForServer = None,
    select: Select = None,
    ignore: Ignore = None,
    output: Output = LintFormat.TEXT,
    fail_on: FailAt = None,
    show_hypertables: ShowHypertables = False,
    statistics: Statistics = False,
    diff_base: DiffBase = None,
    baseline: Baseline = None,
    write_baseline: WriteBaseline = None,
    fix: Fix = False,
    diff: Diff = False,
    jobs: Jobs = None,
) -> None:
    """Find queries on hypertables that lost their partition column, or cannot exclude chunks by it.

    Reads source, runs nothing, needs no database. Exit code 0: nothing at or above --fail-on; 1: findings.
    """
    from tsmigrate.lint import settings
    from tsmigrate.lint.choice import chosen_rules
    from tsmigrate.lint.report.report import Report
    from tsmigrate.lint.violation import Severity

    named = paths or [Path()]
    start = named[0] if named[0].is_dir() else named[0].parent
    chosen = settings.find(start)
    if chosen.file is None:
        chosen = settings.find(Path())
    known, server, found = _known(chosen, named, start, url)
    if show_hypertables:
        _show(known)
        raise typer.Exit
    judged_for = _target(target, chosen, server)
    engine = _engine(known, judged_for, chosen_rules(chosen, select or (), ignore or ()))
    report = Report(_judged(engine, found, start, chosen=chosen, diff_base=diff_base, jobs=jobs))
    if diff or fix:
        _fix(report.judged, write=fix)
        if diff:
            raise typer.Exit
    _compare(report, write_baseline, baseline or chosen.baseline)
    print(_written(report, output, statistics=statistics), end="")
    raise typer.Exit(report.exit_code(Severity(fail_on) if fail_on else chosen.fail_on))


def _engine(known: Known, target: Target, rules: Rules) -> Engine:
    from tsmigrate.errors import UsageError
    from tsmigrate.lint.engine import Engine

    if not known.hypertables:
        raise UsageError("no hypertable is known, so no query can be judged", mend=_DECLARE)
    return Engine(known, target, rules)


def _target(wanted: str | None, chosen: LintSettings, server: Target | None) -> Target:
    """The server to judge for: the one said, the one asked, or the newest tried."""
    from tsmigrate.lint.target import DEFAULT, Target

    return Target.parse(wanted) if wanted else chosen.target or server or DEFAULT


def _judged(
    engine: Engine,
    found: Sequence[Path],
    start: Path,
    *,
    chosen: LintSettings,
    diff_base: str | None,
    jobs: int | None,
) -> Judged:
    """What came of all files, or of what changed in them since `diff_base`."""
    from tsmigrate.lint.run import Job, lint
    from tsmigrate.lint.snippet import Judged

    job, total = Job(engine, require_reason=chosen.require_reason), Judged()
    if diff_base is None:
        for one in lint(job, found, jobs=jobs):
            total.add(one)
        return total
    from tsmigrate.lint import changed

    lines = changed.since(diff_base, start)
    for one in lint(job, [path for path in found if path.resolve() in lines], jobs=jobs):
        total.add(one)
    total.violations = changed.only(total.violations, lines)
    return total


def _compare(report: Report, write: Path | None, accepted: Path | None) -> None:
    """Write a baseline and be done, or leave out what is in one."""
    from tsmigrate.lint import baseline

    if write is not None:
        baseline.write(write, report.violations)
        print(f"{write}: {len(report.violations)} findings")
        raise typer.Exit
    if accepted is not None:
        report.judged.violations, report.in_baseline = baseline.without(accepted, report.violations)


def _written(report: Report, output: LintFormat, *, statistics: bool) -> str:
    from tsmigrate.lint.report.report import formats
    from tsmigrate.lint.report.text import summary

    return summary(report) if statistics else formats()[output](report)


def _fix(total: Judged, *, write: bool) -> None:
    """Apply the fixes, or print them; what is applied is reported no more."""
    from itertools import groupby

    from tsmigrate.lint.fix import fixed
    from tsmigrate.patch import diff

    mended = [one for one in total.violations if one.fix is not None]
    for file, its in groupby(mended, key=lambda violation: violation.file):
        before = Path(file).read_bytes()
        after = fixed(before, list(its))
        if write:
            Path(file).write_bytes(after)
        else:
            print(diff(file, before, after), end="")
    if write:
        total.violations = [one for one in total.violations if one.fix is None]


def _known(
    chosen: LintSettings, named: Sequence[Path], start: Path, url: str | None
) -> tuple[Known, Target | None, list[Path]]:
    """What is known, the version of the server that was asked, and the files to lint."""
    from tsmigrate.lint.learn.learn import learn
    from tsmigrate.lint.sources.walk import files

    found = list(files(named, chosen.exclude))
    read = [*files(chosen.learn), *found]
    if url is None:
        return learn(chosen, read, start), None, found
    from tsmigrate.cli.options import database
    from tsmigrate.lint.learn import live

    asked = database(url, None)
    return learn(chosen, read, start, database=asked), live.target(asked), found


def _show(known: Known) -> None:
    from tsmigrate.lint.learn.learn import described

    for name, one in described(known):
        further = f", {', '.join(one.dimensions)}" if one.dimensions else ""
        print(f"{name}  {one.column} {one.type}{further}  from {one.source}")
