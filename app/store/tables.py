"""The tables, as the newest migration leaves them (a test compares the two)."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    literal_column,
    true,
)

from app.domain.jobs import JobStatus
from app.store.types import DecimalText, ForeignText, JsonText, Moment, Number

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

keys = Table(
    "keys",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("groups", JsonText, nullable=False),
    Column("models", JsonText),
    Column("expires_at", Moment),
    Column("strict", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Moment),
    Column("allowed_ips", JsonText),
    Column("rpm", Integer),
    Column("max_concurrency", Integer),
    Column("budget", BigInteger),  # micro-dollars
    Column("budget_period", Text, nullable=False, server_default="total"),
    Column("allow_unpriced", Boolean, nullable=False, server_default=false()),
    Column("store_prompts", Boolean, nullable=False, server_default=true()),
    Column("callback_url", Text),
    Column("keep_results", Boolean),
    Column("webhook_secret", Text),  # sealed, as is the one before it
    Column("webhook_secret_before", Text),
    Column("webhook_secret_until", Moment),  # when the one before it ceases to sign along
    sqlite_autoincrement=True,
)

channels = Table(
    "channels",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("adapter", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("models", JsonText, nullable=False),
    Column("groups", JsonText, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("price_ratio", DecimalText, nullable=False),
    Column("prices", JsonText, nullable=False),
    Column("set_fields", JsonText, nullable=False),
    Column("drop_fields", JsonText, nullable=False),
    Column("settings", JsonText, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("created_at", Moment),
    Column("max_concurrency", Integer),
    Column("keep_results", Boolean),
    sqlite_autoincrement=True,
)

groups = Table(
    "groups",
    metadata,
    Column("name", Text, primary_key=True),
    Column("price_ratio", DecimalText, nullable=False),
)

credentials = Table(
    "credentials",
    metadata,
    Column("channel_id", Text, ForeignKey(channels.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("retired", Boolean, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("parent_id", Text, ForeignKey("jobs.id", ondelete="CASCADE")),
    Column("key_id", Text, nullable=False),
    Column("client_task_id", Text),
    Column("op", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("lease_owner", Text),
    Column("leased_at", Moment),
    Column("adapter", Text, nullable=False),
    Column("channel_id", Text, nullable=False),
    Column("credential_id", Text, nullable=False),
    Column("upstream_model", Text, nullable=False),
    Column("upstream_id", ForeignText),
    Column("remixed_from", Text),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("deadline_at", Moment, nullable=False),
    Column("accepted_at", Moment),
    Column("started_at", Moment),
    Column("completed_at", Moment),
    Column("expires_at", Moment),
    Column("asked", JsonText, nullable=False),
    Column("request", JsonText, nullable=False),
    Column("outputs", JsonText),
    Column("failure", JsonText),
    Column("partial_failures", JsonText),
    Column("usage", JsonText),
    Column("notices", JsonText),
    Column("made", JsonText),  # length, resolution, ratio, seed and rate of the result
    Column("settings", JsonText),
    Column("facts", JsonText),
    Column("route", JsonText),
    Column("terms", JsonText),
    Column("reserved", BigInteger, nullable=False, server_default="0"),  # micro-dollars, as is the cost
    Column("cost", BigInteger),
    Column("private", Boolean, nullable=False, server_default=false()),
    Column("fingerprint", Text),
    Column("inputs", JsonText),
    Column("late_due", Moment),
    Column("late_at", Moment),
    Column("callback_url", Text),
    Column("base_url", Text),  # by which the client knows us, for links in what we tell it later
    Column("copy_due", Moment),  # when its results are to be copied next
    Column("copy_tries", Integer, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

# Literals, not parameters: only then do both databases see that the partial index answers the query.
open_jobs = jobs.c.status.in_([literal_column(f"'{status}'") for status in JobStatus if not status.final])
final_jobs = jobs.c.status.in_([literal_column(f"'{status}'") for status in JobStatus if status.final])

Index("ix_jobs_open", jobs.c.lease_owner, sqlite_where=open_jobs)
Index("ix_jobs_open_of_key", jobs.c.key_id, jobs.c.stage, sqlite_where=open_jobs)
Index("ix_jobs_open_of_channel", jobs.c.channel_id, jobs.c.stage, sqlite_where=open_jobs)
# Lists are filtered inside one of these: what is seldom must not make us read every job. `job_pages` says which.
Index(
    "ix_jobs_by_time",
    *(jobs.c.created_at, jobs.c.id, jobs.c.key_id, jobs.c.op, jobs.c.status, jobs.c.model, jobs.c.channel_id, jobs.c.parent_id),
)
Index(
    "ix_jobs_of_key",
    *(jobs.c.key_id, jobs.c.op, jobs.c.created_at, jobs.c.id, jobs.c.status, jobs.c.model, jobs.c.channel_id, jobs.c.parent_id),
)
Index("ix_jobs_of_model", jobs.c.model, jobs.c.op, jobs.c.created_at, jobs.c.id, jobs.c.parent_id)
Index("ix_jobs_of_channel", jobs.c.channel_id, jobs.c.op, jobs.c.created_at, jobs.c.id, jobs.c.parent_id)
Index("ix_jobs_of_kind", jobs.c.op, jobs.c.created_at, jobs.c.id, jobs.c.parent_id)

not_completed_jobs = jobs.c.status != literal_column(f"'{JobStatus.COMPLETED}'")
Index(
    "ix_jobs_not_completed",
    *(jobs.c.status, jobs.c.created_at, jobs.c.id, jobs.c.key_id, jobs.c.op, jobs.c.model, jobs.c.channel_id, jobs.c.parent_id),
    sqlite_where=not_completed_jobs,
)

_is_part = jobs.c.parent_id.is_not(None)
Index("ix_jobs_parts", jobs.c.parent_id, sqlite_where=_is_part)

_is_late = jobs.c.late_due.is_not(None)
Index("ix_jobs_late", jobs.c.late_due, sqlite_where=_is_late)

_is_copied = jobs.c.copy_due.is_not(None)
Index("ix_jobs_copy", jobs.c.copy_due, sqlite_where=_is_copied)

_is_recognisable = jobs.c.fingerprint.is_not(None)
Index(
    "ix_jobs_fingerprint",
    jobs.c.key_id,
    jobs.c.fingerprint,
    jobs.c.created_at,
    sqlite_where=_is_recognisable,
)

named_by_client = jobs.c.client_task_id.is_not(None)
Index(
    "uq_jobs_client_task",
    jobs.c.key_id,
    jobs.c.client_task_id,
    unique=True,
    sqlite_where=named_by_client,
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", Text, ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("channel_id", Text, nullable=False),
    Column("channel_name", Text, nullable=False),
    Column("credential_id", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("call", JsonText, nullable=False),
    Column("status", Integer),
    Column("reply", ForeignText),
    Column("request_id", ForeignText),
    Column("outcome", Text, nullable=False),
    Column("detail", ForeignText),
)

ledger = Table(
    "ledger",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("at", Moment, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("micros", BigInteger, nullable=False),  # negative: taken from the key
    sqlite_autoincrement=True,
)
Index("ix_ledger_of_key", ledger.c.key_id, ledger.c.number)

# What settles a job once, whatever the program does wrong.
_settles = ledger.c.kind.in_([literal_column("'settle'"), literal_column("'refund'")])
Index("uq_ledger_settled", ledger.c.job_id, unique=True, sqlite_where=_settles)
Index("ix_ledger_of_job", ledger.c.job_id)

accounts = Table(
    "accounts",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # UTC, on which the jobs were made
    Column("reserved", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("day", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("channel_id", Text, primary_key=True),
    Column("jobs", BigInteger, nullable=False),
    Column("completed", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("results", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("spent", BigInteger, nullable=False),
)

replays = Table(
    "replays",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # what the client calls its request
    Column("fingerprint", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("status", Integer),  # of the answer; NULL while there is none
    Column("headers", JsonText),
    Column("body", LargeBinary),
    Column("asset", Text),  # a file of ours that holds a large body
)
Index("ix_replays_expires_at", replays.c.expires_at)
Index("ix_replays_job_id", replays.c.job_id)

variants = Table(
    "variants",
    metadata,
    Column("job_id", Text, ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("output", Integer, primary_key=True, autoincrement=False),
    Column("variant", Text, primary_key=True),
    Column("asset", Text, nullable=False),
    Column("mime", Text, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),  # of the event: the same on every try and replay
    Column("key_id", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("due", Moment),  # NULL: delivered, or given up
    Column("ended_at", Moment),
    sqlite_autoincrement=True,
)
_is_pending = webhooks.c.due.is_not(None)
Index("ix_webhooks_due", webhooks.c.due, sqlite_where=_is_pending)
Index("ix_webhooks_job", webhooks.c.job_id)
_has_ended = webhooks.c.ended_at.is_not(None)
Index("ix_webhooks_ended", webhooks.c.ended_at, sqlite_where=_has_ended)

webhook_tries = Table(
    "webhook_tries",
    metadata,
    Column("webhook_id", Text, ForeignKey(webhooks.c.id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("status", Integer),
    Column("detail", ForeignText),
)

cooldowns = Table(
    "cooldowns",
    metadata,
    Column("channel_id", Text, primary_key=True),
    Column("credential_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("reason", ForeignText, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
)

rates = Table(
    "rates",
    metadata,
    Column("name", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("changes", JsonText),
    Column("request_id", Text),
    sqlite_autoincrement=True,
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("beat_at", Moment, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

paces = Table(
    "paces",
    metadata,
    Column("adapter", Text, primary_key=True),
    Column("upstream_model", Text, primary_key=True),
    Column("seconds", Double, nullable=False),
    Column("count", Integer, nullable=False),
)

revision = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
)


def whole_metadata() -> MetaData:
    """The tables with all that a migration has to know: a partial index is one for PostgreSQL too.

    Said only here, because saying it loads that dialect: 2 MB that a gateway on SQLite does without.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    return metadata
