"""What a plan may say beyond the usual, on tables that are called whatever PostgreSQL allows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from generate.conftest import HERE
from tsmigrate.advise.advice import advise_as_asked
from tsmigrate.advise.plan.one import OneTable
from tsmigrate.advise.plan.read import read
from tsmigrate.advise.plan.write import written
from tsmigrate.capability import Edition

if TYPE_CHECKING:
    from generate.conftest import Site

TABLE = "read\"ing's {of} ééééééééééééééééééééééé"


def test_odd_names_and_all_kinds_of_unique_keys_go_up_and_come_back(site: Site, edition: Edition) -> None:
    site.begin((HERE / "odd.sql").read_text(), (HERE / "odd_rows.sql").read_text())
    site.desk.run("ANALYZE")
    evidence = site.desk.evidence()
    plan = OneTable(TABLE, "the: Time", interval="1 day").plan(evidence)
    asked = {oid: "the: Time" for oid, each in evidence.tables.items() if each.relation.name == TABLE}
    file = site.folder / "plan.toml"
    file.write_text(written(plan, advise_as_asked(evidence, asked), "a database"))
    assert replace(read(file), source=plan.source) == plan
    site.generate(TABLE, "--time", "the: Time", "--interval", "1 day", "--no-columnstore")
    texts = "\n".join(each.read_text() for each in site.written())
    assert "from tsmigrate.sql import raw" in texts
    fate = "comes back with" if edition is Edition.COMMUNITY else "is dropped"
    assert f'note: of of "Od""d: %s"."no\'te" {fate}' in " ".join(texts.split())

    def look() -> None:
        assert site.hypertables() == {TABLE: ("the: Time", "1 day")}
        unique = dict(
            site.ask(
                "SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i "
                "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid "
                "WHERE i.indisunique AND t.relname LIKE 'read\"ing%'"
            )
        )
        assert '(lower(token), "de%vice" DESC, "the: Time") WHERE (token <> \'a)b"(\'::text)' in unique["USING btree ("]
        assert '(serial, "the: Time")' in unique["ser'ial"]
        assert '("ID", "the: Time")' in unique["the (key"]
        comments = site.ask("SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE relname = 'USING btree ('")
        assert comments == [("one token: 'the' 50 % of them",)]

    site.goes_up_and_comes_back(look)


READINGS = """
CREATE TABLE reading (id bigint, at timestamptz NOT NULL, device int, token text, serial int,
                      CONSTRAINT reading_pkey PRIMARY KEY (id), CONSTRAINT reading_serial UNIQUE (serial));
CREATE UNIQUE INDEX reading_token ON reading (token);
COMMENT ON INDEX reading_token IS 'never twice';
COMMENT ON CONSTRAINT reading_serial ON reading IS 'engraved';
CREATE UNIQUE INDEX reading_id_at ON reading (id, at);
CREATE TABLE note (id int PRIMARY KEY, reading_id bigint, reading_at timestamptz,
                   CONSTRAINT note_wide FOREIGN KEY (reading_id, reading_at) REFERENCES reading (id, at),
                   CONSTRAINT note_narrow FOREIGN KEY (reading_id) REFERENCES reading);
COMMENT ON CONSTRAINT note_wide ON note IS 'both of them';
"""
ROWS = """
INSERT INTO reading SELECT n, now() - n * interval '1 hour', n % 5, 'token ' || n, n FROM generate_series(1, 500) n;
INSERT INTO note SELECT n, id, at FROM reading, LATERAL (SELECT id) AS one (n) WHERE id <= 20
"""
PLAN = """
version = 1
[[table]]
schema = "public"
name = "reading"
column = "at"
interval = "1 day"
method = "attach"
primary_key = ["id", "at"]
unique = { reading_token = "drop", reading_serial = "drop" }
columnstore = { segmentby = ["device"], orderby = ["at DESC"], after = "7 days" }

[[foreign_key]]
name = "note_wide"
schema = "public"
table = "note"
fate = "keep"

[[foreign_key]]
name = "note_narrow"
schema = "public"
table = "note"
fate = "drop"

[[aggregate]]
schema = "public"
name = "hourly"
query = "SELECT time_bucket('1 hour', at) AS hour, count(*) FROM reading GROUP BY 1"
refresh = { start = "3 days", end = "1 hour", every = "15 minutes" }
"""


def test_attached_with_a_key_that_stays_keys_that_go_and_an_aggregate(site: Site, edition: Edition) -> None:
    site.begin(READINGS, ROWS)
    (site.folder / "plan.toml").write_text(PLAN)
    if edition is Edition.APACHE:
        told = site.generate("--plan", "plan.toml", code=3)
        blockers = [each for each in told["findings"] if each["severity"] == "blocker"]
        assert {each["check"] for each in blockers} == {"method", "foreign keys"}
        assert not site.written()
        return
    told = site.generate("--plan", "plan.toml")
    assert [each["title"] for each in told["summary"]["revisions"]] == [
        "The extension timescaledb",
        "No foreign keys to reading",
        "The index of the wide key of reading",
        "reading keyed by at too",
        "reading as a hypertable",
        "note_wide again",
        "Columnstore of reading",
        "The aggregate hourly",
        "hourly refreshed once",
    ]

    def look() -> None:
        assert site.hypertables()["reading"] == ("at", "1 day")
        assert set(site.foreign_keys("note")) == {"note_wide"}
        assert site.ask("SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading'") == [
            (1,)
        ]
        assert site.ask("SELECT sum(count) FROM hourly") == [(500,)]

    site.goes_up_and_comes_back(look)
