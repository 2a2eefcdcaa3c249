"""pg_cron runs the policies: three jobs of it, which call the procedures of `in_server`.

pg_cron lives in one database of a server, its home, and runs jobs in any. The jobs run as the role that asked for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tsmigrate import connect
from tsmigrate.capability import Version
from tsmigrate.errors import BlockedError, UnreachableError, UsageError
from tsmigrate.finding import Finding, Severity
from tsmigrate.policies import in_server
from tsmigrate.sql import identifier, literal, raw
from tsmigrate.url import DatabaseUrl, without_passwords

EVERY_MINUTE = "* * * * *"
DEFAULT_HOME = "postgres"
KNOWS_NAMES, KNOWS_DATABASES = Version(1, 3), Version(1, 4)
ANOTHER_WAY = "or run `tsmigrate policies run` from a cron outside the server"

_LONGEST_NAME = 63


@dataclass(frozen=True)
class Job:
    """What pg_cron calls for a database."""

    task: str
    schedule: str
    command: str
    at_home: bool = False
    """In pg_cron's own database."""

    def name(self, database: str) -> str:
        return _name(self.task, database)


def _name(task: str, database: str) -> str:
    """Of a job; by it the jobs of a role are told apart, those of all databases together."""
    name = f"tsmigrate {task} {database}"
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"tsmigrate {task} {sha256(database.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class Home:
    """Where pg_cron keeps its jobs, and the database that ours are for."""

    url: DatabaseUrl
    database: str

    @property
    def is_here(self) -> bool:
        return self.url.url.database == self.database

    def jobs(self, schedule: str = EVERY_MINUTE) -> list[Job]:
        """The policies; a look at what takes too long; and pg_cron's memory of all three, which nothing else bounds."""
        names = ", ".join(literal(_name(task, self.database)) for task in ("run", "watch", "log"))
        forget = (
            "DELETE FROM cron.job_run_details WHERE end_time < now() - interval '1 day' "
            f"AND jobid IN (SELECT jobid FROM cron.job WHERE jobname IN ({names}))"
        )
        return [
            Job("run", schedule, in_server.RUN_DUE),
            Job("watch", EVERY_MINUTE, in_server.END_OVERDUE),
            Job("log", "17 3 * * *", forget, at_home=True),
        ]

    def statements(self, schedule: str) -> list[str]:
        """What makes the jobs, or changes them where they are there."""
        return [self._schedule(job) for job in self.jobs(schedule)]

    def _schedule(self, job: Job) -> str:
        arguments = [job.name(self.database), job.schedule, job.command]
        if self.is_here or job.at_home:
            return f"SELECT cron.schedule({', '.join(map(literal, arguments))})"
        return f"SELECT cron.schedule_in_database({', '.join(map(literal, [*arguments, self.database]))})"


def home(connection: Connection, database: DatabaseUrl, named: str | None = None) -> Home | None:
    """Where pg_cron keeps its jobs. None: this server has not loaded it."""
    here: str = connection.execute(raw("SELECT current_database()")).scalar_one()
    is_here = connection.execute(raw("SELECT FROM pg_extension WHERE extname = 'pg_cron'")).first() is not None
    found = here if is_here else named or _said_home(connection)
    return Home(replace(database, url=database.url.set(database=found)), here) if found else None


def _said_home(connection: Connection) -> str | None:
    """What the server says; only few may ask, and the others learn just that there is one."""
    connection.commit()
    try:
        found: str | None = connection.execute(raw("SELECT current_setting('cron.database_name', true)")).scalar()
    except DBAPIError as error:
        if connect.sqlstate(error) != _NOT_ALLOWED:
            raise
        found = DEFAULT_HOME
    connection.rollback()
    return found


_NOT_ALLOWED, _NO_TABLE, _WRONG_VALUE = "42501", "42P01", "22023"


def schedule(connection: Connection, at: Home, every: str) -> None:
    """Install the procedures, and let pg_cron call them. Done again, it changes both to what they would be now."""
    with _at_home(connection, at) as jobs:
        with _explained(at, every):
            _require_version(jobs, at)
            for statement in at.statements(every):
                jobs.execute(raw(statement))
        _install(connection, at)
        jobs.commit()


def _install(connection: Connection, at: Home) -> None:
    own = f"as the owner of the database: GRANT CREATE ON DATABASE {identifier(at.database)} TO the role"
    with _told("the procedures were not installed", own):
        connection.execute(raw(in_server.install()))
        connection.commit()


@contextmanager
def _told(what: str, missing_right: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        hint = getattr(getattr(error.orig, "diag", None), "message_hint", None)
        otherwise = missing_right if connect.sqlstate(error) == _NOT_ALLOWED else "mend what the message says"
        raise BlockedError(f"{what}: {connect.reason_given(error)}", mend=hint or otherwise) from error


def unschedule(connection: Connection, at: Home | None) -> int:
    """Take the jobs of this role away, and the procedures. How many jobs there were. None: pg_cron is gone."""
    removed = 0
    if at:
        with _at_home(connection, at) as jobs, _explained(at):
            removed = len(jobs.execute(_UNSCHEDULE, {"names": _names(at)}).all())
            jobs.commit()
    with _told("the procedures were not removed", "do it as the role that ran tsmigrate policies schedule"):
        for statement in in_server.REMOVE:
            connection.execute(raw(statement))
        connection.commit()
    return removed


def finding(connection: Connection, at: Home) -> Finding | None:
    """How the jobs of this role are. None: there are none, or the role may not look."""
    try:
        with _at_home(connection, at) as jobs:
            row = jobs.execute(_LAST_RUN, {"name": at.jobs()[0].name(at.database)}).first()
            jobs.rollback()
    except (DBAPIError, UnreachableError):
        connection.rollback()
        return None
    if row is None:
        return None
    seen = f"pg_cron runs them ({row.schedule})"
    if not row.active:
        return _warning(
            "pg_cron's job for them is switched off", mend="switch it on with cron.alter_job, or unschedule"
        )
    if not in_server.is_up_to_date(connection):
        return _warning(f"{seen}, by procedures of another version of tsmigrate", mend="tsmigrate policies schedule")
    if row.status is None:
        return Finding("pg_cron", Severity.OK, f"{seen}, and has not yet")
    moment = f"{row.start_time:%Y-%m-%d %H:%M:%S%z}" if row.start_time else "lately"
    if row.status != "failed":
        return Finding("pg_cron", Severity.OK, f"{seen}, last {moment}")
    said = without_passwords(" ".join(str(row.return_message).split()))
    return _warning(
        f"{seen}, and failed {moment}",
        why=said,
        mend=_LET_IN if "connection failed" in said else "mend what the message says",
    )


def _warning(seen: str, *, mend: str, why: str = "") -> Finding:
    return Finding("pg_cron", Severity.WARNING, seen, why, mend)


_LET_IN = (
    "pg_cron must get in as this role without a password: set cron.use_background_workers = on, "
    "or add a line for it to pg_hba.conf"
)


@contextmanager
def _at_home(connection: Connection, at: Home) -> Iterator[Connection]:
    if at.is_here:
        yield connection
        return
    with connect.pinned(at.url) as other:
        yield other


def _names(at: Home) -> list[str]:
    return [job.name(at.database) for job in at.jobs()]


_OURS = "username = current_user"
_UNSCHEDULE = text(
    f"SELECT cron.unschedule(jobid) FROM (SELECT jobid FROM cron.job WHERE jobname = ANY(:names) AND {_OURS}) AS ours"
)
_LAST_RUN = text(f"""
SELECT j.schedule, j.active, r.status, r.return_message, r.start_time
FROM cron.job j
LEFT JOIN LATERAL (
  SELECT * FROM cron.job_run_details r WHERE r.jobid = j.jobid AND r.status IN ('succeeded', 'failed')
  ORDER BY r.runid DESC LIMIT 1
) AS r ON true
WHERE j.jobname = :name AND j.{_OURS}
""")


def _require_version(jobs: Connection, at: Home) -> None:
    found = jobs.execute(raw("SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'")).scalar()
    if found is None:
        raise BlockedError(
            f"the database {at.url.url.database} has no extension pg_cron",
            mend=f"as a superuser, in the database that cron.database_name names: CREATE EXTENSION pg_cron "
            f"(--home, if that is another one), {ANOTHER_WAY}",
        )
    needed = KNOWS_NAMES if at.is_here else KNOWS_DATABASES
    if Version.parse(found) < needed:
        raise BlockedError(
            f"pg_cron {found} is too old: version {needed.major}.{needed.minor} is needed",
            mend=f"ALTER EXTENSION pg_cron UPDATE, after its package, {ANOTHER_WAY}",
        )


@contextmanager
def _explained(at: Home, every: str = "") -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if connect.sqlstate(error) == _WRONG_VALUE and "schedule" in connect.reason_given(error):
            raise UsageError(
                f"pg_cron does not know the schedule {every!r}", mend="write it as for cron: '*/5 * * * *'"
            ) from error
        raise BlockedError(
            f"pg_cron was not told: {connect.reason_given(error)}", mend=_mend(at, connect.sqlstate(error))
        ) from error


def _mend(at: Home, code: str) -> str:
    if code == _NOT_ALLOWED:
        where = f"in the database {at.url.url.database}, as its administrator: GRANT USAGE ON SCHEMA cron TO the role"
        further = "; GRANT EXECUTE ON FUNCTION cron.schedule_in_database TO the role"
        return where + ("" if at.is_here else further) + f", {ANOTHER_WAY}"
    if code == _NO_TABLE:
        return f"in the database {at.url.url.database}: CREATE EXTENSION pg_cron, {ANOTHER_WAY}"
    return f"mend what the message says, {ANOTHER_WAY}"
