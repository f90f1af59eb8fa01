"""Why a trait could not be told is kept beside the traits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("traits", sa.Column("errors", sa.Text(), nullable=False, server_default="{}"))
