"""Facts and findings about one database, for the formats to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tsmigrate.finding import Finding, Severity
from tsmigrate.status.due import Next, next_chunk
from tsmigrate.status.facts import Aggregate, Facts, How, Hypertable, Policy
from tsmigrate.status.judge import judged


@dataclass(frozen=True)
class Report:
    database: str
    facts: Facts

    @cached_property
    def findings(self) -> Sequence[Finding]:
        return judged(self.facts)

    @property
    def warnings(self) -> int:
        return sum(finding.severity is Severity.WARNING for finding in self.findings)

    def next_of(self, hypertable: Hypertable, policy: Policy) -> Next | None:
        return next_chunk(hypertable, policy, self.facts.now)

    def lag(self, aggregate: Aggregate) -> float | None:
        """Seconds that have passed since what it is filled to. None: not known, or numbers are no time."""
        if aggregate.filled_to is None or aggregate.by_number:
            return None
        return self.facts.now - aggregate.filled_to

    def counted(self, how: How) -> int:
        """Policies and aggregates of that kind."""
        hows = [policy.how for policy in self.facts.policies]
        hows += [aggregate.how for aggregate in self.facts.aggregates.values()]
        return hows.count(how)
