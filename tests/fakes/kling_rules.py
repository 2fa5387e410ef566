"""What Kling's video and picture endpoints refuse, as the vendor's pages and three implementations tell it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MODES = ("std", "pro")
RATIOS = ("16:9", "9:16", "1:1")
PICTURE_RATIOS = (*RATIOS, "4:3", "3:4", "3:2", "2:3", "21:9")
SHORT = ("5", "10")
LONG = tuple(str(seconds) for seconds in range(3, 16))


class Refused(Exception):
    """An envelope with an error code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def bad(message: str) -> Refused:
    return Refused(400, 1201, message)


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the capability matrix; `tails` are the modes in which a last frame works."""

    text: bool = True
    image: bool = True
    durations: tuple[str, ...] = SHORT
    modes: tuple[str, ...] = MODES
    tails: tuple[str, ...] = ()
    lone_tail: bool = False
    sound: tuple[str, ...] = ()
    cfg_scale: bool = False


MODELS: Mapping[str, Model] = {
    "kling-v1": Model(tails=MODES, cfg_scale=True),
    "kling-v1-5": Model(text=False, tails=("pro",), lone_tail=True, cfg_scale=True),
    "kling-v1-6": Model(tails=("pro",), lone_tail=True, cfg_scale=True),
    "kling-v2-master": Model(),
    "kling-v2-1": Model(text=False, tails=("pro",)),
    "kling-v2-1-master": Model(modes=("pro",)),
    "kling-v2-5-turbo": Model(tails=("pro",)),
    "kling-v2-6": Model(tails=("pro",), sound=("pro",)),
    "kling-v3": Model(durations=LONG, modes=(*MODES, "4k"), tails=(*MODES, "4k"), sound=(*MODES, "4k")),
}
OMNI_MODELS = ("kling-video-o1", "kling-v3-omni")
PICTURE_MODELS = ("kling-v1", "kling-v1-5", "kling-v2", "kling-v2-new", "kling-v2-1", "kling-v3")
OMNI_PICTURE_MODELS = ("kling-image-o1", "kling-v3-omni")
_COMMON = frozenset({"model_name", "prompt", "callback_url", "external_task_id", "watermark_info"})
_VIDEO = _COMMON | {"negative_prompt", "mode", "duration"}
_MADE = _VIDEO | {"sound", "voice_list", "cfg_scale", "camera_control", "multi_shot", "shot_type", "multi_prompt"}
_FIELDS: Mapping[str, frozenset[str]] = {
    "videos/text2video": _MADE | {"aspect_ratio"},
    "videos/image2video": _MADE | {"image", "image_tail", "static_mask", "dynamic_masks", "element_list"},
    "videos/multi-image2video": (_VIDEO | {"image_list", "aspect_ratio"}) - {"watermark_info"},
    "videos/omni-video": (_MADE | {"image_list", "element_list", "video_list", "aspect_ratio"})
    - {"negative_prompt", "cfg_scale", "camera_control", "voice_list"},
    "videos/video-extend": (_COMMON | {"video_id", "negative_prompt", "cfg_scale"}) - {"model_name"},
    "images/generations": _COMMON
    | {"negative_prompt", "image", "image_reference", "image_fidelity", "human_fidelity", "element_list"}
    | {"resolution", "n", "aspect_ratio"},
    "images/omni-image": (
        _COMMON | {"image_list", "element_list", "resolution", "result_type", "n", "series_amount", "aspect_ratio"}
    ),
    "images/multi-image2image": _COMMON | {"subject_image_list", "scene_image", "style_image", "n", "aspect_ratio"},
}


def check(path: str, body: Mapping[str, Any]) -> None:
    """Raises Refused for what the endpoint `/v1/<path>` would not take."""
    unknown = set(body) - _FIELDS[path]
    if unknown:
        raise bad(f"unknown field(s): {sorted(unknown)}")
    if any(value in (None, "", [], {}) for value in body.values()):
        raise bad("empty values are not taken")
    for name in ("prompt", "negative_prompt"):
        _need(len(body.get(name, "")) <= 2500, f"{name} is too long")
    _need(body.get("mode", "std") in (*MODES, "4k"), "mode is invalid")
    if "cfg_scale" in body:
        _need(0 <= body["cfg_scale"] <= 1, "cfg_scale is out of range")
    _CHECKS[path](body)


def check_picture(value: Any) -> None:
    _need(isinstance(value, str) and not value.startswith("data:"), "an image must be a URL or base64 without a prefix")


def _text(body: Mapping[str, Any]) -> None:
    model = _model(body, MODELS, "kling-v1")
    row = MODELS[model]
    _need(row.text, f"model({model}) is not supported by text2video")
    _need(bool(body.get("prompt")), "prompt is required")
    _need(body.get("aspect_ratio", "16:9") in RATIOS, "aspect_ratio is invalid")
    _made(body, row, model)


def _image(body: Mapping[str, Any]) -> None:
    model = _model(body, MODELS, "kling-v1")
    row = MODELS[model]
    head, tail = body.get("image"), body.get("image_tail")
    _need(row.image and (head or tail), "image or image_tail is required")
    for picture in (head, tail, body.get("static_mask"), *(mask["mask"] for mask in body.get("dynamic_masks", ()))):
        if picture is not None:
            check_picture(picture)
    mode = body.get("mode", "std")
    _need(not tail or mode in row.tails, f"model/mode({model}/{mode}) is not supported with image_tail")
    _need(bool(head) or row.lone_tail, "image is required")
    _need(not (tail and model == "kling-v1" and body.get("duration") == "10"), "image_tail needs 5 seconds")
    _need(not (tail and model == "kling-v2-6" and body.get("sound") == "on"), "image_tail needs sound off")
    groups = [bool(tail), "static_mask" in body or "dynamic_masks" in body, "camera_control" in body]
    _need(sum(groups) <= 1, "image_tail, masks and camera_control exclude each other")
    _need("element_list" not in body or model == "kling-v3", "element_list is not supported")
    _made(body, row, model)


def _made(body: Mapping[str, Any], row: Model, model: str) -> None:
    mode = body.get("mode", "std")
    _need(mode in row.modes, f"model/mode({model}/{mode}) is not supported")
    _need(body.get("duration", "5") in row.durations, "duration is invalid")
    _need(body.get("sound", "off") in ("on", "off"), "sound is invalid")
    _need(body.get("sound") != "on" or mode in row.sound, "sound is not supported")
    _need("cfg_scale" not in body or row.cfg_scale, "cfg_scale is not supported")
    _need("multi_shot" not in body or model == "kling-v3", "multi_shot is not supported")


def _subjects(body: Mapping[str, Any]) -> None:
    _model(body, ("kling-v1-6",), "kling-v1-6")
    _need(bool(body.get("prompt")), "prompt is required")
    _need(1 <= len(body.get("image_list", ())) <= 4, "image_list needs 1 to 4 items")
    for item in body["image_list"]:
        _need(set(item) == {"image"}, "an item is {image}")
        check_picture(item["image"])
    _need(body.get("mode", "std") in MODES, "mode is invalid")
    _need(body.get("duration", "5") in SHORT, "duration is invalid")
    _need(body.get("aspect_ratio", "16:9") in RATIOS, "aspect_ratio is invalid")


def _omni(body: Mapping[str, Any]) -> None:
    model = _model(body, OMNI_MODELS, "kling-video-o1")
    videos, pictures = body.get("video_list", ()), body.get("image_list", ())
    types = [item.get("type") for item in pictures]
    for item in pictures:
        _need(set(item) <= {"image_url", "type"}, "an item is {image_url, type}")
        check_picture(item["image_url"])
    _need(set(types) <= {None, "first_frame", "end_frame"}, "type is invalid")
    _need("end_frame" not in types or "first_frame" in types, "end_frame needs first_frame")
    _need(len(videos) <= 1, "one video at most")
    _need(len(pictures) + len(body.get("element_list", ())) <= (4 if videos else 7), "too many images")
    base = any(item.get("refer_type", "base") == "base" for item in videos)
    _need(not videos or body.get("sound", "off") == "off", "sound must be off with a video")
    _need(model == "kling-v3-omni" or body.get("sound", "off") == "off", "sound is not supported")
    _need(body.get("mode") in (*MODES, "4k") if model == "kling-v3-omni" else body.get("mode") in MODES, "mode is invalid")
    _need(base or "first_frame" in types or body.get("aspect_ratio") in RATIOS, "aspect_ratio is required")
    if not base:
        free = tuple(str(seconds) for seconds in range(3, 11)) if None in types or videos else SHORT
        _need(body.get("duration", "5") in (LONG if model == "kling-v3-omni" else free), "duration is invalid")


def _extend(body: Mapping[str, Any]) -> None:
    _need(isinstance(body.get("video_id"), str), "video_id is required")


def _pictures(body: Mapping[str, Any]) -> None:
    model = _model(body, PICTURE_MODELS, "kling-v3")
    if "image" in body:
        check_picture(body["image"])
        _need("negative_prompt" not in body, "negative_prompt is not supported with image")
        _need(model != "kling-v1-5" or body.get("image_reference") in ("subject", "face"), "image_reference is required")
    _picture(body, ("1k", "2k"), PICTURE_RATIOS)


def _omni_pictures(body: Mapping[str, Any]) -> None:
    model = _model(body, OMNI_PICTURE_MODELS, "kling-image-o1")
    _need(len(body.get("image_list", ())) <= 10, "too many images")
    for item in body.get("image_list", ()):
        _need(set(item) == {"image"}, "an item is {image}")
        check_picture(item["image"])
    _picture(body, ("1k", "2k", "4k") if model == "kling-v3-omni" else ("1k", "2k"), (*PICTURE_RATIOS, "auto"))


def _composed(body: Mapping[str, Any]) -> None:
    _model(body, ("kling-v2-1",), "kling-v2-1")
    _need(1 <= len(body.get("subject_image_list", ())) <= 4, "subject_image_list needs 1 to 4 items")
    for item in body["subject_image_list"]:
        _need(set(item) == {"subject_image"}, "an item is {subject_image}")
        check_picture(item["subject_image"])
    for name in ("scene_image", "style_image"):
        check_picture(body.get(name, ""))
    _picture(body, (), PICTURE_RATIOS)


def _picture(body: Mapping[str, Any], tiers: tuple[str, ...], ratios: tuple[str, ...]) -> None:
    _need(bool(body.get("prompt")), "prompt is required")
    _need("resolution" not in body or body["resolution"] in tiers, "resolution is invalid")
    _need(body.get("aspect_ratio", "16:9") in ratios, "aspect_ratio is invalid")
    _need(isinstance(body.get("n", 1), int) and 1 <= body.get("n", 1) <= 9, "n is invalid")


def _model(body: Mapping[str, Any], known: Any, default: str) -> str:
    model = str(body.get("model_name", default))
    if model not in known:
        raise Refused(404, 1203, f"model {model} does not exist")
    return model


def _need(condition: Any, message: str) -> None:
    if not condition:
        raise bad(message)


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "videos/text2video": _text,
    "videos/image2video": _image,
    "videos/multi-image2video": _subjects,
    "videos/omni-video": _omni,
    "videos/video-extend": _extend,
    "images/generations": _pictures,
    "images/omni-image": _omni_pictures,
    "images/multi-image2image": _composed,
}
PATHS = tuple(_CHECKS)
