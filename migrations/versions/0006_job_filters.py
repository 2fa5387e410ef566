"""Lets a list of all jobs go by the index of its one filter, and find what is seldom without reading every job."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

PLACE = ["created_at", "id"]
FILTERS = {
    "ix_jobs_of_model": ["model", "op", *PLACE, "parent_id"],
    "ix_jobs_of_channel": ["channel_id", "op", *PLACE, "parent_id"],
    "ix_jobs_of_kind": ["op", *PLACE, "parent_id"],
}
OF_KEY = "ix_jobs_of_key"
NOT_COMPLETED = sa.text("status <> 'completed'")


def upgrade() -> None:
    """Adds the indexes, and widens that of a key."""
    for name, columns in FILTERS.items():
        op.create_index(name, "jobs", columns)
    op.create_index(
        "ix_jobs_not_completed",
        "jobs",
        ["status", *PLACE, "key_id", "op", "model", "channel_id", "parent_id"],
        sqlite_where=NOT_COMPLETED,
        postgresql_where=NOT_COMPLETED,
    )
    op.drop_index(OF_KEY, "jobs")
    op.create_index(OF_KEY, "jobs", ["key_id", "op", *PLACE, "status", "model", "channel_id", "parent_id"])


def downgrade() -> None:
    """Makes them as they were."""
    for name in (*FILTERS, "ix_jobs_not_completed", OF_KEY):
        op.drop_index(name, "jobs")
    op.create_index(OF_KEY, "jobs", ["key_id", "op", *PLACE])
