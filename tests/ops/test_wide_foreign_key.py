"""A foreign key into a hypertable, with a copy of the partition column that is filled in batches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from alembic import op
from sqlalchemy.exc import DBAPIError, OperationalError

from tsmigrate import connect
from tsmigrate.catalog.snapshot import difference
from tsmigrate.errors import UsageError
from tsmigrate.ops.wide_foreign_key import WidenForeignKey
from tsmigrate.sql import raw

revision, down_revision = "wide_foreign_key", None

only_community = pytest.mark.edition("community")  # whose version here is 2.28; the Apache one, 2.19, refuses

CHILD = 'Child\'s "table" of %s ' + "x" * 41  # 63 bytes
QUOTED = 's."' + CHILD.replace('"', '""') + '"'
FK = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'to message' AND conparentid = 0"


def widen(**options: Any) -> Callable[[], None]:
    given: dict[str, Any] = {
        "column": "message's at",
        "parent": "message",
        "parent_column": "at",
        "references": {"message": "id"},
        "schema": "s",
        **options,
    }
    return lambda: op.widen_foreign_key(CHILD, "to message", **given)


def narrow() -> None:
    op.narrow_foreign_key(CHILD, "to message", column="message's at", schema="s")


@pytest.fixture
def family(migration: Any) -> Any:
    """A hypertable of 50 messages, and 50 rows that point at them from several pages."""
    migration.execute(
        "CREATE SCHEMA s",
        "CREATE TABLE s.message (id int, at timestamptz(3) NOT NULL, PRIMARY KEY (id, at))",
        "SELECT create_hypertable('s.message', by_range('at', interval '1 day'))",
        f"CREATE TABLE {QUOTED} (id int, message int NOT NULL, filler text DEFAULT repeat('x', 1500), touched int)",
        "INSERT INTO s.message SELECT n, timestamptz '2026-01-01' + n * interval '1 h' FROM generate_series(1, 50) n",
        f"INSERT INTO {QUOTED} (id, message, touched) SELECT n, n, 0 FROM generate_series(1, 50) n",
    )
    return migration


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsmigrate.ops.wide_reference.PAGES_AT_ONCE", 2)


@only_community
def test_every_row_gets_its_parents_time_and_the_way_back_leaves_no_trace(family: Any) -> None:
    family.there_and_back(widen(), narrow)
    family.run(widen())
    same = f'SELECT count(*) FROM {QUOTED} c JOIN s.message m ON m.id = c.message AND m.at = c."message\'s at"'
    assert family.value(same) == 50
    assert family.value(FK) == 'FOREIGN KEY (message, "message\'s at") REFERENCES s.message(id, at)'
    assert family.value("SELECT attnotnull FROM pg_attribute WHERE attname = 'message''s at'") is True


@only_community
def test_a_narrow_foreign_key_of_that_name_comes_back_with_the_downgrade(family: Any) -> None:
    family.execute(
        "CREATE TABLE s.elder (id int PRIMARY KEY, at timestamptz NOT NULL, UNIQUE (id, at))",
        "INSERT INTO s.elder SELECT * FROM s.message",
        f'ALTER TABLE {QUOTED} ADD CONSTRAINT "to message" FOREIGN KEY (message) REFERENCES s.elder ON DELETE CASCADE',
        f"COMMENT ON CONSTRAINT \"to message\" ON {QUOTED} IS 'the narrow one''s'",
    )
    family.there_and_back(widen(parent="elder", on_delete="cascade"), narrow)


@only_community
def test_rows_to_come_are_filled_and_checked_beyond_the_sixth(family: Any) -> None:
    """Before TimescaleDB 2.21.1 the check of the sixth row failed, whatever it held."""
    family.run(widen())
    family.execute(*(f"INSERT INTO {QUOTED} (id, message) VALUES ({n}, {n - 50})" for n in range(51, 61)))
    assert family.value(f'SELECT count("message\'s at") FROM {QUOTED}') == 60
    family.execute(f"UPDATE {QUOTED} SET message = 7 WHERE id = 60")
    assert family.value(f'SELECT "message\'s at" = (SELECT at FROM s.message WHERE id = 7) FROM {QUOTED} WHERE id = 60')
    with pytest.raises(DBAPIError, match="violates"):
        family.execute(f"INSERT INTO {QUOTED} (id, message) VALUES (61, 99)")


@only_community
def test_a_reference_that_may_be_empty_is_empty_in_both_columns(family: Any) -> None:
    family.execute(f"ALTER TABLE {QUOTED} ALTER message DROP NOT NULL", f"INSERT INTO {QUOTED} VALUES (51, NULL)")
    family.there_and_back(widen(on_delete="SET NULL", initially_deferred=True), narrow)
    family.run(widen(on_delete="SET NULL", initially_deferred=True))
    assert "MATCH FULL ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED" in family.value(FK)
    family.execute("DELETE FROM s.message WHERE id = 5")
    assert family.value(f'SELECT count(*) FROM {QUOTED} WHERE message IS NULL AND "message\'s at" IS NULL') == 2


@only_community
def test_the_tables_own_triggers_do_not_see_the_filling(family: Any) -> None:
    family.execute(
        "CREATE FUNCTION s.touch() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END'",
        *(
            f'CREATE TRIGGER "{name}" BEFORE UPDATE ON {QUOTED} FOR EACH ROW EXECUTE FUNCTION s.touch()'
            for name in ("origin", "always", "disabled")
        ),
        f'ALTER TABLE {QUOTED} ENABLE ALWAYS TRIGGER "always"',
        f'ALTER TABLE {QUOTED} DISABLE TRIGGER "disabled"',
    )
    family.there_and_back(widen(), narrow)
    assert family.value(f"SELECT sum(touched) FROM {QUOTED}") == 0


@only_community
def test_rows_without_a_parent_are_refused_before_any_change(family: Any) -> None:
    family.execute(f"INSERT INTO {QUOTED} VALUES (51, 98), (52, 99)")
    before = family.snapshot()
    with pytest.raises(DBAPIError, match=r"2 rows of .* have no parent in"):
        family.run(widen())
    assert family.snapshot() == before


@only_community
def test_rows_with_several_parents_are_refused_before_any_change(family: Any) -> None:
    family.execute("INSERT INTO s.message VALUES (5, '2026-02-01')")
    before = family.snapshot()
    with pytest.raises(DBAPIError, match=r"1 rows of .* have several parents"):
        family.run(widen())
    assert family.snapshot() == before


@only_community
def test_what_cannot_be_is_refused_with_what_to_do(family: Any) -> None:
    family.execute(f"ALTER TABLE {QUOTED} ADD taken int")
    with pytest.raises(DBAPIError, match='has a column "taken" already'):
        family.run(widen(column="taken"))
    with pytest.raises(DBAPIError, match=r'"s"\."message" has no column "time"'):
        family.run(widen(parent_column="time"))
    with pytest.raises(DBAPIError, match="there is no table"):
        family.run(widen(parent="massage"))
    family.execute("CREATE TABLE s.other (id int PRIMARY KEY, at timestamptz)")
    with pytest.raises(DBAPIError, match=r'"s"\."other" has no key of exactly "id" and at') as refused:
        family.run(widen(parent="other"))
    assert "op.widen_primary_key" in str(refused.value.orig)


@only_community
def test_a_run_that_was_ended_in_the_middle_is_finished_by_the_next(family: Any) -> None:
    family.execute(
        "CREATE FUNCTION s.gate(id int) RETURNS bool LANGUAGE plpgsql AS "
        "'BEGIN IF id = 30 THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN true; END'",
        f"ALTER TABLE {QUOTED} ADD CHECK (s.gate(id))",  # stops whoever fills row 30 while the lock is held
    )
    before = family.snapshot()
    with connect.connection(family.database) as holder:
        holder.execute(raw("SELECT pg_advisory_xact_lock(1)"))
        cut_off(family, widen())
        assert 0 < family.value(f'SELECT count("message\'s at") FROM {QUOTED}') < 30
    family.run(widen())
    assert family.value(f'SELECT count("message\'s at") FROM {QUOTED}') == 50
    assert family.value(FK).endswith("REFERENCES s.message(id, at)")
    family.run(narrow)
    assert difference(before, family.snapshot()) == ""


def cut_off(family: Any, step: Callable[[], None]) -> None:
    """End the backend of `step` when it waits for a lock."""

    def run() -> None:
        with pytest.raises(OperationalError, match=r"terminating connection|server closed"):
            family.run(step)

    running = threading.Thread(target=run)
    running.start()
    ended = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while running.is_alive():
        family.value(ended)
        running.join(0.1)


@only_community
def test_a_lock_that_is_held_when_the_key_is_added_is_refused_and_the_next_run_adds_it(
    family: Any, settings: dict[str, str]
) -> None:
    settings.update(lock_timeout="50", lock_retries="1")
    with connect.connection(family.database) as holder:
        holder.execute(raw("LOCK TABLE s.message IN ROW EXCLUSIVE MODE"))
        with pytest.raises(DBAPIError, match="could not be locked in 2 attempts of 50 ms"):
            family.run(widen())
    assert family.value(f'SELECT count("message\'s at") FROM {QUOTED}') == 50
    assert family.value(FK) is None
    family.run(widen())
    assert family.value(FK) is not None


@pytest.mark.edition("apache")
def test_before_2_21_1_it_is_refused_with_what_to_use_instead(family: Any) -> None:
    before = family.snapshot()
    with pytest.raises(DBAPIError, match=r"needs TimescaleDB 2\.21\.1; this server has TimescaleDB 2\.19") as refused:
        family.run(widen())
    assert "op.drop_foreign_key_to" in str(refused.value.orig)
    assert family.snapshot() == before


@pytest.mark.edition("apache")
def test_what_is_skipped_is_skipped_by_the_downgrade_too(
    family: Any, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    before = family.snapshot()
    settings["on_unsupported"] = "skip"
    family.run(widen())
    assert [record.message for record in caplog.records if "skipped: widen_foreign_key" in record.message]
    family.run(narrow)
    assert family.snapshot() == before


def test_nonsense_is_wrong_use(migration: Any) -> None:
    with pytest.raises(UsageError, match="does not say how its rows lead to"):
        migration.run(widen(references={}))
    with pytest.raises(UsageError, match="on_delete='vanish' is no action"):
        migration.run(widen(on_delete="vanish"))


def test_its_reverse_and_back() -> None:
    widened = WidenForeignKey("c", None, "fk", "at", "p", "at", {"p": "id"})
    assert widened.reverse().reverse() == widened
