"""A plan file, read strictly: whatever is not understood is said, with its file and key, all of it at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tsmigrate.advise.evidence import TICKS
from tsmigrate.advise.names import shown
from tsmigrate.advise.plan.entries import Entry, Problems
from tsmigrate.advise.plan.plan import (
    AggregatePlan,
    Columnstore,
    CopiedTime,
    Fate,
    ForeignKeyPlan,
    Method,
    Plan,
    Refresh,
    TablePlan,
    UniqueFate,
)
from tsmigrate.advise.plan.write import VERSION
from tsmigrate.catalog.relation import Relation
from tsmigrate.errors import UsageError


def read(file: Path) -> Plan:
    problems = Problems(str(file))
    whole = Entry("", _parsed(file), problems)
    version = whole.number("version")
    if version not in (VERSION, 0):
        problems.add("", f"version is {version}, and this tsmigrate knows {VERSION}")
    plan = Plan(
        tuple(_table(each) for each in whole.entries("table")),
        tuple(_foreign_key(each) for each in whole.entries("foreign_key")),
        tuple(_aggregate(each) for each in whole.entries("aggregate")),
        source=str(file),
    )
    whole.done()
    problems.told()
    for twice in _twice(plan):
        problems.add("", twice)
    problems.told()
    return plan


def _parsed(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", mend="tsmigrate analyze --plan writes such a file"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text", mend="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is no TOML: {error}", mend="mend the line that is named") from error


def _table(entry: Entry) -> TablePlan:
    relation = _relation(entry)
    entry = _called(entry, "table", relation)
    table = TablePlan(
        relation=relation,
        column=entry.name("column"),
        interval=entry.span("interval", required=True) or "",
        method=Method(entry.choice("method", [*Method], Method.COPY)),
        copied=_copied(entry.entry("copied_from")),
        unit=entry.choice("unit", list(TICKS), ""),
        integer_now=entry.text("integer_now", ""),
        primary_key=entry.names("primary_key"),
        unique={name: UniqueFate(fate) for name, fate in entry.choices("unique", [*UniqueFate]).items()},
        drop_indexes=entry.names("drop_indexes"),
        columnstore=_columnstore(entry.entry("columnstore")),
        retention=entry.span("retention"),
    )
    entry.done()
    return table


def _copied(entry: Entry | None) -> CopiedTime | None:
    if entry is None:
        return None
    parent = Relation(entry.name("schema"), entry.name("table"))
    copied = CopiedTime(parent, entry.name("column"), entry.texts("references"), entry.text("orphans", ""))
    entry.done()
    return copied


def _columnstore(entry: Entry | None) -> Columnstore | None:
    if entry is None:
        return None
    store = Columnstore(entry.names("segmentby"), entry.names("orderby"), entry.span("after", required=True) or "")
    entry.done()
    return store


def _foreign_key(entry: Entry) -> ForeignKeyPlan:
    name, table = entry.name("name"), Relation(entry.name("schema"), entry.name("table"))
    entry = _called(entry, f"foreign_key {name} of", table)
    key = ForeignKeyPlan(name, table, Fate(entry.choice("fate", [*Fate])), entry.text("column", ""))
    if key.fate is Fate.WIDEN and not key.column:
        entry.wrong("column", "is missing: the table gets a copy of the parent's time under that name")
    entry.done()
    return key


def _aggregate(entry: Entry) -> AggregatePlan:
    relation = _relation(entry)
    entry = _called(entry, "aggregate", relation)
    refresh = entry.entry("refresh")
    aggregate = AggregatePlan(
        relation, entry.text("query"), entry.flag("materialized_only"), _refresh(refresh) if refresh else None
    )
    entry.done()
    return aggregate


def _refresh(entry: Entry) -> Refresh:
    refresh = Refresh(entry.span("start"), entry.span("end"), entry.text("every"))
    entry.done()
    return refresh


def _relation(entry: Entry) -> Relation:
    return Relation(entry.name("schema"), entry.name("name"))


def _called(entry: Entry, kind: str, relation: Relation) -> Entry:
    """By its name from here on, if it has one."""
    return entry.called(f"{kind} {shown(relation)}") if relation.schema and relation.name else entry


def _twice(plan: Plan) -> Iterator[str]:
    named = [f"table {shown(each.relation)}" for each in plan.tables]
    named += [f"foreign_key {each.name} of {shown(each.table)}" for each in plan.foreign_keys]
    named += [f"aggregate {shown(each.relation)}" for each in plan.aggregates]
    yield from (f"{each} stands there twice" for each in sorted({each for each in named if named.count(each) > 1}))
