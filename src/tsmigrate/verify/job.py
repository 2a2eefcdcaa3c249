"""What one run of the user's env.py shall do, and how it went: the words between us and the process that runs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum


class Task(StrEnum):
    HISTORY = "history"  # read the revisions; env.py does not run
    LOOK = "look"  # run env.py, change nothing
    UPGRADE = "upgrade"  # one revision
    DOWNGRADE = "downgrade"  # one revision
    TO_BASE = "to base"  # everything, in one run
    SEED = "seed"  # call the user's function that writes rows


class Ending(StrEnum):
    DONE = "done"
    FAILED = "failed"
    IRREVERSIBLE = "irreversible"
    WRONG_DATABASE = "wrong database"
    WRONG_USE = "wrong use"


@dataclass(frozen=True)
class Job:
    task: Task
    ini: str
    url: str  # of the scratch database, in full
    url_for_env: str  # the same with the driver that the user's env.py expects
    arguments: tuple[str, ...] = ()  # the user's own -x
    versions: str = ""  # a folder of further revisions, beside those of the configuration
    revision: str = ""
    first: str = ""  # --from, for HISTORY
    last: str = ""  # --to, for HISTORY
    crash_after: int = 0  # end the connection after that many statements of the revision; 0: never
    seed: str = ""  # module:function


@dataclass(frozen=True)
class Order:
    """A job, and where and how its process works."""

    job: Job
    variables: Mapping[str, str]  # the whole environment of the process
    outcome: str  # the file to write it to
    said: str  # the file for what the process prints


@dataclass(frozen=True)
class Revision:
    id: str
    needs: tuple[str, ...]  # revisions that must be applied before: its parents and what it depends on
    title: str
    irreversible: str  # the reason its author gives
    tested: bool  # False: it lies outside --from and --to and is only applied

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True)
class Outcome:
    ending: Ending
    message: str = ""
    statements: int = 0  # that the revision executed
    crashed: bool = False  # the connection was ended as asked
    version_table: str = ""
    version_schema: str = ""
    revisions: tuple[Revision, ...] = ()


def order_to_text(order: Order) -> str:
    """One line."""
    return json.dumps(asdict(order))


def order_from_text(text: str) -> Order:
    fields = json.loads(text)
    job = fields["job"]
    return Order(**{**fields, "job": Job(**{**job, "task": Task(job["task"]), "arguments": tuple(job["arguments"])})})


def outcome_to_text(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome))


def outcome_from_text(text: str) -> Outcome:
    fields = json.loads(text)
    revisions = tuple(Revision(**{**each, "needs": tuple(each["needs"])}) for each in fields["revisions"])
    return Outcome(**{**fields, "ending": Ending(fields["ending"]), "revisions": revisions})
