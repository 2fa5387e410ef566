"""From a vendor's own body to a job, and from the job to an answer in the vendor's shape."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import json_answer, poll_headers, warning_headers
from app.api.body import read_body
from app.api.dialects.native_fields import NativeBody, read_native
from app.api.errors import job_failed
from app.api.replays import Making, once
from app.api.wishes import in_time, recognisable, with_source
from app.domain.channels import Key
from app.domain.jobs import Job, JobStatus
from app.domain.json import JsonObject
from app.domain.replays import handed_over
from app.domain.requests import Notice
from app.engine.gateway import Gateway, Wish

Show: TypeAlias = Callable[[Job], JsonObject]
Translate: TypeAlias = Callable[[JsonObject], NativeBody]


async def read_native_wish(request: Request, gateway: Gateway, key: Key, translate: Translate, *, endpoint: str) -> Wish:
    """What this client wants; raises InvalidRequest and its kin. `endpoint` tells equal bodies of different APIs apart."""
    body = await read_body(request, gateway.settings.max_body)
    wanted, notices = await in_time(body, lambda: read_native(translate(body.fields)))
    return await recognisable(request, gateway, body, endpoint, Wish(key, wanted, notices, body.uploads))


async def started(request: Request, gateway: Gateway, wish: Wish, show: Show) -> Response:
    """Has a job started, or started before by the same request, and shows it."""

    async def again(job: Job) -> Response:
        if job.status is JobStatus.FAILED and job.accepted_at is None:
            raise job_failed(job)
        return task_answer(gateway, job, show, job.notices)

    async def first(wish: Wish) -> Response:
        wish = await with_source(gateway, wish)
        # a picture may take its vendor minutes, and who asks for one here comes back for it anyway
        job = await (gateway.create(wish) if wish.request.op == "video" else gateway.start(wish))
        return task_answer(gateway, job, show, job.notices)

    return await once(request, gateway, wish, Making(first, again, handed_over))


def task_answer(gateway: Gateway, job: Job, show: Show, notices: Iterable[Notice] = ()) -> Response:
    """A job in the vendor's shape; when to ask again and what was not done as asked stand in the headers."""
    return json_answer(show(job), headers={**poll_headers(job, gateway.paces.of(job)), **warning_headers(notices)})
