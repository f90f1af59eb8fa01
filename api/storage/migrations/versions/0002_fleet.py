"""The fleet: envoys, their certificates and enrolment tokens, what they are to be, what they reported, and secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "enrolment_tokens",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("hostname", sa.String(253), nullable=False),
        sa.Column("replace", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_enrolment_tokens_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_tokens")),
    )
    op.create_table(
        "envoys",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("hostname", sa.String(253), nullable=False),
        sa.Column("ed25519", sa.String(64), nullable=False),
        sa.Column("x25519", sa.String(64), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("ip_address", sa.String(64), nullable=False),
        sa.Column("agent_version", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=True),
        sa.Column("run_started_at", sa.BigInteger(), nullable=True),
        sa.Column("run_status", sa.String(16), nullable=False),
        sa.Column("run_catalog_sha256", sa.String(64), nullable=False),
        sa.Column("run_stale", sa.Boolean(), nullable=False),
        sa.Column("run_unchanged", sa.Integer(), nullable=False),
        sa.Column("run_changed", sa.Integer(), nullable=False),
        sa.Column("run_failed", sa.Integer(), nullable=False),
        sa.Column("run_corrective", sa.Integer(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_envoys_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_envoys")),
    )
    op.create_index(op.f("ix_envoys_project_id_hostname"), "envoys", ["project_id", "hostname"], unique=False)
    op.create_index(
        "uq_envoys_live_hostname",
        "envoys",
        ["project_id", "hostname"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "epochs",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_epochs_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_epochs")),
    )
    op.create_table(
        "secret_versions",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_secret_versions_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "name", name=op.f("pk_secret_versions")),
    )
    op.create_table(
        "secrets",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_secrets_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "assignments",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("envoy_id", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("catalog_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["envoy_id"], ["envoys.id"], name=op.f("fk_assignments_envoy_id_envoys")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_assignments_project_id_projects")),
        sa.PrimaryKeyConstraint("envoy_id", "epoch", "generation", name=op.f("pk_assignments")),
    )
    op.create_table(
        "certificates",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("envoy_id", sa.String(36), nullable=False),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["envoy_id"], ["envoys.id"], name=op.f("fk_certificates_envoy_id_envoys")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_certificates_project_id_projects")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_certificates")),
    )
    op.create_index(op.f("ix_certificates_envoy_id"), "certificates", ["envoy_id"], unique=False)
    op.create_table(
        "runs",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("envoy_id", sa.String(36), nullable=False),
        sa.Column("report_id", sa.String(64), nullable=False),
        sa.Column("trigger", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("catalog_sha256", sa.String(64), nullable=False),
        sa.Column("assignment_sha256", sa.String(64), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("corrective", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("resources", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["envoy_id"], ["envoys.id"], name=op.f("fk_runs_envoy_id_envoys")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_runs_project_id_projects")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_runs")),
        sa.UniqueConstraint("envoy_id", "report_id", name=op.f("uq_runs_envoy_id_report_id")),
        sa.UniqueConstraint("id", name=op.f("uq_runs_id")),
    )
    op.create_index(op.f("ix_runs_envoy_id_sequence"), "runs", ["envoy_id", "sequence"], unique=False)
    op.create_index(op.f("ix_runs_project_id_sequence"), "runs", ["project_id", "sequence"], unique=False)
    op.create_table(
        "targets",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("envoy_id", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("catalog_sha256", sa.String(64), nullable=False),
        sa.Column("plan_root", sa.String(64), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("signed", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("secrets_key", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["envoy_id"], ["envoys.id"], name=op.f("fk_targets_envoy_id_envoys")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_targets_project_id_projects")),
        sa.PrimaryKeyConstraint("envoy_id", name=op.f("pk_targets")),
    )
    op.create_table(
        "traits",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("envoy_id", sa.String(36), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("collected_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["envoy_id"], ["envoys.id"], name=op.f("fk_traits_envoy_id_envoys")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_traits_project_id_projects")),
        sa.PrimaryKeyConstraint("envoy_id", name=op.f("pk_traits")),
    )
