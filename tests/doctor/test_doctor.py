"""Doctor says of each server and project exactly what is missing and how to mend it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from support import Run
from tsmigrate import capability, connect, sandbox
from tsmigrate.capability import Edition, Server, Version
from tsmigrate.doctor import environment, server
from tsmigrate.finding import Severity
from tsmigrate.sandbox import cluster
from tsmigrate.sandbox.engines import Engine
from tsmigrate.url import DatabaseUrl

ROOT = Path(__file__).parents[2]
PASSWORD = "s3cr3t-Unique"


@pytest.fixture
def examined(tsmigrate: Run) -> Any:
    """Run doctor with JSON output; the answer is the exit code and the findings by check."""

    def run(url: str, **options: Any) -> tuple[int, dict[str, Any]]:
        done = tsmigrate("doctor", "--url", url, "--format", "json", **options)
        assert "Traceback" not in done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return done.returncode, {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}

    return run


def test_a_fit_server_and_project_exit_0(examined: Any, database: DatabaseUrl, edition: Edition) -> None:
    code, findings = examined(database.full, cwd=ROOT)
    assert code == 0, findings
    assert {finding["severity"] for finding in findings.values()} <= {"ok", "note"}
    if edition is Edition.APACHE:
        assert "Apache-2 edition" in findings["edition"]["seen"]
        assert "create_continuous_aggregate" in findings["edition"]["why"]
    else:
        assert "Community edition" in findings["edition"]["seen"]


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (f"postgresql://u:{PASSWORD}@no-such-host.invalid/d", "the host name is unknown"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/d", "nothing listens there"),
        ("postgresql://u@/d?host=/nowhere", "no server socket in that folder"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:99999/d", "invalid port number"),
        ("postgresql://u@127.0.0.1/d?no_such_option=1", "invalid"),
    ],
)
def test_a_server_that_does_not_answer_blocks(examined: Any, url: str, seen: str) -> None:
    code, findings = examined(url)
    assert code == 3
    assert findings["connection"]["severity"] == "blocker"
    assert seen in findings["connection"]["seen"]
    assert findings["connection"]["mend"]


@pytest.mark.parametrize("url", ["nonsense", f"postgresql://u:{PASSWORD}@h:port/d", f"mysql://u:{PASSWORD}@h/d"])
def test_a_malformed_url_is_wrong_use(tsmigrate: Run, url: str) -> None:
    done = tsmigrate("doctor", "--url", url)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert PASSWORD not in done.stderr


def test_no_database_named_is_wrong_use(tsmigrate: Run, state: Path) -> None:
    done = tsmigrate("doctor")
    assert done.returncode == 2
    assert "tsmigrate sandbox up" in done.stderr


def test_a_wrong_password_a_missing_role_and_a_missing_database_are_told_apart(
    examined: Any, state: Path, edition: Edition, engine: Engine
) -> None:
    url = sandbox.up(edition=edition, tcp=True).tcp_url
    cases = {
        url.replace("postgres@", f"postgres:{PASSWORD}@"): "the password is wrong or missing",
        url.replace("/sandbox?", "/nowhere?"): "the database does not exist",
        sandbox.up().url.replace("postgres@", "nobody_here@"): "role",
    }
    for wrong, seen in cases.items():
        code, findings = examined(wrong)
        assert code == 3
        assert seen in findings["connection"]["seen"]


def test_plain_postgresql_lacks_the_extension_files(examined: Any, bare_cluster: Any, plain_engine: Engine) -> None:
    code, findings = examined(bare_cluster(plain_engine).url.replace("/sandbox?", "/postgres?"))
    assert code == 3
    assert findings["extension files"]["severity"] == "blocker"
    assert f"postgresql-{plain_engine.postgres.major}-timescaledb" in findings["extension files"]["mend"]
    assert findings["preload"]["severity"] == "note"


def test_a_missing_preload_blocks_and_the_server_survives_the_examination(
    examined: Any, bare_cluster: Any, engine: Engine
) -> None:
    made = bare_cluster(replace(engine, preloadable=()))
    url = made.url.replace("/sandbox?", "/postgres?")
    code, findings = examined(url)
    assert code == 3
    assert findings["preload"]["severity"] == "blocker"
    assert "shared_preload_libraries" in findings["preload"]["mend"]
    assert "FATAL" in findings["preload"]["why"]
    assert "must be preloaded" not in made.log.read_text()


def test_a_lost_preload_is_found_in_a_database_that_has_the_extension(
    examined: Any, bare_cluster: Any, engine: Engine
) -> None:
    made = bare_cluster(engine)
    url = made.url.replace("/sandbox?", "/postgres?")
    with connect.connection(DatabaseUrl(sandbox.url.parse(url), "the test")) as connection:
        connection.execute(text("CREATE EXTENSION timescaledb"))
        connection.commit()
    cluster.stop(made, at_once=False)
    cluster.start(replace(made, preload=""), tcp=False)
    code, findings = examined(url)
    assert code == 3
    assert "INSERT may write past their chunks" in findings["preload"]["why"]
    assert "must be preloaded" not in made.log.read_text()


def test_a_role_that_may_not_create_is_warned(examined: Any, plain_database: DatabaseUrl) -> None:
    name = f"limited_{plain_database.url.database}"
    with connect.connection(plain_database) as connection:
        connection.execute(text(f"CREATE ROLE {name}"))
        connection.commit()
    try:
        code, findings = examined(f"{plain_database.full}&options=-c%20role%3D{name}", cwd=ROOT)
    finally:
        with connect.connection(plain_database) as connection:
            connection.execute(text(f"DROP ROLE {name}"))
            connection.commit()
    assert code == 1
    assert findings["role"]["severity"] == "warning"
    assert findings["role"]["mend"].startswith("GRANT CREATE ON DATABASE")


def test_a_small_lock_table_is_warned_with_the_value_to_set(
    examined: Any, state: Path, edition: Edition, engine: Engine
) -> None:
    made = sandbox.up(edition=edition, settings={"max_locks_per_transaction": "64"})
    code, findings = examined(made.url, cwd=ROOT)
    assert code == 1
    assert "room for 914 chunks" in findings["locks"]["seen"]
    assert "max_locks_per_transaction = 140" in findings["locks"]["mend"]


@pytest.fixture
def asked(database: DatabaseUrl) -> Server:
    with connect.connection(database) as connection:
        return capability.ask(connection)


def severity_of(check: str, asked: Server) -> Severity:
    return next(finding.severity for finding in server.examine(asked) if finding.check == check)


def test_old_and_updatable_versions_are_told_apart(asked: Server) -> None:
    old, supported, new = Version(2, 16), Version(2, 20), Version(2, 99)

    def having(installed: Version, available: Version) -> Server:
        return replace(asked, timescale=replace(asked.timescale, installed=installed, available=available))

    assert severity_of("extension", having(old, new)) is Severity.BLOCKER
    assert severity_of("extension", having(supported, new)) is Severity.OK, "which is said by the check update"
    assert severity_of("extension", having(new, new)) is Severity.OK
    assert severity_of("extension files", having(old, old)) is Severity.BLOCKER
    assert severity_of("postgres", replace(asked, postgres=Version(13))) is Severity.BLOCKER
    assert severity_of("postgres", replace(asked, postgres=Version(18))) is Severity.WARNING
    assert severity_of("postgres", replace(asked, read_only=True)) is Severity.BLOCKER


def environment_findings(folder: Path, env: str | None, ini: str = "[alembic]\nscript_location = %(here)s/m\n") -> Any:
    (folder / "alembic.ini").write_text(ini)
    if env is not None:
        (folder / "m").mkdir()
        (folder / "m" / "env.py").write_text(env)
    return {finding.check: finding for finding in environment.examine(folder / "alembic.ini")}


def test_this_projects_own_environment_is_fit() -> None:
    assert {finding.severity for finding in environment.examine(ROOT / "alembic.ini")} == {Severity.OK}


def test_no_alembic_environment_is_warned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    findings = {finding.check: finding for finding in environment.examine(None)}
    assert findings["alembic"].severity is Severity.WARNING
    assert "alembic init" in findings["alembic"].mend


def test_an_environment_without_the_plugin_and_own_transactions_is_warned(tmp_path: Path) -> None:
    findings = environment_findings(tmp_path, "from alembic import context\ncontext.configure(connection=None)\n")
    assert findings["alembic plugin"].severity is Severity.WARNING
    assert findings["alembic transactions"].severity is Severity.WARNING
    assert all("tsmigrate init" in findings[check].mend for check in ("alembic plugin", "alembic transactions"))


def test_a_plugin_that_a_list_of_plugins_leaves_out_is_warned(tmp_path: Path) -> None:
    env = "import tsmigrate.autogenerate\ncontext.configure(autogenerate_plugins=['alembic.autogenerate.types'])\n"
    finding = environment_findings(tmp_path, env)["alembic plugin"]
    assert finding.severity is Severity.WARNING
    assert "gives autogenerate_plugins without alembic.autogenerate.tsmigrate" in finding.seen
    assert "tsmigrate init" in finding.mend


def test_one_configure_of_two_without_own_transactions_is_warned(tmp_path: Path) -> None:
    env = "from alembic import context\ncontext.configure(transaction_per_migration=True)\ncontext.configure(url=u)\n"
    assert environment_findings(tmp_path, env)["alembic transactions"].severity is Severity.WARNING


def test_a_transaction_that_env_py_begins_itself_is_warned_with_its_line(tmp_path: Path) -> None:
    env = (
        "from alembic import context\nwith engine.begin() as connection:\n"
        "    context.configure(connection=connection, transaction_per_migration=True)\n"
    )
    finding = environment_findings(tmp_path, env)["alembic transactions"]
    assert finding.severity is Severity.WARNING
    assert "in line 2" in finding.seen


@pytest.mark.parametrize(
    "env",
    [
        "import tsmigrate.autogenerate\ncontext.configure(transaction_per_migration=True)\n",
        "from tsmigrate import autogenerate\nconfigure(transaction_per_migration=True)\n",
    ],
)
def test_a_complete_environment_is_fit_however_it_imports(tmp_path: Path, env: str) -> None:
    assert {finding.severity for finding in environment_findings(tmp_path, env).values()} == {Severity.OK}


def test_transactions_switched_off_are_warned(tmp_path: Path) -> None:
    findings = environment_findings(tmp_path, "context.configure(transaction_per_migration=False)\n")
    assert findings["alembic transactions"].severity is Severity.WARNING


@pytest.mark.parametrize("env", [None, "def broken(:\n", "\x00"])
def test_an_environment_that_cannot_be_read_blocks_with_its_name(tmp_path: Path, env: str | None) -> None:
    findings = environment_findings(tmp_path, env)
    assert findings["alembic"].severity is Severity.BLOCKER
    assert "env.py" in findings["alembic"].seen


def test_an_unreadable_ini_blocks_with_its_name(tmp_path: Path) -> None:
    findings = environment_findings(tmp_path, None, ini="no section\n")
    assert findings["alembic"].severity is Severity.BLOCKER
    assert "alembic.ini" in findings["alembic"].seen


def test_a_script_location_in_a_package_is_said_not_guessed(tmp_path: Path) -> None:
    findings = environment_findings(tmp_path, None, ini="[alembic]\nscript_location = package:migrations\n")
    assert findings["alembic"].severity is Severity.NOTE


@pytest.mark.parametrize("columns", [80, 120])
def test_the_report_fits_the_terminal(tsmigrate: Run, database: DatabaseUrl, columns: int) -> None:
    done = tsmigrate("doctor", "--url", database.full, cwd=ROOT, COLUMNS=str(columns))
    assert max(len(line) for line in done.stdout.splitlines()) <= columns
    assert done.stdout.splitlines()[-1].startswith("fit: 0 blockers, 0 warnings")
    assert "…" not in done.stdout
