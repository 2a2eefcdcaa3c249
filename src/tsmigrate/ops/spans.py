"""How long, or how far back: an interval, or a whole number where the partition column is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tsmigrate.ops.reasons import Reason, refuse_all
from tsmigrate.plpgsql import assemble
from tsmigrate.sql import literal

NOT_POSITIVE = "<= 0"
NEGATIVE = "< 0"


@dataclass(frozen=True)
class Span:
    """An argument of an operation, which the block has as text in `variable`, NULL where it makes no sense."""

    argument: str
    variable: str
    value: str | int | None
    mend: str
    refused: str = NOT_POSITIVE  # TimescaleDB 2.19 refuses none; nor do we where this is empty
    by_number: str = "facts.by_number"  # an SQL condition

    @property
    def declaration(self) -> str:
        value = "" if self.value is None else f" := {literal(str(self.value))}"
        return f"{self.variable} text{value};\n{self.variable}_wrong text;"

    @property
    def size(self) -> str:
        return size(self.variable, by_number=self.by_number)

    def read(self) -> str:
        """Find out what is wrong with it, for `reason` to tell. A number, other than 0, is never taken for seconds."""
        return assemble(
            """
            BEGIN
              IF {{by_number}} THEN
                PERFORM {{variable}}::bigint;
              ELSIF {{variable}} ~ '^[0-9]*[1-9][0-9]*$' THEN
                RAISE invalid_datetime_format;
              END IF;
              PERFORM {{size}};
            EXCEPTION WHEN data_exception THEN
              {{variable}}_wrong := format(
                '{{argument}} is %L, which is no %s', {{variable}},
                CASE WHEN {{by_number}} THEN 'whole number, as its partition column needs' ELSE 'interval' END);
              {{variable}} := NULL;
            END;
            {{look_at_sign}}
            """,
            by_number=self.by_number,
            variable=self.variable,
            size=self.size,
            argument=self.argument,
            look_at_sign=self._look_at_sign() if self.refused else "",
        )

    def _look_at_sign(self) -> str:
        return assemble(
            """
            IF {{size}} {{refused}} THEN
              {{variable}}_wrong := format('{{argument}} is %L, which is {{told}}', {{variable}});
              {{variable}} := NULL;
            END IF;
            """,
            size=self.size,
            refused=self.refused,
            variable=self.variable,
            argument=self.argument,
            told="negative" if self.refused == NEGATIVE else "not positive",
        )

    @property
    def reason(self) -> Reason:
        return Reason(when=f"{self.variable}_wrong IS NOT NULL", told=f"{self.variable}_wrong", mend=self.mend)


def looked_at(what: str, find: str, spans: Sequence[Span], reasons: Sequence[Reason], *, further: str = "") -> str:
    """Everything is asked before anything is done: what `find` finds, the arguments, and what stands against it.

    `what` is plain text, and `further` reads what the reasons ask about besides.
    """
    return assemble(
        """
        {{find}}
        {{read}}
        {{further}}
        {{refuse}}
        """,
        find=find,
        read="\n".join(span.read() for span in spans),
        further=further,
        refuse=refuse_all(what, (*(span.reason for span in spans), *reasons)),
    )


def schedule(interval: str | None) -> Span:
    """How often a policy's job runs, in the variable `schedule`."""
    return Span("schedule_interval", "schedule", interval, "say how often it runs: '12 hours'", by_number="false")


def size(span: str, *, by_number: str = "facts.by_number") -> str:
    """`span`, an expression of type text, as a number: seconds, or what the partition column counts.

    Not for a literal, which the planner would try as both; what a table's policy has goes behind a CASE WHEN that it is
    the right table's. A month counts as 30 days, as the server counts it here.
    """
    return f"(CASE WHEN {by_number} THEN ({span})::numeric ELSE extract(epoch FROM ({span})::interval) END)"
