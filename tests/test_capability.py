"""A server is asked once, nothing is changed by it, and a refusal says what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from tsmigrate import capability, connect
from tsmigrate.capability import REQUIREMENTS, Edition, Server, Version
from tsmigrate.errors import RefusedError
from tsmigrate.url import DatabaseUrl


@pytest.fixture
def asked(connection: Connection) -> Server:
    return capability.ask(connection)


def test_the_edition_is_the_one_of_the_server(asked: Server, edition: Edition) -> None:
    assert asked.timescale.edition is edition
    assert asked.timescale.usable


def test_the_edition_is_known_to_a_superuser_before_the_extension_is_created(
    plain_database: DatabaseUrl, edition: Edition
) -> None:
    with connect.connection(plain_database) as connection:
        server = capability.ask(connection)
    assert server.timescale.installed is None
    assert server.timescale.preloaded
    assert server.timescale.edition is edition


def test_an_ordinary_role_may_ask_too(plain_database: DatabaseUrl) -> None:
    with connect.connection(plain_database) as connection:
        connection.exec_driver_sql("CREATE ROLE ordinary_asker")
        connection.exec_driver_sql("SET ROLE ordinary_asker")
        server = capability.ask(connection)
    assert server.role.name == "ordinary_asker"
    assert not (server.role.superuser or server.role.login or server.role.owns_database or server.role.may_create)
    assert server.timescale.edition is None
    assert server.timescale.preloaded


def test_asking_leaves_a_read_only_transaction_usable(database: DatabaseUrl) -> None:
    with connect.connection(database) as connection:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        capability.ask(connection)
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_the_lock_table_is_what_the_settings_make_it(asked: Server, connection: Connection) -> None:
    per_transaction, connections = (
        int(connection.exec_driver_sql(f"SHOW {name}").scalar_one())
        for name in ("max_locks_per_transaction", "max_connections")
    )
    assert asked.locks.table_size == per_transaction * connections


@pytest.mark.parametrize("operation", REQUIREMENTS)
def test_every_operation_is_allowed_or_refused_by_the_table(asked: Server, operation: str) -> None:
    requirement = REQUIREMENTS[operation]
    installed = asked.timescale.installed
    assert installed
    fits = installed >= requirement.since and (
        requirement.edition is Edition.APACHE or asked.timescale.edition is Edition.COMMUNITY
    )
    if fits:
        capability.require(asked, operation)
    else:
        with pytest.raises(RefusedError) as refused:
            capability.require(asked, operation)
        assert refused.value.message.startswith(f"{operation} needs {requirement}; this server has PostgreSQL")
        assert str(installed) in refused.value.message
        assert refused.value.mend


def test_a_refusal_names_the_next_step_for_each_thing_that_is_missing(asked: Server) -> None:
    old, new = Version(2, 20), Version(2, 29)

    def mend(**changes: object) -> str:
        timescale = replace(asked.timescale, available=new, installed=new, edition=Edition.COMMUNITY)
        server = replace(asked, timescale=replace(timescale, **changes))
        with pytest.raises(RefusedError) as refused:
            capability.require(server, "attach_chunk")
        return refused.value.mend

    assert "install the timescaledb package" in mend(available=None, installed=None)
    assert "shared_preload_libraries" in mend(preloaded=False)
    assert "CREATE EXTENSION" in mend(installed=None)
    assert "ALTER EXTENSION timescaledb UPDATE" in mend(installed=old)
    assert "upgrade TimescaleDB" in mend(installed=old, available=old)
    assert "Community edition" in mend(edition=Edition.APACHE)
    assert "method='copy'" in mend(edition=Edition.APACHE)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2.28.3", Version(2, 28, 3)),
        ("2.29.0-dev", Version(2, 29)),
        ("17.11 (Debian 17.11-0)", Version(17, 11)),
        ("18", Version(18)),
    ],
)
def test_a_version_is_read_from_what_servers_say(text: str, version: Version) -> None:
    assert Version.parse(text) == version
