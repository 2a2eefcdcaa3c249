"""How a check is written, and the one list of them.

A check that `create_hypertable` refuses by is a query, and both use its text: the DO block, and `tsmigrate preflight`.
What it reads has the same name in both, a variable there and a column here (`Subject._asked`): `target`, `time_column`,
`facts.…` (`sql/facts.sql`), `wanted_interval`, `wanted_length`, `counted`, `expected_chunks` and so on. Its rows are
(what was seen, why it matters, the mend); no row: nothing was seen.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from textwrap import dedent
from typing import TYPE_CHECKING

from tsmigrate.finding import Finding, Severity
from tsmigrate.plpgsql import assemble

if TYPE_CHECKING:
    from tsmigrate.convert.preflight.subject import Subject


class Said(StrEnum):
    """How `create_hypertable` says it."""

    REFUSED = "refused"
    WARNED = "warned"


@dataclass(frozen=True)
class Check:
    name: str
    about: str  # what it tells, for the reference page
    look: Callable[[Subject], Iterable[Finding]]
    severity: Severity | None = None  # of a check that has only one
    query: str = ""  # of a check that is one
    said: Said | None = None  # by create_hypertable too


_checks: list[Check] = []


def checks() -> list[Check]:
    """Those of every module beside this one, in the order of the modules."""
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
    return sorted(_checks, key=lambda check: check.look.__module__)


def check(look: Callable[[Subject], Iterable[Finding]]) -> Callable[[Subject], Iterable[Finding]]:
    """A check that does more than ask one query."""
    _checks.append(Check(_name(look), _about(look), look))
    return look


def refused(query: Callable[[], str]) -> Callable[[], str]:
    """A query for what `create_hypertable` refuses."""
    return _asked(query, Severity.BLOCKER, Said.REFUSED)


def warned(query: Callable[[], str]) -> Callable[[], str]:
    """A query for what `create_hypertable` warns of."""
    return _asked(query, Severity.WARNING, Said.WARNED)


def asked(severity: Severity) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """A query for what only the command tells."""
    return lambda query: _asked(query, severity)


def _asked(query: Callable[[], str], severity: Severity, said: Said | None = None) -> Callable[[], str]:
    name, text = _name(query), dedent(query()).strip()

    def look(subject: Subject) -> Iterable[Finding]:
        return [Finding(name, severity, *row) for row in subject.ask(text)]

    look.__module__ = query.__module__
    _checks.append(Check(name, _about(query), look, severity, text, said))
    return query


def _name(function: Callable[..., object]) -> str:
    return function.__name__.replace("_", " ")


def _about(function: Callable[..., object]) -> str:
    return (inspect.getdoc(function) or "").splitlines()[0]


def refusals() -> str:
    """What the DO block asks before any change: each query adds its rows to `reasons` and `mends`."""
    return _each(Said.REFUSED, _REFUSED)


def warnings() -> str:
    """What the DO block says before it begins."""
    return _each(Said.WARNED, _WARNED)


def _each(said: Said, template: str) -> str:
    return "\n\n".join(
        assemble(template, about=check.about, query=check.query) for check in checks() if check.said is said
    )


_REFUSED = """\
-- {{about}}
SELECT reasons || array_agg(seen ORDER BY seen), mends || array_agg(mend ORDER BY seen) INTO reasons, mends
FROM (
  {{query}}
) AS found (seen, why, mend);"""

_WARNED = """\
-- {{about}}
FOR statement IN
  SELECT seen FROM (
    {{query}}
  ) AS found (seen, why, mend)
LOOP
  RAISE WARNING '%: %', table_name, statement;
END LOOP;"""
