"""From an HTTP request to what the engine takes: a wish."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ParamSpec, TypeAlias, TypeVar

from starlette.requests import Request

from app.api.body import ClientBody, read_body
from app.api.deps import base_url, own_job, shown_id
from app.api.replays import KEY_HEADER
from app.domain.channels import Key
from app.domain.errors import InvalidRequest
from app.domain.jobs import Job, JobStatus
from app.domain.json import Json
from app.domain.normalise import normalise, wants_background
from app.domain.normalise.values import given
from app.domain.replacing import replace
from app.domain.replays import ReplayName, fingerprint, key_name, task_name
from app.domain.requests import Request as Wanted
from app.domain.requests import VideoRequest
from app.engine.gateway import Gateway, Wish

STRICT_HEADER = "x-filmgate-strict"
_IN_A_THREAD = 256 * 1024  # bytes from which reading a body (base64, above all) would hold up other requests
_LONGEST_KEY = 255  # characters
_PREFER = "prefer"
_TOLD = {name.lower().encode(): name for name in (STRICT_HEADER, KEY_HEADER, _PREFER)}
UNSAID = "-"  # stands for the model of a source until that is found

Told: TypeAlias = Mapping[str, Sequence[str]]
Given = ParamSpec("Given")
Found = TypeVar("Found")


async def read_wish(request: Request, gateway: Gateway, key: Key, route: str) -> Wish:
    """What this client wants; raises InvalidRequest and its kin."""
    body = await read_body(request, gateway.settings.max_body)
    wanted, notices = await in_time(body, normalise, route, body.fields)
    return await recognisable(request, gateway, body, route, Wish(key, wanted, notices, body.uploads))


async def read_derived_wish(request: Request, gateway: Gateway, key: Key, route: str, source_id: str | None = None) -> Wish:
    """A wish that works on a video which may be a job of the key's own; `source_id` is the job that the path names.

    The source is not looked up yet (`with_source` does so): a repeated request is answered although its source may be gone.
    """
    body = await read_body(request, gateway.settings.max_body)
    fields: dict[str, Json] = dict(body.fields)
    if source_id is not None:
        fields["video"] = {"id": shown_id(source_id)}
    if not given(fields.get("model")) and not given(fields.get("model_name")):
        fields["model"] = UNSAID
    wanted, notices = await in_time(body, normalise, route, fields)
    wish = Wish(key, wanted, notices, body.uploads, remixed_from=source_id)
    return await recognisable(request, gateway, body, f"{route} {source_id}" if source_id else route, wish)


async def with_source(gateway: Gateway, wish: Wish) -> Wish:
    """The wish with the model of the job that it works on, unless it names one.

    Raises NotFound for a job that is not the key's, InvalidRequest (`video_not_ready`) for one without a result; the engine
    does so for ids in the body.
    """
    source = None if wish.remixed_from is None else await _finished(gateway, wish.key, wish.remixed_from)
    if wish.request.model != UNSAID:
        return wish
    source = source or await _named_source(gateway, wish.key, wish.request)
    return replace(wish, request=replace(wish.request, model=source.model))


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


async def recognisable(request: Request, gateway: Gateway, body: ClientBody, endpoint: str, wish: Wish) -> Wish:
    """The wish with how strict and how patient to be with it, and with what it takes to know it again."""
    told = _told(request)
    later = wish.request.op == "image" and (wants_background(body.fields) or _prefers_later(told))
    endpoint = f"{endpoint} later" if later else endpoint  # a header may say so, and the answer is of another kind
    return replace(
        wish,
        strict=_strict(told),
        patient=later or isinstance(wish.request, VideoRequest),
        fingerprint=await in_time(body, fingerprint, endpoint, body.fields, body.uploads),
        names=tuple(_names(told, wish.request)),
        base_url=base_url(request, gateway),
    )


def _told(request: Request) -> Told:
    """What the headers say of how to treat a request, by their names: all are looked through once, as most say nothing of it."""
    told: dict[str, list[str]] = {}
    for name, value in request.scope["headers"]:
        if name in _TOLD:
            told.setdefault(_TOLD[name], []).append(value.decode("latin-1"))
    return told


def _names(told: Told, wanted: Wanted) -> Iterator[ReplayName]:
    """What the client calls its request, if anything."""
    written = told.get(KEY_HEADER)
    if written:
        if len(set(written)) > 1 or not 0 < len(written[0]) <= _LONGEST_KEY or not written[0].isprintable():
            message = f"`{KEY_HEADER}` must be one value of 1 to {_LONGEST_KEY} printable characters."
            raise InvalidRequest(message, param=KEY_HEADER)
        yield key_name(written[0])
    if wanted.client_task_id is not None:
        if "\0" in wanted.client_task_id:  # not every database takes it
            name = wanted.client_name("client_task_id")
            raise InvalidRequest(f"`{name}` must not hold a NUL character.", param=name)
        yield task_name(wanted.client_task_id)


async def in_time(body: ClientBody, function: Callable[Given, Found], *given: Given.args, **named: Given.kwargs) -> Found:
    """What the function makes of the body, without holding up other requests."""
    if body.size < _IN_A_THREAD:
        return function(*given, **named)
    return await asyncio.to_thread(function, *given, **named)


def _prefers_later(told: Told) -> bool:
    """Whether the client asks for an answer at once and the result later (`Prefer: respond-async`, RFC 7240 §4.1)."""
    if _PREFER not in told:
        return False
    preferences = ",".join(told[_PREFER]).split(",")
    return any(preference.partition(";")[0].strip().lower() == "respond-async" for preference in preferences)


def _strict(told: Told) -> bool:
    return STRICT_HEADER in told and told[STRICT_HEADER][0].strip().lower() in ("true", "1", "yes", "on")
