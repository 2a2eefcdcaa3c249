"""Judges SQL: takes pieces of text from wherever a source found them, gives violations with places in that source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tsmigrate.lint import suppress
from tsmigrate.lint.known import Hypertable, Known, Name
from tsmigrate.lint.lines import Lines
from tsmigrate.lint.names import Names
from tsmigrate.lint.rules.rule import About, Rule, Statement, Told, rules
from tsmigrate.lint.shapes import Cuts, Key, Remembered, Shapes, shape
from tsmigrate.lint.snippet import Judged, Snippet
from tsmigrate.lint.sql import bodies, functions, native, placeholders
from tsmigrate.lint.sql import statement as statements
from tsmigrate.lint.sql.from_clause import TooDeepError
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.sql.native import Node, ParseError
from tsmigrate.lint.sql.nodes import opened, strings
from tsmigrate.lint.sql.placeholders import Offsets
from tsmigrate.lint.sql.scope import Context
from tsmigrate.lint.target import Target
from tsmigrate.lint.violation import Edit, Severity, Violation

_BODIES = frozenset({"CreateFunctionStmt", "DoStmt"})
_PLAIN_INSERT = re.compile(rb"\s*insert\s+into\s[^()]*(?:\([^()]*\)\s*)?values\b")


@dataclass(frozen=True)
class Rules:
    """Which rules apply, and how much each matters here."""

    severities: Mapping[str, Severity] = field(default_factory=dict)
    off: frozenset[str] = frozenset()

    def active(self, *about: About) -> tuple[Rule, ...]:
        return tuple(rule for rule in rules() if rule.about in about and rule.code not in self.off)

    def severity(self, rule: Rule) -> Severity:
        return self.severities.get(rule.code, rule.severity)


class Engine:
    """The judge of one run: what is known, for which server, by which rules."""

    def __init__(self, known: Known, target: Target, chosen: Rules | None = None) -> None:
        self.known = known
        self.target = target
        self.rules = chosen or Rules()
        self.names = Names(known.names(), known.models)
        self.shapes = Shapes(_meant(known))
        self.on_causes = [
            rule for about in (About.CAUSE, About.STATEMENT_KIND, About.REST) for rule in self.rules.active(about)
        ]
        self.on_pruned = self.rules.active(About.PRUNED)
        self.on_statements = self.rules.active(About.STATEMENT)
        self.of_source = {rule.code: rule for rule in self.rules.active(About.SOURCE)}

    def file(self, path: str, content: bytes) -> File:
        return File(self, path, content)


def _meant(known: Known) -> frozenset[bytes]:
    """The words that a statement cannot exchange for others and still mean the same to the linter."""
    keywords = native.keywords()
    return keywords and keywords | {word.lower().encode() for word in (*functions.MEANT, *known.words())}


class File:
    """One file being judged: collects what is found in it."""

    def __init__(self, engine: Engine, path: str, content: bytes) -> None:
        self.engine = engine
        self.path = path
        self.lines = Lines(content)
        self.found = Judged(files=1)
        self._told: list[Remembered] | None = None  # of the statement in hand; None: not to be remembered
        self._begins: list[int] | None = [] if suppress.MARK in content else None
        self.search_path: tuple[str, ...] | None = None
        self.revision = engine.known.revisions.get(str(Path(path).absolute())) if engine.known.revisions else None

    def statement_lines(self) -> list[int]:
        """The lines on which the statements of the file begin."""
        return [self.lines.place(offset)[0] for offset in self._begins or ()]

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
        known = self.engine.shapes.told(key) if key is not None else None
        if known is not None:
            self._again(known, snippet)
            return
        self._told = []
        parsed = self._parsed(snippet)
        if parsed is None:
            return
        text, offsets, nodes = parsed
        self.found.statements += len(nodes) - 1
        unread = len(self.found.unparsed)
        for node in nodes:
            self._node(node["stmt"], text, offsets, snippet)
        if key is None or self._told is None or unread != len(self.found.unparsed) or len(nodes) > 1:
            return
        if not self._told or offsets is snippet.offsets:  # otherwise what was told points into another text
            cuts = Cuts(snippet.text)
            told = tuple(replace(one, start=cuts.shaped(one.start)) for one in self._told)
            self.engine.shapes.remember(key, told)

    def _key(self, snippet: Snippet) -> Key | None:
        """What two statements have in common that are judged alike."""
        found = shape(snippet.text)
        if found is None:
            return None
        traits = (snippet.literal_parameters, snippet.holes, snippet.code, self.search_path, self.revision)
        return (found, *traits)

    def _again(self, remembered: Iterable[Remembered], snippet: Snippet) -> None:
        """Tell of a statement what was told of one that differs in literals only."""
        source, cuts = snippet.offsets.source, None
        for one in remembered:
            cuts = cuts or Cuts(snippet.text)
            start = cuts.original(one.start)
            is_number = snippet.text[start : start + 1].isdigit()
            end = _end_of_word(snippet.text, start) if is_number else start + one.width
            extent = (source(0), source(max(len(snippet.text.rstrip()) - 1, 0)))
            spot = _Spot(source(start), source(end), one.table, None, one.fingerprint, extent)
            self._add(one.rule, one.told, spot, snippet)

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
                self._dynamic(snippet, 0)
                return None
            return text, snippet.offsets.after(offsets) if clause_holes is not None else snippet.offsets, nodes
        if problem is None:
            try:
                return snippet.text, snippet.offsets, native.parse(snippet.text)
            except ParseError as error:
                problem = error
        if not snippet.optional:
            self.unparsable(snippet.offsets.source(min(problem.offset, len(snippet.text))), problem.reason, snippet)
        return None

    def _notice_search_path(self, text: bytes) -> None:
        if text[:3].lower() == b"set" and b"search_path" in text.lower():
            try:
                [node] = native.parse(text)
            except (ParseError, ValueError):
                return
            setting = node["stmt"].get("VariableSetStmt", {})
            if setting.get("name") == "search_path" and not setting.get("is_local"):
                self.search_path = bodies.schemas(setting) or None

    def _node(self, node: Node, text: bytes, offsets: Offsets, snippet: Snippet) -> None:
        kind, body = opened(node)
        if kind in _BODIES:
            custom_plans = bodies.forces_custom_plans(body)
            for inner in bodies.inner_statements(node, text):
                self._inner(replace(inner, custom_plans=custom_plans), text, offsets, snippet)
            return
        context = Context(self.engine.known, self.engine.target, search_path=self.search_path, holes=snippet.holes)
        if kind == "PrepareStmt":
            types = tuple(strings(one["TypeName"].get("names"))[-1] for one in body.get("argtypes", ()))
            context = replace(context, parameter_types=types)
        self._query(node, text, offsets, snippet, context)

    def _inner(self, inner: bodies.Inner, text: bytes, offsets: Offsets, snippet: Snippet) -> None:
        """A statement of a function's body."""
        if not self.engine.names.within(inner.text):
            return
        here = replace(snippet, function=inner.function, offsets=offsets.moved(inner.offset))
        if inner.dynamic:
            self._dynamic(here, 0)
            return
        try:
            nodes = native.parse(inner.text)
        except ParseError as error:
            self.unparsable(offsets.source(inner.offset + error.offset), error.reason, here)
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
        del text

    def _query(self, node: Node, text: bytes, offsets: Offsets, snippet: Snippet, context: Context) -> None:
        whole = Statement(text, node, self.engine.known, self.engine.target, context.search_path)
        here = _Here(snippet, offsets, whole)
        for rule in self.engine.on_statements:
            for told in rule.look(whole) or ():  # type: ignore[union-attr]
                if not self._is_older_than(self.engine.known.hypertables.get(Name.parse(told.table))):
                    self._tell(rule, told, None, here)
        held = statements.held_query(node)
        if held is None:
            return
        if snippet.literal_parameters:
            context = replace(context, literal_parameters=True)
        try:
            found = statements.read(held, context)
        except (TooDeepError, RecursionError):
            self.unparsable(offsets.source(0), "nested too deeply", snippet)
            return
        for reading in found:
            self._reading(reading, here)

    def _reading(self, reading: Reading, here: _Here) -> None:
        """A reading that prunes may earn a hint of each kind; one that does not, the one rule that explains it best."""
        if self._is_older_than(reading.table):
            return
        if not reading.prunes and reading.unknown:
            self._dynamic(replace(here.snippet, offsets=here.offsets), reading.relation.location)
            return
        for rule in self.engine.on_pruned if reading.prunes else self.engine.on_causes:
            told = rule.look(reading, here.statement)
            if isinstance(told, Told):
                self._tell(rule, told, reading, here)
                if not reading.prunes:
                    return

    def _is_older_than(self, table: Hypertable | None) -> bool:
        """Whether this file is a migration from before the table was a hypertable."""
        if self.revision is None or table is None:
            return False
        return self.revision.before_or_at(self.engine.known.revisions.get(str(Path(table.source).absolute())))

    # -- telling

    def unparsable(self, offset: int, reason: str, snippet: Snippet) -> None:
        line, _ = self.lines.place(offset)
        self.found.unparsed.append((self.path, line, reason))
        if rule := self.engine.of_source.get("TSQ900"):
            told = Told(f"not judged: {reason}", "write it as PostgreSQL reads it, or suppress this")
            self._add(rule, told, _Spot(offset, offset + 1), snippet)

    def _dynamic(self, snippet: Snippet, location: int) -> None:
        self._told = None
        if rule := self.engine.of_source.get("TSQ901"):
            start = snippet.offsets.source(location)
            told = Told(
                "not judged: part of this statement is put together while running",
                "keep the bound on the partition column in the fixed part of the text",
            )
            self._add(rule, told, _Spot(start, start + 1), snippet)

    def _tell(self, rule: Rule, told: Told, reading: Reading | None, here: _Here) -> None:
        text, source = here.statement.text, here.offsets.source
        start = told.start if told.start >= 0 else reading.relation.location if reading else 0
        table = told.table or (str(reading.table.name) if reading else "")
        edit = None
        if told.insert is not None:
            edit = Edit(source(told.insert[0]), source(told.insert[0]), told.insert[1])
        elif told.replace is not None:
            first, last, new = told.replace
            edit = Edit(source(first), source(last), new)
        if here.offsets.at or here.snippet.confidence == "low":
            edit = None  # the text is not the source's own
        if reading is not None and reading.relation.through_view:
            told = replace(told, message=f"{told.message} (through {reading.relation.through_view})")
        end = _end_of_word(text, start)
        extent = (source(0), source(max(len(text.rstrip()) - 1, 0)))
        fingerprint = native.fingerprint(text)
        if edit is not None:
            self._told = None
        elif self._told is not None:
            self._told.append(Remembered(rule, told, table, start, end - start, fingerprint))
        spot = _Spot(source(start), source(end), table, edit, fingerprint, extent)
        self._add(rule, told, spot, here.snippet)

    def _add(self, rule: Rule, told: Told, spot: _Spot, snippet: Snippet) -> None:
        if snippet.confidence == "low":  # the names of classes are quoted in the SQL that was made for them
            told = replace(told, message=told.message.replace('"', ""), hint=told.hint.replace('"', ""))
        line, column = self.lines.place(spot.start)
        end_line, end_column = self.lines.place(spot.end)
        first, last = spot.statement or (spot.start, spot.end)
        key = "\0".join((rule.code, self.path, snippet.function, spot.table, spot.shape or told.message))
        self.found.violations.append(
            Violation(
                rule=rule.code,
                name=rule.name,
                severity=self.engine.rules.severity(rule),
                table=spot.table,
                file=self.path,
                line=line,
                column=column,
                end_line=end_line,
                end_column=end_column,
                function=snippet.function,
                message=told.message,
                hint=told.hint,
                confidence=snippet.confidence,
                fingerprint=hashlib.sha256(key.encode()).hexdigest()[:16],
                fix=spot.edit,
                statement_line=self.lines.place(first)[0],
                statement_end=max(self.lines.place(last)[0], end_line),
            )
        )


@dataclass(frozen=True)
class _Here:
    """A parsed statement and where it came from."""

    snippet: Snippet
    offsets: Offsets
    statement: Statement


@dataclass(frozen=True)
class _Spot:
    """What a violation points at, in bytes of the file."""

    start: int
    end: int
    table: str = ""
    edit: Edit | None = None
    shape: str = ""
    statement: tuple[int, int] | None = None


_BLANK = re.compile(rb"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
_WORD = re.compile(rb'(?:"(?:[^"]|"")*"|[\w$.\x80-\xff]+)+|.', re.DOTALL)


def _end_of_word(text: bytes, start: int) -> int:
    found = _WORD.match(text, start)
    return found.end() if found else start
