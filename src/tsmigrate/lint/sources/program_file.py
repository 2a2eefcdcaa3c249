"""JavaScript, TypeScript, Go, Java and Ruby: string and template literals that read as statements.

Parsed by the tree-sitter grammar of the language, each a wheel of its own (`pip install 'tsmigrate[js]'` and so on).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tsmigrate.lint.names import Names
from tsmigrate.lint.snippet import Snippet
from tsmigrate.lint.sources import literals
from tsmigrate.lint.sources.literals import Text
from tsmigrate.lint.sources.source import UnreadableError, source
from tsmigrate.lint.sources.strings import NUMBERED, STATEMENT, offsets_from
from tsmigrate.lint.sql import split

if TYPE_CHECKING:
    from tree_sitter import Language, Node

_HOLES = frozenset({"template_substitution", "interpolation"})
_SUMS = frozenset({"binary_expression", "binary"})
_FUNCTIONS = frozenset(
    {
        "function_declaration",
        "function_expression",
        "method_definition",
        "method_declaration",
        "constructor_declaration",
        "method",
        "singleton_method",
    }
)


@dataclass(frozen=True)
class _Grammar:
    module: str
    strings: str  # a query for the language's string literals
    extra: str
    language: str = "language"


_SCRIPT = "(template_string) @s (string) @s"
_GRAMMARS = {
    "js": _Grammar("tree_sitter_javascript", _SCRIPT, "js"),
    "ts": _Grammar("tree_sitter_typescript", _SCRIPT, "js", "language_typescript"),
    "tsx": _Grammar("tree_sitter_typescript", _SCRIPT, "js", "language_tsx"),
    "go": _Grammar("tree_sitter_go", "(raw_string_literal) @s (interpreted_string_literal) @s", "go"),
    "java": _Grammar("tree_sitter_java", "(string_literal) @s", "java"),
    "rb": _Grammar("tree_sitter_ruby", "(string) @s (heredoc_body) @s", "ruby"),
}


@source(".js", ".jsx", ".mjs", ".cjs")
def javascript(content: bytes, _names: Names) -> Iterator[Snippet | int]:
    return _read(content, "js")


@source(".ts", ".mts", ".cts")
def typescript(content: bytes, _names: Names) -> Iterator[Snippet | int]:
    return _read(content, "ts")


@source(".tsx")
def typescript_with_markup(content: bytes, _names: Names) -> Iterator[Snippet | int]:
    return _read(content, "tsx")


@source(".go")
def go(content: bytes, _names: Names) -> Iterator[Snippet | int]:
    return _read(content, "go")


@source(".java")
def java(content: bytes, _names: Names) -> Iterator[Snippet | int]:
    return _read(content, "java")


@source(".rb")
def ruby(content: bytes, _names: Names) -> Iterator[Snippet | int]:
    return _read(content, "rb")


@cache
def _language(name: str) -> tuple[Language, Any]:
    grammar = _GRAMMARS[name]
    try:
        import tree_sitter  # noqa: PLC0415 - an extra

        module = importlib.import_module(grammar.module)
    except ImportError as error:
        raise UnreadableError(f"pip install 'tsmigrate[{grammar.extra}]' to lint .{name} files") from error
    language = tree_sitter.Language(getattr(module, grammar.language)())
    return language, tree_sitter.Query(language, grammar.strings)


def _read(content: bytes, name: str) -> Iterator[Snippet | int]:
    language, query = _language(name)
    import tree_sitter  # noqa: PLC0415 - an extra: there, or that has been said

    tree = tree_sitter.Parser(language).parse(content)
    done: set[int] = set()
    for node in tree_sitter.QueryCursor(query).captures(tree.root_node).get("s", ()):
        top = _whole(node)
        if top.id not in done:
            done.add(top.id)
            yield from _statements(_text(top, content), _function(top))


def _whole(node: Node) -> Node:
    """The sum that a literal is a part of, or the literal itself."""
    while (parent := node.parent) is not None and parent.type in _SUMS and _is_sum(parent):
        node = parent
    return node


def _is_sum(node: Node) -> bool:
    return any(child.type == "+" for child in node.children)


def _function(node: Node) -> str:
    one: Node | None = node
    while one is not None:
        if one.type in _FUNCTIONS and (name := one.child_by_field_name("name")) is not None and name.text:
            return name.text.decode("utf-8", "replace")
        one = one.parent
    return ""


def _text(node: Node, content: bytes) -> Text:
    """The text of a literal, or of a sum of literals and holes; a sum nests to the left, and deeply."""
    parts: list[Node] = []
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one.type in _SUMS and _is_sum(one):
            waiting += [child for child in one.children if child.type != "+"]
        else:
            parts.append(one)
    made = Text()
    for part in sorted(parts, key=lambda one: one.start_byte):
        if "string" in part.type or part.type == "heredoc_body":
            _literal(part, content, made)
        else:
            made.hole(part.start_byte)
    return made


def _literal(node: Node, content: bytes, made: Text) -> None:
    for child in node.children:
        if child.type in _HOLES:
            made.hole(child.start_byte, child.end_byte - child.start_byte)
        elif child.type == "escape_sequence":
            literals.plain(content, child.start_byte, child.end_byte, is_raw=False, made=made)
        elif child.is_named and child.type != "heredoc_end":
            made.put(content[child.start_byte : child.end_byte], child.start_byte)


def _statements(found: Text, function: str) -> Iterator[Snippet]:
    text = found.bytes
    if not STATEMENT.match(text):
        return
    for offset, part in split.statements(text) if b";" in text else [(0, text)]:
        if STATEMENT.match(part):
            yield Snippet(
                part,
                offsets_from(found.offsets(), offset),
                function,
                confidence="medium",
                literal_parameters=not NUMBERED.search(part),
                holes=True,
                code=True,
                optional=True,
            )
