"""A commit may be refused for want of a signature or an approval."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a revision be `untrusted`."""
    states = "state IN ('in_force', 'superseded', 'failed', 'diverged', 'untrusted')"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_revisions_state"), "revisions", type_="check")
        op.create_check_constraint(op.f("ck_revisions_state"), "revisions", sa.text(states))
        return
    # Of a table that SQLite has to make anew, alembic does not carry checks over: the old one is gone by itself.
    with op.batch_alter_table("revisions") as batch:
        batch.create_check_constraint(op.f("ck_revisions_state"), sa.text(states))
