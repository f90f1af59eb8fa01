"""Changes that the server commits are on record before their commits are, and publishes that others told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "changes",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(256), nullable=False),
        sa.Column("actor_id", sa.String(256), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("base_id", sa.String(64), nullable=False),
        sa.Column("branch", sa.String(255), nullable=False),
        sa.Column("paths", sa.Text(), nullable=False),
        sa.Column("path_count", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.String(255), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('begun', 'committed', 'proposed', 'failed')", name=op.f("ck_changes_state")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_changes_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        sa.UniqueConstraint(
            "project_id", "actor_id", "idempotency_key", name=op.f("uq_changes_project_id_actor_id_idempotency_key")
        ),
    )
    op.create_index(op.f("ix_changes_project_id_state"), "changes", ["project_id", "state"])
    op.create_index(op.f("ix_changes_project_id_commit_id"), "changes", ["project_id", "commit_id"])
    op.create_table(
        "publishes",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("operator", sa.String(256), nullable=False),
        sa.Column("recorded_by", sa.String(256), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("changed_files", sa.Text(), nullable=False),
        sa.Column("removed_files", sa.Text(), nullable=False),
        sa.Column("diff_summary", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_publishes_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publishes")),
    )
    op.create_index(op.f("ix_publishes_project_id_created_at"), "publishes", ["project_id", "created_at"])
