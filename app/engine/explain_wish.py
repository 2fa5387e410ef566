"""A client's request as it would be read, from what an operator wants explained."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.domain.channels import DEFAULT_GROUP, Key
from app.domain.errors import InvalidRequest, NotFound, Unauthenticated
from app.domain.jobs import Job, JobStatus
from app.domain.json import Json, JsonObject
from app.domain.normalise import UploadRef, normalise
from app.domain.normalise.forms import nested
from app.domain.requests import Request
from app.engine.gateway import Gateway, Wish

_PLAIN = frozenset({"/v1/images/generations", "/v1/images/edits", "/v1/video/generations", "/v1/videos"})
_DERIVED = frozenset({"/v1/videos/edits", "/v1/videos/extensions"})
_REMIX = re.compile(r"/v1/videos/([^/]+)/remix")
_UNSAID = "-"  # stands for the model while it is not known yet
_TASK = "task:"


@dataclass(frozen=True, slots=True)
class Body:
    """The fields of a request as one JSON object, and the files that its `UploadRef`s stand for."""

    fields: JsonObject
    uploads: Mapping[str, bytes] = field(default_factory=dict)


def form_body(parts: Sequence[tuple[str, str | JsonObject]]) -> Body:
    """A form as a client would send it; a file is `{filename, content_type, base64}`. Raises InvalidRequest (`form`)."""
    pairs: list[tuple[str, str]] = []
    uploads: dict[str, bytes] = {}
    for name, value in parts:
        if isinstance(value, str):
            pairs.append((name, value))
            continue
        count = sum(known.startswith(f"upload:{name}#") for known in uploads)
        reference = UploadRef.of(name, count, str(value.get("filename") or "file"))
        uploads[str(reference)] = _decoded(value.get("base64"))
        pairs.append((name, reference))
    return Body(nested(pairs), uploads)


def explained_key(gateway: Gateway, key_id: str | None, group: str | None) -> Key:
    """The key that asks: a stored one, in `group` instead of its own groups if that is given, else anybody of the group.

    Raises InvalidRequest for an unknown id, Unauthenticated where the key itself would be turned away.
    """
    if key_id is None:
        return Key(id="", name="", hash="", groups=frozenset({group or DEFAULT_GROUP}))
    key = gateway.configuration.key_by_id(key_id)
    if key is None:
        raise InvalidRequest(f"There is no key {key_id!r}.", param="key_id")
    if not key.valid(gateway.now()):
        raise Unauthenticated("This API key is unknown, disabled or expired.")
    return replace(key, groups=frozenset({group})) if group else key


async def explained_wish(gateway: Gateway, key: Key, path: str, body: Body) -> Wish:
    """What a POST of this body to this path of the client API wishes; raises the errors that the client would get."""
    route = path.partition("?")[0].rstrip("/")
    remix = _REMIX.fullmatch(route)
    if route in _PLAIN:
        request, notices = normalise(route, body.fields)
        return Wish(key, request, notices, body.uploads)
    if remix is None and route not in _DERIVED:
        raise InvalidRequest(f"{path!r} is no path that makes a job.", param="path")
    return await _derived(gateway, key, route, body, remix[1] if remix else None)


async def _derived(gateway: Gateway, key: Key, route: str, body: Body, source_id: str | None) -> Wish:
    """A wish that works on a job of the key's own; the model is that job's unless the body names one."""
    fields: dict[str, Json] = dict(body.fields)
    if source_id is not None:
        fields["video"] = {"id": source_id}
    named = any(isinstance(fields.get(name), str) and str(fields[name]).strip() for name in ("model", "model_name"))
    if not named:
        fields["model"] = _UNSAID
    request, notices = normalise(route, fields)
    source = None if source_id is None else await _finished(gateway, key, source_id)
    if not named:
        source = source or await _named_source(gateway, key, request)
        request = replace(request, model=source.model)
    return Wish(key, request, notices, body.uploads, remixed_from=source_id)


async def _named_source(gateway: Gateway, key: Key, request: Request) -> Job:
    """The first job that a body names as its source; whether it has a result is looked at with every other id in the body."""
    for media in request.media:
        if media.scheme == "task":
            return await _own(gateway, key, media.src.removeprefix(_TASK), media.param)
    raise InvalidRequest("`model` is missing.", code="missing_required_parameter", param="model")


async def _own(gateway: Gateway, key: Key, job_id: str, param: str) -> Job:
    unknown = NotFound(f"No task with the id {job_id!r} exists.", code="task_not_exist", param=param)
    if not job_id.isprintable():
        raise unknown
    try:
        job = await gateway.job(job_id, key.id or None)
    except NotFound as error:
        raise unknown from error
    if job.op != "video":
        raise unknown
    return job


async def _finished(gateway: Gateway, key: Key, job_id: str) -> Job:
    job = await _own(gateway, key, job_id, "id")
    if job.status is not JobStatus.COMPLETED:
        raise InvalidRequest(f"The source video is not ready; its status is {job.status}.", code="video_not_ready", param="id")
    return job


def _decoded(text: Json) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("A file of the form needs its bytes as base64.", param="form") from error
