"""Draw docs/demo.svg: what a terminal shows of `make demo`, run for real.

Usage: python docs/picture.py [MESSAGES]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.terminal_theme import MONOKAI

ROOT = Path(__file__).parents[1]
COLUMNS = 110
# rich's own template loads a font from the network; a picture in a README should load nothing.
FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    shown = demo(sys.argv[1] if len(sys.argv) > 1 else "10000")
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115, PTH123
    for line in shown.splitlines():
        console.print(AnsiDecoder().decode_line(line.rstrip()), overflow="fold")
    svg = FONT.sub("", console.export_svg(title="make demo", theme=MONOKAI, unique_id="demo"))
    (ROOT / "docs" / "demo.svg").write_text(svg.replace("Fira Code, monospace", "monospace"))


def demo(messages: str) -> str:
    """The demo's output, with the reader's home in place of this machine's."""
    done = subprocess.run(
        ["sh", "scripts/demo.sh"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "MESSAGES": messages},
    )
    return re.sub(r"(host=)\S+?(/sandboxes)", r"\1/home/me/.local/state/tsmigrate\2", done.stdout)


if __name__ == "__main__":
    main()
