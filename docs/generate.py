"""Write the reference pages from the code. `make docs` runs it; a test fails when a page is stale.

Usage: python docs/generate.py [FOLDER]
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from tsmigrate import schema
from tsmigrate.capability import REQUIREMENTS, Edition
from tsmigrate.convert.preflight import checks
from tsmigrate.convert.preflight.check import Said
from tsmigrate.doctor import environment, server, update
from tsmigrate.lint import truth
from tsmigrate.lint.rules.rule import rules
from tsmigrate.lint.target import KNOWN
from tsmigrate.ops.operation import Operation

REFERENCE = Path(__file__).parent / "reference"


def commands() -> str:
    """Every command with its options, from the command line's own help."""
    written = subprocess.run(
        [sys.executable, "-m", "typer", "tsmigrate.cli.app", "utils", "docs", "--name", "tsmigrate"],
        capture_output=True,
        text=True,
        check=True,
    )
    return written.stdout.replace("# `tsmigrate`", "# Commands", 1).rstrip() + "\n"


def requirements() -> str:
    """What each operation needs of a server."""
    lines = [
        "# What each operation needs",
        "",
        "An operation refuses to start on a server that does not have this, says what the server has, and what to do.",
        "",
        "| operation | TimescaleDB | edition | otherwise |",
        "| --- | --- | --- | --- |",
    ]
    for name, needed in REQUIREMENTS.items():
        edition = "Community" if needed.edition is Edition.COMMUNITY else "either"
        lines.append(f"| `{name}` | {needed.since} | {edition} | {needed.instead} |")
    return "\n".join(lines) + "\n"


def doctor() -> str:
    """What doctor looks at, from the first line of each check."""
    rows = [
        f"| {check.__name__.replace('_', ' ')} | {(check.__doc__ or '').splitlines()[0]} |"
        for check in (*server.checks(), *environment.checks())
    ]
    rows += [f"| {name} | {about} |" for name, about in update.CHECKS.items()]
    return "\n".join(["# What doctor checks", "", "| check | what it tells |", "| --- | --- |", *rows]) + "\n"


def preflight() -> str:
    """What preflight looks at, by theme, from the first line of each check."""
    lines = [
        "# What preflight checks",
        "",
        "What stops `op.create_hypertable` too is refused by it before any change, in the same words.",
        "",
    ]
    for theme, found in groupby(checks(), key=lambda check: check.look.__module__):
        lines += [f"## {(inspect.getdoc(sys.modules[theme]) or '').splitlines()[0].rstrip('.')}", ""]
        lines += ["| check | what it tells | severity | `op.create_hypertable` |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {check.name} | {check.about} | {check.severity or 'depends'} | {SAID[check.said]} |" for check in found
        ]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


SAID = {None: "", Said.REFUSED: "refuses", Said.WARNED: "warns"}


def operations() -> str:
    """Each operation's arguments and docstring."""
    lines = ["# Operations", "", "For `upgrade()` and `downgrade()` of a revision.", ""]
    for name, cls in sorted(registered().items()):
        arguments = inspect.signature(getattr(cls, name)).replace(return_annotation=inspect.Signature.empty)
        shown = re.sub(r"operations: 'Operations'(, )?", "", str(arguments)).replace("'", "")
        lines += [f"## `op.{name}{shown}`", "", inspect.cleandoc(cls.__doc__ or ""), ""]
        lines += [f"Its reverse: `op.{reverse_of(cls)}`.", ""]
    return "\n".join(lines).rstrip() + "\n"


def reverse_of(cls: type[Operation]) -> str:
    """By the annotation, which names the class."""
    reverse = inspect.signature(cls.reverse).return_annotation
    return next(other.name for other in registered().values() if other.__name__ == reverse)


def registered() -> dict[str, type[Operation]]:
    """Every operation by its name."""
    found: dict[str, type[Operation]] = {}
    waiting = [Operation]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if hasattr(cls, "name"):
            found[cls.name] = cls
    return found


def declarations() -> str:
    """What a model may declare, from each class's docstring."""
    lines = [
        "# Declarations",
        "",
        "What `tsmigrate.schema` holds for models; see [autogenerate](../autogenerate.md).",
        "",
    ]
    for name in schema.__all__:
        declared = getattr(schema, name)
        shown = str(inspect.signature(declared).replace(return_annotation=inspect.Signature.empty)).replace("'", "")
        lines += [f"## `{name}{shown}`", "", inspect.getdoc(declared) or "", ""]
    return "\n".join(lines).rstrip() + "\n"


def lint_rules() -> str:
    """Each rule's page, from its docstring."""
    lines = [
        "# Lint rules",
        "",
        "What `tsmigrate lint-queries` finds; `tsmigrate explain-rule CODE` prints one page.",
        "",
    ]
    lines += ["| rule | name | severity | what it finds |", "| --- | --- | --- | --- |"]
    for one in rules():
        link = f"[{one.code}](#{one.code.lower()}-{one.name})"
        lines.append(f"| {link} | {one.name} | {one.severity} | {one.summary} |")
    for one in rules():
        lines += ["", f"## {one.code} {one.name}", "", one.page]
    return "\n".join(lines) + "\n"


def lint_truth() -> str:
    """How well the linter agrees with the servers it was tried on, and where it does not."""
    judged = [case for case in truth.cases() if not case.exempt]
    left_out = [case for case in truth.cases() if case.exempt]
    lines = [
        "# What the linter was tried on",
        "",
        f"{len(judged)} statements, each with the verdict of {' and of '.join(map(str, KNOWN))}: whether the server",
        "excluded chunks while planning (PLAN), at the start (STARTUP), while running (RUNTIME) or not at all (NONE).",
        "The tests replay them through the linter and against the servers. Here it says something else:",
        "",
        "| statement | why |",
        "| --- | --- |",
        *(f"| `{name}` | {why} |" for name, why in truth.DISAGREEMENTS.items()),
        "",
        "Left out, because source cannot tell:",
        "",
        "| statement | why |",
        "| --- | --- |",
        *("| `{}` | {} |".format(case.name.replace("|", "\\|"), case.exempt) for case in left_out),
    ]
    return "\n".join(lines) + "\n"


PAGES = {
    "lint-truth.md": lint_truth,
    "lint-rules.md": lint_rules,
    "operations.md": operations,
    "declarations.md": declarations,
    "commands.md": commands,
    "requirements.md": requirements,
    "doctor.md": doctor,
    "preflight.md": preflight,
}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCE
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page())
        print(f"wrote {folder / name}")


if __name__ == "__main__":
    main()
