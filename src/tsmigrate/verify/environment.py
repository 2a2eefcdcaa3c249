"""The user's Alembic environment, driven at the scratch database one run at a time, each in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tsmigrate import settings
from tsmigrate.errors import BlockedError, UsageError
from tsmigrate.url import ENVIRONMENT, PSYCOPG2, DatabaseUrl
from tsmigrate.verify.job import Ending, Job, Outcome, Revision, Task
from tsmigrate.verify.processes import Processes


@dataclass(frozen=True)
class Environment:
    ini: Path | None
    scratch: DatabaseUrl
    processes: Processes
    arguments: tuple[str, ...] = ()  # the user's own -x NAME=VALUE
    versions: Path | None = None  # further revisions, which are not in the project yet

    def revisions(self, first: str = "", last: str = "") -> tuple[Revision, ...]:
        """The history. Reads the revision files only."""
        outcome = self._run(self._job(Task.HISTORY, first=first, last=last))
        if outcome.ending is not Ending.DONE:
            raise UsageError(f"the revisions cannot be read: {outcome.message}", mend="see `alembic history`")
        return outcome.revisions

    def look(self) -> Outcome:
        """Run env.py without a step, to see that it can and that it goes where it is told."""
        outcome = self._run(self._job(Task.LOOK))
        if outcome.ending is not Ending.DONE:
            raise BlockedError(f"env.py fails on an empty database: {outcome.message}", mend="mend env.py")
        return outcome

    def upgrade(self, revision: Revision, *, crash_after: int = 0) -> Outcome:
        return self._run(self._job(Task.UPGRADE, revision=revision.id, crash_after=crash_after))

    def downgrade(self, revision: Revision) -> Outcome:
        return self._run(self._job(Task.DOWNGRADE, revision=revision.id))

    def downgrade_to_base(self, *, keep: Sequence[Revision] = ()) -> Outcome:
        """In one run, as `alembic downgrade base`, but for the revisions to keep."""
        return self._run(self._job(Task.TO_BASE, revision=",".join(each.id for each in keep)))

    def seed(self, function: str) -> Outcome:
        return self._run(self._job(Task.SEED, seed=function))

    def _job(
        self, task: Task, *, revision: str = "", first: str = "", last: str = "", crash_after: int = 0, seed: str = ""
    ) -> Job:
        return Job(
            task=task,
            ini=str(self.ini or ""),
            url=self.scratch.full,
            url_for_env=self._url_like(self._configured()),
            arguments=self.arguments,
            versions=str(self.versions.absolute()) if self.versions else "",
            revision=revision,
            first=first,
            last=last,
            crash_after=crash_after,
            seed=seed,
        )

    def _run(self, job: Job) -> Outcome:
        outcome = self.processes.run(job, self._variables())
        if outcome.ending is Ending.WRONG_DATABASE:
            raise _ignored(outcome.message)
        return outcome

    def _variables(self) -> dict[str, str]:
        """Ours, with the scratch database under each name by which an env.py may look for one."""
        url = self.scratch.url
        query = {name: value for name, value in url.query.items() if isinstance(value, str)}
        libpq = {
            "PGDATABASE": url.database,
            "PGHOST": url.host or query.get("host"),
            "PGPORT": str(url.port or query.get("port") or ""),
            "PGUSER": url.username,
            "PGPASSWORD": url.password,
            "PGPASSFILE": query.get("passfile"),
        }
        inherited = {name: value for name, value in os.environ.items() if name not in {"PGSERVICE", "PGHOSTADDR"}}
        named = {name: self._url_like(os.environ.get(name) or self._configured()) for name in ENVIRONMENT}
        return {**inherited, **named, **{name: value for name, value in libpq.items() if value}}

    def _configured(self) -> str:
        """What the user's environment names now: only its driver matters."""
        named = [value for name in ENVIRONMENT if (value := os.environ.get(name))]
        found = settings.find(self.ini)
        return next(iter(named), "") or (found.options.get("sqlalchemy.url", "") if found else "")

    def _url_like(self, other: str) -> str:
        """The scratch database by the driver of `other`: an asynchronous env.py needs an asynchronous one."""
        try:
            driver = make_url(other).drivername if other else PSYCOPG2
        except (ArgumentError, ValueError):
            driver = PSYCOPG2
        wanted = driver if driver.partition("+")[0] in {"postgresql", "postgres"} else PSYCOPG2
        return self.scratch.url.set(drivername=wanted).render_as_string(hide_password=False)


def _ignored(name: str) -> BlockedError:
    return BlockedError(
        f"env.py does not heed the database it is given: it asks for {name}. Nothing was changed there",
        mend="let env.py take its URL from -x url=…, TSMIGRATE_URL, DATABASE_URL or sqlalchemy.url, such as by "
        "tsmigrate.ops.environment.connection()",
    )
