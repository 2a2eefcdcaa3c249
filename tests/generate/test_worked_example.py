"""The switchboard's plain schema: what analyze and generate make of it, beside what was written by hand."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import models
import pytest
import sample_rows

from alembic_project import Project
from tsmigrate import connect
from tsmigrate.capability import Edition
from tsmigrate.schema.info import declared

if TYPE_CHECKING:
    from generate.conftest import Site

ROOT = Path(__file__).parents[2]
COPIED = {"outbound_messages_routing", "outbound_messages_telco"}  # by hand it is called original_created_at
RETENTION = '#retention = "3 months"'


def by_hand() -> dict[str, str]:
    """The hypertables of the models, and the column of each."""
    found = {table.name: declared(table) for table in models.metadata.tables.values()}
    return {name: each.hypertable.column for name, each in found.items() if each is not None}


def foreign_keys_by_hand() -> set[tuple[str, str]]:
    return {
        (table.name, key.column.table.name)
        for table in models.metadata.tables.values()
        if table.name in by_hand()
        for key in table.foreign_keys
    }


def begun(plain_site: Site, folder: Path) -> Site:
    """The worked example with its first revision only, rows in it, and tables that the catalogs say are large."""
    shutil.copytree(ROOT / "migrations", folder / "migrations", ignore=shutil.ignore_patterns("000[2-9]*", "001*"))
    shutil.copy(ROOT / "alembic.ini", folder)
    site = replace(plain_site, project=Project(folder))
    site.upgrade()
    with connect.connection(site.database) as connection:
        sample_rows.load(connection, 300, until=datetime.now(UTC))
        connection.commit()
    site.desk.run("ANALYZE")
    for table in by_hand():
        site.desk.large(f"sms.{table}")
    return site


@pytest.mark.parametrize("rehearse", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_generate_arrives_at_what_was_written_by_hand(
    plain_site: Site, tmp_path: Path, edition: Edition, rehearse: bool
) -> None:
    site = begun(plain_site, tmp_path / "example")
    text = site.plan("--memory", "64GB")
    (site.folder / "plan.toml").write_text(text.replace(RETENTION, RETENTION[1:]))
    plan = tomllib.loads(text)
    assert {table["name"]: table["column"] for table in plan["table"]} == {
        name: "created_at" if name in COPIED else column for name, column in by_hand().items()
    }
    assert {table["name"] for table in plan["table"] if "copied_from" in table} == COPIED
    assert len({table["interval"] for table in plan["table"]}) == 1
    assert {key["fate"] for key in plan["foreign_key"]} == {"drop"}
    assert {index for table in plan["table"] for index in table.get("drop_indexes", [])} == {
        "outbound_messages_id_created_at_idx",
        "outbound_messages_profile_id_idx",
        "inbound_messages_sending_location_id_idx",
    }

    told = site.generate("--plan", "plan.toml", rehearse=rehearse)
    numbers = [Path(each["file"]).name.partition("_")[0] for each in told["summary"]["revisions"]]
    assert numbers == [f"{number:04d}" for number in range(2, len(numbers) + 2)]
    assert not list((site.folder / "migrations").glob(".tsmigrate-*"))

    def look() -> None:
        assert set(site.hypertables()) == set(by_hand())
        left = {
            (name, target)
            for name in by_hand()
            for definition in site.foreign_keys(f"sms.{name}").values()
            for target in [definition.partition("REFERENCES sms.")[2].partition("(")[0]]
        }
        assert left == foreign_keys_by_hand()
        jobs = site.ask(
            "SELECT DISTINCT config ->> 'drop_after' FROM timescaledb_information.jobs "
            "WHERE proc_name = 'policy_retention'"
        )
        assert jobs == ([("3 mons",)] if edition is Edition.COMMUNITY else [])

    site.goes_up_and_comes_back(look, "0001")
