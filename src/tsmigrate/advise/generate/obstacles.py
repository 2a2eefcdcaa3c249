"""What stands in the way of a plan, all of it, with its mends: in the project, on the server, and of each table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from tsmigrate.advise.evidence import Evidence, Table
from tsmigrate.advise.generate.definitions import Definitions, ForeignKey
from tsmigrate.advise.generate.files import Project
from tsmigrate.advise.generate.keys import key_index
from tsmigrate.advise.names import shown
from tsmigrate.advise.obstacles import looked
from tsmigrate.advise.plan import toml
from tsmigrate.advise.plan.draft import keeps_foreign_keys, unique_without
from tsmigrate.advise.plan.plan import Fate, Method, Plan, TablePlan, UniqueFate
from tsmigrate.capability import REQUIREMENTS, Edition
from tsmigrate.convert.preflight import Request
from tsmigrate.doctor.environment import examine
from tsmigrate.env_py import EnvPy
from tsmigrate.finding import Finding, Severity

_PLANNED = {
    "foreign keys in",
    "foreign keys within",
    "foreign keys to hypertables",
    "foreign key fate",
    "foreign keys out",
    "extension",
    "read only",
}
"""Checks of the pre-flight that know one table only: what they ask for is in the plan, or found missing here."""


@dataclass(frozen=True)
class Situation:
    project: Project
    ini: Path | None
    plan: Plan
    evidence: Evidence
    definitions: Definitions

    def table(self, planned: TablePlan) -> Table:
        return next(each for each in self.evidence.tables.values() if each.relation == planned.relation)


def obstacles(connection: Connection, situation: Situation, tell: Callable[[str], None]) -> list[Finding]:
    found = [*in_project(connection, situation.project, situation.ini), *_on_server(situation)]
    for planned in situation.plan.tables:
        found += [*_keys(situation, planned), *_foreign_keys(situation, planned)]
        tell(f"pre-flight of {shown(planned.relation)}")
        found += _preflight(connection, planned)
    return sorted(_once(found), key=lambda each: list(Severity).index(each.severity))


def _once(findings: list[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


def in_project(connection: Connection, project: Project, ini: Path | None) -> Iterator[Finding]:
    for each in examine(ini):
        if each.severity is Severity.BLOCKER or (
            each.check == "alembic transactions" and each.severity is not Severity.OK
        ):
            yield Finding(each.check, Severity.BLOCKER, each.seen, each.why, each.mend)
    env = _env(project)
    if env and not env.imports_operations:
        yield Finding(
            "operations",
            Severity.BLOCKER,
            f"{env.path} imports nothing of tsmigrate",
            why="without it there is no op.create_hypertable",
            mend="tsmigrate init shows the lines and adds them",
        )
    yield from _up_to_date(connection, project, env)


def _env(project: Project) -> EnvPy | None:
    try:
        return EnvPy.read(Path(project.script.env_py_location))
    except (OSError, SyntaxError, ValueError):
        return None  # said by doctor's checks


def _up_to_date(connection: Connection, project: Project, env: EnvPy | None) -> Iterator[Finding]:
    """What is written follows the head, and is judged by the database as it is."""
    names = ("version_table", "version_table_schema") if env else ()
    options = {name: value for name in names if env and (value := env.constant(name))}
    applied = set(MigrationContext.configure(connection, opts=options).get_current_heads())
    head = project.head
    if applied == ({head} if head else set()):
        return
    at = ", ".join(sorted(applied)) if applied else "no revision"
    yield Finding(
        "up to date",
        Severity.BLOCKER,
        f"the database is at {at}, and the history ends with {head or 'none'}",
        why="the plan is judged by the database as it is, and its revisions follow the last one",
        mend="alembic upgrade head; or, where its tables were made otherwise, alembic stamp head",
    )


def _on_server(situation: Situation) -> Iterator[Finding]:
    timescale, role = situation.evidence.server.timescale, situation.evidence.server.role
    if timescale.available is None and timescale.installed is None:
        mend = "install its package there, and preload it; or name another server: tsmigrate sandbox up starts one"
        yield Finding("timescaledb", Severity.BLOCKER, "TimescaleDB is not installed on this server", mend=mend)
    elif not timescale.preloaded:
        yield Finding(
            "timescaledb",
            Severity.BLOCKER,
            "the server does not preload TimescaleDB",
            why="CREATE EXTENSION, and any of its functions, would end the connection",
            mend="add timescaledb to shared_preload_libraries and restart the server",
        )
    elif timescale.installed is None and not (role.superuser or (timescale.trusted and role.may_create)):
        yield Finding(
            "timescaledb",
            Severity.BLOCKER,
            f"this database has no TimescaleDB, and {role.name} may not create it",
            mend="let a superuser run CREATE EXTENSION timescaledb in it",
        )
    yield from _edition(situation)
    version = timescale.installed or timescale.available
    attached = [table for table in situation.plan.tables if table.method is Method.ATTACH]
    needs = REQUIREMENTS["attach_chunk"]
    if attached and version and (version < needs.since or timescale.edition is Edition.APACHE):
        names = ", ".join(shown(each.relation) for each in attached)
        yield Finding(
            "method", Severity.BLOCKER, f"{names}: attaching needs {needs}", mend=f"method = {toml.value('copy')}"
        )


def _edition(situation: Situation) -> Iterator[Finding]:
    plan = situation.plan
    wanted = [
        *(["the columnstore"] if any(table.columnstore for table in plan.tables) else []),
        *(["retention"] if any(table.retention for table in plan.tables) else []),
        *(["continuous aggregates"] if plan.aggregates else []),
    ]
    timescale = situation.evidence.server.timescale
    if not wanted or timescale.edition is Edition.COMMUNITY:
        return
    what = f"the plan has {' and '.join(wanted)}, which the Community edition has"
    if timescale.edition is None:
        yield Finding("edition", Severity.NOTE, f"{what}; whether this server does shows once the extension is there")
        return
    unsupported = str(situation.project.config.get_alembic_option("tsmigrate.on_unsupported") or "").lower()
    instead = _INSTEAD.get(unsupported)
    yield Finding(
        "edition",
        Severity.NOTE if instead else Severity.BLOCKER,
        f"{what}, and this server is the Apache edition",
        why=f"{instead}: tsmigrate.on_unsupported = {unsupported}" if instead else "an upgrade would be refused there",
        mend=""
        if instead
        else "set tsmigrate.on_unsupported = emulate to have tsmigrate do what it can in their place, or skip to go on "
        "without them, or take them out of the plan",
    )


_INSTEAD = {
    "skip": "their revisions are skipped here, with a warning",
    "emulate": "tsmigrate does here what it can in their place, and the columnstore waits",
}


def _keys(situation: Situation, planned: TablePlan) -> Iterator[Finding]:
    table = situation.table(planned)
    name = shown(planned.relation)
    if table.kind == "p" and (planned.primary_key or planned.unique or planned.drop_indexes):
        yield Finding(
            "keys",
            Severity.BLOCKER,
            f"{name} is partitioned, and its keys and indexes would not come back with those of its partitions",
            mend="change them in a revision of your own, and take primary_key, unique and drop_indexes out of the plan",
        )
    for index in unique_without(table, planned.column):
        covered = planned.primary_key if index.primary else index.name in (planned.unique or {})
        if not covered:
            columns = [each or "" for each in index.columns]
            mend = toml.line("primary_key", [*columns, planned.column])
            yield Finding(
                "keys",
                Severity.BLOCKER,
                f"{name}: {index.name} does not hold {planned.column}, and the plan does not say what becomes of it",
                why="chunks are not compared with each other: what is unique holds the partition column",
                mend=mend if index.primary else toml.line("unique", {index.name: UniqueFate.WIDEN}),
            )
    for unique, fate in (planned.unique or {}).items():
        found = situation.definitions.named(planned.relation, unique)
        if found and found.held and (fate is UniqueFate.DROP or not found.constraint):
            yield Finding(
                "keys",
                Severity.BLOCKER,
                f"{name}: {unique} {found.held}, which would not come back",
                mend="change that first, in a revision of its own",
            )
    if planned.method is Method.ATTACH and planned.primary_key:
        index_name = key_index(planned).name
        if any(each.name == index_name for each in table.indexes):
            yield Finding(
                "keys", Severity.BLOCKER, f"{name}: there is an index {index_name}", mend="drop or rename it first"
            )


def _foreign_keys(situation: Situation, planned: TablePlan) -> Iterator[Finding]:
    stay = []
    for key in situation.definitions.keys_to(planned.relation):
        said = situation.plan.foreign_key(key.table, key.name)
        where = f"{key.name} of {shown(key.table)}"
        if said is None:
            yield _fate_unsaid(key, planned)
            continue
        yield from _not_owned(situation, key)
        if said.fate is not Fate.DROP:
            stay.append(where)
            yield from _cannot_stay(situation, key)
    if stay and planned.retention is not None:
        yield Finding(
            "retention",
            Severity.BLOCKER,
            f"{shown(planned.relation)} is to be dropped by age, and {', '.join(stay)} is to stay",
            why="no chunk can be dropped that a foreign key points into, not even one that no row uses",
            mend="drop the foreign key, or leave retention out",
        )


def _fate_unsaid(key: ForeignKey, planned: TablePlan) -> Finding:
    return Finding(
        "foreign keys",
        Severity.BLOCKER,
        f"{key.name} of {shown(key.table)} points at {shown(planned.relation)}, and the plan does not say what becomes "
        "of it",
        mend="\n".join(
            [
                "[[foreign_key]]",
                toml.line("name", key.name),
                toml.line("schema", key.table.schema),
                toml.line("table", key.table.name),
                toml.line("fate", Fate.DROP),
            ]
        ),
    )


def _not_owned(situation: Situation, key: ForeignKey) -> Iterator[Finding]:
    evidence = situation.evidence
    owned = {table.relation: table.owned for table in evidence.tables.values()}
    if not owned.get(key.table, True):
        yield Finding(
            "foreign keys",
            Severity.BLOCKER,
            f"{key.name} of {shown(key.table)} has to go for the conversion, and this role may not change that table",
            mend=f"run as its owner, or let {evidence.server.role.name} be a member of that role",
        )


def _cannot_stay(situation: Situation, key: ForeignKey) -> Iterator[Finding]:
    evidence, where = situation.evidence, f"{key.name} of {shown(key.table)}"
    hypertables = {table.relation for oid, table in evidence.tables.items() if oid in evidence.hypertables}
    if situation.plan.table(key.table) or key.table in hypertables:
        yield Finding(
            "foreign keys",
            Severity.BLOCKER,
            f"{where}: a hypertable cannot refer to a hypertable",
            mend=toml.line("fate", Fate.DROP),
        )
    elif not keeps_foreign_keys(evidence.server.timescale):
        needs = REQUIREMENTS["widen_foreign_key"]
        yield Finding(
            "foreign keys",
            Severity.BLOCKER,
            f"{where}: foreign keys to hypertables need {needs}",
            mend=f"{toml.line('fate', Fate.DROP)}, or upgrade TimescaleDB",
        )


def _preflight(connection: Connection, planned: TablePlan) -> Iterator[Finding]:
    for finding in looked(connection, Request(planned.relation, planned.column, planned.interval)):
        if not _settled(finding, planned):
            yield Finding(
                finding.check,
                finding.severity,
                f"{shown(planned.relation)}: {finding.seen}",
                finding.why,
                finding.mend,
            )


def _settled(finding: Finding, planned: TablePlan) -> bool:
    if finding.check == "key columns":
        return not finding.seen.startswith("the exclusion constraint")
    if finding.check == "no integer now":
        return bool(planned.unit or planned.integer_now)
    if finding.check == "time column":
        return planned.copied is not None
    return finding.check in _PLANNED
