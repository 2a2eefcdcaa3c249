"""What doctor checks about the Alembic project: read from its files, nothing of it is run."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from tsmigrate import settings
from tsmigrate.capability import Version
from tsmigrate.env_py import PLUGIN, PLUGIN_NAME, TRANSACTIONS, EnvPy, admits_plugin, is_other_than_true
from tsmigrate.errors import UsageError
from tsmigrate.finding import Finding, Severity

OLDEST_ALEMBIC = Version(1, 18)
INIT = "tsmigrate init shows the lines and adds them"


Check = Callable[[EnvPy], Finding]
_checks: list[Check] = []


def check(function: Check) -> Check:
    _checks.append(function)
    return function


def checks() -> tuple[Callable[..., Finding], ...]:
    return alembic_version, *_checks


def examine(ini: Path | None) -> list[Finding]:
    try:
        configuration = settings.find(ini)
    except UsageError as error:
        return [alembic_version(), Finding("alembic", Severity.BLOCKER, error.message, mend=error.mend)]
    env, finding = _find_env(configuration)
    return [alembic_version(), finding, *(one(env) for one in _checks if env)]


def alembic_version() -> Finding:
    """Whether the installed Alembic is new enough for the plugin."""
    version = metadata.version("alembic")
    if Version.parse(version) < OLDEST_ALEMBIC:
        return Finding(
            "alembic version",
            Severity.BLOCKER,
            f"Alembic {version}",
            why=f"the autogenerate plugin needs {OLDEST_ALEMBIC.major}.{OLDEST_ALEMBIC.minor}",
            mend="pip install --upgrade alembic",
        )
    return Finding("alembic version", Severity.OK, f"Alembic {version}")


def _find_env(configuration: settings.AlembicSettings | None) -> tuple[EnvPy | None, Finding]:
    """The project's env.py, and what finding it was like."""
    if configuration is None:
        return None, Finding(
            "alembic",
            Severity.WARNING,
            "no Alembic environment in this folder",
            why="revisions live in one",
            mend="run doctor in the project's folder or name its alembic.ini with -c; "
            "a new project starts with: alembic init migrations",
        )
    named = " and ".join(str(path) for path in configuration.files)
    path = configuration.env_py
    if path is None:
        return None, Finding(
            "alembic",
            Severity.NOTE,
            f"script_location in {named} is missing or names a Python package",
            why="doctor reads files only, so it did not look at env.py",
        )
    try:
        env = EnvPy.read(path)
    except (OSError, SyntaxError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not valid Python"
        return None, Finding(
            "alembic",
            Severity.BLOCKER,
            f"{path} cannot be read: {reason}",
            why=f"{named} points to it (script_location)",
            mend="correct script_location or mend the file",
        )
    return env, Finding("alembic", Severity.OK, f"{named} with {path}")


@check
def alembic_plugin(env: EnvPy) -> Finding:
    """Whether env.py imports the plugin that teaches autogenerate about TimescaleDB, and lets it work."""
    left_out = any(admits_plugin(plugins) is False for plugins in env.plugin_lists())
    if env.imports_plugin and not left_out:
        return Finding("alembic plugin", Severity.OK, f"{env.path} imports {PLUGIN}")
    return Finding(
        "alembic plugin",
        Severity.WARNING,
        f"{env.path} gives autogenerate_plugins without {PLUGIN_NAME}"
        if env.imports_plugin
        else f"{env.path} does not import {PLUGIN}",
        why="autogenerate would propose to drop TimescaleDB's own tables",
        mend=INIT,
    )


@check
def alembic_transactions(env: EnvPy) -> Finding:
    """Whether each revision gets a transaction of its own (transaction_per_migration)."""
    check, why = "alembic transactions", "a failure in a later revision would take finished conversions back with it"
    if begun := env.own_transactions():
        return Finding(
            check,
            Severity.WARNING,
            f"{env.path} begins a transaction itself in line {begun[0]}, which all revisions of a run share",
            why=why,
            mend="give context.configure a connection from engine.connect(), and let context.begin_transaction() begin "
            "the transactions",
        )
    # env.py may call `context.configure` by a name that is not known here: then a keyword of any call counts.
    said = env.given(TRANSACTIONS)
    complete = (
        not env.lacking_transactions() if env.configure_calls else said and not any(map(is_other_than_true, said))
    )
    if complete:
        return Finding(check, Severity.OK, "each revision has a transaction of its own")
    return Finding(
        check,
        Severity.WARNING,
        f"{env.path} does not give each revision a transaction of its own",
        why=why,
        mend=INIT,
    )
