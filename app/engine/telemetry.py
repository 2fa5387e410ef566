"""What we let an operator see of our work: metrics, spans, and the id of the job in each line of the log."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from app.domain.channels import Channel
from app.domain.errors import UpstreamError
from app.domain.jobs import Job
from app.engine.metric_table import JOBS_CREATED, Entry
from app.engine.metrics import Metrics
from app.engine.spans import NoSpans, Origin, Spans, spans_of

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

    @contextmanager
    def work(self, name: str, job: str, origin: Origin | None = None) -> Iterator[None]:
        """What runs inside is done for this job (its id): lines of the log name it."""
        token = job_id.set(job)
        try:
            with self.spans.span(name, {"filmgate.job_id": job}, origin):
                yield
        finally:
            job_id.reset(token)

    @contextmanager
    def upstream(self, channel: Channel, job: Job, call: str) -> Iterator[None]:
        """One question to a vendor, to its whole answer. What is cut off from our side is not counted."""
        started = time.perf_counter()
        facts = {"filmgate.channel": channel.name, "filmgate.adapter": channel.adapter, "filmgate.model": job.model}
        with self.spans.span(f"upstream {call}", facts):
            try:
                yield
            except UpstreamError as error:
                self.metrics.upstream_answered(channel, job, call, time.perf_counter() - started, error)
                raise
            self.metrics.upstream_answered(channel, job, call, time.perf_counter() - started, None)

    @contextmanager
    def timed(self, entry: Entry, *labels: str) -> Iterator[None]:
        """Notes how long the block took, however it ends."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.metrics.note(entry, time.perf_counter() - started, *labels)

    def job_created(self, job: Job) -> None:
        """A client's job is committed; the request that runs here made it."""
        self.metrics.count(JOBS_CREATED, job.op)
        found = trail.get()
        if found is not None:
            found.job_id = job.id


@asynccontextmanager
async def traced(telemetry: Telemetry, endpoint: str, version: str) -> AsyncIterator[None]:
    """Traces what happens inside, if that is wanted; raises NoTracing where it cannot be."""
    telemetry.spans = spans_of(endpoint, version)
    try:
        yield
    finally:
        spans, telemetry.spans = telemetry.spans, NoSpans()
        await asyncio.to_thread(spans.close)
