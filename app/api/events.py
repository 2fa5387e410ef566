"""`GET /v1/videos/{id}/events`: what happens to a video job until it ends, as server-sent events.

An event's id says how far the job was, so that `Last-Event-ID` needs no memory of ours: the job is compared with it. A process
that goes away ends its streams; a client that comes again with that id, to whichever process, misses nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated

import orjson
from fastapi import Header
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.deps import CurrentKey, GatewayDep, own_job
from app.api.dialects.videos import video_object
from app.api.errors import error_body
from app.api.jobs import as_shown, linker
from app.domain.errors import NotFound
from app.domain.jobs import Job, JobStatus
from app.domain.json import JsonObject
from app.engine.gateway import Gateway
from app.engine.watching import changes

PING_SECONDS = 15.0  # of silence, after which proxies and clients hear that we are still there
_PING = b": ping\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_NAMES = {JobStatus.COMPLETED: "video.completed", JobStatus.FAILED: "video.failed"}

Seen = Annotated[str | None, Header(description="The id of the last event that was seen; only what came after it is sent.")]
Show = Callable[[Job], JsonObject]


async def read_video_events(
    job_id: str, request: Request, key: CurrentKey, gateway: GatewayDep, last_event_id: Seen = None
) -> Response:
    """A `video.progress` with the job as it is and at every change, then `video.completed` or `video.failed`, and the end."""
    job = await own_job(gateway, key, job_id, "video")
    if job.status.final and last_event_id == event_id(job):
        return Response(None, 204)  # the one answer after which browsers do not come again
    link = linker(request, gateway)
    frames = job_frames(gateway, job, lambda job: as_shown(job, video_object(job, link(job))), last_event_id)
    return StreamingResponse(with_pings(frames), headers=_HEADERS, media_type="text/event-stream")


def event_id(job: Job) -> str:
    """The id of the event that shows the job as it is."""
    return f"{job.id}/{job.status}/{job.progress}"


async def job_frames(gateway: Gateway, job: Job, show: Show, seen: str | None = None) -> AsyncGenerator[bytes, None]:
    """One frame for the job as it is, unless the client has `seen` it, and one for each change until it has ended."""
    if event_id(job) != seen:
        yield _frame(job, show)
    try:
        async with aclosing(changes(gateway.database, gateway.watching, job)) as states:
            async for state in states:
                yield _frame(state, show)
    except NotFound as error:  # deleted meanwhile
        yield b"event: error\ndata: %b\n\n" % orjson.dumps(error_body(error))


async def with_pings(frames: AsyncGenerator[bytes, None], ping: float = PING_SECONDS) -> AsyncGenerator[bytes, None]:
    """The frames, and a comment after each so many seconds without one."""
    upcoming = asyncio.ensure_future(anext(frames, None))
    try:
        while True:
            await asyncio.wait({upcoming}, timeout=ping)
            if not upcoming.done():
                yield _PING
                continue
            frame = upcoming.result()
            if frame is None:
                return
            yield frame
            upcoming = asyncio.ensure_future(anext(frames, None))
    finally:
        if upcoming.done():
            await frames.aclose()
        else:
            upcoming.cancel()


def _frame(job: Job, show: Show) -> bytes:
    name = _NAMES.get(job.status, "video.progress")
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event_id(job).encode(), name.encode(), orjson.dumps(show(job)))
