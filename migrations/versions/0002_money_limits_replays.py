"""Ledger and accounts, limits of keys and channels, replays, cooldowns, usage and the audit log."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()  # microseconds since 1970, UTC
JSON = sa.Text()
MICROS = sa.BigInteger()
OPEN = sa.text("status IN ('queued', 'in_progress')")
LATE = sa.text("late_due IS NOT NULL")
KNOWN = sa.text("fingerprint IS NOT NULL")
SETTLES = sa.text("kind IN ('settle', 'refund')")
JOB_INDEXES = (
    ("ix_jobs_open_of_key", ("key_id", "stage"), OPEN),
    ("ix_jobs_open_of_channel", ("channel_id", "stage"), OPEN),
    ("ix_jobs_late", ("late_due",), LATE),
    ("ix_jobs_fingerprint", ("key_id", "fingerprint", "created_at"), KNOWN),
)


def key_columns() -> tuple[sa.Column[Any], ...]:
    """Limits of keys."""
    return (
        sa.Column("allowed_ips", JSON),
        sa.Column("rpm", sa.Integer()),
        sa.Column("max_concurrency", sa.Integer()),
        sa.Column("budget", MICROS),
        sa.Column("budget_period", sa.Text(), nullable=False, server_default="total"),
        sa.Column("allow_unpriced", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("store_prompts", sa.Boolean(), nullable=False, server_default=sa.true()),
    )


def job_columns() -> tuple[sa.Column[Any], ...]:
    """What a job costs, and how to know it again."""
    return (
        sa.Column("terms", JSON),
        sa.Column("reserved", MICROS, nullable=False, server_default="0"),
        sa.Column("cost", MICROS),
        sa.Column("private", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("inputs", JSON),
        sa.Column("late_due", MOMENT),
        sa.Column("late_at", MOMENT),
    )


def upgrade() -> None:
    """Adds the columns and makes the tables."""
    for column in key_columns():
        op.add_column("keys", column)
    op.add_column("channels", sa.Column("max_concurrency", sa.Integer()))
    for column in job_columns():
        op.add_column("jobs", column)
    for name, columns, where in JOB_INDEXES:
        op.create_index(name, "jobs", list(columns), sqlite_where=where, postgresql_where=where)
    money()
    shared()
    audit()


def money() -> None:
    """What was taken from whom, line by line and in sums."""
    op.create_table(
        "ledger",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("micros", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_ledger"),
        sa.UniqueConstraint("id", name="uq_ledger_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ledger_of_key", "ledger", ["key_id", "number"])
    op.create_index("ix_ledger_of_job", "ledger", ["job_id"])
    op.create_index("uq_ledger_settled", "ledger", ["job_id"], unique=True, sqlite_where=SETTLES, postgresql_where=SETTLES)
    op.create_table(
        "accounts",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("reserved", MICROS, nullable=False),
        sa.Column("spent", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "day", name="pk_accounts"),
    )
    op.create_table(
        "usage",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("results", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("spent", MICROS, nullable=False),
        sa.PrimaryKeyConstraint("day", "key_id", "model", "channel_id", name="pk_usage"),
    )
    op.create_table(
        "groups",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("price_ratio", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_groups"),
    )


def shared() -> None:
    """What the processes tell each other: first answers, resting credentials, request rates."""
    op.create_table(
        "replays",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", JSON),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("asset", sa.Text()),
        sa.PrimaryKeyConstraint("key_id", "name", name="pk_replays"),
    )
    op.create_index("ix_replays_expires_at", "replays", ["expires_at"])
    op.create_index("ix_replays_job_id", "replays", ["job_id"])
    op.create_table(
        "cooldowns",
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "credential_id", name="pk_cooldowns"),
    )
    op.create_table(
        "rates",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_rates"),
    )


def audit() -> None:
    """Who changed what."""
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("changes", JSON),
        sa.Column("request_id", sa.Text()),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
        sa.UniqueConstraint("id", name="uq_audit_id"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drops what was added, with all that is in it."""
    for table in ("audit", "rates", "cooldowns", "replays", "groups", "usage", "accounts", "ledger"):
        op.drop_table(table)
    for name, _, _ in JOB_INDEXES:
        op.drop_index(name, "jobs")
    for table, columns in (("jobs", job_columns()), ("keys", key_columns())):
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column.name)
    with op.batch_alter_table("channels") as batch:
        batch.drop_column("max_concurrency")
