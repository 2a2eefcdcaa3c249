"""The command as a process of its own, forked from one that has imported what others wrote.

    python tests/program.py

To start Python and import SQLAlchemy, Alembic and typer takes a process a quarter of a second and more. What is ours is
imported by each process anew, as when a user starts it.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

SECONDS = 300
_THEIRS = (
    "alembic.autogenerate",
    "alembic.command",
    "alembic.config",
    "alembic.operations.ops",
    "alembic.runtime.environment",
    "concurrent.futures",
    "importlib.metadata",
    "logging.config",
    "mako.template",
    "orjson",
    "postgast",
    "psycopg2.extras",
    "rich.console",
    "rich.markup",
    "rich.progress",
    "rich.table",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "typer",
    "typer.rich_utils",
)


class Programs:
    """Runs scripts, one at a time, until the block ends."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
        )

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        with self._server:  # closes the pipes, upon which it ends, and waits
            pass

    def run(
        self, script: Path, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        command = [str(script), *arguments]
        with tempfile.TemporaryDirectory(prefix="tsmigrate-") as folder:
            files = [Path(folder, name) for name in ("stdout", "stderr")]
            code = self._ask(
                {
                    "command": command,
                    "cwd": str(cwd),
                    "environment": dict(environment),
                    "files": [str(file) for file in files],
                }
            )
            return subprocess.CompletedProcess(command, code, *(file.read_text() for file in files))

    def _ask(self, order: Mapping[str, object]) -> int:
        orders, answers = self._server.stdin, self._server.stdout
        assert orders
        assert answers
        orders.write(json.dumps(order) + "\n")
        orders.flush()
        if not select.select([answers], [], [], SECONDS)[0]:
            self._server.kill()
            raise subprocess.TimeoutExpired(str(order["command"]), SECONDS)
        return int(answers.readline())


def _serve() -> None:
    for name in _THEIRS:
        importlib.import_module(name)
    gc.freeze()  # what is shared with the processes to come is not looked through, and so not copied, by them
    for line in sys.stdin:
        order = json.loads(line)
        forked = os.fork()
        if not forked:
            _become(**order)
        _, status = os.waitpid(forked, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


def _become(command: list[str], cwd: str, environment: dict[str, str], files: list[str]) -> None:
    for number, file in ((0, os.devnull), *enumerate(files, start=1)):
        opened = os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = command
    sys.path[0] = str(Path(command[0]).parent)
    code = 1
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)  # noqa: T201
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve()
