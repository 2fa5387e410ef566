"""Jobs with their tries, channels with sealed credentials, keys, and what the processes share."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()  # microseconds since 1970, UTC
JSON = sa.Text()
OPEN = sa.text("status IN ('queued', 'in_progress')")
PART = sa.text("parent_id IS NOT NULL")
NAMED = sa.text("client_task_id IS NOT NULL")


def upgrade() -> None:
    """Makes the tables."""
    configuration()
    jobs()
    shared()


def configuration() -> None:
    """Keys, channels, credentials, and the counter of their changes."""
    op.create_table(
        "keys",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("groups", JSON, nullable=False),
        sa.Column("models", JSON),
        sa.Column("expires_at", MOMENT),
        sa.Column("strict", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT),
        sa.PrimaryKeyConstraint("number", name="pk_keys"),
        sa.UniqueConstraint("id", name="uq_keys_id"),
        sa.UniqueConstraint("hash", name="uq_keys_hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "channels",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("models", JSON, nullable=False),
        sa.Column("groups", JSON, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("price_ratio", sa.Text(), nullable=False),
        sa.Column("prices", JSON, nullable=False),
        sa.Column("set_fields", JSON, nullable=False),
        sa.Column("drop_fields", JSON, nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT),
        sa.PrimaryKeyConstraint("number", name="pk_channels"),
        sa.UniqueConstraint("id", name="uq_channels_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "credentials",
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "id", name="pk_credentials"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_credentials_channel_id", ondelete="CASCADE"),
    )
    revision_table = op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
    )
    op.bulk_insert(revision_table, [{"id": 1, "value": 0}])


def jobs() -> None:
    """Jobs and their tries."""
    op.create_table(
        "jobs",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text()),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("client_task_id", sa.Text()),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("leased_at", MOMENT),
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("upstream_model", sa.Text(), nullable=False),
        sa.Column("upstream_id", sa.Text()),
        sa.Column("remixed_from", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("deadline_at", MOMENT, nullable=False),
        sa.Column("accepted_at", MOMENT),
        sa.Column("started_at", MOMENT),
        sa.Column("completed_at", MOMENT),
        sa.Column("expires_at", MOMENT),
        sa.Column("asked", JSON, nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("outputs", JSON),
        sa.Column("failure", JSON),
        sa.Column("partial_failures", JSON),
        sa.Column("usage", JSON),
        sa.Column("notices", JSON),
        sa.Column("made", JSON),
        sa.Column("settings", JSON),
        sa.Column("facts", JSON),
        sa.Column("route", JSON),
        sa.PrimaryKeyConstraint("number", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["jobs.id"], name="fk_jobs_parent_id", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_open", "jobs", ["lease_owner"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_jobs_of_key", "jobs", ["key_id", "op", "created_at", "id"])
    op.create_index("ix_jobs_by_time", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_parts", "jobs", ["parent_id"], sqlite_where=PART, postgresql_where=PART)
    op.create_index(
        "uq_jobs_client_task", "jobs", ["key_id", "client_task_id"], unique=True, sqlite_where=NAMED, postgresql_where=NAMED
    )
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("channel_name", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("call", JSON, nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("reply", sa.Text()),
        sa.Column("request_id", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text()),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_attempts"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_attempts_job_id", ondelete="CASCADE"),
    )


def shared() -> None:
    """What the processes tell each other."""
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("beat_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "paces",
        sa.Column("adapter", sa.Text(), nullable=False),
        sa.Column("upstream_model", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("adapter", "upstream_model", name="pk_paces"),
    )


def downgrade() -> None:
    """Drops the tables and all that is in them."""
    for table in ("paces", "settings", "workers", "attempts", "jobs", "revision", "credentials", "channels", "keys"):
        op.drop_table(table)
