"""What doctor checks about the Alembic project: read from its files, nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tsmigrate import settings
from tsmigrate.capability import Version
from tsmigrate.errors import UsageError
from tsmigrate.finding import Finding, Severity

OLDEST_ALEMBIC = Version(1, 18)
PLUGIN = "tsmigrate.autogenerate"


@dataclass(frozen=True)
class EnvPy:
    """A project's env.py, parsed."""

    path: Path
    tree: ast.Module


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
    if configuration.script_location is None:
        return None, Finding(
            "alembic",
            Severity.NOTE,
            f"script_location in {named} is missing or names a Python package",
            why="doctor reads files only, so it did not look at env.py",
        )
    path = _shortest(configuration.script_location / "env.py")
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except (OSError, SyntaxError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not valid Python"
        return None, Finding(
            "alembic",
            Severity.BLOCKER,
            f"{path} cannot be read: {reason}",
            why=f"{named} points to it (script_location)",
            mend="correct script_location or mend the file",
        )
    return EnvPy(path, tree), Finding("alembic", Severity.OK, f"{named} with {path}")


def _shortest(path: Path) -> Path:
    """As the user would type it from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@check
def alembic_plugin(env: EnvPy) -> Finding:
    """Whether env.py imports the plugin that teaches autogenerate about TimescaleDB."""
    if PLUGIN in _imported(env.tree):
        return Finding("alembic plugin", Severity.OK, f"{env.path} imports {PLUGIN}")
    return Finding(
        "alembic plugin",
        Severity.WARNING,
        f"{env.path} does not import {PLUGIN}",
        why="autogenerate would propose to drop TimescaleDB's own tables",
        mend=f"add this line to {env.path}: import {PLUGIN}",
    )


def _imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@check
def alembic_transactions(env: EnvPy) -> Finding:
    """Whether each revision gets a transaction of its own (transaction_per_migration)."""
    # A keyword of any call: env.py may call `context.configure` by whatever name it likes.
    given = [
        node.value
        for node in ast.walk(env.tree)
        if isinstance(node, ast.keyword) and node.arg == "transaction_per_migration"
    ]
    if given and not any(isinstance(value, ast.Constant) and value.value is not True for value in given):
        return Finding("alembic transactions", Severity.OK, "each revision has a transaction of its own")
    return Finding(
        "alembic transactions",
        Severity.WARNING,
        f"{env.path} does not give each revision a transaction of its own",
        why="a failure in a later revision would take finished conversions back with it",
        mend="pass transaction_per_migration=True to each context.configure",
    )
