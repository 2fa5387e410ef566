"""One create with one vendor, as a whole answer or as a stream of pictures."""

from collections.abc import Callable
from dataclasses import dataclass

from app.adapters.base import Adapter, Call, Reply, StreamEvent
from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, UpstreamMaybeSent, UpstreamRefused, UpstreamUnreadable
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.engine.calls import overridden
from app.engine.echoes import quiet, quiet_event
from app.engine.sse import json_events
from app.engine.transport import StreamReply
from app.engine.vendors import Vendors


@dataclass(frozen=True, slots=True)
class PictureEvent:
    """A preview (`final` False) or a finished picture of an image job; `index` counts over all parts of a split job."""

    index: int
    output: Output
    final: bool


Listener = Callable[[PictureEvent], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """Who listens to a job's pictures, and the index of its first one."""

    listener: Listener | None = None
    first_index: int = 0

    def tell(self, index: int, output: Output, *, final: bool) -> None:
        """One picture more."""
        if self.listener is not None:
            self.listener(PictureEvent(self.first_index + index, output, final))


async def exchange(
    vendors: Vendors, channel: Channel, credential: Credential, job: Job, call: Call, heard: Heard
) -> tuple[Reply, Snapshot]:
    """Sends the create and reads the answer; raises UpstreamError.

    An answer that cannot be read, or an adapter that stumbles over it, leaves the outcome open: the vendor may have accepted.
    """
    adapter = adapters()[channel.adapter]
    streamed = adapter.build_stream(job) if heard.listener is not None else None
    if streamed is not None:
        wanted = await vendors.signed(channel.base_url, adapter, credential, overridden(streamed, channel))
        async with vendors.transport.stream(channel.base_url, wanted) as answer:
            return await _streamed(adapter, job, answer, wanted, heard)
    reply = await vendors.ask(channel, credential, call)
    snapshot = _read(adapter, job, reply)
    for index, output in enumerate(snapshot.outputs):
        heard.tell(index, output, final=True)
    return reply, snapshot


def _read(adapter: Adapter, job: Job, reply: Reply) -> Snapshot:
    if not reply.ok:
        raise adapter.parse_error(job, reply)
    try:
        return adapter.parse_submit(job, reply)
    except UpstreamUnreadable as error:
        raise UpstreamMaybeSent(error.message, status=reply.status, body=reply.excerpt()) from error


async def _streamed(adapter: Adapter, job: Job, answer: StreamReply, call: Call, heard: Heard) -> tuple[Reply, Snapshot]:
    if not answer.ok or "text/event-stream" not in answer.headers.get("content-type", ""):
        reply = quiet(await answer.whole(), call)
        return reply, _read(adapter, job, reply)
    pictures = _Pictures()
    try:
        async for event in json_events(answer.chunks):
            read = adapter.parse_event(job, event)
            if read is not None:
                pictures.add(quiet_event(read, call), heard)
    except (UpstreamMaybeSent, UpstreamUnreadable):
        if not pictures.outputs:
            raise
        pictures.failures.append(Failure("upstream_error", "The vendor's stream broke off."))
    return Reply(answer.status, answer.headers), pictures.snapshot()


class _Pictures:
    """What a stream has brought so far."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.failures: list[Failure] = []
        self._usage: Usage | None = None

    def add(self, event: StreamEvent, heard: Heard) -> None:
        """One event more."""
        self._usage = event.usage or self._usage
        if event.kind == "failed" and event.failure is not None:
            self.failures.append(event.failure)
        elif event.output is not None and event.kind in ("partial", "completed"):
            final = event.kind == "completed"
            index = len(self.outputs) if final else event.index
            if final:
                self.outputs.append(event.output)
            heard.tell(index, event.output, final=final)

    def snapshot(self) -> Snapshot:
        """The job after the stream's end; raises when it ended without any word of a result."""
        if not self.outputs and not self.failures:
            raise UpstreamMaybeSent("The vendor's stream ended without a picture.")
        if not self.outputs:
            first = self.failures[0]
            fault = Fault.CONTENT if first.code == "content_policy_violation" else Fault.REQUEST
            raise UpstreamRefused(first.message, fault=fault, code=first.code, upstream_code=first.upstream_code)
        return Snapshot(JobStatus.COMPLETED, outputs=tuple(self.outputs), partial_failures=tuple(self.failures), usage=self._usage)
