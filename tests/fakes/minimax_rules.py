"""What MiniMax refuses, from the vendor's tables and written apart from our data file, so that one checks the other.

Stricter than the vendor in one way: a field that nobody knows is refused here.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]


class Refused(Exception):
    """A complaint with the vendor's number; `status` is the HTTP status where the protocol uses one."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def bad(message: str) -> Refused:
    """Invalid parameters."""
    return Refused(2013, f"invalid params, {message}", 400)


_TRIO = {"prompt_optimizer", "fast_pretreatment"}


@dataclass(frozen=True, slots=True)
class Film:
    """One model of the first API: kinds of input, and the seconds of each resolution."""

    kinds: tuple[str, ...]
    lengths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    default: str = "768P"
    fields: frozenset[str] = frozenset({"prompt_optimizer"})


_LENGTHS = {"768P": (6, 10), "1080P": (6,)}
_OLD_LENGTHS = {"720P": (6,)}
FILMS: Mapping[str, Film] = {
    "MiniMax-Hailuo-2.3": Film(("text", "first"), _LENGTHS, fields=frozenset(_TRIO)),
    "MiniMax-Hailuo-2.3-Fast": Film(("first",), _LENGTHS, fields=frozenset(_TRIO)),
    "MiniMax-Hailuo-02": Film(("text", "first", "last"), {**_LENGTHS, "512P": (6, 10)}, fields=frozenset(_TRIO)),
    "T2V-01": Film(("text",), _OLD_LENGTHS, "720P"),
    "T2V-01-Director": Film(("text",), _OLD_LENGTHS, "720P"),
    "I2V-01": Film(("first",), _OLD_LENGTHS, "720P"),
    "I2V-01-Director": Film(("first",), _OLD_LENGTHS, "720P"),
    "I2V-01-live": Film(("first",), _OLD_LENGTHS, "720P"),
    "S2V-01": Film(("subject",)),
}
_PICTURES_OF_FILMS = {"first": "first_frame_image", "last": "last_frame_image", "subject": "subject_reference"}

TASKS: Mapping[str, tuple[tuple[str, ...], int]] = {"MiniMax-H3": (("768P", "2K"), 4), "MiniMax-H3-Max": (("480P", "768P"), 5)}
_TASK_RATIOS = ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
_ROLES = {
    "image_url": ("first_frame", "last_frame", "reference_image"),
    "video_url": ("reference_video",),
    "audio_url": ("reference_audio",),
}
_MOST = {"first_frame": 1, "last_frame": 1, "reference_image": 9, "reference_video": 3, "reference_audio": 3}

_DRAWN_RATIOS = ("1:1", "16:9", "4:3", "3:2", "2:3", "3:4", "9:16")
_DRAWN_FIELDS = {"model", "prompt", "aspect_ratio", "width", "height", "response_format", "n", "seed"}
_DRAWN_FIELDS |= {"prompt_optimizer", "aigc_watermark", "subject_reference"}
H3_PICTURES = ("MiniMax-H3-Image", "MiniMax-H3-Image-Highspeed")
_DATA_URI = re.compile(r"data:(image|video|audio)/[a-z0-9.+-]+;base64,(.+)", re.DOTALL)


def check_film(body: Body, *, china: bool) -> None:
    """Raises Refused for a film that the first API would not make."""
    rules = FILMS.get(_text(body, "model"))
    if rules is None:
        raise bad("model not supported")
    kind = next((kind for kind in ("subject", "last", "first") if _PICTURES_OF_FILMS[kind] in body), "text")
    known = {"model", "prompt", *rules.fields, *_PICTURES_OF_FILMS.values(), *({"duration", "resolution"} if rules.lengths else ())}
    _only(body, known | ({"aigc_watermark"} if china else set()) - ({"fast_pretreatment"} if kind == "last" else set()))
    if kind not in rules.kinds or (kind == "last" and "first_frame_image" not in body):
        raise bad(f"model does not support {_PICTURES_OF_FILMS.get(kind, 'text alone')}")
    if kind == "text" and not body.get("prompt"):
        raise bad("prompt is required")
    if len(body.get("prompt", "")) > 2000:
        raise bad("prompt is too long")
    for name in ("first_frame_image", "last_frame_image"):
        if name in body:
            _url(body[name], name, "image")
    if kind == "subject":
        _subject(body["subject_reference"], "image")
    _check_film_length(body, rules, kind)
    for name in ("prompt_optimizer", "fast_pretreatment", "aigc_watermark"):
        _flag(body, name)


def _check_film_length(body: Body, rules: Film, kind: str) -> None:
    if not rules.lengths:
        return
    resolution = body.get("resolution", rules.default)
    if resolution not in rules.lengths or (resolution == "512P" and kind != "first"):
        raise bad("resolution not supported")
    duration = body.get("duration", 6)
    if isinstance(duration, bool) or duration not in rules.lengths[resolution]:
        raise bad("duration not supported with this resolution")


def check_task(body: Body) -> None:
    """Raises Refused for a task that the second API would not take."""
    rules = TASKS.get(_text(body, "model"))
    if rules is None:
        raise bad("model not supported")
    _only(body, {"model", "content", "resolution", "duration", "ratio", *({"extra"} if body["model"] == "MiniMax-H3-Max" else ())})
    roles = _roles(body.get("content"))
    resolutions, shortest = rules
    if body.get("resolution") not in resolutions:
        raise bad("resolution not supported")
    duration = body.get("duration", 0)
    if not _whole(duration) or not shortest <= duration <= 15:
        raise bad("duration out of range")
    legal = _TASK_RATIOS if not roles else (*_TASK_RATIOS, "adaptive")
    if body.get("ratio", None if not roles else "adaptive") not in legal:
        raise bad("ratio is required for text to video" if "ratio" not in body else "ratio not supported")
    extra = body.get("extra", {})
    if set(extra) - {"prompt_expansion_mode"} or extra.get("prompt_expansion_mode", "quality") not in (
        "disabled",
        "balanced",
        "quality",
    ):
        raise bad("extra not supported")


def _roles(content: Any) -> list[str]:
    if not isinstance(content, list):
        raise bad("content is required")
    texts = [item for item in content if item.get("type") == "text"]
    if len(texts) != 1 or not texts[0].get("text") or len(texts[0]["text"]) > 7000:
        raise bad("content needs exactly one text")
    media = [item for item in content if item.get("type") != "text"]
    roles = [_role(item, index, len(media)) for index, item in enumerate(media)]
    frames = {"first_frame", "last_frame"} & set(roles)
    if frames and len(frames) < len(set(roles)):
        raise bad("frames and references exclude each other in content")
    if "last_frame" in frames and "first_frame" not in frames:
        raise bad("content has a last frame alone")
    if len(roles) > 12 or any(roles.count(role) > most for role, most in _MOST.items()):
        raise bad("content has too many files")
    return roles


def _role(item: Body, index: int, count: int) -> str:
    kind = item.get("type")
    if kind not in _ROLES:
        raise bad(f"content[{index + 1}] has an unknown type")
    _url(item.get(kind, {}).get("url"), f"content[{index + 1}]", str(kind).removesuffix("_url"), schemes=("mm_file://",))
    role = item.get("role", "first_frame" if kind == "image_url" and count == 1 else None)
    if role not in _ROLES[str(kind)]:
        raise bad(f"content[{index + 1}] has an unknown role")
    return str(role)


def check_picture(body: Body, *, china: bool) -> None:
    """Raises Refused for a picture that image-01 would not make."""
    model = _text(body, "model")
    live = model == "image-01-live" and china
    if model != "image-01" and not live:
        raise bad("model not supported")
    _only(body, _DRAWN_FIELDS | ({"style"} if live else set()))
    if not 0 < len(_text(body, "prompt")) <= 1500:
        raise bad("prompt is empty or too long")
    if body.get("aspect_ratio", "1:1") not in (_DRAWN_RATIOS if live else (*_DRAWN_RATIOS, "21:9")):
        raise bad("aspect_ratio not supported")
    _check_pixels(body, live=live)
    if body.get("response_format", "url") not in ("url", "base64"):
        raise bad("response_format not supported")
    if not _whole(body.get("n", 1)) or not 1 <= body.get("n", 1) <= 9:
        raise bad("n out of range")
    if "subject_reference" in body:
        _subject(body["subject_reference"], "image_file")
    for name in ("prompt_optimizer", "aigc_watermark"):
        _flag(body, name)


def _check_pixels(body: Body, *, live: bool) -> None:
    if ("width" in body) != ("height" in body) or (live and "width" in body):
        raise bad("width and height go together, with image-01 only")
    for name in ("width", "height"):
        side = body.get(name, 512)
        if not _whole(side) or not 512 <= side <= 2048 or side % 8:
            raise bad(f"{name} not supported")


def check_h3_picture(body: Body, pictures: int | None) -> None:
    """Raises Refused for a picture that H3 would not make; `pictures` counts the files of an edit."""
    if _text(body, "model") not in H3_PICTURES:
        raise bad("model not supported")
    _only(body, {"model", "prompt", "n", "size", "response_format", "stream", "partial_images", "user"})
    if not body.get("prompt"):
        raise bad("prompt is required")
    if not 1 <= int(body.get("n", 1)) <= 10:
        raise bad("n out of range")
    size = re.fullmatch(r"(\d+)x(\d+)", str(body.get("size", "1024x1024")))
    if size is None and body.get("size") != "auto":
        raise bad("size not supported")
    if size is not None and not 1 / 3 <= int(size[1]) / int(size[2]) <= 3:
        raise bad("size out of range")
    if pictures is not None and not 1 <= pictures <= 16:
        raise bad("image has too few or too many files")


def _subject(value: Any, key: str) -> None:
    first = value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else {}
    if set(first) != {"type", key} or first["type"] != "character":
        raise bad(f"subject_reference needs one character with {key}")
    picture = first[key]
    if key == "image":
        if not isinstance(picture, list) or len(picture) != 1:
            raise bad("subject_reference needs a list of one image")
        picture = picture[0]
    _url(picture, "subject_reference", "image")


def _url(value: Any, name: str, kind: str, schemes: tuple[str, ...] = ()) -> None:
    if isinstance(value, str) and value.startswith(("http://", "https://", *schemes)):
        return
    inline = _DATA_URI.fullmatch(value) if isinstance(value, str) else None
    if inline is None or inline[1] != kind:
        raise bad(f"{name} is no URL")
    try:
        base64.b64decode(inline[2], validate=True)
    except binascii.Error as error:
        raise bad(f"{name} is not base64") from error


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _only(body: Body, known: set[str]) -> None:
    for name in body:
        if name not in known:
            raise bad(f"unknown field {name}")


def _flag(body: Body, name: str) -> None:
    if not isinstance(body.get(name, False), bool):
        raise bad(f"{name} is not a boolean")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
