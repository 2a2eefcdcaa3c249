"""A process for each run of the user's env.py, forked from one that has imported what they all need."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tsmigrate.url import without_passwords
from tsmigrate.verify.job import Ending, Job, Order, Outcome, order_to_text, outcome_from_text

_LAST_LINES = 12


class Processes:
    """They end with the block, however it ends: a job that still runs then is killed."""

    def __init__(self) -> None:
        self._nursery: _Nursery | None = None

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._end()

    def run(self, job: Job, variables: Mapping[str, str]) -> Outcome:
        """How `job` went, in a process with these environment variables."""
        with tempfile.TemporaryDirectory(prefix="tsmigrate-") as folder:
            order = Order(job, variables, outcome=str(Path(folder, "outcome")), said=str(Path(folder, "said")))
            try:
                self._attend(order)
            except BaseException:
                self._end()
                raise
            return _outcome(order)

    def _attend(self, order: Order) -> None:
        """Returns when the process has ended. The order goes through a pipe: it holds passwords."""
        nursery = self._nursery = self._nursery or _Nursery()
        if not nursery.attend(order):
            self._end()  # it was killed: the next job gets a new one

    def _end(self) -> None:
        if self._nursery:
            self._nursery.end()
        self._nursery = None


class _Nursery:
    def __init__(self) -> None:
        # A session of its own: Ctrl-C reaches us alone, and we end what runs.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tsmigrate.verify.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def attend(self, order: Order) -> bool:
        """Whether the nursery lives to tell that the order's process has ended."""
        orders, answers = self._process.stdin, self._process.stdout
        if not orders or not answers:
            raise RuntimeError("a process with pipes has them")
        orders.write(order_to_text(order) + "\n")
        orders.flush()
        return bool(answers.readline())

    def end(self) -> None:
        with self._process, contextlib.suppress(ProcessLookupError):  # closes the pipes and waits
            os.killpg(self._process.pid, signal.SIGKILL)


def _outcome(order: Order) -> Outcome:
    answer, said = Path(order.outcome), Path(order.said)
    if answer.exists():
        return outcome_from_text(answer.read_text())
    reason = _last_lines(said.read_text(errors="replace")) if said.exists() else "no reason given"
    return Outcome(Ending.FAILED, message=f"it ended without an answer: {reason}")


def _last_lines(text: str) -> str:
    return without_passwords("\n".join(text.strip().splitlines()[-_LAST_LINES:])) or "no reason given"
