<%!
from tsmigrate.pysource import written
%>\
"""${message}

Revises: ${down_revision | comma,n}
"""

from collections.abc import Sequence

% if "sa." in f"{upgrades}{downgrades}":
import sqlalchemy as sa
% endif
from alembic import op
% if imports:
${imports}
% endif

revision: str = ${written(up_revision)}
down_revision: str | Sequence[str] | None = ${written(down_revision)}
branch_labels: str | Sequence[str] | None = ${written(branch_labels)}
depends_on: str | Sequence[str] | None = ${written(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
