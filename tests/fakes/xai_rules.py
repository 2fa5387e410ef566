"""What xAI's create calls take, as strictly as its pages say, with the refusals that it answers."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from starlette.requests import Request

INVALID = "Client specified an invalid argument"
BASE, CURRENT, LITE = "grok-imagine-video", "grok-imagine-video-1.5", "grok-imagine-video-1.5-lite"
_ALIASES = {"grok-imagine-video-1.5-preview": CURRENT, "grok-imagine-video-1.5-2026-05-30": CURRENT}
_PICTURES = (
    "grok-imagine-image",
    "grok-imagine-image-2026-03-02",
    "grok-imagine-image-quality",
    "grok-imagine-image-2.0",
)
_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
_PICTURE_RATIOS = (*_RATIOS, "9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1", "auto")
_SHARED = {"model", "prompt", "storage_options"}
_NEW = _SHARED | {
    *("duration", "aspect_ratio", "resolution", "image", "last_frame", "keyframes", "reference_images"),
    *("reference_audios", "generate_audio", "user"),
}
_PICTURE = _SHARED | {"n", "aspect_ratio", "resolution", "quality", "response_format", "user"}


class Refused(Exception):
    """An error to answer with; without a code the body is plain text."""

    def __init__(self, status: int, code: str | None, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def bad(message: str) -> Refused:
    """A 400."""
    return Refused(400, INVALID, message)


def _shapeless(message: str) -> Refused:
    return Refused(422, None, f"Failed to deserialize the JSON body into the target type: {message}")


async def read(request: Request) -> dict[str, Any]:
    """The body of a create; raises Refused where it is no JSON object."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused(415, INVALID, "Expected request with `Content-Type: application/json`")
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise _shapeless("not JSON") from error
    if not isinstance(body, dict):
        raise _shapeless("not an object")
    return body


def check_video(body: Mapping[str, Any]) -> None:
    """A new video."""
    _check_names(body, _NEW)
    model = _ALIASES.get(body["model"], body["model"])
    if model not in (BASE, CURRENT, LITE):
        raise Refused(404, "Some requested entity was not found", f"The model {model} does not exist.")
    framed = any(name in body for name in ("image", "last_frame"))
    if not body["prompt"] and not (framed and model == CURRENT):
        raise bad("A prompt is needed.")
    _check_whole(body, "duration", 1, 15)
    _check_word(body, "aspect_ratio", _RATIOS)
    tiers = ("480p", "720p", "1080p") if model == CURRENT and "reference_images" not in body else ("480p", "720p")
    _check_word(body, "resolution", tiers)
    _check_inputs(body, model)
    if not isinstance(body.get("generate_audio", True), bool):
        raise _shapeless("generate_audio is no boolean")


def check_edit(body: Mapping[str, Any]) -> None:
    """A changed clip."""
    _check_names(body, _SHARED | {"video", "user"})
    _check_change(body)


def check_extension(body: Mapping[str, Any]) -> None:
    """A longer clip."""
    _check_names(body, _SHARED | {"video", "duration"})
    _check_change(body)
    _check_whole(body, "duration", 2, 10)


def check_image(body: Mapping[str, Any]) -> None:
    """A picture from text."""
    _check_names(body, _PICTURE)
    _check_picture(body)


def check_image_edit(body: Mapping[str, Any]) -> None:
    """A picture from one to three others."""
    _check_names(body, _PICTURE | {"image", "images"})
    _check_picture(body)
    if ("image" in body) == ("images" in body):
        raise bad("Either image or images.")
    given = [body["image"]] if "image" in body else body["images"]
    if not isinstance(given, list) or len(given) > 3 or ("images" in body and len(given) < 2):
        raise bad("Up to three images.")
    for item in given:
        _check_source(item, "image", {"type"})
        if "url" in item and item.get("type") != "image_url":
            raise _shapeless("an image has the type image_url")
    if "image" in body and "aspect_ratio" in body:
        raise bad("A single image keeps its ratio.")


def _check_names(body: Mapping[str, Any], known: Collection[str]) -> None:
    for name in ("model", "prompt"):
        if not isinstance(body.get(name), str):
            raise _shapeless(f"missing field `{name}`")
    for name in body:
        if name not in known:
            raise bad(f"Argument not supported: {name}")
    if not isinstance(body.get("storage_options", {}), Mapping):
        raise _shapeless("storage_options")


def _check_change(body: Mapping[str, Any]) -> None:
    if body["model"] != BASE:
        raise bad(f"{body['model']} does not change videos.")
    if not body["prompt"]:
        raise bad("A prompt is needed.")
    _check_source(body.get("video"), "video")


def _check_inputs(body: Mapping[str, Any], model: str) -> None:
    references = body.get("reference_images", [])
    if not isinstance(references, list) or len(references) > 7:
        raise bad("Up to seven reference images.")
    if "image" in body and references and model == BASE:
        raise bad("Either image or reference_images.")
    if model == LITE and references:
        raise bad("This model takes no references.")
    for name in ("last_frame", "keyframes", "reference_audios"):
        if name in body and model != CURRENT:
            raise bad(f"Argument not supported on this model: {name}")
    pictures = [*references, *(body[name] for name in ("image", "last_frame") if name in body)]
    pictures += [item["image"] for item in body.get("keyframes", [])]
    for item in pictures:
        _check_source(item, "image")
    for voice in body.get("reference_audios", []):
        if set(voice) != {"voice_id"}:
            raise _shapeless("reference_audios")


def _check_picture(body: Mapping[str, Any]) -> None:
    if body["model"] not in _PICTURES:
        raise Refused(404, "Some requested entity was not found", f"The model {body['model']} does not exist.")
    if not body["prompt"]:
        raise bad("A prompt is needed.")
    _check_whole(body, "n", 1, 10)
    _check_word(body, "aspect_ratio", _PICTURE_RATIOS)
    _check_word(body, "resolution", ("1k", "2k"))
    _check_word(body, "response_format", ("url", "b64_json"))
    _check_word(body, "quality", ("low", "medium") if body["model"] == "grok-imagine-image-2.0" else ())


def _check_source(item: object, kind: str, more: Collection[str] = ()) -> None:
    """An object with a link, a data URI or a file id: a bare string is refused."""
    if not isinstance(item, Mapping):
        raise _shapeless(f"{kind} is no object")
    keys = set(item) - set(more)
    if keys not in ({"url"}, {"file_id"}):
        raise _shapeless(f"{kind} needs url or file_id")
    url = item.get("url", "https://")
    if not isinstance(url, str) or not url.startswith(("https://", "http://", f"data:{kind}/")):
        raise bad("Not a link.")


def _check_whole(body: Mapping[str, Any], name: str, low: int, high: int) -> None:
    value = body.get(name, low)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _shapeless(f"{name} is no integer")
    if not low <= value <= high:
        raise bad(f"{name} must be between {low} and {high}.")


def _check_word(body: Mapping[str, Any], name: str, allowed: Collection[str]) -> None:
    if name in body and body[name] not in allowed:
        raise bad(f"{name} must be one of {', '.join(allowed) or 'nothing'}.")
