"""Every metric of the gateway: its name, its kind, its labels and what it means; `docs/metrics.md` shows the same table.

No label takes a value that a client can invent: endpoints are templates, models those that a channel names.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "histogram", "gauge"]


@dataclass(frozen=True, slots=True, eq=False)  # each is itself alone, and found by that at once
class Entry:
    """One metric. `counted` ones are summed up by each process as things happen; the others are read when somebody asks.

    `buckets` are a histogram's upper bounds, in seconds.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()
    counted: bool = True


_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0)
_CALL = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
_LONG = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0, 7200.0)
_LAG = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 40.0, 80.0)

HTTP_REQUESTS = Entry(
    "filmgate_http_requests_total", "counter", ("method", "endpoint", "status"), "Requests by the class of their status"
)
HTTP_SECONDS = Entry(
    "filmgate_http_request_seconds", "histogram", ("method", "endpoint"), "From a request's head to the end of its answer", _SHORT
)
HTTP_OPEN = Entry("filmgate_http_requests_open", "gauge", (), "Requests that are being answered")
SUBMIT_SECONDS = Entry(
    "filmgate_submit_seconds", "histogram", ("op", "step"), "Steps of a submission: prepare, commit, send, record", _SHORT
)
JOB_SECONDS = Entry(
    "filmgate_job_seconds",
    "histogram",
    ("op", "model", "stage"),
    "Stages of a completed job: accept (until a vendor has it), make (from there to its result), total",
    _LONG,
)
JOBS_CREATED = Entry("filmgate_jobs_created_total", "counter", ("op",), "Jobs that were stored; parts of split jobs are left out")
JOBS_ENDED = Entry(
    "filmgate_jobs_ended_total",
    "counter",
    ("op", "channel", "model", "status", "code"),
    "Jobs (or parts of split ones) that ended; `code` says why one failed",
)
COST = Entry("filmgate_cost_dollars_total", "counter", ("op", "channel", "model"), "What ended jobs cost by their channel's price")
UPSTREAM_SECONDS = Entry(
    "filmgate_upstream_seconds",
    "histogram",
    ("channel", "model", "call"),
    "A vendor's answer, good or bad; `call` is submit, poll, lookup, late or cancel",
    _CALL,
)
UPSTREAM_ERRORS = Entry(
    "filmgate_upstream_errors_total",
    "counter",
    ("channel", "model", "call", "error"),
    "Calls that failed: by whose fault a refusal is, or unreachable, timeout, unknown, unreadable, unknown_status",
)
LAG = Entry(
    "filmgate_completion_lag_seconds",
    "histogram",
    ("channel",),
    "At most so long a finished job went unnoticed: since the answer before, or the vendor's callback",
    _LAG,
)
POLL_DELAY = Entry(
    "filmgate_poll_delay_seconds", "histogram", ("channel",), "How long after it was due a question about a job left", _LAG
)
POLL_JOBS = Entry("filmgate_poll_jobs", "gauge", (), "Jobs that are polled")
POLL_QUESTIONS = Entry(
    "filmgate_poll_questions",
    "gauge",
    ("channel", "state"),
    "Questions about jobs that are out (asking) or wait for a slot (waiting)",
)
POLL_SLOTS = Entry(
    "filmgate_poll_slots", "gauge", ("channel",), "The poll budget: questions that may be out at the same time, of all processes"
)
WEBHOOK_TRIES = Entry(
    "filmgate_webhook_tries_total", "counter", ("outcome",), "Tries to deliver a webhook: delivered, again, failed or no_secret"
)
WEBHOOK_SECONDS = Entry("filmgate_webhook_seconds", "histogram", (), "One try to deliver a webhook", _SHORT)
COPIES = Entry("filmgate_copies_total", "counter", ("outcome",), "Rounds of copying a job's results: done, again or given_up")
COPY_SECONDS = Entry("filmgate_copy_seconds", "histogram", (), "One round of copying a job's results", _LONG)
ASSET_BYTES = Entry(
    "filmgate_asset_bytes_total", "counter", ("direction",), "Bytes of files that were written to the storage or read from it"
)

JOBS_OPEN = Entry(
    "filmgate_jobs_open",
    "gauge",
    ("channel", "stage"),
    "Open jobs: waiting, held (for room), sending or accepted; split jobs and their parts both count",
    counted=False,
)
QUEUE_DEPTH = Entry("filmgate_queue_depth", "gauge", (), "Jobs that are held back until a limit leaves room", counted=False)
QUEUE_AGE = Entry("filmgate_queue_oldest_seconds", "gauge", (), "Age of the oldest job that is held back", counted=False)
LATE_JOBS = Entry(
    "filmgate_late_jobs", "gauge", (), "Jobs past their deadline about which their vendor is still asked", counted=False
)
RESERVED = Entry("filmgate_ledger_reserved_dollars", "gauge", (), "Held for open jobs, of all keys", counted=False)
SPENT = Entry("filmgate_ledger_spent_dollars_total", "counter", (), "Spent by all keys since the first day", counted=False)
OUTBOX = Entry("filmgate_webhooks_pending", "gauge", (), "Webhooks that are not delivered yet", counted=False)
OUTBOX_OVERDUE = Entry(
    "filmgate_webhooks_overdue_seconds", "gauge", (), "How long the first webhook that is due has been due", counted=False
)
COPIES_PENDING = Entry("filmgate_copies_pending", "gauge", (), "Jobs whose results are still to be copied", counted=False)
COPIES_OVERDUE = Entry(
    "filmgate_copies_overdue_seconds", "gauge", (), "How long the first job that is due to be copied has been due", counted=False
)
CHANNEL_UP = Entry(
    "filmgate_channel_up",
    "gauge",
    ("channel", "adapter"),
    "1 when the channel takes new jobs, 0 when it rests or is paused",
    counted=False,
)
PROCESSES = Entry("filmgate_processes", "gauge", (), "Processes of this gateway with a fresh heartbeat", counted=False)
DATABASE_UP = Entry(
    "filmgate_database_up", "gauge", (), "0 when the database did not answer; what is read from it is then missing", counted=False
)
BUILD = Entry("filmgate_build_info", "gauge", ("version",), "Always 1; the version that answers", counted=False)

METRICS: tuple[Entry, ...] = (
    *(HTTP_REQUESTS, HTTP_SECONDS, HTTP_OPEN, SUBMIT_SECONDS, JOB_SECONDS, JOBS_CREATED, JOBS_ENDED, COST),
    *(UPSTREAM_SECONDS, UPSTREAM_ERRORS, LAG, POLL_DELAY, POLL_JOBS, POLL_QUESTIONS, POLL_SLOTS),
    *(WEBHOOK_TRIES, WEBHOOK_SECONDS, COPIES, COPY_SECONDS, ASSET_BYTES),
    *(JOBS_OPEN, QUEUE_DEPTH, QUEUE_AGE, LATE_JOBS, RESERVED, SPENT),
    *(OUTBOX, OUTBOX_OVERDUE, COPIES_PENDING, COPIES_OVERDUE, CHANNEL_UP, PROCESSES, DATABASE_UP, BUILD),
)
