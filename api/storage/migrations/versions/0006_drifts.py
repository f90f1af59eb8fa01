"""Tags of hosts, how often each is heard, the words they had, where they drifted, and the keys of their traits."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa
from alembic import op

from api.storage.traits import keys_of

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PAGE = 500


def upgrade() -> None:
    """Add the tables and the column, and count the keys of the traits that are kept."""
    op.add_column("envoys", sa.Column("cadence_us", sa.BigInteger(), nullable=True))
    op.create_table(
        "tags",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("hostname", sa.String(253), nullable=False),
        sa.Column("tag", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_tags_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "hostname", "tag", name=op.f("pk_tags")),
    )
    op.create_index(op.f("ix_tags_project_id_tag"), "tags", ["project_id", "tag"])
    op.create_table(
        "verdicts",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("envoy_id", sa.String(36), nullable=False),
        sa.Column("convergence", sa.String(16), nullable=False),
        sa.Column("drift", sa.String(16), nullable=False),
        sa.Column("reachability", sa.String(16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["envoy_id"], ["envoys.id"], name=op.f("fk_verdicts_envoy_id_envoys")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_verdicts_project_id_projects")),
        sa.PrimaryKeyConstraint("envoy_id", name=op.f("pk_verdicts")),
    )
    op.create_table(
        "transitions",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("envoy_id", sa.String(36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("before", sa.String(16), nullable=False),
        sa.Column("after", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["envoy_id"], ["envoys.id"], name=op.f("fk_transitions_envoy_id_envoys")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_transitions_project_id_projects")),
        sa.PrimaryKeyConstraint("envoy_id", "number", name=op.f("pk_transitions")),
    )
    op.create_index(op.f("ix_transitions_project_id_at"), "transitions", ["project_id", "at"])
    op.create_table(
        "drifts",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("envoy_id", sa.String(36), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("resource_sha256", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("how", sa.String(16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(16), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["envoy_id"], ["envoys.id"], name=op.f("fk_drifts_envoy_id_envoys")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_drifts_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drifts")),
    )
    op.create_index(op.f("ix_drifts_envoy_id_closed_at"), "drifts", ["envoy_id", "closed_at"])
    op.create_index(op.f("ix_drifts_project_id_closed_at_last_at"), "drifts", ["project_id", "closed_at", "last_at"])
    op.create_index(
        "uq_drifts_open",
        "drifts",
        ["envoy_id", "resource_sha256", "how"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "drift_snapshots",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_drift_snapshots_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "day", name=op.f("pk_drift_snapshots")),
    )
    op.create_table(
        "drift_cursors",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_drift_cursors_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_drift_cursors")),
    )
    keys = op.create_table(
        "trait_keys",
        sa.Column("project_id", sa.String(36), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("hosts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_trait_keys_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "key", name=op.f("pk_trait_keys")),
    )
    counted: Counter[tuple[str, str]] = Counter()
    after = ""
    kept = sa.text(
        "SELECT traits.envoy_id, traits.project_id, traits.document FROM traits JOIN envoys ON envoys.id = "
        "traits.envoy_id WHERE envoys.revoked_at IS NULL AND traits.envoy_id > :after "
        "ORDER BY traits.envoy_id LIMIT :page"
    )
    while found := op.get_bind().execute(kept, {"after": after, "page": _PAGE}).all():
        for _, project_id, document in found:
            counted.update((project_id, key) for key in keys_of(document))
        after = found[-1][0]
    if counted:
        rows = [{"project_id": project, "key": key, "hosts": hosts} for (project, key), hosts in counted.items()]
        op.bulk_insert(keys, rows)
