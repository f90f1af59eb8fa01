"""The first tables: projects, users, tokens, revisions and the audit chain."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

from schema.ids import DEFAULT_PROJECT

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the one default project."""
    op.create_table(
        "projects",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("operator", sa.String(256), nullable=False),
        sa.Column("actor_id", sa.String(256), nullable=False),
        sa.Column("object_type", sa.String(64), nullable=False),
        sa.Column("object_id", sa.String(1024), nullable=False),
        sa.CheckConstraint("idx >= 0", name=op.f("ck_audit_entries_idx")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_audit_entries_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "idx", name=op.f("pk_audit_entries")),
        sa.UniqueConstraint("project_id", "prev_hash", name=op.f("uq_audit_entries_project_id_prev_hash")),
    )
    op.create_index(
        op.f("ix_audit_entries_project_id_kind_idx"), "audit_entries", ["project_id", "kind", "idx"], unique=False
    )
    op.create_index(
        op.f("ix_audit_entries_project_id_operator_idx"),
        "audit_entries",
        ["project_id", "operator", "idx"],
        unique=False,
    )
    op.create_index(
        op.f("ix_audit_entries_project_id_actor_id_idx"),
        "audit_entries",
        ["project_id", "actor_id", "idx"],
        unique=False,
    )
    op.create_index(
        op.f("ix_audit_entries_project_id_object_type_object_id_idx"),
        "audit_entries",
        ["project_id", "object_type", "object_id", "idx"],
        unique=False,
    )
    op.create_index(op.f("ix_audit_entries_project_id_time"), "audit_entries", ["project_id", "time"], unique=False)
    op.create_table(
        "audit_heads",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint("size >= 0", name=op.f("ck_audit_heads_size")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_audit_heads_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit_payloads",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_audit_payloads_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "idx", name=op.f("pk_audit_payloads")),
    )
    op.create_table(
        "revisions",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("plan_root", sa.String(64), nullable=False),
        sa.Column("compiled_us", sa.BigInteger(), nullable=False),
        sa.Column("diagnostics", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("in_force_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('in_force', 'superseded', 'failed', 'diverged')", name=op.f("ck_revisions_state")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_revisions_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "sequence", name=op.f("pk_revisions")),
    )
    op.create_index(op.f("ix_revisions_project_id_commit_id"), "revisions", ["project_id", "commit_id"], unique=False)
    op.create_index(
        "uq_revisions_in_force",
        "revisions",
        ["project_id"],
        unique=True,
        sqlite_where=sa.text("state = 'in_force'"),
        postgresql_where=sa.text("state = 'in_force'"),
    )
    op.create_table(
        "users",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("ssh_public_key", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'auditor', 'developer', 'operator', 'admin')", name=op.f("ck_users_role")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_users_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("project_id", "username", name=op.f("uq_users_project_id_username")),
    )
    op.create_table(
        "tokens",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_tokens_project_id_projects")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_user_id"), "tokens", ["user_id"], unique=False)
    projects = sa.table("projects", sa.column("id"), sa.column("name"), sa.column("created_at"))
    op.bulk_insert(projects, [{"id": DEFAULT_PROJECT, "name": "default", "created_at": time.time_ns() // 1000}])
