"""`?wait=30`: an answer that comes as soon as the job has changed, instead of another question a moment later."""

import asyncio
from contextlib import aclosing
from typing import Annotated

from fastapi import Query
from starlette.requests import ClientDisconnect, Request

from app.domain.jobs import Job
from app.engine.gateway import Gateway
from app.engine.watching import changes

_LONGEST = 60  # seconds; what is in between clients and us often gives up on a silent connection soon after

Wait = Annotated[
    float,
    Query(
        ge=0,
        le=_LONGEST,
        allow_inf_nan=False,
        description="Seconds to wait for the job's next change; the answer comes at once where the job has ended.",
    ),
]


async def waited(request: Request, gateway: Gateway, job: Job, seconds: float) -> Job:
    """The job after its next change of status or progress, or as it is after so many seconds; at once where it has ended.

    A process that goes away answers at once too: the next question is for another one.
    Raises NotFound when it is deleted meanwhile, and ClientDisconnect when nobody waits for the answer any more.
    """
    if seconds == 0 or job.status.final:
        return job
    change = asyncio.create_task(_next_change(gateway, job))
    left = asyncio.create_task(_left(request))
    try:
        await asyncio.wait((change, left), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if change.done() and (changed := change.result()) is not None:
            return changed
        if left.done():
            raise ClientDisconnect
    finally:
        change.cancel()
        left.cancel()
    return await gateway.job(job.id, job.key_id)


async def _next_change(gateway: Gateway, job: Job) -> Job | None:
    """None where this process goes away before there is one."""
    async with aclosing(changes(gateway.database, gateway.watching, job)) as states:
        return await anext(states, None)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
