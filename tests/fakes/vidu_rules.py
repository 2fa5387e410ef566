"""What Vidu refuses, from the vendor's tables and written apart from our data file, so that one checks the other.

Stricter than the vendor in one way: a field that nobody knows is refused. Fields that a model only ignores are taken.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]


class Refused(Exception):
    """An error envelope to answer with."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


def invalid(field: str) -> Refused:
    """A value that is not allowed."""
    return Refused(400, "FieldInvalid", f"invalid field: {field}")


def lacking(field: str) -> Refused:
    """A field that is missing or empty."""
    return Refused(400, "FieldLacking", f"lacking field: {field}")


def unwanted(field: str) -> Refused:
    """A field that does not belong here."""
    return Refused(400, "FieldUnwanted", f"unwanted field: {field}")


@dataclass(frozen=True, slots=True)
class Length:
    """The seconds that a model makes in one way: from `low` to `high`, or only these."""

    low: int
    high: int
    only: tuple[int, ...] = ()

    def has(self, seconds: int) -> bool:
        """Whether the model makes videos of this length."""
        return seconds in self.only if self.only else self.low <= seconds <= self.high


_FIVE, _EIGHTS, _FOUR = Length(5, 5), Length(4, 8, (4, 8)), Length(4, 4)
# model -> way -> seconds
MODELS: Mapping[str, Mapping[str, Length]] = {
    "viduq3-pro": dict.fromkeys(("text2video", "img2video", "start-end2video"), Length(1, 16)),
    "viduq3-turbo": {
        **dict.fromkeys(("text2video", "img2video", "start-end2video"), Length(1, 16)),
        "reference2video": Length(3, 16),
    },
    "viduq3-pro-fast": {"img2video": Length(1, 16)},
    "viduq3": {"reference2video": Length(3, 16)},
    "viduq3-mix": {"reference2video": Length(3, 16)},
    "viduq2": {"text2video": Length(1, 10), "reference2video": Length(1, 10)},
    "viduq2-pro": {
        "img2video": Length(1, 10),
        "start-end2video": Length(1, 8),
        "reference2video": Length(0, 10),
        "extend": Length(1, 7),
    },
    "viduq2-turbo": {"img2video": Length(1, 10), "start-end2video": Length(1, 8), "extend": Length(1, 7)},
    "viduq2-pro-fast": {"img2video": Length(1, 10), "start-end2video": Length(1, 8)},
    "viduq1": dict.fromkeys(("text2video", "img2video", "start-end2video", "reference2video"), _FIVE),
    "viduq1-classic": dict.fromkeys(("img2video", "start-end2video"), _FIVE),
    "vidu2.0": {"img2video": _EIGHTS, "start-end2video": _EIGHTS, "reference2video": _FOUR},
    "vidu1.5": dict.fromkeys(("text2video", "img2video", "start-end2video", "reference2video"), _EIGHTS),
}
_FAST = ("720p", "1080p")
_TIERS: Mapping[str, tuple[str, ...]] = {
    "viduq1": ("1080p",),
    "viduq1-classic": ("1080p",),
    "viduq3-pro-fast": _FAST,
    "viduq3-mix": _FAST,
    "viduq2-pro-fast": _FAST,
}
_COMMON = {"model", "prompt", "duration", "seed", "resolution", "movement_amplitude", "bgm", "audio", "payload", "off_peak"}
_COMMON |= {"watermark", "wm_position", "wm_url", "meta_data", "callback_url"}
_FIELDS: Mapping[str, frozenset[str]] = {
    "text2video": frozenset({*_COMMON, "style", "aspect_ratio"}),
    "img2video": frozenset({*_COMMON, "images", "audio_type", "voice_id", "is_rec"}),
    "start-end2video": frozenset({*_COMMON, "images", "is_rec"}),
    "reference2video": frozenset({*_COMMON, "images", "videos", "aspect_ratio"}),
    "subjects": frozenset({*_COMMON, "subjects", "auto_subjects", "aspect_ratio", "audio_type"}),
    "extend": frozenset(
        {
            *("model", "video_creation_id", "video_url", "images", "prompt", "duration", "resolution", "payload"),
            *("callback_url", "watermark", "wm_position", "wm_url"),
        }
    ),
    "reference2image": frozenset({"model", "images", "prompt", "seed", "aspect_ratio", "resolution", "payload", "callback_url"}),
}
_PICTURES = {"img2video": (1, 1), "start-end2video": (2, 2), "reference2video": (1, 7), "extend": (0, 1)}
_WORDS = {
    "movement_amplitude": ("auto", "small", "medium", "large"),
    "style": ("general", "anime"),
    "audio_type": ("all", "speech_only", "sound_effect_only"),
    "wm_position": (1, 2, 3, 4),
}
_FLAGS = ("bgm", "audio", "off_peak", "watermark", "is_rec", "auto_subjects")
_TEXTS = ("payload", "voice_id", "wm_url", "meta_data", "callback_url")
_BASIC_RATIOS = ("16:9", "9:16", "1:1")
_MORE_RATIOS = (*_BASIC_RATIOS, "3:4", "4:3")
_DATA_URI = re.compile(r"data:(image/(?:png|jpeg|jpg|webp)|video/(?:mp4|quicktime|x-msvideo));base64,(.+)", re.DOTALL)
_IMAGE_MODELS = {"viduq1": (1, ("1080p",)), "viduq2": (0, ("1080p", "2K", "4K"))}


def check_video(way: str, body: Body) -> None:
    """Raises Refused for a body that this way of the vendor's does not take."""
    model = _word(body, "model")
    lengths = MODELS.get(model)
    if lengths is None or way not in lengths:
        raise invalid("model")
    form = "subjects" if way == "reference2video" and ("subjects" in body or "auto_subjects" in body) else way
    _check_known(body, form)
    _check_prompt(form, body)
    _check_media(form, model, body)
    seconds = body.get("duration", 4 if model in ("vidu2.0", "vidu1.5") else 5)
    if not _is_whole(seconds) or not lengths[way].has(seconds):
        raise invalid("duration")
    _check_tier(way, model, body, seconds)
    _check_ratio(form, model, body)
    _check_sound(way, model, body)


def check_image(body: Body) -> None:
    """Raises Refused for a body that the picture endpoint does not take."""
    model = _word(body, "model")
    if model not in _IMAGE_MODELS:
        raise invalid("model")
    least, tiers = _IMAGE_MODELS[model]
    _check_known(body, "reference2image")
    _check_text(body, "prompt", 2000, required=True)
    pictures = body.get("images", [])
    _check_pictures(pictures, least, 7)
    if body.get("resolution", tiers[0]) not in tiers:
        raise invalid("resolution")
    ratios = (*_MORE_RATIOS, "21:9", "2:3", "3:2", *(("auto",) if pictures else ())) if model == "viduq2" else _MORE_RATIOS
    if body.get("aspect_ratio", "16:9") not in ratios:
        raise invalid("aspect_ratio")


def _check_known(body: Body, form: str) -> None:
    stranger = next((name for name in body if name not in _FIELDS[form]), None)
    if stranger:
        raise unwanted(stranger)
    for name in _FLAGS:
        if not isinstance(body.get(name, False), bool):
            raise invalid(name)
    for name in _TEXTS:
        if not isinstance(body.get(name, ""), str):
            raise invalid(name)
    for name, words in _WORDS.items():
        if name in body and body[name] not in words:
            raise invalid(name)
    if not _is_whole(body.get("seed", 0)) or not 0 <= body.get("seed", 0) < 2**31:
        raise invalid("seed")
    if len(body.get("payload", "")) > 1_048_576:
        raise invalid("payload")


def _check_prompt(form: str, body: Body) -> None:
    limit = 2000 if form in ("reference2video", "extend") else 5000
    _check_text(body, "prompt", limit, required=form in ("text2video", "reference2video", "subjects"))


def _check_media(form: str, model: str, body: Body) -> None:
    if form == "text2video":
        return
    if form == "subjects":
        _check_subjects(model, body)
        return
    videos = body.get("videos", [])
    least, most = _PICTURES[form]
    if videos:
        least, most = 0, 4
        if model != "viduq2-pro":
            raise unwanted("videos")
        if not isinstance(videos, list) or len(videos) > 2:
            raise Refused(400, "FieldItemCountOutOfRange", "too many items in field: videos")
        for video in videos:
            _check_link(video, "videos")
    _check_pictures(body.get("images", []), least, most)
    if form == "extend" and ("video_url" in body) == ("video_creation_id" in body):
        raise lacking("video_creation_id")


def _check_subjects(model: str, body: Body) -> None:
    subjects = body.get("subjects", [])
    if model == "viduq3-mix":
        raise unwanted("subjects")
    if not isinstance(subjects, list) or len(subjects) > 7 or not (subjects or body.get("auto_subjects")):
        raise Refused(400, "FieldItemCountOutOfRange", "wrong number of items in field: subjects")
    for subject in subjects:
        if not isinstance(subject, dict) or not (subject.get("name") or subject.get("id")):
            raise lacking("subjects")
        _check_pictures(subject.get("images", []), 0, 3)


def _check_pictures(pictures: Any, least: int, most: int) -> None:
    if not isinstance(pictures, list):
        raise invalid("images")
    if not pictures and least:
        raise lacking("images")
    if not least <= len(pictures) <= most:
        raise Refused(400, "FieldItemCountOutOfRange", "wrong number of items in field: images")
    for picture in pictures:
        _check_link(picture, "images")


def _check_link(link: Any, field: str) -> None:
    if isinstance(link, str) and link.startswith(("http://", "https://")):
        return
    inline = _DATA_URI.fullmatch(link) if isinstance(link, str) else None
    if inline is None or not inline[1].startswith("image" if field == "images" else "video"):
        raise Refused(400, "ImageFormatInvalid", f"cannot read an item of field: {field}")
    try:
        base64.b64decode(inline[2], validate=True)
    except ValueError as error:
        raise Refused(400, "ImageFormatInvalid", f"cannot read an item of field: {field}") from error


def _check_tier(way: str, model: str, body: Body, seconds: int) -> None:
    tiers = _TIERS.get(model, ("540p", "720p", "1080p"))
    if model in ("vidu2.0", "vidu1.5"):
        tiers = ("360p", "720p", "1080p") if seconds == 4 else ("720p",)
        if way == "reference2video" and model == "vidu2.0":
            tiers = ("360p", "720p")
    if body.get("resolution", tiers[0]) not in tiers:
        raise invalid("resolution")


def _check_ratio(form: str, model: str, body: Body) -> None:
    if "aspect_ratio" not in body:
        return
    later = model.startswith(("viduq2", "viduq3")) if form == "text2video" else model.startswith("viduq2")
    ratio = body["aspect_ratio"]
    if form == "subjects" and later:
        if not isinstance(ratio, str) or not re.fullmatch(r"\d{1,2}:\d{1,2}", ratio):
            raise invalid("aspect_ratio")
    elif ratio not in (_MORE_RATIOS if later else _BASIC_RATIOS):
        raise invalid("aspect_ratio")


def _check_sound(way: str, model: str, body: Body) -> None:
    third = model.startswith("viduq3")
    if body.get("audio") and not third and way != "img2video":
        raise unwanted("audio")
    if "audio_type" in body and way == "img2video" and third:
        raise unwanted("audio_type")
    if body.get("off_peak") and (model == "viduq3-mix" or body.get("audio", third) is not third):
        raise invalid("off_peak")


def _check_text(body: Body, name: str, most: int, *, required: bool) -> None:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise invalid(name)
    if required and not value:
        raise lacking(name)


def _word(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise lacking(name)
    return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
