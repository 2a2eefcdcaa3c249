"""The process in which the user's env.py and revisions run: one job, one outcome.

A process of its own for each, because env.py configures logging, imports the user's modules and may leave anything
behind. `nursery` forks it, with what takes long to import and leaves nothing behind imported already.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError

from tsmigrate.errors import TsmigrateError
from tsmigrate.url import DatabaseUrl, parse, without_passwords
from tsmigrate.verify import env_run, history, jobs
from tsmigrate.verify.guard import Guard, WrongDatabaseError
from tsmigrate.verify.job import Ending, Job, Outcome, Task
from tsmigrate.verify.statements import Statements

_LONGEST_MESSAGE = 1500


def attend(job: Job) -> Outcome:
    sys.path.append(str(Path.cwd()))
    return _guarded(job)


def _guarded(job: Job) -> Outcome:
    scratch = DatabaseUrl(parse(job.url), source="the scratch database")
    guard = Guard(scratch.url.database or "")
    guard.install()
    jobs.hold_of(Engine)
    statements = Statements(scratch, job.crash_after)
    outcome = _attempt(job, guard, statements)
    outcome = replace(outcome, statements=statements.count, crashed=statements.crashed)
    # Whatever env.py made of the refusal: it asked for another database.
    return replace(outcome, ending=Ending.WRONG_DATABASE, message=guard.refused) if guard.refused else outcome


def _attempt(job: Job, guard: Guard, statements: Statements) -> Outcome:
    try:
        return _TASKS[job.task](job, guard, statements)
    except env_run.IrreversibleError as error:
        return Outcome(Ending.IRREVERSIBLE, message=str(error))
    except WrongDatabaseError as error:
        return Outcome(Ending.WRONG_DATABASE, message=str(error))
    except (Exception, SystemExit) as error:
        return Outcome(Ending.FAILED, message=_described(error))


def _described(error: BaseException) -> str:
    """The message without the stack: what the server said, and of which statement."""
    if isinstance(error, TsmigrateError):
        text = error.message
    elif isinstance(error, DBAPIError):
        text = f"{str(error.orig).strip()}\n{(error.statement or '').strip()}"
    else:
        text = f"{type(error).__name__}: {error}"
    return without_passwords(text.strip())[:_LONGEST_MESSAGE]


def _history(job: Job, _guard: Guard, _statements: Statements) -> Outcome:
    return Outcome(Ending.DONE, revisions=tuple(history.read(env_run.script_directory(job), job.first, job.last)))


def _migrate(job: Job, guard: Guard, statements: Statements) -> Outcome:
    return env_run.run(job, guard, statements)


def _seed(job: Job, _guard: Guard, _statements: Statements) -> Outcome:
    """Call module:function with a connection in a transaction, committed when it returns."""
    config = env_run.config(job)
    script = env_run.script_directory(job)
    sys.path[:0] = [str(Path(config.config_file_name or ".").absolute().parent), str(Path(script.dir).absolute())]
    module, _, name = job.seed.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        return Outcome(Ending.WRONG_USE, message=f"{type(error).__name__}: {error}")
    engine = create_engine(parse(job.url))
    with engine.begin() as connection:
        function(connection)
    engine.dispose()
    return Outcome(Ending.DONE)


_TASKS: dict[Task, Callable[[Job, Guard, Statements], Outcome]] = {
    Task.HISTORY: _history,
    Task.LOOK: _migrate,
    Task.UPGRADE: _migrate,
    Task.DOWNGRADE: _migrate,
    Task.TO_BASE: _migrate,
    Task.SEED: _seed,
}
