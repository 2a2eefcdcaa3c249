"""Make .venv with everything this project needs, on a machine that has Python 3.11 and nothing else.

Usage: python3 scripts/environment.py [FOLDER]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CONSTRAINTS = PROJECT / "constraints.txt"
BUILD_TOOLS = ("pip", "hatchling", "editables")


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this script also meets Pythons that are too old
        sys.exit(f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}. Say: make PYTHON=…")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").absolute()
    make_empty(folder)
    pip = [str(folder / "bin" / "python"), "-m", "pip"]
    install = [*pip, "install", "--quiet", "--disable-pip-version-check", "--constraint", str(CONSTRAINTS)]
    run([*install, *BUILD_TOOLS])
    # Without isolation the build, too, uses what constraints.txt says.
    run([*install, "--no-build-isolation", "--editable", f"{PROJECT}[dev]"])


def make_empty(folder: Path) -> None:
    """A virtual environment with pip. Debian keeps pip in a package of its own, which may not be installed."""
    with_pip = [sys.executable, "-m", "venv", "--clear", str(folder)]
    if subprocess.run(with_pip, capture_output=True, check=False).returncode == 0:
        return
    run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)])
    with tempfile.TemporaryDirectory() as scratch:
        wheel = debian_pip(Path(scratch))
        run([str(folder / "bin" / "python"), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)])


def debian_pip(scratch: Path) -> Path:
    """pip's wheel from Debian's packages, fetched without installing them."""
    sys.path.insert(0, str(PROJECT / "src"))
    from tsmigrate import apt  # noqa: PLC0415 - needs the standard library only

    if reason := apt.unusable():
        sys.exit(
            f"python3 cannot make a virtual environment with pip, and pip cannot be fetched: {reason}. Install it."
        )
    for package in apt.fetch(["python3-pip-whl"], suite="trixie", into=scratch, progress=lambda *_: None):
        apt.unpack(package, scratch)
    [wheel] = scratch.glob("usr/share/python-wheels/pip-*.whl")
    return wheel


def run(command: list[str]) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
