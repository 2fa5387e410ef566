"""Answers about video jobs, alike for both video dialects."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import json_answer, poll_headers, warning_headers
from app.api.deps import base_url
from app.api.dialects.videos import Link, video_object
from app.api.errors import failure_of, job_failed
from app.api.replays import Making, once
from app.api.wishes import with_source
from app.domain.errors import InvalidRequest
from app.domain.jobs import Job, JobStatus
from app.domain.json import JsonObject
from app.domain.replays import handed_over
from app.engine.failure_text import failure_text
from app.engine.gateway import Gateway, Wish
from app.logs import request_id


def linker(request: Request, gateway: Gateway) -> Callable[[Job], Link]:
    """Makes, for a job, the function that links its results as this client can reach them."""
    base = base_url(request, gateway)
    return lambda job: lambda index, variant=None: gateway.links.result(job.id, index, base, variant)


def as_shown(job: Job, content: JsonObject) -> JsonObject:
    """A job's JSON; that of a failed one says by which request it was asked for, which people quote when they ask why."""
    return {**content, "request_id": request_id.get()} if job.status is JobStatus.FAILED else content


def job_answer(job: Job, content: JsonObject, gateway: Gateway, status: int = 200, *, created: bool = False) -> Response:
    """A job's JSON, with the headers that say when to ask again; a create also says what was not done as asked."""
    headers = poll_headers(job, gateway.paces.of(job))
    return json_answer(as_shown(job, content), status, {**headers, **warning_headers(job.notices)} if created else headers)


async def started(request: Request, gateway: Gateway, wish: Wish) -> Response:
    """Has a video job started, or started before by the same request, and shows it."""

    async def again(job: Job) -> Response:
        if job.status is JobStatus.FAILED and job.accepted_at is None:
            raise job_failed(job)
        return shown(job)

    async def first(wish: Wish) -> Response:
        return shown(await gateway.create(await with_source(gateway, wish)))

    def shown(job: Job) -> Response:
        return job_answer(job, video_object(job, linker(request, gateway)(job)), gateway, created=True)

    return await once(request, gateway, wish, Making(first, again, handed_over))


def check_finished(job: Job) -> None:
    """Raises InvalidRequest for a job without results: `video_not_ready`, or the code with which it failed."""
    if job.status is JobStatus.FAILED:
        failure = failure_of(job)
        raise InvalidRequest(failure_text(failure, job), code=failure.code, param="id")
    if job.status is not JobStatus.COMPLETED:
        raise InvalidRequest(f"The result is not ready yet; the status is {job.status}.", code="video_not_ready", param="id")
