"""What we let an operator see of our work: metrics, spans, and the id of the job in each line of the log."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType

from app.domain.channels import Channel
from app.domain.errors import UpstreamError
from app.domain.jobs import Job
from app.engine.metric_table import JOBS_CREATED, Entry
from app.engine.metrics import Metrics
from app.engine.spans import NoSpans, Origin, Span, Spans, spans_of

job_id: ContextVar[str] = ContextVar("job_id", default="")


@dataclass(slots=True)
class Trail:
    """What became known of a request while it was answered, for its line in the log."""

    job_id: str = ""


trail: ContextVar[Trail | None] = ContextVar("trail", default=None)


@dataclass(slots=True)
class Telemetry:
    """One per process. `spans` is replaced when tracing is on."""

    metrics: Metrics = field(default_factory=Metrics)
    spans: Spans = field(default_factory=NoSpans)

    def work(self, name: str, job: str, origin: Origin | None = None) -> AbstractContextManager[None]:
        """What runs inside is done for this job (its id): lines of the log name it."""
        return _Work(job, self.spans.span(name, {"filmgate.job_id": job}, origin))

    def upstream(self, channel: Channel, job: Job, call: str) -> AbstractContextManager[None]:
        """One question to a vendor, to its whole answer. What is cut off from our side is not counted."""
        facts = {"filmgate.channel": channel.name, "filmgate.adapter": channel.adapter, "filmgate.model": job.model}
        return _Upstream(self.metrics, channel, job, call, self.spans.span(f"upstream {call}", facts))

    def timed(self, entry: Entry, *labels: str) -> AbstractContextManager[None]:
        """Notes how long the block took, however it ends."""
        return _Timed(self.metrics, entry, labels)

    def job_created(self, job: Job) -> None:
        """A client's job is committed; the request that runs here made it."""
        self.metrics.count(JOBS_CREATED, job.op)
        found = trail.get()
        if found is not None:
            found.job_id = job.id


# Classes, because generators cost several times more, and a job passes through ten of these.


class _Work(AbstractContextManager[None]):
    __slots__ = ("_job", "_span", "_token")

    def __init__(self, job: str, span: AbstractContextManager[Span]) -> None:
        self._job, self._span = job, span

    def __enter__(self) -> None:
        self._token = job_id.set(self._job)
        self._span.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._span.__exit__(kind, error, trace)
        finally:
            job_id.reset(self._token)


class _Upstream(AbstractContextManager[None]):
    __slots__ = ("_call", "_channel", "_job", "_metrics", "_span", "_started")

    def __init__(self, metrics: Metrics, channel: Channel, job: Job, call: str, span: AbstractContextManager[Span]) -> None:
        self._metrics, self._channel, self._job, self._call, self._span = metrics, channel, job, call, span

    def __enter__(self) -> None:
        self._started = time.perf_counter()
        self._span.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or isinstance(error, UpstreamError):
            took = time.perf_counter() - self._started
            self._metrics.upstream_answered(self._channel, self._job, self._call, took, error)
        self._span.__exit__(kind, error, trace)


class _Timed(AbstractContextManager[None]):
    __slots__ = ("_entry", "_labels", "_metrics", "_started")

    def __init__(self, metrics: Metrics, entry: Entry, labels: tuple[str, ...]) -> None:
        self._metrics, self._entry, self._labels = metrics, entry, labels

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._metrics.note(self._entry, time.perf_counter() - self._started, *self._labels)


@asynccontextmanager
async def traced(telemetry: Telemetry, endpoint: str, version: str) -> AsyncIterator[None]:
    """Traces what happens inside, if that is wanted; raises NoTracing where it cannot be."""
    telemetry.spans = spans_of(endpoint, version)
    try:
        yield
    finally:
        spans, telemetry.spans = telemetry.spans, NoSpans()
        await asyncio.to_thread(spans.close)
