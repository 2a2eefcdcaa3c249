"""What .gitignore files leave out, read without git."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class _Pattern:
    folder: str  # that the pattern is relative to, with a slash at the end
    regex: re.Pattern[str]
    folders_only: bool
    again: bool  # `!pattern` takes back


class Ignored:
    """Grows with each folder that is entered; the last pattern that matches a path decides."""

    def __init__(self, root: Path, exclude: Sequence[str] = ()) -> None:
        self._patterns: list[_Pattern] = []
        self._entered: set[Path] = set()
        top = root.absolute()
        repository = next((one for one in (top, *top.parents) if (one / ".git").exists()), None)
        if repository is not None:
            between = [one for one in reversed(top.parents) if one == repository or repository in one.parents]
            for folder in between:
                self.enter(folder)
        self._patterns += [one for line in exclude if (one := _pattern(line, f"{top}/"))]

    def enter(self, folder: Path) -> None:
        folder = folder.absolute()
        if folder in self._entered:
            return
        self._entered.add(folder)
        try:
            lines = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return
        self._patterns += [one for line in lines if (one := _pattern(line, f"{folder}/"))]

    def matches(self, path: Path, is_folder: bool) -> bool:
        name = str(path.absolute())
        ignored = False
        for pattern in self._patterns:
            if pattern.folders_only and not is_folder:
                continue
            if name.startswith(pattern.folder) and pattern.regex.fullmatch(name[len(pattern.folder) :]):
                ignored = not pattern.again
        return ignored


def _pattern(line: str, folder: str) -> _Pattern | None:
    line = line.rstrip()
    if not line or line.startswith("#"):
        return None
    again = line.startswith("!")
    line = line[1:] if again else line
    folders_only = line.endswith("/")
    return _Pattern(folder, _regex(line.rstrip("/")), folders_only, again)


@cache
def _regex(glob: str) -> re.Pattern[str]:
    anchored = "/" in glob
    made, at = "", 0
    glob = glob.lstrip("/")
    while at < len(glob):
        if glob.startswith("**/", at):
            made, at = made + "(?:.*/)?", at + 3
        elif glob.startswith("**", at):
            made, at = made + ".*", at + 2
        elif glob[at] == "*":
            made, at = made + "[^/]*", at + 1
        elif glob[at] == "?":
            made, at = made + "[^/]", at + 1
        elif glob[at] == "[" and (end := glob.find("]", at + 2)) > 0:
            made, at = made + "[" + glob[at + 1 : end].replace("!", "^", 1).replace("\\", "\\\\") + "]", end + 1
        else:
            made, at = made + re.escape(glob[at]), at + 1
    try:
        return re.compile(made if anchored else f"(?:.*/)?{made}")
    except re.error:
        return re.compile(re.escape(glob))
