"""Run the user's env.py with steps of our choosing: exactly one revision, whatever branches lie beside it.

`alembic upgrade REV` and `downgrade REV` cannot say that of a history with branches; Alembic's EnvironmentContext
takes a function that says which steps to run, which is how its own commands are made.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import ScriptDirectory

from tsmigrate.settings import DEFAULT_INI, PYPROJECT
from tsmigrate.verify.guard import Guard, WrongDatabaseError
from tsmigrate.verify.history import with_all_needed
from tsmigrate.verify.job import Ending, Job, Outcome, Task
from tsmigrate.verify.statements import Statements

Heads = str | tuple[str, ...]


class IrreversibleError(Exception):
    """A downgrade said that there is none."""


def config(job: Job) -> Config:
    """The user's configuration with the scratch database in every place an env.py looks for one."""
    ini = Path(job.ini or DEFAULT_INI)
    given = Namespace(x=[f"url={job.url_for_env}", *job.arguments], config=[str(ini)], name="alembic", raiseerr=True)
    made = Config(ini if ini.exists() else None, toml_file=PYPROJECT if PYPROJECT.exists() else None, cmd_opts=given)
    made.set_main_option("sqlalchemy.url", job.url_for_env.replace("%", "%%"))
    if job.versions:
        _add_versions(made, job.versions)
    return made


def _add_versions(settings: Config, folder: str) -> None:
    """Beside the project's own folders, in whatever way its configuration separates them."""
    folders = [*map(str, ScriptDirectory.from_config(settings)._version_locations), folder]
    separator = settings._get_file_separator_char("path_separator")
    if separator is None:
        # Not path_separator: prepend_sys_path would be read by it too.
        settings.set_main_option("version_path_separator", "newline")
        separator = "\n"
    settings.set_main_option("version_locations", separator.join(folders).replace("%", "%%"))


def script_directory(job: Job) -> ScriptDirectory:
    return ScriptDirectory.from_config(config(job))


def run(job: Job, guard: Guard, statements: Statements) -> Outcome:
    """Run env.py for `job`. An env.py that never comes to its migrations has done nothing, and that is said."""
    settings = config(job)
    script = ScriptDirectory.from_config(settings)
    contexts: list[MigrationContext] = []

    def chosen(heads: Heads, context: MigrationContext) -> list[MigrationStep]:
        if not guard.passed:
            raise WrongDatabaseError("env.py runs on a connection that was not made in this process")
        contexts.append(context)
        return [_watched(step, statements) for step in _STEPS[job.task](script, heads, job.revision)]

    # As for `alembic current`: a look does not even make the version table.
    looking = {"dont_mutate": True} if job.task is Task.LOOK else {}
    with EnvironmentContext(
        settings, script, fn=chosen, as_sql=False, destination_rev=job.revision or "base", **looking
    ):
        script.run_env()
    if not contexts:
        return Outcome(
            Ending.FAILED, message="env.py did not run its migrations: context.run_migrations() was not called"
        )
    options = contexts[0]
    return Outcome(Ending.DONE, version_table=options.version_table, version_schema=options.version_table_schema or "")


def _watched(step: MigrationStep, statements: Statements) -> MigrationStep:
    migrate = statements.counted(step.migration_fn)

    def run(*arguments: Any, **named: Any) -> Any:
        try:
            return migrate(*arguments, **named)
        except NotImplementedError as error:
            if step.is_downgrade:
                raise IrreversibleError(str(error)) from error
            raise

    step.migration_fn = run
    return step


def _none(_script: ScriptDirectory, _heads: Heads, _revision: str) -> Sequence[MigrationStep]:
    return []


def _up(script: ScriptDirectory, heads: Heads, revision: str) -> Sequence[MigrationStep]:
    """Nothing where it is applied already: a run that was cut off may have come to its end."""
    if revision in with_all_needed(script, heads):
        return []
    return [MigrationStep.upgrade_from_script(script.revision_map, _found(script, revision))]


def _down(script: ScriptDirectory, _heads: Heads, revision: str) -> Sequence[MigrationStep]:
    return [MigrationStep.downgrade_from_script(script.revision_map, _found(script, revision))]


def _to_base(script: ScriptDirectory, heads: Heads, revision: str) -> Sequence[RevisionStep]:
    """As `alembic downgrade base` does. With a revision, only what came after it (see Environment.downgrade_above)."""
    if not revision:
        return script._downgrade_revs("base", heads)  # type: ignore[arg-type]  # as Alembic's own command calls it
    kept = set(revision.split(","))
    steps = script._downgrade_revs("base", heads)  # type: ignore[arg-type]
    return [step for step in steps if step.revision.revision not in kept]


def _found(script: ScriptDirectory, revision: str) -> Any:
    return script.get_revision(revision)


_STEPS: dict[Task, Callable[[ScriptDirectory, Heads, str], Sequence[Any]]] = {
    Task.LOOK: _none,
    Task.UPGRADE: _up,
    Task.DOWNGRADE: _down,
    Task.TO_BASE: _to_base,
}
