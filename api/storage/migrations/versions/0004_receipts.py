"""What hosts vouched for is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "receipts",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("envoy_id", sa.String(36), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.ForeignKeyConstraint(["envoy_id"], ["envoys.id"], name=op.f("fk_receipts_envoy_id_envoys")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_receipts_project_id_projects")),
        sa.PrimaryKeyConstraint("envoy_id", "place", name=op.f("pk_receipts")),
        sa.UniqueConstraint("envoy_id", "sha256", name=op.f("uq_receipts_envoy_id_sha256")),
    )
