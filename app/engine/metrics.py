"""Counts what happens in this process; a scrape sums the processes up (see `app.engine.scrape`).

One object per process, passed on by the wiring. Noting something costs one to three microseconds and waits for nothing.
"""

from typing import Any, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from app.adapters.registry import catalogue
from app.domain.channels import Channel
from app.domain.errors import (
    UnknownStatus,
    UpstreamError,
    UpstreamMaybeSent,
    UpstreamNeverSent,
    UpstreamRefused,
    UpstreamUnreadable,
)
from app.domain.jobs import Job, JobStatus
from app.engine import metric_table as table
from app.engine.metric_table import METRICS, Entry

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series for each, which nobody reads; the switch is the library's
Series = TypeVar("Series", Counter, Histogram, Gauge)
OTHER = "other"  # in place of whatever a client or a vendor can invent
_MICROS = 1_000_000
# the codes with which jobs fail; vendors' own words are no labels
_CODES = frozenset(
    {
        *("content_policy_violation", "cancelled", "deadline_exceeded", "expired", "generation_failed", "interrupted", "no_output"),
        *("upstream_error", "upstream_job_lost", "upstream_outcome_unknown", "upstream_unreachable", "upstream_timeout"),
        *("invalid_request", "invalid_value", "rate_limit_exceeded", "insufficient_quota", "no_available_channel"),
    }
)


class Metrics:
    """The counters, histograms and gauges of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counted = [entry for entry in METRICS if entry.counted]
        self._counters = {entry: self._counter(entry) for entry in counted if entry.kind == "counter"}
        self._histograms = {entry: self._histogram(entry) for entry in counted if entry.kind == "histogram"}
        self._gauges = {entry: self._gauge(entry) for entry in counted if entry.kind == "gauge"}
        self._children: dict[tuple[Any, tuple[str, ...]], Any] = {}

    def _counter(self, entry: Entry) -> Counter:
        return Counter(entry.name, entry.meaning, entry.labels, registry=self.registry)

    def _histogram(self, entry: Entry) -> Histogram:
        return Histogram(entry.name, entry.meaning, entry.labels, registry=self.registry, buckets=entry.buckets)

    def _gauge(self, entry: Entry) -> Gauge:
        return Gauge(entry.name, entry.meaning, entry.labels, registry=self.registry, multiprocess_mode="livesum")

    def count(self, entry: Entry, *labels: str, by: float = 1.0) -> None:
        """Adds to a counter."""
        self._child(self._counters[entry], labels).inc(by)

    def note(self, entry: Entry, seconds: float, *labels: str) -> None:
        """Puts a length of time into a histogram; one below nothing (a clock was set back) counts as nothing."""
        self._child(self._histograms[entry], labels).observe(max(seconds, 0.0))

    def put(self, entry: Entry, value: float, *labels: str) -> None:
        """Sets a gauge."""
        self._child(self._gauges[entry], labels).set(value)

    def _child(self, metric: Series, labels: tuple[str, ...]) -> Series:
        """What counts for these labels; the library's own lookup takes a lock and turns every label into text."""
        if not labels:
            return metric
        found: Any = self._children.get((metric, labels))
        if found is None:
            found = self._children[metric, labels] = metric.labels(*labels)
        return cast(Series, found)

    def move(self, entry: Entry, by: float) -> None:
        """Moves a gauge without labels."""
        self._gauges[entry].inc(by)

    def request_ended(self, method: str, endpoint: str, status: int, seconds: float) -> None:
        """An answer is out, or its client gone; `endpoint` is a template."""
        self.count(table.HTTP_REQUESTS, method, endpoint, f"{status // 100}xx")
        self.note(table.HTTP_SECONDS, seconds, method, endpoint)

    def upstream_answered(self, channel: Channel, job: Job, call: str, seconds: float, error: UpstreamError | None) -> None:
        """A vendor answered, or failed to."""
        model = counted_model(job, channel)
        self.note(table.UPSTREAM_SECONDS, seconds, channel.name, model, call)
        if error is not None:
            self.count(table.UPSTREAM_ERRORS, channel.name, model, call, error_word(error))

    def job_ended(self, job: Job, channel: Channel | None, parent: Job | None = None) -> None:
        """A job's end is committed; `parent` is the split job that it was a part of."""
        name, model = channel.name if channel else OTHER, counted_model(job, channel)
        if job.channel_id:  # a split job is counted by its parts
            self.count(table.JOBS_ENDED, job.op, name, model, job.status, _code(job))
            self.count(table.COST, job.op, name, model, by=max(job.cost or 0, 0) / _MICROS)
        if job.status is JobStatus.COMPLETED:
            self._stages(job, model)
        whole = job if parent is None else parent
        if whole.status is JobStatus.COMPLETED and whole.completed_at is not None:
            self.note(table.JOB_SECONDS, (whole.completed_at - whole.created_at).total_seconds(), job.op, model, "total")

    def _stages(self, job: Job, model: str) -> None:
        if job.accepted_at is not None and job.completed_at is not None:
            self.note(table.JOB_SECONDS, (job.accepted_at - job.created_at).total_seconds(), job.op, model, "accept")
            self.note(table.JOB_SECONDS, (job.completed_at - job.accepted_at).total_seconds(), job.op, model, "make")


def counted_model(job: Job, channel: Channel | None) -> str:
    """The job's model where its channel names it: through an open catalogue a client may ask for any name."""
    if channel is None:
        return OTHER
    known = job.model in channel.models if channel.models != "*" else catalogue(channel.adapter).find(job.model) is not None
    return job.model if known else OTHER


def error_word(error: UpstreamError) -> str:
    """What went wrong with a vendor, in one of a few words."""
    if isinstance(error, UpstreamRefused):
        return error.fault.value
    if isinstance(error, UpstreamNeverSent):
        return "unreachable"
    if isinstance(error, UpstreamMaybeSent):
        return "timeout" if error.code == "upstream_timeout" else "unknown"
    if isinstance(error, UnknownStatus):
        return "unknown_status"
    return "unreadable" if isinstance(error, UpstreamUnreadable) else OTHER


def _code(job: Job) -> str:
    if job.failure is None:
        return ""
    return job.failure.code if job.failure.code in _CODES else OTHER
