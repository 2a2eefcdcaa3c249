"""Why each revision is there: what the header says, with the evidence of the database it was written for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tsmigrate.advise.advice import Advice
from tsmigrate.advise.evidence import TICKS
from tsmigrate.advise.generate.definitions import ForeignKey
from tsmigrate.advise.judge.interval import LENGTHS, NEWEST
from tsmigrate.advise.judge.words import DAY, bytes_, listed, number
from tsmigrate.advise.names import shown
from tsmigrate.advise.plan.plan import AggregatePlan, Fate, Method, Plan, TablePlan, UniqueFate
from tsmigrate.advise.report.sections import facts
from tsmigrate.catalog.relation import Relation

Why = tuple[str, ...]


@dataclass(frozen=True)
class Reasons:
    plan: Plan
    advices: Mapping[Relation, Advice]

    def extension(self) -> Why:
        return ("It makes tables hypertables. Where a database has it already, it stays there on the way back.",)

    def foreign_keys(self, tables: Sequence[Relation], to_hypertables: Sequence[ForeignKey]) -> Why:
        said = []
        if tables:
            said.append(
                "While a table is converted nothing may refer to it, and no chunk can be dropped that a foreign key "
                "points into."
            )
        for key in self.plan.foreign_keys:
            fate = {
                Fate.DROP: "is dropped",
                Fate.WIDEN: f"comes back with {key.column}, after the conversion",
                Fate.KEEP: "comes back as it is, after the conversion",
            }[key.fate]
            said.append(f"{key.name} of {shown(key.table)} {fate}.")
        said += [
            f"{key.name} of {shown(key.table)} goes: a hypertable cannot refer to a hypertable."
            for key in to_hypertables
            if self.plan.foreign_key(key.table, key.name) is None
        ]
        return tuple(said)

    def present(self, table: TablePlan) -> Why:
        return (
            f"{table.column} counts the {table.unit} since 1970. Policies work by age, and this function tells them "
            "what time it is by that count.",
        )

    def copied(self, table: TablePlan) -> Why:
        copied = table.copied
        parent = shown(copied.parent) if copied else ""
        return (
            f"{shown(table.relation)} has a row for each of {parent} and no time of its own. By the same time a join "
            "of them stays in a chunk, and both can be dropped together.",
            "A trigger fills the column for inserts that do not name it, by a look into every chunk: let the "
            "application name it, and drop the trigger then.",
            self._facts(table),
        )

    def key_index(self, table: TablePlan) -> Why:
        return (
            "It is built beside everything else, outside of a transaction, so that the key takes it over at once. When "
            "that is cut off, run the revision again.",
            self._facts(table),
        )

    def keys(self, table: TablePlan) -> Why:
        return tuple(self._keys(table))

    def _keys(self, table: TablePlan) -> Iterator[str]:
        yield f"Chunks are not compared with each other: what is unique in a hypertable holds {table.column}."
        if table.primary_key:
            narrow = listed([name for name in table.primary_key if name != table.column])
            yield (
                f"The primary key becomes ({listed(table.primary_key)}). {narrow} alone is then no longer kept unique, "
                f"and ON CONFLICT ({narrow}) fails: name {table.column} too."
            )
        for name, fate in (table.unique or {}).items():
            if fate is UniqueFate.WIDEN:
                yield f"{name} gets {table.column} as well: at another time the same values may occur again."
            else:
                yield f"{name} is dropped: nothing keeps its values unique any more."
        advice = self.advices.get(table.relation)
        known = {each.name: each.text for each in advice.plan.redundant} if advice and advice.plan else {}
        for name in table.drop_indexes:
            yield f"{name} goes{f': {known[name]}' if name in known else ''}."

    def hypertable(self, table: TablePlan) -> Why:
        return tuple(
            filter(None, [self._facts(table), self._column(table), self._interval(table), self._method(table)])
        )

    def _facts(self, table: TablePlan) -> str:
        advice = self.advices.get(table.relation)
        return f"When this was written: {facts(advice)}." if advice else ""

    def _column(self, table: TablePlan) -> str:
        advice = self.advices.get(table.relation)
        for each in advice.columns if advice else ():
            if each.name == table.column:
                return f"Partitioned by {each.name}: {'; '.join(reason.text for reason in each.reasons)}."
        return f"Partitioned by {table.column}, which the plan names."

    def _interval(self, table: TablePlan) -> str:
        advice = self.advices.get(table.relation)
        length = seconds(table)
        if advice is None or advice.growth is None or length is None:
            return f"Chunks of {table.interval}, which the plan names."
        grown = advice.growth
        newest = NEWEST * grown.index_bytes_a_day * length / DAY
        return (
            f"Chunks of {table.interval}: {number(grown.rows_a_day * length / DAY)} rows and "
            f"{bytes_(grown.bytes_a_day * length / DAY)} each at that growth. The indexes of its two newest take "
            f"{bytes_(newest)}, which belong in memory together with those of other hypertables."
        )

    def _method(self, table: TablePlan) -> str:
        advice = self.advices.get(table.relation)
        if advice is None or advice.plan is None:
            return ""
        found = advice.plan.method
        if table.method is Method.ATTACH:
            told = f" ({found.attach.told})" if found.attach else ""
            return f"The table becomes the first chunk as it is{told}: tsmigrate split cuts it later."
        return f"The rows are copied: {found.copy.told}."

    def wide(self, key: ForeignKey, table: TablePlan, column: str) -> Why:
        return (
            f"A foreign key to a hypertable holds its partition column. {shown(key.table)} gets it as {column}, a copy "
            f"of {shown(table.relation)}'s {table.column}, kept by a trigger.",
            "It runs outside of a transaction. When it is cut off, run the revision again.",
        )

    def kept(self, key: ForeignKey) -> Why:
        return (
            f"{key.name} holds the partition column of {shown(key.parent)}, and was dropped for its conversion only.",
        )

    def columnstore(self, tables: Sequence[TablePlan]) -> Why:
        said = ["Old chunks are kept compressed, by column (TimescaleDB Community)."]
        for table in tables:
            advice = self.advices.get(table.relation)
            reasons = advice.plan.columnstore.reasons if advice and advice.plan else ()
            store = table.columnstore
            as_advised = advice and advice.plan and store and store.segmentby == advice.plan.columnstore.segmentby
            told = "; ".join(reason.text for reason in reasons) if as_advised else "as the plan says"
            said.append(f"{shown(table.relation)}: {told}.")
        return tuple(said)

    def retention(self, tables: Sequence[TablePlan]) -> Why:
        kept = [f"{shown(table.relation)} is kept for {table.retention}" for table in tables]
        return (f"{'; '.join(kept)}, as the plan says. What is dropped does not come back.",)

    def aggregate(self, aggregate: AggregatePlan) -> Why:  # noqa: ARG002 - as its neighbours
        return ("As the plan has it. It is filled by the next revision, and then by its policy if it has one.",)

    def refreshed(self, aggregate: AggregatePlan) -> Why:  # noqa: ARG002
        return ("It runs outside of a transaction, and can be run again at any time.",)


def seconds(table: TablePlan) -> float | None:
    """How long a chunk is, where that can be told."""
    if isinstance(table.interval, int):
        return table.interval / TICKS[table.unit] if table.unit else None
    return LENGTHS.get(table.interval, _also(table.interval))


def _also(interval: str) -> float | None:
    """In words that intervals are usually written in."""
    count, _, unit = interval.strip().partition(" ")
    length = {"hour": 3600, "day": DAY, "week": 7 * DAY, "month": 30 * DAY, "year": 360 * DAY}.get(
        unit.removesuffix("s")
    )
    return int(count) * length if length and count.isdigit() else None
