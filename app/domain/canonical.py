"""The canonical object of normalisation.md §1 as JSON: to store, to show, and to send once more as a client body."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

from app.domain.json import Json, JsonObject
from app.domain.media import Media, MediaType, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest

_SHARED = (
    *("model", "model_variant", "prompt", "negative_prompt", "width", "height", "resolution", "aspect_ratio"),
    *("n", "seed", "quality", "watermark", "callback_url", "client_task_id", "user"),
)
_VIDEO = ("duration", "duration_auto", "frames", "fps", "generate_audio", "camera_fixed")
_IMAGE = (
    *("response_format", "output_format", "output_compression", "background", "moderation"),
    *("input_fidelity", "style", "stream", "partial_images"),
)
_OF_VIDEO, _OF_IMAGE = (*_SHARED, *_VIDEO), (*_SHARED, *_IMAGE)


def to_json(request: Request, *, inline: bool = True, names: bool = False) -> dict[str, Json]:
    """The canonical object.

    Without `inline`, bytes inside data URIs are replaced by their digest: `data:<mime>;sha256,<hex of the base64 text>`.
    With `names`, the client's own field names go along (`named`, and `param` of each medium).
    """
    value: dict[str, Json] = {"op": request.op, "mode": request.mode.value}
    value.update(_scalars(request))
    value["media"] = [_medium(item, inline, names) for item in request.media]
    value["vendor"] = dict(request.vendor)
    if names:
        value["named"] = dict(request.named)
    return value


def to_stored(request: Request) -> dict[str, Json]:
    """The canonical object as rows hold it: without inline bytes, with the client's names, without what nobody said."""
    value: dict[str, Json] = {"op": request.op, "mode": request.mode.value}
    for name in _scalar_names(request):
        said = getattr(request, name)
        if said is not None:
            value[name] = said
    if request.media:
        value["media"] = [_medium(item, False, True) for item in request.media]
    if request.vendor:
        value["vendor"] = dict(request.vendor)
    if request.named:
        value["named"] = dict(request.named)
    return value


def from_json(value: JsonObject) -> Request:
    """The request that a canonical object stands for, whole or as rows hold it; raises ValueError for an object that is none."""
    return _image_request(value) if value.get("op") == "image" else _video_request(value)


def as_body(request: Request) -> dict[str, Json]:
    """The request as a client body of the same route: normalising it gives the same request (§2.8)."""
    body: dict[str, Json] = {name: item for name, item in _scalars(request).items() if item is not None}
    variant = body.pop("model_variant", None)
    if variant is not None:
        body["model_name"] = variant
    if body.pop("duration_auto", False):
        body["duration"] = "auto"
    body["mode"] = request.mode.value
    body["content"] = [_content_item(item) for item in request.media]
    body["metadata"] = dict(request.vendor)
    return body


def _scalars(request: Request) -> dict[str, Json]:
    return {name: getattr(request, name) for name in _scalar_names(request)}


def _scalar_names(request: Request) -> tuple[str, ...]:
    return _OF_VIDEO if isinstance(request, VideoRequest) else _OF_IMAGE


def _medium(item: Media, inline: bool, names: bool) -> dict[str, Json]:
    src = item.src if inline else without_bytes(item.src)
    value: dict[str, Json] = {"type": item.type.value, "role": item.role.value, "src": src}
    return {**value, "param": item.param} if names else value


def without_bytes(src: str) -> str:
    """A `Media.src` with the bytes of a data URI replaced by their digest; other sources as they are."""
    head, comma, payload = src.partition(";base64,") if src.startswith("data:") else (src, "", "")
    return f"{head};sha256,{hashlib.sha256(payload.encode()).hexdigest()}" if comma else src


def _content_item(item: Media) -> dict[str, Json]:
    key = f"{item.type.value}_url"
    identifiers = {"file": "file_id", "task": "id"}
    address = {"url": item.src} if item.scheme not in identifiers else {identifiers[item.scheme]: item.src.partition(":")[2]}
    return {"type": key, key: address, "role": item.role.value}


def _video_request(value: JsonObject) -> VideoRequest:
    return VideoRequest(
        model=_word(value, "model"),
        model_variant=_text(value, "model_variant"),
        mode=Mode(_text(value, "mode") or Mode.T2V),
        prompt=_text(value, "prompt"),
        negative_prompt=_text(value, "negative_prompt"),
        duration=_number(value, "duration"),
        duration_auto=_flag(value, "duration_auto") or False,
        frames=_integer(value, "frames"),
        fps=_integer(value, "fps"),
        width=_integer(value, "width"),
        height=_integer(value, "height"),
        resolution=_text(value, "resolution"),
        aspect_ratio=_text(value, "aspect_ratio"),
        media=_media(value),
        n=_integer(value, "n") or 1,
        seed=_integer(value, "seed"),
        quality=_text(value, "quality"),
        generate_audio=_flag(value, "generate_audio"),
        watermark=_flag(value, "watermark"),
        camera_fixed=_flag(value, "camera_fixed"),
        callback_url=_text(value, "callback_url"),
        client_task_id=_text(value, "client_task_id"),
        user=_text(value, "user"),
        vendor=_object(value, "vendor"),
        named=_named(value),
    )


def _image_request(value: JsonObject) -> ImageRequest:
    return ImageRequest(
        model=_word(value, "model"),
        model_variant=_text(value, "model_variant"),
        mode=Mode(_text(value, "mode") or Mode.T2I),
        prompt=_text(value, "prompt"),
        negative_prompt=_text(value, "negative_prompt"),
        width=_integer(value, "width"),
        height=_integer(value, "height"),
        resolution=_text(value, "resolution"),
        aspect_ratio=_text(value, "aspect_ratio"),
        media=_media(value),
        n=_integer(value, "n") or 1,
        seed=_integer(value, "seed"),
        quality=_text(value, "quality"),
        watermark=_flag(value, "watermark"),
        callback_url=_text(value, "callback_url"),
        client_task_id=_text(value, "client_task_id"),
        user=_text(value, "user"),
        response_format=_response_format(value),
        output_format=_text(value, "output_format"),
        output_compression=_integer(value, "output_compression"),
        background=_text(value, "background"),
        moderation=_text(value, "moderation"),
        input_fidelity=_text(value, "input_fidelity"),
        style=_text(value, "style"),
        stream=_flag(value, "stream") or False,
        partial_images=_integer(value, "partial_images"),
        vendor=_object(value, "vendor"),
        named=_named(value),
    )


def _media(value: JsonObject) -> tuple[Media, ...]:
    items = value.get("media") or ()
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise _wrong("media")
    return tuple(_read_medium(item) for item in items)


def _read_medium(item: Json) -> Media:
    if not isinstance(item, Mapping):
        raise _wrong("media")
    return Media(MediaType(_word(item, "type")), Role(_word(item, "role")), _word(item, "src"), _text(item, "param") or "")


def _named(value: JsonObject) -> dict[str, str]:
    return {canonical: str(name) for canonical, name in _object(value, "named").items()}


def _object(value: JsonObject, name: str) -> JsonObject:
    found = value.get(name) or {}
    if not isinstance(found, Mapping):
        raise _wrong(name)
    return found


def _word(value: JsonObject, name: str) -> str:
    found = _text(value, name)
    if not found:
        raise _wrong(name)
    return found


def _text(value: JsonObject, name: str) -> str | None:
    found = value.get(name)
    if found is not None and not isinstance(found, str):
        raise _wrong(name)
    return found


def _number(value: JsonObject, name: str) -> float | None:
    found = value.get(name)
    if found is not None and (isinstance(found, bool) or not isinstance(found, int | float)):
        raise _wrong(name)
    return found


def _integer(value: JsonObject, name: str) -> int | None:
    found = value.get(name)
    if found is not None and (isinstance(found, bool) or not isinstance(found, int)):
        raise _wrong(name)
    return found


def _flag(value: JsonObject, name: str) -> bool | None:
    found = value.get(name)
    if found is not None and not isinstance(found, bool):
        raise _wrong(name)
    return found


def _response_format(value: JsonObject) -> Literal["url", "b64_json"] | None:
    found = _text(value, "response_format")
    if found in (None, "url", "b64_json"):
        return found  # type: ignore[return-value]  # membership in a tuple does not narrow
    raise _wrong("response_format")


def _wrong(name: str) -> ValueError:
    return ValueError(f"not a canonical request: {name!r} is missing or of the wrong type")
