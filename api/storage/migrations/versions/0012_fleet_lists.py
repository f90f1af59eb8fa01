"""Indexes that the lists of a large fleet walk along, in each of their orders."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; the one they replace goes."""
    op.drop_index(op.f("ix_envoys_project_id_hostname"), "envoys")
    op.create_index(op.f("ix_envoys_project_id_hostname_id"), "envoys", ["project_id", "hostname", "id"])
    live: Any = {"sqlite_where": sa.text("revoked_at IS NULL"), "postgresql_where": sa.text("revoked_at IS NULL")}
    op.create_index("ix_envoys_live_last_seen", "envoys", ["project_id", "last_seen_at", "id"], **live)
    op.create_index("ix_envoys_live_enrolled", "envoys", ["project_id", "enrolled_at", "id"], **live)
