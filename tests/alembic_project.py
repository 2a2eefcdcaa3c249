"""Little Alembic environments for tests, and what a rollback test says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

from tsmigrate.finding import Finding, Severity
from tsmigrate.verify.rollback import Report

Rehearse = Callable[..., Report]
GOOD_ENV = """
from alembic import context
from sqlalchemy import create_engine

engine = create_engine({url})
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
BY_ARGUMENT = 'context.get_x_argument(as_dictionary=True)["url"]'


@dataclass(frozen=True)
class Project:
    """A folder with alembic.ini, env.py and revisions."""

    folder: Path

    @property
    def ini(self) -> Path:
        return self.folder / "alembic.ini"

    def env(self, url: str = BY_ARGUMENT, text: str = GOOD_ENV) -> None:
        """`url` is the Python expression by which env.py finds its database."""
        (self.folder / "migrations" / "env.py").write_text(text.format(url=url))

    def revision(
        self,
        name: str,
        up: str,
        down: str | None = "",
        *,
        after: object = None,
        depends_on: object = None,
        extra: str = "",
    ) -> None:
        """`up` and `down` are SQL statements, or Python when they begin with op or with."""
        (self.folder / "migrations" / "versions" / f"{name}.py").write_text(
            f'"""{name}"""\nfrom alembic import op\nimport sqlalchemy as sa\n'
            f"revision = {name!r}\ndown_revision = {after!r}\ndepends_on = {depends_on!r}\n{extra}\n\n"
            f"def upgrade():\n{_body(up)}\n\ndef downgrade():\n{_body(down)}\n"
        )


def _body(script: str | None) -> str:
    if script is None:
        return "    raise NotImplementedError('there is no way back')"
    script = dedent(script).strip()
    if script.startswith(("op.", "with ", "if ")):
        return indent(script, "    ")
    statements = [each.strip() for each in script.split(";\n") if each.strip()]
    return "\n".join(f"    op.get_bind().exec_driver_sql({each.rstrip(';')!r})" for each in statements) or "    pass"


def told(report: Report, severity: Severity) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity is severity]
