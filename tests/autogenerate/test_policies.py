"""Policies of every kind come, change and go, and compare by what they do."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from alembic.util import CommandError

from autogenerate_support import DAILY, THREE_DAYS, community, model, names
from tsmigrate.schema import Columnstore, Refresh, Reorder, Retention, timescale


@community
@pytest.mark.parametrize(
    ("declared", "differs"),
    [
        ("90 days", False),
        ("2160:00:00", False),  # a day counts as 24 hours
        ("12 weeks 6 days", False),
        ("3 months", True),  # 89 to 92 days
        ("89 days 24 hours", False),
        ("91 days", True),
    ],
)
def test_policies_compare_by_effect(team: Any, declared: str, *, differs: bool) -> None:
    team.models(model(timescale(DAILY, Retention("90 days", "1 day"))))
    team.revision()
    team.upgrade()
    team.models(model(timescale(DAILY, Retention(declared, "24 hours"))))
    assert names(team) == (["remove_retention_policy", "add_retention_policy"] if differs else [])


@community
def test_every_policy_comes_changes_and_goes_and_each_downgrade_gives_the_former_back(team: Any) -> None:
    hourly = {
        "refresh": THREE_DAYS,
        "retention": Retention("10 years"),
        "columnstore": Columnstore(["device"], ["hour DESC"], "30 days", "6 hours"),
    }
    kept = [
        Columnstore(["device"], ["at DESC"], "7 days", "6 hours"),
        Retention("1 month"),
        Reorder("reading_at_idx", "3 hours"),
    ]
    team.step(model(timescale(DAILY), {}))
    text = team.step(model(timescale(DAILY, *kept), hourly))
    assert 'op.add_reorder_policy("reading", "reading_at_idx", schedule_interval="3 hours")' in text
    assert 'op.set_columnstore("hourly", segmentby=["device"], orderby=["hour DESC"])' in text
    changed = {
        "refresh": Refresh("2 days", None, "30 minutes"),
        "retention": Retention("11 years"),
        "columnstore": Columnstore([], ["hour DESC"], "3 years"),
    }
    kept = [Columnstore(["device"], ["at DESC"], "35 days"), Retention("40 days"), Reorder("reading_pkey")]
    text = team.step(model(timescale(DAILY, *kept), changed))
    assert 'op.add_columnstore_policy("reading", "7 days", schedule_interval="6 hours")' in text
    assert 'op.add_columnstore_policy("hourly", "30 days", schedule_interval="6 hours")' in text
    # The refresh goes first and comes last: retention judges by it, and it by retention. The columnstore's policy
    # changes while there is no retention: each is refused where it would get nothing to do.
    up = text.partition("def downgrade")[0]
    order = [
        "remove_refresh_policy",
        "remove_retention_policy",
        "remove_columnstore_policy",
        "add_columnstore_policy",
        "add_retention_policy",
        "add_refresh_policy",
    ]
    assert sorted(order, key=up.index) == order
    text = team.step(model(timescale(DAILY, Columnstore(["device"], ["at DESC"])), {}))
    assert 'op.disable_columnstore("hourly")' in text
    assert 'op.remove_reorder_policy("reading")' in text


@community
def test_what_a_policy_leaves_out_is_no_difference(team: Any) -> None:
    hourly = {"columnstore": Columnstore(["device"], ["hour DESC"], "30 days", "6 hours")}
    team.models(model(timescale(DAILY, Reorder("reading_at_idx", "3 hours")), hourly))
    team.revision()
    team.upgrade()
    for columnstore in (Columnstore(after="720 hours"), Columnstore(["device"], None, "30 days")):
        team.models(model(timescale(DAILY, Reorder("reading_at_idx")), {"columnstore": columnstore}))
        team.check()
    team.models(model(timescale(DAILY, Reorder("reading_at_idx", "180 minutes")), {"columnstore": Columnstore()}))
    assert names(team) == ["remove_columnstore_policy"]


@community
def test_a_policy_that_no_declaration_says_is_told(team: Any) -> None:
    team.models(model(timescale(DAILY)))
    team.revision()
    team.upgrade()
    team.execute("SELECT add_retention_policy('reading', drop_created_before => interval '1 year')")
    for models in (model(timescale(DAILY)), model(timescale(DAILY, Retention("1 year"))), sa.MetaData()):
        team.models(models)
        with pytest.raises(
            CommandError, match=r"(?s)the retention policy of reading goes by when chunks.*mend: remove"
        ):
            team.check()


@community
def test_an_index_may_go_with_the_policy_that_rewrites_by_it(team: Any) -> None:
    def by(index: str | None, *kept: Any) -> sa.MetaData:
        metadata = model(timescale(DAILY, *kept))
        if index:
            sa.Index(index, metadata.tables["reading"].c.value)
        return metadata

    team.models(by("by_value", Reorder("by_value")))
    team.revision()
    team.upgrade()
    assert 'op.remove_reorder_policy("reading")' in team.step(by("by_worth", Reorder("by_worth")))
    team.step(by(None))
    team.step(by("by_value", Reorder("by_value")))
    team.step(sa.MetaData())  # nor does the table come back without it
