"""Lets lists of all jobs be filtered inside one index."""

from collections.abc import Sequence

from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NAME = "ix_jobs_by_time"
PLACE = ["created_at", "id"]


def upgrade() -> None:
    """Widens the index."""
    op.drop_index(NAME, "jobs")
    op.create_index(NAME, "jobs", [*PLACE, "key_id", "op", "status", "model", "channel_id", "parent_id"])


def downgrade() -> None:
    """Makes it as it was."""
    op.drop_index(NAME, "jobs")
    op.create_index(NAME, "jobs", PLACE)
