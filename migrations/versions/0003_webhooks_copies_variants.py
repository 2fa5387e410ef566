"""Webhooks with their tries, copies of results, and pictures made of them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()  # microseconds since 1970, UTC
COPY = sa.text("copy_due IS NOT NULL")
PENDING = sa.text("due IS NOT NULL")


def columns() -> dict[str, tuple[sa.Column[Any], ...]]:
    """What is added to tables that are there."""
    return {
        "keys": (
            sa.Column("callback_url", sa.Text()),
            sa.Column("keep_results", sa.Boolean()),
            sa.Column("webhook_secret", sa.Text()),
            sa.Column("webhook_secret_before", sa.Text()),
            sa.Column("webhook_secret_until", MOMENT),
        ),
        "channels": (sa.Column("keep_results", sa.Boolean()),),
        "jobs": (
            sa.Column("callback_url", sa.Text()),
            sa.Column("base_url", sa.Text()),
            sa.Column("copy_due", MOMENT),
            sa.Column("copy_tries", sa.Integer(), nullable=False, server_default="0"),
        ),
    }


def upgrade() -> None:
    """Adds the columns and makes the tables."""
    for table, added in columns().items():
        for column in added:
            op.add_column(table, column)
    op.create_index("ix_jobs_copy", "jobs", ["copy_due"], sqlite_where=COPY, postgresql_where=COPY)
    op.create_table(
        "variants",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("output", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "output", "variant", name="pk_variants"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_variants_job_id", ondelete="CASCADE"),
    )
    webhooks()


def webhooks() -> None:
    """What clients are told, and how it went."""
    op.create_table(
        "webhooks",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("number", name="pk_webhooks"),
        sa.UniqueConstraint("id", name="uq_webhooks_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhooks_due", "webhooks", ["due"], sqlite_where=PENDING, postgresql_where=PENDING)
    op.create_index("ix_webhooks_job", "webhooks", ["job_id"])
    op.create_table(
        "webhook_tries",
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("webhook_id", "number", name="pk_webhook_tries"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="fk_webhook_tries_webhook_id", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Drops what was added, with all that is in it."""
    for table in ("webhook_tries", "webhooks", "variants"):
        op.drop_table(table)
    op.drop_index("ix_jobs_copy", "jobs")
    for table, added in columns().items():
        with op.batch_alter_table(table) as batch:
            for column in added:
                batch.drop_column(column.name)
