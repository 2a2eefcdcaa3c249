"""Which part of a Python file is parsed: what stands for itself, and every place in it."""

from __future__ import annotations

import ast
import statistics
import textwrap
from pathlib import Path

import pytest

from tsmigrate.lint.sources.outline import Outline

LIBRARY = sorted(Path(statistics.__file__).parent.glob("[a-c]*.py"))[::2]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_a_part_has_the_statements_that_the_whole_has_there(path: Path) -> None:
    content = path.read_bytes()
    outline = Outline(content)
    starts = outline.whole().starts
    for node in ast.parse(content).body:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        if isinstance(node, ast.ClassDef):
            continue
        part = outline.around([starts[first - 1]])
        here = [one for one in ast.parse(part.text).body if part.starts[one.lineno - 1] == starts[node.lineno - 1]]
        assert ast.dump(node) in [ast.dump(one) for one in here]


def test_a_method_is_found_in_a_class_without_the_others() -> None:
    content = Path(ast.__file__).with_name("argparse.py").read_bytes()
    outline = Outline(content)
    starts = outline.whole().starts
    classes = [one for one in ast.parse(content).body if isinstance(one, ast.ClassDef)]
    for method in [one for each in classes for one in each.body if isinstance(one, ast.FunctionDef)]:
        part = outline.around([starts[method.lineno - 1]])
        [kept] = ast.parse(part.text).body
        assert isinstance(kept, ast.ClassDef)
        here = [one for one in kept.body if part.starts[one.lineno - 1] == starts[method.lineno - 1]]
        assert [ast.dump(one) for one in here] == [ast.dump(method)]
        assert len(part.text) < len(content) / 5


CODE = textwrap.dedent('''
    """A module.

    def not_a_function():
    """
    import os

    x = 1  # "unclosed

    @one
    @two(
        "a"
    )
    def decorated():
        return 1

    class A:
        """About A."""
        kind = "a"

        def first(self):
            return """
    select 1
    """

        @property
        def second(self):
            return 2

    if x:
        pass
    else:
        y = 2
    z = 3
''').encode()


def part(mark: bytes) -> str:
    return Outline(CODE).around([CODE.index(mark)]).text.decode().strip()


def test_a_decorated_function_is_one_statement() -> None:
    assert part(b"return 1").startswith("@one\n@two(")
    assert part(b"return 1").endswith("return 1")


def test_of_a_class_its_head_and_the_method_are_kept() -> None:
    assert part(b"return 2").startswith('class A:\n    """About A."""\n    kind = "a"')
    assert part(b"return 2").endswith("@property\n    def second(self):\n        return 2")
    assert "first" not in part(b"return 2")
    assert "select 1\n" in part(b"select 1")
    ast.parse(part(b'kind = "a"'))


def test_an_else_belongs_to_its_if() -> None:
    assert part(b"y = 2") == "if x:\n    pass\nelse:\n    y = 2"


def test_lines_lead_back_to_the_file() -> None:
    outline = Outline(CODE)
    found = outline.around([CODE.index(b"return 2"), CODE.index(b"z = 3")])
    lines = found.text.split(b"\n")
    for line, start in zip(lines, found.starts, strict=False):
        assert CODE[start:].startswith(line)
