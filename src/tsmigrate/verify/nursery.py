"""The program that forks a process for each job: `processes` talks to it.

    python -P -m tsmigrate.verify.nursery

It reads an order a line, attends to it in a process of its own, and answers when that process has ended. What every
job imports is imported here, once. Nothing that registers itself somewhere may be: env.py has to do so.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from pathlib import Path
from typing import NoReturn

import psycopg2  # type: ignore[import-untyped]  # noqa: F401 - for the jobs
import sqlalchemy.dialects.postgresql.psycopg2  # noqa: F401

from tsmigrate.verify import child
from tsmigrate.verify.job import Order, order_from_text, outcome_to_text


def main() -> None:
    gc.freeze()  # else a job that ends looks through all that it shares with us, and copies it
    for line in sys.stdin:
        forked = os.fork()
        if not forked:
            order = order_from_text(line)
            _become(order)
            Path(order.outcome).write_text(outcome_to_text(child.attend(order.job)))
            _end()
        os.waitpid(forked, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


def _end() -> NoReturn:
    """With what env.py left for the end, as any program does, but without taking Python apart: that copies all memory
    that is shared with us, and takes some 30 ms. multiprocessing ends its own processes so."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _become(order: Order) -> None:
    """With standard input, output and environment of the job's own."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    said = os.open(order.said, os.O_WRONLY | os.O_CREAT, 0o600)
    for wanted, number in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(wanted, number)
    os.environ.clear()
    os.environ.update(order.variables)


if __name__ == "__main__":
    main()
