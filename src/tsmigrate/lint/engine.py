"""The judge of a run: what it knows, for which server it judges, and by which rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tsmigrate.lint.judging import File
from tsmigrate.lint.known import Function, Known, Name
from tsmigrate.lint.names import Names
from tsmigrate.lint.options import Options
from tsmigrate.lint.rules.rule import About, Rule, rules
from tsmigrate.lint.shapes import Shapes
from tsmigrate.lint.sql import functions, native
from tsmigrate.lint.sql.judge import Reading
from tsmigrate.lint.target import Target
from tsmigrate.lint.violation import Severity


@dataclass(frozen=True)
class Rules:
    """Which rules apply, and how much each matters here."""

    severities: Mapping[str, Severity] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    options: Mapping[str, Options] = field(default_factory=dict)

    def accepts(self, rule: Rule, table: str, reading: Reading | None = None) -> bool:
        """Whether the project wants to hear nothing of this from the rule."""
        options = self.options.get(rule.code)
        if options is None:
            return False
        return options.exempts(table) or (options.allow_unfiltered and reading is not None and not reading.filtered)

    def completed(self, known: Known) -> Known:
        """What is known, with the functions that the project says to be stable."""
        names = [
            Name.parse(one, known.search_path[0]) for each in self.options.values() for one in each.stable_functions
        ]
        if not names:
            return known
        return replace(known, functions={**known.functions, **{name: Function(name, "stable") for name in names}})

    def active(self, *about: About) -> tuple[Rule, ...]:
        return tuple(rule for rule in rules() if rule.about in about and rule.code not in self.off)

    def severity(self, rule: Rule) -> Severity:
        return self.severities.get(rule.code, rule.severity)


class Engine:
    """The judge of one run: what is known, for which server, by which rules."""

    def __init__(self, known: Known, target: Target, chosen: Rules | None = None) -> None:
        self.rules = chosen or Rules()
        self.known = known = self.rules.completed(known)
        self.target = target
        self.names = Names(known.names(), known.models, known.extended)
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
