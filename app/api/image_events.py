"""`stream: true`: previews as they come and each finished picture, as server-sent events (openai.md §2.6).

A stream like this is the answer to a create: a shutdown waits for its end, as for any other's.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
from starlette.responses import StreamingResponse

from app.api.dialects.images import Kind, completed_event, preview_event
from app.api.errors import error_body, job_failed
from app.domain.errors import GatewayError, TooManyRequests
from app.domain.jobs import Job, JobStatus
from app.domain.json import JsonObject
from app.engine.exchange import PictureEvent
from app.engine.gateway import Gateway, Wish
from app.engine.records import AlreadyMade

PING_SECONDS = 15.0  # of silence, after which proxies and clients hear that we are still there
_LOOK_AGAIN = 1.0  # seconds after which a job that another process runs is looked at
_PING = b": ping\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def picture_events(gateway: Gateway, wish: Wish, kind: Kind) -> AsyncIterator[JsonObject]:
    """What happens to an image job until it ends; raises GatewayError when it fails. The job goes on without a listener."""
    heard: asyncio.Queue[PictureEvent | None] = asyncio.Queue()
    making = asyncio.create_task(gateway.create_and_wait(replace(wish, listener=heard.put_nowait)))
    making.add_done_callback(lambda _: heard.put_nowait(None))
    try:
        while (event := await heard.get()) is not None:
            if not event.final and event.output.data is not None:
                yield preview_event(kind, event.index, event.output.data, gateway.now())
        async for finished in _finished(gateway, await making, kind):
            yield finished
    finally:
        making.cancel()


async def result_events(gateway: Gateway, job: Job, kind: Kind) -> AsyncIterator[JsonObject]:
    """The finished pictures of a job that another request started, once it has ended; raises GatewayError when it failed."""
    async for finished in _finished(gateway, await gateway.formats.applied(await gateway.ended(job, _LOOK_AGAIN)), kind):
        yield finished


async def _finished(gateway: Gateway, job: Job, kind: Kind) -> AsyncIterator[JsonObject]:
    if job.status is not JobStatus.COMPLETED:
        raise job_failed(job)
    for index in range(len(job.outputs)):
        yield completed_event(kind, job, index, await gateway.results.inline(job, index))


async def event_stream(events: AsyncIterator[JsonObject], ping: float = PING_SECONDS) -> StreamingResponse:
    """The answer that carries these events. What fails before the first of them (or the first ping) is raised as it is."""
    first = asyncio.ensure_future(anext(events, None))
    try:
        await asyncio.wait({first}, timeout=ping)
        if first.done():
            first.result()
    except BaseException:
        first.cancel()
        raise
    return StreamingResponse(_frames(first, events, ping), headers=_HEADERS, media_type="text/event-stream")


async def _frames(
    upcoming: "asyncio.Future[JsonObject | None]", events: AsyncIterator[JsonObject], ping: float
) -> AsyncIterator[bytes]:
    try:
        while True:
            await asyncio.wait({upcoming}, timeout=ping)
            if not upcoming.done():
                yield _PING
                continue
            event = upcoming.result()
            if event is None:
                return
            yield _frame(event, str(event["type"]))
            upcoming = asyncio.ensure_future(anext(events, None))
    except GatewayError as error:
        yield _frame(error_body(error))
    except AlreadyMade:
        # a process beside this one has taken the name after our first ping was out: too late for an answer of another kind
        busy = TooManyRequests("An equal request is being answered; send this one again to get its result.", retry_after=5)
        yield _frame(error_body(busy))
    finally:
        upcoming.cancel()


def _frame(event: JsonObject, kind: str = "error") -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(event))
