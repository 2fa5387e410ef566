"""What the newer generation of Kling's API refuses: the model is in the path, the rest in contents, settings and options."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.kling_rules import RATIOS, Refused, bad, check_picture


@dataclass(frozen=True, slots=True)
class Model:
    """One model; `sound` are the resolutions in which it can be asked for."""

    durations: tuple[int, ...] = (5, 10)
    resolutions: tuple[str, ...] = ("720p", "1080p")
    sound: tuple[str, ...] = ()
    multi_shot: bool = False
    last_frame: bool = True
    longest_prompt: int = 2500


_LONG = tuple(range(3, 16))
_ALL = ("720p", "1080p", "4k")
FRAME_MODELS: Mapping[str, Model] = {
    "kling-3.0": Model(_LONG, _ALL, _ALL, multi_shot=True, longest_prompt=3072),
    "kling-3.0-turbo": Model(_LONG, last_frame=False, longest_prompt=3072),
    "kling-2.6": Model(sound=("1080p",)),
    "kling-2.5-turbo": Model(),
}
OMNI_MODELS: Mapping[str, Model] = {
    "kling-3.0-omni": Model(_LONG, _ALL, _ALL, multi_shot=True, longest_prompt=3072),
    "kling-o1": Model(tuple(range(3, 11))),
}
_OPTIONS = {"callback_url", "external_task_id", "watermark_info"}
_FRAMES = {"prompt": 1, "first_frame": 1, "last_frame": 1, "element": 3}
_OMNI = {**_FRAMES, "refer_image": 7, "element": 7, "feature_video": 1, "base_video": 1}


def check(kind: str, name: str, body: Mapping[str, Any]) -> None:
    """Raises Refused for what `/<kind>/<name>` would not take."""
    models = OMNI_MODELS if kind == "omni-video" else FRAME_MODELS
    if name not in models:
        raise Refused(404, 1203, f"model {name} does not exist")
    model, settings = models[name], body.get("settings", {})
    _need(set(body.get("options", {})) <= _OPTIONS, "an option is unknown")
    if kind == "text-to-video":
        _need(set(body) <= {"prompt", "settings", "options"}, "a field is unknown")
        _need(0 < len(body.get("prompt", "")) <= model.longest_prompt, "prompt is invalid")
        _settings(settings, model, {"aspect_ratio"})
        return
    _need(set(body) <= {"contents", "settings", "options"}, "a field is unknown")
    types = _contents(body.get("contents", ()), model, _OMNI if kind == "omni-video" else _FRAMES)
    if kind == "image-to-video":
        _need("first_frame" in types, "first_frame is required")
        _settings(settings, model, set())
    else:
        _omni(settings, model, types)


def _contents(contents: Any, model: Model, allowed: Mapping[str, int]) -> list[str]:
    types = [str(item.get("type")) for item in contents]
    for word in types:
        _need(types.count(word) <= allowed.get(word, 0), f"{word} is not supported so often")
    _need("last_frame" not in types or model.last_frame, "last_frame is not supported")
    for item in contents:
        if item["type"] == "prompt":
            _need(0 < len(item["text"]) <= model.longest_prompt, "prompt is invalid")
        elif item["type"] == "element":
            _need(isinstance(item["element_id"], str), "element_id is a string here")
        else:
            check_picture(item.get("url"))
    return types


def _omni(settings: Mapping[str, Any], model: Model, types: list[str]) -> None:
    feature, base = "feature_video" in types, "base_video" in types
    _need(feature + base <= 1, "one video at most")
    _need(not base or not {"first_frame", "last_frame"} & set(types), "no frames with a base video")
    _need(base or "first_frame" in types or "aspect_ratio" in settings, "aspect_ratio is required")
    _need(not feature or (settings.get("multi_shot") is True and settings.get("audio") == "off"), "a feature video needs shots")
    _need(not base or settings.get("audio") != "native", "no native audio with a base video")
    relaxed = {name: value for name, value in settings.items() if not ((feature or base) and name in ("audio", "multi_shot"))}
    _settings(relaxed, model, {"aspect_ratio"})


def _settings(settings: Mapping[str, Any], model: Model, more: set[str]) -> None:
    allowed = {"resolution", "duration", *more}
    if model.sound:
        allowed.add("audio")
    if model.multi_shot:
        allowed.add("multi_shot")
    _need(set(settings) <= allowed, f"unknown settings: {sorted(set(settings) - allowed)}")
    resolution = settings.get("resolution", "720p")
    _need(resolution in model.resolutions, "resolution is invalid")
    _need(settings.get("audio", "off") in ("native", "off"), "audio is invalid")
    _need(settings.get("audio") != "native" or resolution in model.sound, "audio is not supported here")
    seconds = settings.get("duration", 5)
    _need(isinstance(seconds, int) and seconds in model.durations, "duration is invalid")
    _need(settings.get("aspect_ratio", "16:9") in RATIOS, "aspect_ratio is invalid")


def _need(condition: Any, message: str) -> None:
    if not condition:
        raise bad(message)
