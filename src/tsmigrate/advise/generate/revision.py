"""One revision that is to be written: a concern, why it is there, and what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.autogenerate.api import render_python_code
from alembic.operations import MigrateOperation
from alembic.operations.ops import DowngradeOps, UpgradeOps

from tsmigrate.advise.generate.operations import RAW, Sql


@dataclass(frozen=True)
class Revision:
    title: str
    why: tuple[str, ...]  # paragraphs
    operations: Sequence[MigrateOperation]

    @property
    def upgrade(self) -> str:
        return _body(UpgradeOps(ops=list(self.operations)))

    @property
    def downgrade(self) -> str:
        return _body(DowngradeOps(ops=[each.reverse() for each in reversed(self.operations)]))

    @property
    def imports(self) -> str:
        return RAW if any(isinstance(each, Sql) for each in self.operations) else ""


def _body(operations: UpgradeOps | DowngradeOps) -> str:
    """As autogenerate renders it, without the remark that Alembic made it."""
    lines = render_python_code(operations).splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("# ###")).strip()
