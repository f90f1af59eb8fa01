"""Rollouts, and who has approved what of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "rollouts",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("plan_root", sa.String(64), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("everyone", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=True),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("promoted", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'awaiting_approval', 'running', 'paused', 'stopped', 'blocked', 'cancelled', "
            "'done', 'reverting', 'reverted')",
            name=op.f("ck_rollouts_state"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_rollouts_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "id", name=op.f("pk_rollouts")),
    )
    op.create_index(op.f("ix_rollouts_project_id_commit_id"), "rollouts", ["project_id", "commit_id"])
    op.create_table(
        "rollout_approvals",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("rollout_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("wave", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan_root", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_rollout_approvals_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "rollout_id", "wave", "user_id", name=op.f("pk_rollout_approvals")),
    )
