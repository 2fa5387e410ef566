"""Writes the bodies of xAI's create calls, all JSON: new videos, edits, extensions, pictures (read 2026-11-20).

What the client did not say is said here as the model's default: the vendor's own defaults are billed just the same. The
client's text goes untouched, although it may speak of <IMAGE_0>: sources disagree whether that is the first or the second.
"""

import math
from collections.abc import Collection, Mapping

from app.adapters._fields import dig, given, items, link, number, text, web_link
from app.domain.errors import InputRefused
from app.domain.jobs import Job
from app.domain.json import Json, JsonObject
from app.domain.media import Form, Media, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest

_CHANGES = {Mode.EDIT: "/v1/videos/edits", Mode.EXTEND: "/v1/videos/extensions"}
_NEW = (Role.FIRST_FRAME, Role.LAST_FRAME, Role.REFERENCE_IMAGE)


def video_path(request: VideoRequest) -> str:
    """Where a video of this mode is asked for."""
    return _CHANGES.get(request.mode, "/v1/videos/generations")


def image_path(request: ImageRequest) -> str:
    """Where a picture is asked for."""
    return "/v1/images/edits" if request.media else "/v1/images/generations"


def video_body(job: Job, request: VideoRequest) -> dict[str, Json]:
    """The body for `video_path`; raises InputRefused for media that no data file can rule out."""
    return _changed(job, request) if request.mode in _CHANGES else _new(job, request)


def image_body(job: Job, request: ImageRequest) -> dict[str, Json]:
    """The body for `image_path`. A single picture keeps its shape, so that no ratio is said beside it."""
    _check_roles(request, (Role.IMAGE,))
    pictures: list[Json] = [_image_item(item) for item in request.by_role(Role.IMAGE)]
    alone = len(pictures) == 1
    return given(
        {
            "model": job.upstream_model,
            "prompt": request.prompt or "",
            "n": request.n if request.n > 1 else None,
            "image": pictures[0] if alone else None,
            "images": pictures if len(pictures) > 1 else None,
            "aspect_ratio": None if alone else _ratio(request),
            "resolution": _lower(request.resolution),
            "quality": request.quality,
            "response_format": request.response_format,
            "user": request.user,
            "storage_options": _storage(request),
        }
    )


def _new(job: Job, request: VideoRequest) -> dict[str, Json]:
    _check_roles(request, _NEW)
    references: list[Json] = [_source(item) for item in request.by_role(Role.REFERENCE_IMAGE)]
    first, last = request.first(Role.FIRST_FRAME), request.first(Role.LAST_FRAME)
    return given(
        {
            "model": job.upstream_model,
            "prompt": request.prompt or "",
            "duration": _seconds(request),
            "aspect_ratio": _ratio(request),
            "resolution": _lower(request.resolution),
            "image": _source(first) if first else None,
            "last_frame": _source(last) if last else None,
            "reference_images": references or None,
            "keyframes": _keyframes(request),
            "reference_audios": _voices(request),
            "generate_audio": request.generate_audio,
            "user": request.user,
            "storage_options": _storage(request),
        }
    )


def _changed(job: Job, request: VideoRequest) -> dict[str, Json]:
    """An edit is as long as its source; the length of an extension is what it adds, and it knows no `user`."""
    _check_roles(request, (Role.SOURCE_VIDEO,))
    source = request.first(Role.SOURCE_VIDEO)
    if source is None:
        raise InputRefused("This needs a video to start from.", param="video", code="unsupported_input")
    extends = request.mode is Mode.EXTEND
    return given(
        {
            "model": job.upstream_model,
            "prompt": request.prompt or "",
            "video": _source(source),
            "duration": _seconds(request) if extends else None,
            "user": None if extends else request.user,
            "storage_options": _storage(request),
        }
    )


def _check_roles(request: Request, known: Collection[Role]) -> None:
    for item in request.media:
        if item.role not in known:
            name = item.role.value.replace("_", " ")
            raise InputRefused(f"xAI takes no {name} in {request.mode.value}.", param=item.param or None, code="unsupported_input")


def _source(item: Media) -> JsonObject:
    """A medium is an object in every place; a bare string is a 422."""
    if item.data is None and item.scheme == "file":
        return {"file_id": item.src.partition(":")[2]}
    if item.form in (Form.VERBATIM, Form.TASK):
        raise InputRefused(
            f"xAI knows links and file ids, not {item.scheme}: ones.", param=item.param or None, code="unsupported_input"
        )
    return {"url": link(item)}


def _image_item(item: Media) -> JsonObject:
    source = _source(item)
    return {**source, "type": "image_url"} if "url" in source else source


def _seconds(request: VideoRequest) -> int | None:
    return None if request.duration is None else math.floor(request.duration + 0.5)


def _ratio(request: Request) -> str | None:
    return None if request.aspect_ratio == "auto" else request.aspect_ratio


def _lower(word: str | None) -> str | None:
    return None if word is None else word.lower()


def _storage(request: Request) -> JsonObject | None:
    wanted = request.vendor.get("storage_options")
    return wanted if isinstance(wanted, Mapping) else None


def _voices(request: VideoRequest) -> list[Json] | None:
    """Preset voices by their ids: `voice_ids`, or `reference_audios` as the vendor writes them."""
    listed = (*items(request.vendor.get("voice_ids")), *items(request.vendor.get("reference_audios")))
    names = [text(item) or text(dig(item, "voice_id")) for item in listed]
    return [{"voice_id": name} for name in names if name] or None


def _keyframes(request: VideoRequest) -> list[Json] | None:
    """Pictures at moments of the video, as the client's `metadata.keyframes` lists them."""
    wanted = request.vendor.get("keyframes")
    return None if wanted is None else [_keyframe(item) for item in items(wanted)] or _no_keyframes()


def _keyframe(item: Json) -> JsonObject:
    picture, moment = dig(item, "image"), number(dig(item, "timestamp_s"))
    url, file_id = text(picture) or text(dig(picture, "url")), text(dig(picture, "file_id"))
    if moment is None or not (file_id or web_link(url) or (url or "").startswith("data:image/")):
        _no_keyframes()
    return {"image": {"file_id": file_id} if file_id else {"url": url}, "timestamp_s": moment}


def _no_keyframes() -> list[Json]:
    message = "keyframes is a list of {image: {url or file_id}, timestamp_s}."
    raise InputRefused(message, param="keyframes", code="unsupported_input")
