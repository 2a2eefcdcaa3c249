"""What is emulated or deferred counts as there: the models declare it, and a revision has asked for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tsmigrate.catalog import timescale
from tsmigrate.catalog.interval import in_words
from tsmigrate.catalog.relation import Relation
from tsmigrate.catalog.timescale import Aggregate, Columnstore, SpanText, TimescaleObjects
from tsmigrate.policies.state import Kind, Policy
from tsmigrate.schema import layout
from tsmigrate.undo import SCHEMA


def added(objects: TimescaleObjects, policies: Iterable[Policy]) -> TimescaleObjects:
    """`objects`, and what the toolkit has in place of more of them."""
    hypertables, aggregates = dict(objects.hypertables), dict(objects.aggregates)
    for policy in policies:
        relation = policy.relation
        if relation is None:
            continue
        if policy.kind is Kind.AGGREGATE:
            aggregates[relation] = _aggregate(relation, policy)
        elif relation in aggregates:
            aggregates[relation] = replace(aggregates[relation], **_given(policy))
        elif relation in hypertables:
            hypertables[relation] = replace(hypertables[relation], **_given(policy))
    return TimescaleObjects(hypertables, aggregates)


def _aggregate(relation: Relation, policy: Policy) -> Aggregate:
    config = policy.config
    return Aggregate(
        relation=relation,
        source=policy.source or relation,
        held_in=Relation(SCHEMA, config["holder"]),
        column=config["bucket_column"],
        definition=config["definition"],
        materialized_only=config["materialized_only"],
        refresh_policy=None,
        retention_policy=None,
    )


_FIELDS = {
    Kind.REFRESH: "refresh_policy",
    Kind.RETENTION: "retention_policy",
    Kind.COLUMNSTORE_POLICY: "columnstore_policy",
    Kind.REORDER_POLICY: "reorder_policy",
}


def _given(policy: Policy) -> dict[str, Any]:
    if policy.kind is Kind.COLUMNSTORE:
        return {"columnstore": _columnstore(policy)}
    return {_FIELDS[policy.kind]: _policy(policy)}


def _policy(policy: Policy) -> timescale.Policy:
    config = policy.config
    every = policy.every or config.get("schedule_interval")
    return timescale.Policy(
        schedule_interval=in_words(every) if every else "",
        after=_span(config.get("drop_after", config.get("compress_after"))),
        start_offset=_span(config.get("start_offset")),
        end_offset=_span(config.get("end_offset")),
        index=config.get("index_name"),
        peculiar="paused" if policy.paused else "",
    )


def _columnstore(policy: Policy) -> Columnstore:
    segmentby, orderby = policy.config["declared"]["segmentby"], policy.config["declared"]["orderby"]
    order = layout.parse(policy.told, segmentby, orderby)
    return Columnstore(
        None if segmentby is None else tuple(segmentby),
        None
        if orderby is None
        else tuple(timescale.Order(each.column, each.descending, each.nulls_first) for each in order),
    )


def _span(text: str | None) -> SpanText | None:
    return None if text is None else int(text) if text.lstrip("-").isdigit() else in_words(text)
