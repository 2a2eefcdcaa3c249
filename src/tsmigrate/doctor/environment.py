"""What doctor checks about the Alembic project: read from its files, nothing of it is run."""

from __future__ import annotations

import ast
from importlib import metadata
from pathlib import Path

from tsmigrate import settings
from tsmigrate.capability import Version
from tsmigrate.errors import UsageError
from tsmigrate.finding import Finding, Severity

OLDEST_ALEMBIC = Version(1, 18)
PLUGIN = "tsmigrate.autogenerate"


def examine(ini: Path | None) -> list[Finding]:
    try:
        configuration = settings.find(ini)
    except UsageError as error:
        return [_alembic_version(), Finding("alembic", Severity.BLOCKER, error.message, mend=error.mend)]
    if configuration is None:
        return [
            _alembic_version(),
            Finding(
                "alembic",
                Severity.WARNING,
                "no Alembic environment in this folder",
                why="revisions live in one",
                mend="run doctor in the project's folder or name its alembic.ini with -c; "
                "a new project starts with: alembic init migrations",
            ),
        ]
    return [_alembic_version(), *_environment(configuration)]


def _alembic_version() -> Finding:
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


def _environment(configuration: settings.AlembicSettings) -> list[Finding]:
    named = " and ".join(str(path) for path in configuration.files)
    location = configuration.script_location
    if location is None:
        return [
            Finding(
                "alembic",
                Severity.NOTE,
                f"script_location in {named} is missing or names a Python package",
                why="doctor reads files only, so it did not look at env.py",
            )
        ]
    env = location / "env.py"
    try:
        tree = ast.parse(env.read_text(encoding="utf-8"), filename=str(env))
    except (OSError, SyntaxError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not valid Python"
        return [
            Finding(
                "alembic",
                Severity.BLOCKER,
                f"{env} cannot be read: {reason}",
                why=f"{named} points to it (script_location)",
                mend="correct script_location or mend the file",
            )
        ]
    return [Finding("alembic", Severity.OK, f"{named} with {env}"), _plugin(env, tree), _transactions(env, tree)]


def _plugin(env: Path, tree: ast.Module) -> Finding:
    if PLUGIN in _imported(tree):
        return Finding("alembic plugin", Severity.OK, f"{env} imports {PLUGIN}")
    return Finding(
        "alembic plugin",
        Severity.WARNING,
        f"{env} does not import {PLUGIN}",
        why="autogenerate would propose to drop TimescaleDB's own tables and indexes",
        mend=f"add this line to {env}: import {PLUGIN}",
    )


def _imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _transactions(env: Path, tree: ast.Module) -> Finding:
    """Looked for as a keyword of any call: env.py may call `context.configure` by whatever name it likes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "transaction_per_migration":
            if isinstance(node.value, ast.Constant) and node.value.value is not True:
                break
            return Finding("alembic transactions", Severity.OK, "each revision has a transaction of its own")
    return Finding(
        "alembic transactions",
        Severity.WARNING,
        f"{env} does not give each revision a transaction of its own",
        why="a failure in a later revision would take finished conversions back with it",
        mend="pass transaction_per_migration=True to context.configure",
    )
