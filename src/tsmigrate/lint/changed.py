"""Which lines changed since a revision, asked of git."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tsmigrate.errors import UsageError
from tsmigrate.lint.violation import Violation

_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")


def since(revision: str, start: Path) -> dict[Path, list[range]]:
    """The files that differ from `revision`, and the lines that are new in each; what git does not know yet is new."""
    if revision.startswith("-"):
        raise UsageError(f"not a revision: {revision}", mend="name a commit, a branch or a tag")
    folder = start if start.is_dir() else start.parent
    root = Path(_git(folder, "rev-parse", "--show-toplevel").strip())
    base = _git(folder, "merge-base", revision, "HEAD").strip()
    patch = _git(root, "-c", "core.quotePath=false", "diff", "--unified=0", "--no-color", "--no-ext-diff", base, "--")
    found: dict[Path, list[range]] = {}
    current: list[range] = []
    for line in patch.splitlines():
        if line.startswith("+++ "):
            current = []
            if line != "+++ /dev/null":
                found[root / line[4:].removeprefix("b/").rstrip("\t")] = current
        elif hunk := _HUNK.match(line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            current.append(range(first, first + count))
    for name in _git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0"):
        if name:
            found[root / name] = [range(1, 1 << 30)]
    return found


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's git
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    except OSError:
        raise UsageError("git is not installed", mend="lint without --diff-base") from None
    if done.returncode:
        reason = next(iter(done.stderr.strip().splitlines()), "git failed")
        raise UsageError(f"git: {reason}", mend="name a commit of this repository with --diff-base")
    return done.stdout


def only(violations: Sequence[Violation], changed: dict[Path, list[range]]) -> list[Violation]:
    """The findings whose lines changed, or the lines of the statement from the finding on."""
    kept = []
    for one in violations:
        lines = changed.get(Path(one.file).resolve(), ())
        if any(one.statement_line < new.stop and new.start <= one.statement_end for new in lines):
            kept.append(one)
    return kept
