"""What a model declares of TimescaleDB, in plain SQLAlchemy: on a table's `info`, and aggregates on its MetaData.

    reading = Table(
        "reading",
        metadata,
        Column("device", Text, primary_key=True),
        Column("at", DateTime(timezone=True), primary_key=True),
        Column("value", Double),
        info=timescale(
            Hypertable("at", "1 day"),
            Columnstore(segmentby=["device"], orderby=["at DESC"], after="7 days"),
            Retention("3 months"),
        ),
    )
    ContinuousAggregate(
        "reading_by_hour",
        select(func.time_bucket("1 hour", reading.c.at).label("hour"), func.avg(reading.c.value)).group_by("hour"),
        metadata,
        refresh=Refresh("3 days", "1 hour", "30 minutes"),
    )

In a declarative class the same `info` stands in `__table_args__`. What cannot be is refused when the model is imported.
"""

import tsmigrate.schema.check  # noqa: F401 - refuses nonsense when a model is imported
from tsmigrate.schema.aggregate import ContinuousAggregate, Refresh
from tsmigrate.schema.hypertable import Columnstore, Hypertable, Reorder, Retention
from tsmigrate.schema.info import timescale

__all__ = ["Columnstore", "ContinuousAggregate", "Hypertable", "Refresh", "Reorder", "Retention", "timescale"]
