"""From an HTTP request to what the engine takes: a wish."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from starlette.requests import Request

from app.api.body import ClientBody, read_body
from app.api.deps import own_job
from app.domain.channels import Key
from app.domain.errors import InvalidRequest
from app.domain.jobs import Job, JobStatus
from app.domain.json import Json
from app.domain.normalise import normalise
from app.domain.normalise.values import given
from app.domain.requests import Notice
from app.domain.requests import Request as Wanted
from app.engine.gateway import Gateway, Wish

STRICT_HEADER = "x-filmgate-strict"
_IN_A_THREAD = 256 * 1024  # bytes from which reading a body (base64, above all) would hold up other requests
_UNSAID = "-"  # stands for the model while it is not known yet


async def read_wish(request: Request, gateway: Gateway, key: Key, route: str) -> Wish:
    """What this client wants; raises InvalidRequest and its kin."""
    body = await read_body(request, gateway.settings.max_body)
    wanted, notices = await _normalised(route, body)
    return Wish(key, wanted, notices, body.uploads, strict=_strict(request))


async def read_derived_wish(request: Request, gateway: Gateway, key: Key, route: str, source_id: str | None = None) -> Wish:
    """A wish that works on a video which may be a job of the key's own; the model is then that job's unless named.

    `source_id` is the job that the path names. Raises NotFound for a job that is not the key's, InvalidRequest
    (`video_not_ready`) for one without a result; the engine does so for ids in the body.
    """
    body = await read_body(request, gateway.settings.max_body)
    fields: dict[str, Json] = dict(body.fields)
    source = None if source_id is None else await _finished(gateway, key, source_id)
    if source is not None:
        fields["video"] = {"id": source.id}
    named = given(fields.get("model")) or given(fields.get("model_name"))
    if not named:
        fields["model"] = _UNSAID
    wanted, notices = await _normalised(route, replace(body, fields=fields))
    if not named:
        source = source or await _named_source(gateway, key, wanted)
        wanted = replace(wanted, model=source.model)
    return Wish(key, wanted, notices, body.uploads, strict=_strict(request), remixed_from=source_id)


async def _finished(gateway: Gateway, key: Key, job_id: str) -> Job:
    job = await own_job(gateway, key, job_id, "video")
    if job.status is not JobStatus.COMPLETED:
        raise InvalidRequest(f"The source video is not ready; its status is {job.status}.", code="video_not_ready", param="id")
    return job


async def _named_source(gateway: Gateway, key: Key, wanted: Wanted) -> Job:
    """The first job that a body names as its source."""
    for media in wanted.media:
        if media.scheme == "task":
            return await own_job(gateway, key, media.src.removeprefix("task:"), "video", media.param)
    raise InvalidRequest("`model` is missing.", code="missing_required_parameter", param="model")


async def _normalised(route: str, body: ClientBody) -> tuple[Wanted, tuple[Notice, ...]]:
    if body.size < _IN_A_THREAD:
        return normalise(route, body.fields)
    return await asyncio.to_thread(normalise, route, body.fields)


def _strict(request: Request) -> bool:
    headers: Mapping[str, str] = request.headers
    return headers.get(STRICT_HEADER, "").strip().lower() in ("true", "1", "yes", "on")
