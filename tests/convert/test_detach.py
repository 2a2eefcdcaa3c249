"""A table that was attached comes back as itself, whatever became of the hypertable meanwhile."""

from __future__ import annotations

from typing import Any

from attach_support import KEYED, LATER, READINGS, attached, community, object_of
from convert_support import Session, assert_same, attach, plain, rows_and_sequences
from tsmigrate.capability import Edition
from tsmigrate.plpgsql import REFUSED


@community
def test_what_was_changed_on_the_hypertable_stays(edition: Edition, session: Session, reader: str) -> None:
    session.run(KEYED, "CREATE INDEX by_value ON readings (v)", "ALTER TABLE readings ENABLE ROW LEVEL SECURITY")
    session.run("CREATE POLICY p ON readings USING (v > 0)", "GRANT SELECT ON readings TO PUBLIC")
    before = object_of(session, READINGS)
    session.run(attach())
    session.run(
        LATER,
        "ALTER TABLE readings ADD extra text DEFAULT 'more', ADD CHECK (v < 1000), ALTER v SET STATISTICS 7",
        "CREATE INDEX by_extra ON readings (extra)",
        "DROP INDEX by_value",
        "ALTER POLICY p ON readings USING (v > 1)",
        "REVOKE SELECT ON readings FROM PUBLIC",
        f"GRANT UPDATE (v) ON readings TO {reader}",
        "COMMENT ON TABLE readings IS 'changed'",
        "CREATE VIEW over AS SELECT r.*, r AS whole FROM readings r",
    )
    assert attached(session.run(plain()))
    assert object_of(session, READINGS) == before
    assert session.rows("SELECT DISTINCT extra FROM over") == [("more",)]
    assert session.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'readings' ORDER BY 1") == [
        ("by_extra",),
        ("readings_pkey",),
    ]
    assert session.value("SELECT qual FROM pg_policies") == "(v > 1)"
    assert session.value("SELECT obj_description('readings'::regclass)") == "changed"
    assert not session.value("SELECT has_table_privilege('tsmigrate_reader', 'readings', 'SELECT')")
    assert session.value("SELECT has_column_privilege('tsmigrate_reader', 'readings', 'v', 'UPDATE')")
    assert session.value("SELECT count(*) FROM readings") == 105


@community
def test_what_detaching_would_not_give_back_is_copied_back(edition: Edition, session: Session) -> None:
    session.run(KEYED, "COMMENT ON TABLE readings IS 'gone since'")
    before = object_of(session, READINGS)
    session.run(attach(), "COMMENT ON TABLE readings IS NULL", LATER)
    rows = rows_and_sequences(session, READINGS)[0]
    outcome = session.run(plain())
    assert any("cannot be detached" in told and "gone since" in told for told in outcome.notices), outcome
    assert rows_and_sequences(session, READINGS)[0] == rows
    assert object_of(session, READINGS) != before
    assert session.value("SELECT obj_description('readings'::regclass)") is None
    assert session.value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tsmigrate%'") == 0


@community
def test_a_chunk_that_was_dropped_leaves_the_rows_of_the_others(edition: Edition, session: Session, take: Any) -> None:
    session.run(KEYED)
    before = take()
    session.run(attach(), LATER, "SELECT drop_chunks('readings', '2029-01-01'::timestamptz)")
    outcome = session.run(plain())
    assert any("is no chunk of it any more" in told for told in outcome.notices), outcome
    assert session.value("SELECT count(*) FROM readings") == 5
    assert_same(before, take())


@community
def test_a_chunk_that_was_split_comes_back_with_all_rows(edition: Edition, session: Session, take: Any) -> None:
    session.run(KEYED)
    before = take()
    session.run(
        attach(), "CALL split_chunk('tsmigrate_attached.tsmigrate_attached', '2026-01-03 00:00:00+00'::timestamptz)"
    )
    assert session.value("SELECT count(*) FROM timescaledb_information.chunks") == 2
    rows = rows_and_sequences(session, READINGS)[0]
    session.run(plain())
    assert rows_and_sequences(session, READINGS)[0] == rows
    assert_same(before, take())


@community
def test_a_compressed_chunk_is_taken_back_first(edition: Edition, session: Session, take: Any) -> None:
    session.run(KEYED)
    before = take()
    session.run(
        attach(),
        "ALTER TABLE readings SET (timescaledb.compress, timescaledb.compress_segmentby = 'v')",
        "SELECT compress_chunk(c) FROM show_chunks('readings') c",
    )
    outcome = session.attempt(plain())
    assert (outcome.code, "in the columnstore" in outcome.message) == (REFUSED, True), outcome
    session.run("SELECT decompress_chunk(c) FROM show_chunks('readings') c")
    session.run("ALTER TABLE readings SET (timescaledb.compress = false)")
    assert attached(session.run(plain()))
    assert_same(before, take())
