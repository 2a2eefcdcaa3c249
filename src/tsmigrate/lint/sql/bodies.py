"""The SQL inside functions and DO blocks, in SQL and PL/pgSQL, with its place in the statement around it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tsmigrate.lint.sql import functions, native
from tsmigrate.lint.sql.native import Node, ParseError
from tsmigrate.lint.sql.nodes import opened, schemas, strings, walk

# A variable's type may be schema-qualified, `x sms.messages.id%TYPE`, which the library's stand-alone parser refuses.
_QUALIFIED_TYPE = re.compile(
    rb"(?<=\s)(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*(?:%(?:TYPE|ROWTYPE))?(?=\s*(?:;|:=|=|not\b|default\b))", re.IGNORECASE
)
_LITERAL = re.compile(rb"\s*'((?:[^']|'')*)'\s*")
_SELECTS = re.compile(rb"\bselect\b", re.IGNORECASE)
_IN_PROGRAM = re.compile(rb"\b(?:perform|select|insert\s+into|update|delete\s+from|merge\s+into|with)\b", re.IGNORECASE)
_INTO = re.compile(rb"\binto\s+(?:strict\s+)?[\w.\"]+(?:\s*,\s*[\w.\"]+)*", re.IGNORECASE)
_DECLARED = re.compile(rb"^\s*(\w+)\s+(?:constant\s+)?[\w.]+", re.IGNORECASE)
_PIECE = re.compile(
    rb"--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?P<end>;|\bloop\b|\bthen\b|\belse\b|\bbegin\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Inner:
    """A statement found in a body: its text, its offset in the outer statement, and what names mean in it."""

    text: bytes
    offset: int
    function: str
    variables: frozenset[str] = frozenset()
    types: dict[str, str] = field(default_factory=dict)
    search_path: tuple[str, ...] | None = None
    dynamic: bool = False  # EXECUTE of something put together
    custom_plans: bool = False  # SET plan_cache_mode = force_custom_plan: its parameters are as good as literals
    parameter_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Body:
    name: str
    language: str
    text: bytes
    offset: int
    variables: frozenset[str]
    types: dict[str, str]
    search_path: tuple[str, ...] | None


def inner_statements(node: Node, text: bytes) -> Iterator[Inner]:
    """The statements in the body of a CREATE FUNCTION, CREATE PROCEDURE or DO."""
    kind, statement = opened(node)
    if "sql_body" in statement:
        yield from _atomic(statement, text)
        return
    body = _read(kind, statement, text)
    if body is None:
        return
    if body.language == "sql":
        yield Inner(body.text, body.offset, body.name, body.variables, body.types, body.search_path)
    elif body.language == "plpgsql":
        yield from _program(body, text)


def _read(kind: str, statement: Any, text: bytes) -> _Body | None:
    key = "args" if kind == "DoStmt" else "options"
    options = {one["DefElem"]["defname"]: one["DefElem"].get("arg", {}) for one in statement.get(key, ())}
    source = options.get("as", {})
    pieces = strings(source["List"]["items"]) if "List" in source else strings([source])
    if not pieces:
        return None
    body = pieces[0].encode()
    offset = text.find(body)
    if offset < 0:  # written with doubled quotes
        offset = text.find(body.replace(b"'", b"''"))
    language = strings([options.get("language", {"String": {"sval": "plpgsql" if kind == "DoStmt" else "sql"}})])[0]
    name = ".".join(strings(statement.get("funcname"))) or "DO"
    types = {}
    for one in statement.get("parameters", ()):
        parameter = one["FunctionParameter"]
        if "name" in parameter:
            names = strings(parameter.get("argType", {}).get("names"))
            types[parameter["name"]] = functions.type_name(names[-1]) if names else ""
    return _Body(name, language.lower(), body, max(offset, 0), frozenset(types), types, _search_path(statement))


def forces_custom_plans(statement: Any) -> bool:
    """Whether the function's queries are planned anew for each call's values."""
    for one in statement.get("options", ()):
        setting = one["DefElem"].get("arg", {}).get("VariableSetStmt", {})
        if setting.get("name") == "plan_cache_mode":
            return schemas(setting) == ("force_custom_plan",)
    return False


def _search_path(statement: Any) -> tuple[str, ...] | None:
    for one in statement.get("options", ()):
        setting = one["DefElem"].get("arg", {}).get("VariableSetStmt", {})
        if setting.get("name") == "search_path":
            return schemas(setting)
    return None


def _atomic(statement: Any, text: bytes) -> Iterator[Inner]:
    """BEGIN ATOMIC: the body is parsed with the statement; its text is cut out again."""
    name = ".".join(strings(statement.get("funcname")))
    found = re.search(rb"\bbegin\s+atomic\b", text, re.IGNORECASE)
    start = found.end() if found else re.search(rb"\breturn\b", text, re.IGNORECASE).end()  # type: ignore[union-attr]
    end = text.lower().rfind(b"end") if found else len(text)
    body = _Body(name, "sql", text[start:end], start, frozenset(), {}, _search_path(statement))
    variables = {one["FunctionParameter"].get("name", "") for one in statement.get("parameters", ())}
    inner = body.text if found else b"SELECT " + body.text
    yield Inner(inner, start if found else start - len("SELECT "), name, frozenset(variables), {}, body.search_path)


# -- PL/pgSQL --------------------------------------------------------------------------------------------------------


def _program(body: _Body, text: bytes) -> Iterator[Inner]:
    try:
        trees = native.parse_plpgsql(_repaired(body, text))
    except ParseError:
        yield from _scanned(body)
        return
    variables = set(body.variables)
    for tree in trees:
        for _, datum in walk(tree):
            for key in ("refname", "fieldname"):
                if key in datum:
                    variables.add(datum[key])
    place = 0
    for tree in trees:
        for kind, found in _expressions(tree):
            query = found.get("query", "").encode()
            inner = _statement_of(kind, query)
            if inner is None:
                continue
            sql, lead = inner
            at = _position(body.text, query, place)
            if at >= 0:
                place = at
            offset = body.offset + max(at, 0) - lead
            literal = _LITERAL.fullmatch(sql) if kind == "dynamic" else None
            if literal is not None and b"''" not in literal[1]:  # EXECUTE of a text that is all there
                sql, offset = literal[1], offset + literal.start(1)
            dynamic = kind == "dynamic" and literal is None
            yield Inner(sql, offset, body.name, frozenset(variables), body.types, body.search_path, dynamic)


def _repaired(body: _Body, text: bytes) -> bytes:
    """The statement, with schema-qualified types of variables blanked to `text`, everything in its place."""
    begin = re.search(rb"\bbegin\b", body.text, re.IGNORECASE)
    end = body.offset + (begin.start() if begin else 0)
    declared = _QUALIFIED_TYPE.sub(lambda found: b"text".ljust(len(found[0])), text[body.offset : end])
    return text[: body.offset] + declared + text[end:]


def _expressions(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every expression of a program with what it is: a statement, dynamic SQL or a plain expression. In order."""
    waiting: list[tuple[str, Any]] = [("", tree)]
    while waiting:
        kind, one = waiting.pop()
        if isinstance(one, list):
            waiting += [(kind, item) for item in reversed(one)]
        elif isinstance(one, dict):
            for key, value in reversed(list(one.items())):
                if key == "PLpgSQL_expr":
                    yield kind, value
                elif isinstance(value, (dict, list)):
                    waiting.append((_KEYS.get(key, kind if key in _TRANSPARENT else key), value))


_KEYS = {
    "sqlstmt": "statement",
    "dynquery": "dynamic",
    "PLpgSQL_stmt_dynexecute": "dynamic",
    "PLpgSQL_stmt_dynfors": "dynamic",
}
_TRANSPARENT = frozenset({"query", "expr"})


def _statement_of(kind: str, query: bytes) -> tuple[bytes, int] | None:
    """The SQL of an expression, and how many bytes were put before it. None: it reads no table."""
    if kind in ("dynamic", "statement"):
        return query, 0
    start = query.lstrip()[:8].lower()
    if start.startswith((b"select", b"insert", b"update", b"delete", b"with", b"merge", b"values", b"perform")):
        return query, 0
    if _SELECTS.search(query):
        value = query.split(b":=", 1)[-1]
        return b"SELECT " + value, len("SELECT ") - (len(query) - len(value))
    return None


def _position(body: bytes, query: bytes, place: int) -> int:
    """Where a query stands in its body. INTO is blanked in the tree, and PERFORM reads SELECT."""
    for start in (query, query[:24].split(b"   ")[0], re.sub(rb"^\s*SELECT", b"", query)[:40].split(b"   ")[0]):
        if len(start.strip()) > 3:
            for origin in (place, 0):
                at = body.find(start, origin)
                if at >= 0:
                    return at - (0 if query.startswith(start) else query.find(start) + 1)
    return -1


def _scanned(body: _Body) -> Iterator[Inner]:
    """The fallback: statements by their first words, up to the semicolon."""
    start = 0
    variables = set(body.variables)
    pieces = []
    for token in _PIECE.finditer(body.text):
        if token["end"] is not None:
            pieces.append((start, body.text[start : token.start()]))
            start = token.end()
    pieces.append((start, body.text[start:]))
    for _, piece in pieces:
        declared = _DECLARED.match(piece.replace(b"declare", b"       ").replace(b"DECLARE", b"       "))
        if declared and not _IN_PROGRAM.match(piece.lstrip()):
            variables.add(declared[1].decode())
    for offset, piece in pieces:
        found = _IN_PROGRAM.search(piece)
        if found is None:
            continue
        text = piece[found.start() :]
        dynamic = re.match(rb"\s*execute\b", piece, re.IGNORECASE) is not None
        if text[:7].lower() == b"perform":
            text = b"SELECT " + text[7:]
        if text[:6].lower() in (b"select", b"with "):
            text = _INTO.sub(lambda into: b" " * len(into[0]), text, count=1)
        yield Inner(
            text,
            body.offset + offset + found.start(),
            body.name,
            frozenset(variables),
            body.types,
            body.search_path,
            dynamic,
        )
