"""Doctor says what an update of the extension needs and changes; nothing of it is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tsmigrate import capability, connect
from tsmigrate.capability import Edition, Server, Version
from tsmigrate.doctor import update
from tsmigrate.doctor.update import Elsewhere, Update
from tsmigrate.finding import Finding, Severity
from tsmigrate.releases import CHANGES, MADE_FOR, crossed, first_without
from tsmigrate.url import DatabaseUrl

OLD, NEW = Version(2, 20, 3), Version(2, 28, 3)


@pytest.fixture
def asked(database: DatabaseUrl) -> Server:
    with connect.connection(database) as connection:
        return capability.ask(connection)


@pytest.fixture
def known(database: DatabaseUrl, asked: Server) -> Update:
    with connect.connection(database) as connection:
        found = update.ask(connection, asked, database)
    assert found is not None
    return found


def between(server: Server, before: Version, after: Version) -> Server:
    timescale = replace(server.timescale, installed=before, available=after)
    return replace(server, timescale=timescale, database='it\'s "x"')


def by_check(findings: list[Finding]) -> dict[str, list[Finding]]:
    return {check: [each for each in findings if each.check == check] for check in (each.check for each in findings)}


def test_a_server_with_its_newest_version_has_nothing_to_update(asked: Server, known: Update) -> None:
    findings = by_check(update.examine(asked, known))
    (found,) = findings["update"]
    assert (found.severity, str(asked.timescale.installed) in found.seen) == (Severity.OK, True)
    assert {"update needs", "update changes"}.isdisjoint(findings)
    assert known.library is True, "it runs, so it is on the disk"
    assert known.permitted
    assert "template1" in [each.database for each in known.elsewhere]
    assert not any(each.hidden for each in known.elsewhere if each.database in {"postgres", "template1"})


def test_a_database_without_the_extension_has_nothing_to_update(plain_database: DatabaseUrl) -> None:
    with connect.connection(plain_database) as connection:
        server = capability.ask(connection)
        assert update.ask(connection, server, plain_database) is None
    assert update.examine(server, None) == []


def test_another_database_is_looked_at_by_a_connection_of_its_own(
    database: DatabaseUrl, plain_database: DatabaseUrl
) -> None:
    with connect.connection(plain_database) as connection:
        connection.exec_driver_sql("CREATE EXTENSION timescaledb")
        connection.commit()
        server = capability.ask(connection)
        found = update.ask(connection, server, plain_database)
    assert found is not None
    (other,) = [each for each in found.elsewhere if each.database == database.url.database]
    assert other.installed == server.timescale.installed


def test_the_command_names_the_database_and_is_the_sessions_first_statement(asked: Server, known: Update) -> None:
    findings = by_check(update.examine(between(asked, OLD, NEW), replace(known, reachable=(NEW,))))
    (found,) = findings["update"]
    assert found.severity is Severity.WARNING
    assert found.mend == """psql -X -d 'it'\\''s "x"' -c 'ALTER EXTENSION timescaledb UPDATE'"""
    assert "first statement" in found.why
    assert "cannot be undone" in found.why


def test_a_missing_path_names_the_step_between(asked: Server, known: Update) -> None:
    there = between(asked, OLD, NEW)
    (found,) = by_check(update.examine(there, replace(known, reachable=(Version(2, 21), Version(2, 24, 1)))))["update"]
    assert "UPDATE TO '2.24.1'" in found.mend
    (found,) = by_check(update.examine(there, replace(known, reachable=())))["update"]
    assert "a version between 2.20.3 and 2.28.3" in found.mend


def test_files_older_than_the_database_are_warned_of(asked: Server, known: Update) -> None:
    (found,) = by_check(update.examine(between(asked, NEW, OLD), known))["update"]
    assert (found.severity, "2.20.3" in found.seen) == (Severity.WARNING, True)


NEEDS: dict[str, tuple[dict[str, Any], Severity, str]] = {
    "the right role": ({"permitted": False, "owner": "dba"}, Severity.WARNING, "ask dba"),
    "the library": ({"library": False}, Severity.BLOCKER, "install the package again"),
    "new aggregates": ({"old_aggregates": ("public.hourly",)}, Severity.WARNING, "CALL cagg_migrate('public.hourly')"),
    "quiet": ({"others": 3, "workers": 1}, Severity.NOTE, "stop the application"),
}


@pytest.mark.parametrize("what", NEEDS)
def test_what_it_needs_is_said_only_where_it_is_missing(asked: Server, known: Update, what: str) -> None:
    there, calm = between(asked, OLD, NEW), replace(known, reachable=(NEW,), others=0)
    assert "update needs" not in by_check(update.examine(there, calm))
    changed, severity, mend = NEEDS[what]
    (found,) = by_check(update.examine(there, replace(calm, **changed)))["update needs"]
    assert (found.severity, mend in found.mend) == (severity, True), found


def test_old_aggregates_are_no_matter_to_an_update_that_keeps_them(asked: Server, known: Update) -> None:
    old = replace(known, reachable=(Version(2, 24),), others=0, old_aggregates=("public.hourly",))
    assert "update needs" not in by_check(update.examine(between(asked, OLD, Version(2, 24)), old))


def test_what_changes_is_what_lies_between_for_the_edition(asked: Server, known: Update) -> None:
    there = between(asked, Version(2, 20), Version(2, 22))
    community = replace(there, timescale=replace(there.timescale, edition=Edition.COMMUNITY))
    apache = replace(there, timescale=replace(there.timescale, edition=Edition.APACHE))

    def changes(of: Server) -> list[str]:
        return [each.seen for each in by_check(update.examine(of, known))["update changes"]]

    assert [each.split(" on:")[0] for each in changes(community)] == ["from 2.21.0", "from 2.21.1", "from 2.22.0"]
    assert any("method='attach'" in each for each in changes(community))
    assert [each.split(" on:")[0] for each in changes(apache)] == ["from 2.21.1", "from 2.22.0"]


def test_databases_that_lag_are_named_with_their_command(asked: Server, known: Update) -> None:
    elsewhere = (Elsewhere("plain"), Elsewhere("old", OLD), Elsewhere("new", NEW), Elsewhere("locked", hidden=True))
    lagging, hidden = by_check(update.examine(between(asked, NEW, NEW), replace(known, elsewhere=elsewhere)))[
        "other databases"
    ]
    assert lagging.severity is Severity.WARNING
    assert "old (2.20.3)" in lagging.seen
    assert lagging.mend == "psql -X -d 'old' -c 'ALTER EXTENSION timescaledb UPDATE'"
    assert (hidden.severity, "locked" in hidden.seen) == (Severity.NOTE, True)


def test_the_last_release_for_a_postgresql_is_told(asked: Server, known: Update) -> None:
    at_15 = replace(between(asked, NEW, NEW), postgres=Version(15, 4))
    (found,) = by_check(update.examine(at_15, known))["update ends"]
    assert "2.29 is no longer made for PostgreSQL 15" in found.seen
    assert "update ends" not in by_check(update.examine(replace(at_15, postgres=Version(17)), known))
    assert first_without(14) == Version(2, 20)


def test_the_tables_are_in_order() -> None:
    assert [change.since for change in CHANGES] == sorted(change.since for change in CHANGES)
    assert list(MADE_FOR) == sorted(MADE_FOR)
    assert all(change.what or change.breaks for change in CHANGES)
    assert crossed(NEW, NEW, None) == []
