"""The signed approval of a rollout's plan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add its column."""
    op.add_column("rollouts", sa.Column("statement", sa.Text(), nullable=True))
