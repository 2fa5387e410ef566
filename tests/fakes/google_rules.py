"""What Google's hosts take, by the pages as of 2026-11-20; every other key is an unknown name."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.google_wire import Refused

VEO: Mapping[str, tuple[Sequence[int], Sequence[str]]] = {  # seconds, sizes
    "veo-2.0-generate-001": ((5, 6, 7, 8), ()),
    "veo-3.0-generate-001": ((4, 6, 8), ("720p", "1080p")),
    "veo-3.0-fast-generate-001": ((4, 6, 8), ("720p", "1080p")),
    **{
        f"veo-3.1-{kind}generate-{end}": ((4, 6, 8), ("720p", "1080p", "4k"))
        for kind in ("", "fast-")
        for end in ("preview", "001")
    },
    **{f"veo-3.1-lite-generate-{end}": ((4, 6, 8), ("720p", "1080p")) for end in ("preview", "001")},
}
OMNI = {
    "gemini-omni-1.2-flash": 15,
    "gemini-omni-1.1-flash": 10,
    "gemini-omni-1.1-flash-preview": 10,
    "gemini-omni-flash-preview": 10,
}  # longest seconds
_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_WIDE = (*_RATIOS, "1:8", "8:1", "1:4", "4:1")
PICTURES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "gemini-3.1-flash-image": (_WIDE, ("512", "1K", "2K", "4K")),
    "gemini-3.1-flash-image-preview": (_WIDE, ("512", "1K", "2K", "4K")),
    "gemini-nano-banana-2.1": (_WIDE, ("1K", "2K", "4K")),
    "gemini-3-pro-image": (_RATIOS, ("1K", "2K", "4K")),
    "gemini-3-pro-image-preview": (_RATIOS, ("1K", "2K", "4K")),
    "gemini-3.1-flash-lite-image": (_RATIOS, ("1K", "2K", "4K")),
    "gemini-2.5-flash-image": (_RATIOS, ()),
}
IMAGEN = {
    "imagen-4.0-generate-001": (4, ("1K", "2K")),
    "imagen-4.0-ultra-generate-001": (1, ("1K", "2K")),
    "imagen-4.0-fast-generate-001": (4, ()),
}
_TASKS = ("text_to_video", "image_to_video", "reference_to_video", "edit", "extend")
_IMAGE_MIMES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
_VIDEO_MIMES = ("video/mp4", "video/quicktime", "video/webm")


def bad(message: str) -> Refused:
    """A 400 as most of them are."""
    return Refused(400, message)


def gone(model: str) -> Refused:
    """The answer to a model that is not (or no longer) served."""
    return Refused(404, f"models/{model} is no longer available.")


def check_veo(model: str, body: Mapping[str, Any], *, vertex: bool) -> None:
    """`predictLongRunning`."""
    if model not in VEO:
        raise gone(model)
    _keys(body, "instances", "parameters", "labels" if vertex else "webhookConfig")
    instances = body.get("instances")
    if not isinstance(instances, list) or len(instances) != 1:
        raise bad("`instances` must hold one instance.")
    _veo_instance(model, instances[0], vertex)
    _veo_parameters(model, instances[0], body.get("parameters", {}), vertex)
    for name, value in body.get("labels", {}).items():
        if not (re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name) and re.fullmatch(r"[a-z0-9_-]{0,63}", value)):
            raise bad(f"The label {name} is not valid.")


def _veo_instance(model: str, instance: Mapping[str, Any], vertex: bool) -> None:
    _keys(instance, "prompt", "image", "lastFrame", "referenceImages", "video")
    frames = [instance[name] for name in ("image", "lastFrame") if name in instance]
    references, source = instance.get("referenceImages", []), instance.get("video")
    if not instance.get("prompt") and not frames and not source:
        raise bad("`prompt` is required.")
    if "lastFrame" in instance and "image" not in instance:
        raise bad("`lastFrame` needs an `image`.")
    if references and (frames or source or len(references) > 3 or not re.match(r"veo-3\.1-(fast-)?generate", model)):
        raise bad("`referenceImages` is not supported here.")
    for entry in references:
        _keys(entry, "image", "referenceType")
        if entry["referenceType"] not in ("asset", "ASSET"):
            raise bad("`referenceType` must be asset.")
    for blob in (*frames, *(entry["image"] for entry in references)):
        _blob(blob, ("image/jpeg", "image/png") if vertex else ("image/jpeg", "image/png", "image/webp"), vertex)
    if source and vertex:
        _blob(source, ("video/mp4",), vertex)
    elif source and (set(source) != {"uri"} or "/files/" not in source["uri"]):
        raise bad("`video` must be the uri of an earlier result.")


def _veo_parameters(model: str, instance: Mapping[str, Any], parameters: Mapping[str, Any], vertex: bool) -> None:
    more = ("seed", "generateAudio", "storageUri", "pubsubTopic", "fps", "compressionQuality", "resizeMode") if vertex else ()
    _keys(
        parameters,
        *("aspectRatio", "resolution", "durationSeconds", "negativePrompt", "personGeneration", "sampleCount", "enhancePrompt"),
        *more,
    )
    seconds, size = parameters.get("durationSeconds", 8), parameters.get("resolution", "720p")
    if type(seconds) is not int or seconds not in VEO[model][0]:
        raise bad("`durationSeconds` must be one of 4, 6, 8.")
    if "resolution" in parameters and size not in VEO[model][1]:
        raise bad("`resolution` is not supported by this model.")
    _one_of(parameters, "aspectRatio", ("16:9", "9:16"))
    if seconds != 8 and (size in ("1080p", "4k") or "referenceImages" in instance or "video" in instance):
        raise bad("`durationSeconds` must be 8 here.")
    if "video" in instance and not vertex and size != "720p":
        raise bad("`resolution` must be 720p for an extension.")
    count = parameters.get("sampleCount", 1)
    if type(count) is not int or not 1 <= count <= (4 if vertex else 1):
        raise bad("`sampleCount` is out of range.")
    if "storageUri" in parameters and not parameters["storageUri"].startswith("gs://"):
        raise bad("`storageUri` must be a Cloud Storage URI.")


def check_interaction(body: Mapping[str, Any], *, vertex: bool) -> str:
    """`interactions`; returns the text."""
    if body.get("model") not in OMNI:
        raise gone(str(body.get("model")))
    _keys(
        body,
        *("model", "background", "store", "input", "response_format", "generation_config", "previous_interaction_id"),
        "webhook_config",
    )
    if body.get("background") and body.get("store") is False:
        raise bad("A background interaction must be stored.")
    blocks = _blocks(body.get("input"))
    for block in blocks:
        _block(block, vertex)
    _video_format(OMNI[body["model"]], body.get("response_format", {}), vertex)
    task = body.get("generation_config", {}).get("video_config", {}).get("task")
    if task is not None and task not in _TASKS:
        raise bad("`task` is not known.")
    kinds = [block["type"] for block in blocks]
    if task in ("edit", "extend") and "video" not in kinds and "previous_interaction_id" not in body:
        raise bad("There is no video to work on.")
    if task == "text_to_video" and {"image", "video"} & set(kinds):
        raise bad("text_to_video takes no media.")
    return " ".join(block["text"] for block in blocks if block["type"] == "text")


def _blocks(value: Any) -> list[dict[str, Any]]:
    """A string, a list of blocks, or a list of steps."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    if not isinstance(value, list) or not value:
        raise bad("`input` is required.")
    if all(item.get("type") == "user_input" for item in value):
        return [block for item in value for block in item["content"]]
    return value


def _block(block: Mapping[str, Any], vertex: bool) -> None:
    kind = block.get("type")
    if kind == "text":
        _keys(block, "type", "text")
        return
    mimes = {"image": _IMAGE_MIMES, "video": _VIDEO_MIMES}.get(str(kind))
    if mimes is None:
        raise bad(f"The block type {kind} is not supported.")
    _keys(block, "type", "data", "uri", "mime_type")
    if block.get("mime_type") not in mimes or ("data" in block) == ("uri" in block):
        raise bad("A block needs a type and either data or a uri.")
    if "uri" in block and not (block["uri"].startswith("gs://") if vertex else "/files/" in block["uri"]):
        raise bad("This uri cannot be read.")
    if "data" in block:
        _base64(block["data"])


def _video_format(longest: int, value: Mapping[str, Any], vertex: bool) -> None:
    _keys(value, "type", "aspect_ratio", "resolution", "duration", "delivery", *(["gcs_uri"] if vertex else []))
    if value.get("type") != "video":
        raise bad("`response_format.type` must be video.")
    _one_of(value, "aspect_ratio", ("16:9", "9:16"))
    _one_of(value, "resolution", ("360p", "720p", "1080p", "4k"))
    _one_of(value, "delivery", ("inline", "uri"))
    if vertex and value.get("delivery") == "uri" and not str(value.get("gcs_uri")).startswith("gs://"):
        raise bad("`gcs_uri` is required.")
    if "duration" in value:
        seconds = re.fullmatch(r"(\d+(?:\.\d+)?)s", value["duration"]) if isinstance(value["duration"], str) else None
        if seconds is None:
            raise bad("`duration` is not a Duration.")
        if not 3 <= float(seconds[1]) <= longest:
            raise bad(f"`duration`: minimum allowed 3s, maximum allowed {longest}s.")


def check_content(model: str, body: Mapping[str, Any], *, vertex: bool) -> str:
    """`generateContent`; returns the text."""
    if model not in PICTURES:
        raise gone(model)
    _keys(body, "contents", "generationConfig")
    config = body.get("generationConfig", {})
    _keys(config, "responseModalities", "imageConfig", "seed")
    shape = config.get("imageConfig", {})
    more = ("personGeneration", "prominentPeople", "imageOutputOptions") if vertex else ()
    _keys(shape, "aspectRatio", "imageSize", *more)
    ratios, sizes = PICTURES[model]
    _one_of(shape, "aspectRatio", ratios)
    _one_of(shape, "imageSize", sizes)
    parts = [part for content in body["contents"] for part in content["parts"]]
    for part in parts:
        _part(part, vertex)
    return " ".join(part["text"] for part in parts if "text" in part)


def _part(part: Mapping[str, Any], vertex: bool) -> None:
    _keys(part, "text", "inlineData", "fileData")
    if "inlineData" in part:
        _keys(part["inlineData"], "mimeType", "mime_type", "data")  # Google's own client writes the second, protobuf reads both
        _base64(part["inlineData"]["data"])
    if "fileData" in part and not (vertex and part["fileData"]["fileUri"].startswith("gs://")):
        raise bad("This file cannot be read.")


def check_imagen(model: str, body: Mapping[str, Any], *, vertex: bool) -> None:
    """Imagen's `predict`."""
    if model not in IMAGEN:
        raise gone(model)
    most, sizes = IMAGEN[model]
    _keys(body, "instances", "parameters")
    _keys(body["instances"][0], "prompt")
    parameters = body.get("parameters", {})
    more = (
        *("storageUri", "negativePrompt", "guidanceScale", "seed", "safetySetting", "includeRaiReason", "includeSafetyAttributes"),
        *("language", "outputOptions", "addWatermark", "enhancePrompt"),
    )
    _keys(parameters, "sampleCount", "aspectRatio", "sampleImageSize", "personGeneration", *(more if vertex else ()))
    _one_of(parameters, "aspectRatio", ("1:1", "3:4", "4:3", "9:16", "16:9"))
    _one_of(parameters, "sampleImageSize", sizes)
    if not 1 <= parameters.get("sampleCount", 1) <= most:
        raise bad("`sampleCount` is out of range.")
    if "seed" in parameters and parameters.get("addWatermark") is not False:
        raise bad("`seed` needs `addWatermark` to be false.")


def _keys(value: Any, *known: str) -> None:
    if not isinstance(value, dict):
        raise bad("Invalid JSON payload received.")
    for name, item in value.items():
        if name not in known:
            raise bad(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
        if item is None:
            raise bad(f'Invalid value at "{name}".')


def _one_of(value: Mapping[str, Any], name: str, choices: Sequence[str]) -> None:
    if name in value and value[name] not in choices:
        raise bad(f"`{name}` must be one of {', '.join(choices) or 'nothing'}.")


def _blob(blob: Mapping[str, Any], mimes: Sequence[str], vertex: bool) -> None:
    _keys(blob, "bytesBase64Encoded", "mimeType", *(["gcsUri"] if vertex else []))
    if blob.get("mimeType") not in mimes:
        raise bad("`mimeType` is not supported.")
    if "bytesBase64Encoded" in blob:
        _base64(blob["bytesBase64Encoded"])
    elif not str(blob.get("gcsUri")).startswith("gs://"):
        raise bad("There are no bytes.")


def _base64(text: Any) -> None:
    try:
        base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as error:
        raise bad("Base64 decoding failed.") from error
