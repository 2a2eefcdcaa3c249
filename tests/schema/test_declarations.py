"""What a model declares is refused at import where no server could make it so, in the words of the model."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import tsmigrate.schema
from tsmigrate.errors import UsageError
from tsmigrate.schema import Columnstore, ContinuousAggregate, Hypertable, Refresh, Reorder, Retention, timescale
from tsmigrate.schema.aggregate import aggregates
from tsmigrate.schema.info import Declared, declared

DAILY = Hypertable("at", "1 day")


def reading(info: dict[Any, Any], *more: Any, at: Any = None, **options: Any) -> sa.Table:
    columns = [
        sa.Column("device", sa.Text),
        sa.Column("at", sa.DateTime(timezone=True)) if at is None else at,
        sa.Column("v", sa.Float),
    ]
    return sa.Table("reading", sa.MetaData(), *columns, *more, info=info, **options)


def test_a_table_keeps_its_declarations_beside_what_else_its_info_holds() -> None:
    columnstore, retention = Columnstore(["device"], ["at DESC"], "7 days"), Retention("3 months")
    reorder = Reorder("reading_at_idx")
    table = reading({**timescale(DAILY, reorder, retention, columnstore), "owner": "us"})
    assert declared(table) == Declared(DAILY, columnstore, retention, reorder)
    assert table.info["owner"] == "us"
    assert declared(reading({})) is None


def test_a_declarative_class_declares_the_same() -> None:
    class Base(DeclarativeBase):
        pass

    class Reading(Base):
        __tablename__ = "reading"
        __table_args__ = (sa.Index("by_device", "device"), {"info": timescale(DAILY)})
        device: Mapped[str] = mapped_column(primary_key=True)
        at: Mapped[Any] = mapped_column(sa.DateTime(timezone=True), primary_key=True)

    found = declared(Reading.__table__)  # type: ignore[arg-type]
    assert found and found.hypertable == DAILY

    with pytest.raises(UsageError, match=r"wrong.*primary key \(id\) does not hold 'at'"):

        class Wrong(Base):
            __tablename__ = "wrong"
            __table_args__ = {"info": timescale(DAILY)}  # noqa: RUF012
            id: Mapped[int] = mapped_column(primary_key=True)
            at: Mapped[Any] = mapped_column(sa.DateTime(timezone=True))


def test_declarations_outlive_a_copy_of_the_metadata() -> None:
    found = declared(reading(timescale(DAILY)).to_metadata(sa.MetaData(), schema="other"))
    assert found and found.hypertable == DAILY


@pytest.mark.parametrize(
    ("info", "told"),
    [
        (timescale(Hypertable("moment", "1 day")), "the partition column names 'moment', and it has no such column"),
        (timescale(Hypertable("At", "1 day")), "the partition column names 'At'"),
        (timescale(Hypertable("at", "1 day", ("place", 2))), "hash_dimension names 'place'"),
        (timescale(DAILY, Columnstore(["place"])), "segmentby names 'place'"),
        (timescale(DAILY, Columnstore(orderby=["place DESC"])), "orderby names 'place'"),
        (timescale(Hypertable("device", "1 day")), "'device' is of type TEXT, by which no table is partitioned"),
        (timescale(Hypertable("at", 7)), "'at' is no whole number, and the interval 7 is one"),
        ({"tsmigrate": DAILY}, "write info=timescale"),
    ],
)
def test_what_does_not_fit_the_table_is_refused(info: dict[Any, Any], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        reading(info)
    assert "reading" in refused.value.message
    assert told in f"{refused.value.message} {refused.value.mend}"


def test_an_interval_of_a_whole_number_is_one() -> None:
    number = sa.Column("at", sa.BigInteger)
    assert declared(reading(timescale(Hypertable("at", 1000)), at=number))
    with pytest.raises(UsageError, match="'at' is a whole number, and the interval '1 day' is none"):
        reading(timescale(DAILY), at=sa.Column("at", sa.BigInteger))


def test_a_generated_column_partitions_nothing() -> None:
    with pytest.raises(UsageError, match="'at' is a generated column"):
        reading(timescale(DAILY), at=sa.Column("at", sa.DateTime, sa.Computed("now()")))


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (sa.PrimaryKeyConstraint("device"), r"primary key \(device\)"),
        (sa.UniqueConstraint("device", name="one"), "unique constraint one"),
        (sa.Index("one", "device", unique=True), "unique index one"),
        (sa.Index("one", sa.text("lower(device)"), unique=True), "unique index one"),
        (postgresql.ExcludeConstraint(("device", "="), ("at", "&&"), name="one"), "exclusion constraint one"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_key_holds_the_partition_column(key: Any, told: str) -> None:
    with pytest.raises(UsageError, match=f"the {told} does not hold 'at'"):
        reading(timescale(DAILY), key)


def test_a_key_holds_the_hash_dimension_too() -> None:
    with pytest.raises(UsageError, match=r"the primary key \(at\) does not hold 'device'"):
        reading(timescale(Hypertable("at", "1 day", ("device", 4))), sa.PrimaryKeyConstraint("at"))
    reading(timescale(Hypertable("at", "1 day", ("device", 4))), sa.PrimaryKeyConstraint("at", "device"))


def test_all_reasons_are_told_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        reading(timescale(Hypertable("at", 7)), sa.PrimaryKeyConstraint("device"))
    assert refused.value.message.count(";") == 1


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (lambda: Hypertable("at", ""), "interval is ''"),
        (lambda: Hypertable("at", "7"), "interval is '7'"),
        (lambda: Hypertable("at", 0), "interval is 0"),
        (lambda: Hypertable("at", True), "interval is True"),
        (lambda: Hypertable("at", "1 day", ("at", 4)), "at is the partition column and the hash dimension"),
        (lambda: Hypertable("at", "1 day", ("device", 0)), r"hash_dimension is \('device', 0\)"),
        (lambda: Columnstore("device"), "segmentby is 'device'"),
        (lambda: Columnstore(["device"], ["device"]), 'names "device" more than once'),
        (lambda: Columnstore(["device"], []), "orders by nothing"),
        (lambda: Columnstore(orderby=["at SIDEWAYS"]), "cannot order by 'at SIDEWAYS'"),
        (lambda: Columnstore(after=-1), "after is -1"),
        (lambda: Reorder(""), "Reorder: index is ''"),
        (lambda: Reorder("by_device", "7"), "schedule_interval is '7'"),
        (lambda: timescale(DAILY, Reorder("a"), Reorder("b")), "does not take these together"),
        (lambda: Columnstore(schedule_interval="1 day"), "schedule_interval is given, and no policy"),
        (lambda: Retention(""), "drop_after is ''"),
        (lambda: Retention("1 day", 5), "schedule_interval is 5"),  # type: ignore[arg-type]
        (lambda: Refresh("1 day", None, 5), "schedule_interval is 5"),  # type: ignore[arg-type]
        (lambda: Refresh("7", None, "1 day"), "start_offset is '7'"),
        (lambda: timescale(DAILY, Retention("1 day"), Retention("2 days")), "does not take these together"),
        (lambda: timescale(Retention("1 day")), "begins with Retention"),  # type: ignore[arg-type]
        (lambda: ContinuousAggregate("daily", " ;", sa.MetaData()), "its query is ' ;'"),
        (lambda: ContinuousAggregate("d" * 64, "SELECT 1", sa.MetaData()), "64 bytes long"),
    ],
)
def test_what_no_table_could_have_is_refused_where_it_stands(declare: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        declare()


def test_an_aggregate_is_declared_once_and_in_the_schema_of_its_metadata() -> None:
    metadata = sa.MetaData(schema="plant")
    daily = ContinuousAggregate("daily", "SELECT 1", metadata)
    other = ContinuousAggregate("daily", sa.select(sa.literal(1)), metadata, schema="other")
    assert [daily.schema, other.schema] == ["plant", "other"]
    assert aggregates(metadata) == [daily, other]
    with pytest.raises(UsageError, match=r'"plant"."daily" is declared twice'):
        ContinuousAggregate("daily", "SELECT 2", metadata)
    assert aggregates(sa.MetaData()) == []


def test_the_columnstore_of_an_aggregate_is_laid_out_by_what_its_query_selects() -> None:
    at, device = sa.column("at"), sa.column("device")
    hour = sa.func.time_bucket("1 hour", at).label("hour")
    laid_out = Columnstore(["device"], ["hour DESC"])
    for columns in ((hour, device), (hour, device, sa.func.count()), (hour, sa.func.lower("x"))):
        ContinuousAggregate("hourly", sa.select(*columns), sa.MetaData(), columnstore=laid_out)
    with pytest.raises(UsageError, match="\"hourly\": its columnstore names 'device', and its query does not select"):
        ContinuousAggregate("hourly", sa.select(hour), sa.MetaData(), columnstore=laid_out)


def test_the_facade_exports_what_it_names() -> None:
    public = {name for name in vars(tsmigrate.schema) if name[0].isupper() or name == "timescale"}
    assert public == set(tsmigrate.schema.__all__)
