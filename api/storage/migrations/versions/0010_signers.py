"""Who may sign what, who agreed, and where the tracked ref was seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "signers",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("principal", sa.String(320), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("valid_after", sa.BigInteger(), nullable=True),
        sa.Column("valid_before", sa.BigInteger(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=False),
        sa.Column("revoked_reason", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('ssh', 'gpg')", name=op.f("ck_signers_kind")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_signers_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signers")),
        sa.UniqueConstraint("project_id", "fingerprint", name=op.f("uq_signers_project_id_fingerprint")),
    )
    op.create_table(
        "signer_versions",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_signer_versions_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "version", name=op.f("pk_signer_versions")),
    )
    op.create_table(
        "signer_proposals",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('policy', 'signers', 'accept')", name=op.f("ck_signer_proposals_kind")),
        sa.CheckConstraint("state IN ('waiting', 'confirmed', 'withdrawn')", name=op.f("ck_signer_proposals_state")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_signer_proposals_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signer_proposals")),
    )
    op.create_index(op.f("ix_signer_proposals_project_id_state"), "signer_proposals", ["project_id", "state"])
    op.create_table(
        "signer_approvals",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_signer_approvals_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "commit_id", "username", name=op.f("pk_signer_approvals")),
    )
    op.create_index(
        op.f("ix_signer_approvals_project_id_approved_at"), "signer_approvals", ["project_id", "approved_at"]
    )
    op.create_table(
        "signer_accepts",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("base_id", sa.String(64), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_signer_accepts_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "number", name=op.f("pk_signer_accepts")),
    )
    op.create_table(
        "signer_refs",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("ref", sa.String(255), nullable=False),
        sa.Column("old_id", sa.String(64), nullable=False),
        sa.Column("new_id", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_signer_refs_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "number", name=op.f("pk_signer_refs")),
    )
    op.create_index(op.f("ix_signer_refs_project_id_new_id"), "signer_refs", ["project_id", "new_id"])
