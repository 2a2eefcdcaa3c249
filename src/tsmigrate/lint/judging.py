"""Judges the SQL of one file: takes pieces of text from wherever a source found them, and has told what they earn."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tsmigrate.lint import suppress
from tsmigrate.lint.known import Hypertable, Name
from tsmigrate.lint.rules.rule import Statement, Told
from tsmigrate.lint.shapes import Cuts, Key, Kin, Remembered, Template, shape
from tsmigrate.lint.snippet import Judged, Snippet
from tsmigrate.lint.sql import native, placeholders
from tsmigrate.lint.sql import statement as statements
from tsmigrate.lint.sql.from_clause import TooDeepError
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.sql.native import Node, ParseError
from tsmigrate.lint.sql.nodes import opened, schemas, strings
from tsmigrate.lint.sql.placeholders import Offsets
from tsmigrate.lint.sql.scope import Context
from tsmigrate.lint.telling import Here, Telling

if TYPE_CHECKING:
    from tsmigrate.lint.engine import Engine
    from tsmigrate.lint.sql.bodies import Inner

_BODIES = frozenset({"CreateFunctionStmt", "DoStmt"})
_PLAIN_INSERT = re.compile(rb"\s*insert\s+into\s[^()]*(?:\([^()]*\)\s*)?values\b")
_BLANK = re.compile(rb"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)


class File:
    """One file being judged: collects what is found in it."""

    def __init__(self, engine: Engine, path: str, content: bytes) -> None:
        self.engine = engine
        self.path = path
        self.telling = Telling(engine.rules, engine.of_source, path, content)
        self._begins: list[int] | None = [] if suppress.MARK in content else None
        self.search_path: tuple[str, ...] | None = None
        self.revision = engine.known.revisions.get(str(Path(path).absolute())) if engine.known.revisions else None

    @property
    def found(self) -> Judged:
        return self.telling.found

    def statement_lines(self) -> list[int]:
        """The lines on which the statements of the file begin."""
        return [self.telling.lines.place(offset)[0] for offset in self._begins or ()]

    # -- one statement

    def judge(self, snippet: Snippet | int) -> None:
        """A statement, or several in one text; or a number of statements that name no hypertable."""
        if isinstance(snippet, int):
            self.found.statements += snippet
            return
        self.found.statements += 1
        if self._begins is not None:
            blank = _BLANK.match(snippet.text)
            self._begins.append(snippet.offsets.source(blank.end() if blank else 0))
        if not snippet.named and not self.engine.names.within(snippet.text):
            self._notice_search_path(snippet.text)
            return
        self.found.hypertable_statements += 1
        lowered = snippet.text.lower()
        if _PLAIN_INSERT.match(lowered) and b"conflict" not in lowered and b"select" not in lowered:
            return
        key = self._key(snippet)
        if key is None:
            self._anew(snippet)
            return
        shapes = self.engine.shapes
        known = shapes.known.get(key)
        if known is not None:
            self.telling.again(known, snippet)
            return
        kin = shapes.kin(key)
        templates = shapes.of_kin.get(kin.key) if kin is not None else None
        if kin is not None and templates is not None and (not templates or kin.are_plain):
            fingerprint = self._fingerprint(snippet) if templates else ""
            told = tuple(one.of(kin, fingerprint) for one in templates)
            shapes.remember(key, told)
            self.telling.again(told, snippet)
            return
        anew = self._anew(snippet)
        if anew is None:
            return
        shapes.remember(key, anew)
        if kin is not None and kin.key not in shapes.of_kin:
            shapes.remember_kin(kin, self._templates(kin, snippet, anew))

    def _anew(self, snippet: Snippet) -> tuple[Remembered, ...] | None:
        """Judge a statement; what was told of it, by its shape. None: that is not to be told of others."""
        self.telling.told = []
        parsed = self._parsed(snippet)
        if parsed is None:
            return None
        text, offsets, nodes = parsed
        self.found.statements += len(nodes) - 1
        unread = len(self.found.unparsed)
        for node in nodes:
            self._node(node["stmt"], text, offsets, snippet)
        if self.telling.told is None or unread != len(self.found.unparsed) or len(nodes) > 1:
            return None
        if self.telling.told and offsets is not snippet.offsets:
            return None  # what was told points into another text
        cuts = Cuts(snippet.text)
        return tuple(replace(one, start=cuts.shaped(one.start)) for one in self.telling.told)

    def _templates(self, kin: Kin, snippet: Snippet, told: tuple[Remembered, ...]) -> tuple[Template, ...] | None:
        """What is told of all kin of a statement: learned by other names, and tried on the statement itself."""
        if not told:
            return ()
        aside = File(self.engine, self.path, b"")
        aside.search_path, aside.revision = self.search_path, self.revision
        stamped = replace(snippet, text=kin.stamped(snippet.text))
        found, its = aside._anew(stamped), shape(stamped.text)
        if found is None or its is None or not kin.are_plain:
            return None
        again = self.engine.shapes.kin((its, *kin.key[len(kin.pieces) :]))
        if again is None or again.key != kin.key:
            return None
        templates = tuple(Template(one.rule, one.told, one.table, again.place(one.start)) for one in found)
        tried = [
            (one.rule.code, one.told.message, one.told.hint, one.table, one.start)
            for one in (each.of(kin, "") for each in templates)
        ]
        meant = [(one.rule.code, one.told.message, one.told.hint, one.table, one.start) for one in told]
        return templates if tried == meant else None

    def _fingerprint(self, snippet: Snippet) -> str:
        """That of the text that the parser would be given."""
        if not (snippet.code or b"@" in snippet.text) and (found := native.fingerprint(snippet.text)):
            return found
        return native.fingerprint(placeholders.normalised(snippet.text)[0])

    def _key(self, snippet: Snippet) -> Key | None:
        """What two statements have in common that are judged alike."""
        found = shape(snippet.text)
        if found is None:
            return None
        traits = (snippet.literal_parameters, snippet.holes, snippet.code, self.search_path, self.revision)
        return (found, *traits)

    def _parsed(self, snippet: Snippet) -> tuple[bytes, Offsets, list[Node]] | None:
        """The statements of a text, with its placeholders replaced if need be."""
        text = snippet.text
        problem: ParseError | None = None
        for clause_holes in (None, False, True):
            if clause_holes is not None:
                text, offsets = placeholders.normalised(snippet.text, clause_holes=clause_holes)
                if text == snippet.text:
                    continue
            elif snippet.code or b"@" in snippet.text:
                continue  # placeholders are likely, and `@x` parses as an operator
            try:
                nodes = native.parse(text)
            except ParseError as error:
                problem = problem or error
                continue
            if clause_holes:
                # A hole where only a clause fits: what it will hold is not in the source.
                self.telling.dynamic(snippet, 0)
                return None
            return text, snippet.offsets.after(offsets) if clause_holes is not None else snippet.offsets, nodes
        if problem is None:
            try:
                return snippet.text, snippet.offsets, native.parse(snippet.text)
            except ParseError as error:
                problem = error
        if not snippet.code and self._in_pieces(snippet):
            return None
        if not snippet.optional:
            self.telling.unparsable(
                snippet.offsets.source(min(problem.offset, len(snippet.text))), problem.reason, snippet
            )
        return None

    def _in_pieces(self, snippet: Snippet) -> bool:
        """Judge what is no statement piece by piece: an open bracket hides all that follows it from the scanner."""
        from tsmigrate.lint.sql import psql  # noqa: PLC0415 - most statements can be parsed

        pieces = psql.by_semicolons(snippet.text) if b";" in snippet.text else []
        if len(pieces) < 2:
            return False
        self.found.statements -= 1
        self.found.hypertable_statements -= 1
        for offset, length in pieces:
            text = snippet.text[offset : offset + length]
            lead = length - len(text.lstrip())
            self.judge(replace(snippet, text=text[lead:], offsets=snippet.offsets.moved(offset + lead), named=False))
        return True

    def _notice_search_path(self, text: bytes) -> None:
        if text[:3].lower() == b"set" and b"search_path" in text.lower():
            try:
                [node] = native.parse(text)
            except (ParseError, ValueError):
                return
            setting = node["stmt"].get("VariableSetStmt", {})
            if setting.get("name") == "search_path" and not setting.get("is_local"):
                self.search_path = schemas(setting) or None

    def _node(self, node: Node, text: bytes, offsets: Offsets, snippet: Snippet) -> None:
        kind, body = opened(node)
        if kind in _BODIES:
            from tsmigrate.lint.sql import bodies  # noqa: PLC0415 - most files define no function

            custom_plans = bodies.forces_custom_plans(body)
            for inner in bodies.inner_statements(node, text):
                self._inner(replace(inner, custom_plans=custom_plans), offsets, snippet)
            return
        context = Context(self.engine.known, self.engine.target, search_path=self.search_path, holes=snippet.holes)
        if kind == "PrepareStmt":
            types = tuple(strings(one["TypeName"].get("names"))[-1] for one in body.get("argtypes", ()))
            context = replace(context, parameter_types=types)
        self._query(node, text, offsets, snippet, context)

    def _inner(self, inner: Inner, offsets: Offsets, snippet: Snippet) -> None:
        """A statement of a function's body."""
        if not self.engine.names.within(inner.text):
            return
        here = replace(snippet, function=inner.function, offsets=offsets.moved(inner.offset))
        if inner.dynamic:
            self.telling.dynamic(here, 0)
            return
        try:
            nodes = native.parse(inner.text)
        except ParseError as error:
            self.telling.unparsable(offsets.source(inner.offset + error.offset), error.reason, here)
            return
        context = Context(
            self.engine.known,
            self.engine.target,
            variables=inner.variables,
            types=inner.types,
            search_path=inner.search_path or self.search_path,
            literal_parameters=inner.custom_plans,
        )
        for node in nodes:
            self._query(node["stmt"], inner.text, offsets.moved(inner.offset), here, context)

    def _query(self, node: Node, text: bytes, offsets: Offsets, snippet: Snippet, context: Context) -> None:
        whole = Statement(text, node, self.engine.known, self.engine.target, context.search_path)
        here = Here(snippet, offsets, whole)
        for rule in self.engine.on_statements:
            for told in rule.look(whole) or ():  # type: ignore[union-attr]
                if self.engine.rules.accepts(rule, told.table):
                    continue
                if not self._is_older_than(self.engine.known.hypertables.get(Name.parse(told.table))):
                    self.telling.tell(rule, told, None, here)
        held = statements.held_query(node)
        if held is None:
            return
        if snippet.literal_parameters:
            context = replace(context, literal_parameters=True)
        try:
            found = statements.read(held, context)
        except (TooDeepError, RecursionError):
            self.telling.unparsable(offsets.source(0), "nested too deeply", snippet)
            return
        for reading in found:
            self._reading(reading, here)

    def _reading(self, reading: Reading, here: Here) -> None:
        """A reading that prunes may earn a hint of each kind; one that does not, the one rule that explains it best."""
        if self._is_older_than(reading.table):
            return
        if not reading.prunes and reading.unknown:
            self.telling.dynamic(replace(here.snippet, offsets=here.offsets), reading.relation.location)
            return
        for rule in self.engine.on_pruned if reading.prunes else self.engine.on_causes:
            told = rule.look(reading, here.statement)
            if isinstance(told, Told):
                if not self.engine.rules.accepts(rule, str(reading.table.name), reading):
                    self.telling.tell(rule, told, reading, here)
                if not reading.prunes:
                    return

    def _is_older_than(self, table: Hypertable | None) -> bool:
        """Whether this file is a migration from before the table was a hypertable."""
        if self.revision is None or table is None:
            return False
        return self.revision.before_or_at(self.engine.known.revisions.get(str(Path(table.source).absolute())))
