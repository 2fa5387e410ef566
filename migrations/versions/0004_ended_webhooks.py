"""An index by which webhooks that are over are found and forgotten."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ENDED = sa.text("ended_at IS NOT NULL")


def upgrade() -> None:
    """Adds the index."""
    op.create_index("ix_webhooks_ended", "webhooks", ["ended_at"], sqlite_where=ENDED, postgresql_where=ENDED)


def downgrade() -> None:
    """Removes it."""
    op.drop_index("ix_webhooks_ended", "webhooks")
