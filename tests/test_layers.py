"""Imports point down only; Alembic is known to the upper layers alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tsmigrate

SOURCE = Path(tsmigrate.__file__).parent

# From the top down. A part may import every part of a lower line, and none of its own line or above.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"advise", "bench"},
    {"autogenerate", "verify", "promote"},
    {"ops"},
    {"move"},
    {"convert", "policies", "lint", "write", "sync", "sandbox", "doctor", "init"},
    {"catalog", "schema"},
    {"releases"},
    {"capability"},
    {"connect"},
    {"url"},
    {"settings", "undo", "finding", "apt", "env_py", "patch"},
    {"plpgsql"},
    {"sql", "pysource"},
    {"errors"},
]
MAY_IMPORT_ALEMBIC = {"ops", "autogenerate", "verify", "advise", "cli"}


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The dotted names that `path` imports, anywhere in it, functions and type-checking blocks included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def layer_of(part: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if part in layer)


MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_lies_below_its_part(path: Path) -> None:
    part = part_of(path)
    for name in imports(path):
        package, _, rest = name.partition(".")
        imported = rest.partition(".")[0]
        if package == "tsmigrate" and imported not in {part, "__version__"}:
            assert layer_of(imported) > layer_of(part), f"{part} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_alembic_is_imported_by_the_upper_layers_only(path: Path) -> None:
    if part_of(path) not in MAY_IMPORT_ALEMBIC:
        assert not {name for name in imports(path) if name.split(".")[0] == "alembic"}


def test_every_part_has_its_layer() -> None:
    parts = {part_of(path) for path in MODULES}
    assert parts <= set().union(*LAYERS)
