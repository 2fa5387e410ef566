"""What Ark refuses, from the vendor's tables and written apart from our data file, so that one checks the other.

Stricter than the vendor in two ways: a field that a model ignores, and a field that nobody knows, are refused here.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

Body = Mapping[str, Any]


class Refused(Exception):
    """An error envelope to answer with."""

    def __init__(self, status: int, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param


def bad(message: str, param: str = "", code: str = "InvalidParameter") -> Refused:
    """A 400."""
    return Refused(400, code, message, param)


@dataclass(frozen=True, slots=True)
class Seedance:
    """One family of video models."""

    generation: str
    text: bool = True
    first: bool = True
    last: bool = True
    images: int = 0
    clips: int = 0
    sounds: int = 0
    resolutions: tuple[str, ...] = ("480p", "720p", "1080p")
    default_resolution: str = "720p"
    shortest: int = 4
    longest: int = 15
    auto: bool = True
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Seedream:
    """One image model."""

    words: tuple[str, ...]
    least: int
    most: int
    images: int
    needs_image: bool = False
    fields: frozenset[str] = frozenset()


_ALWAYS = {"model", "content", "resolution", "ratio", "duration", "seed", "watermark", "return_last_frame", "callback_url"}
_ALWAYS |= {"execution_expires_after", "safety_identifier"}
_ONE = Seedance(
    "1.0",
    default_resolution="1080p",
    shortest=2,
    longest=12,
    auto=False,
    fields=frozenset({*_ALWAYS, "frames", "camera_fixed", "service_tier"}),
)
_LITE = replace(_ONE, default_resolution="720p")
_ONE_FIVE = Seedance("1.5", longest=12, fields=frozenset({*_ALWAYS, "camera_fixed", "service_tier", "generate_audio", "draft"}))
_TWO = Seedance(
    "2.0",
    images=9,
    clips=3,
    sounds=3,
    resolutions=("480p", "720p", "1080p", "4k"),
    fields=frozenset({*_ALWAYS, "generate_audio", "priority", "tools"}),
)
_SMALL_TWO = replace(_TWO, resolutions=("480p", "720p"))
_TWO_FIVE = replace(
    _TWO,
    generation="2.5",
    images=30,
    clips=10,
    sounds=10,
    resolutions=("480p", "720p", "1080p"),
    longest=30,
    fields=frozenset({*_ALWAYS, "generate_audio", "priority", "tools", "output_format", "omni_reference_task_type"}),
)
VIDEO_MODELS: Mapping[str, Seedance] = {
    "doubao-seedance-1-0-lite-t2v-250428": replace(_LITE, first=False, last=False),
    "doubao-seedance-1-0-lite-i2v-250428": replace(_LITE, text=False, images=4),
    "doubao-seedance-1-0-pro-250528": _ONE,
    "doubao-seedance-1-0-pro-fast-251015": replace(_ONE, last=False),
    "doubao-seedance-1-5-pro-251215": _ONE_FIVE,
    "doubao-seedance-2-0-260128": _TWO,
    "doubao-seedance-2-0-fast-260128": _SMALL_TWO,
    "doubao-seedance-2-0-mini-260615": _SMALL_TWO,
    "doubao-seedance-2-5-260628": _TWO_FIVE,
    "seedance-1-0-lite-t2v-250428": replace(_LITE, first=False, last=False),
    "seedance-1-0-lite-i2v-250428": replace(_LITE, text=False, images=4),
    "seedance-1-0-pro-250528": _ONE,
    "seedance-1-0-pro-fast-251015": replace(_ONE, last=False),
    "seedance-1-5-pro-251215": _ONE_FIVE,
    "dreamina-seedance-2-0-260128": _TWO,
    "dreamina-seedance-2-0-fast-260128": _SMALL_TWO,
    "dreamina-seedance-2-0-mini-260615": _SMALL_TWO,
    "dreamina-seedance-2-0-mini": _SMALL_TWO,
    "dreamina-seedance-2-5-260628": _TWO_FIVE,
}

_PICTURE_FIELDS = {"model", "prompt", "image", "size", "response_format", "watermark"}
_GROUP_FIELDS = {*_PICTURE_FIELDS, "stream", "sequential_image_generation", "sequential_image_generation_options"}
_GROUP_FIELDS |= {"optimize_prompt_options"}
_OLD = frozenset({*_PICTURE_FIELDS, "seed", "guidance_scale"})
_FOUR = frozenset({*_GROUP_FIELDS, "seed"})
_LAYERS = frozenset({*_PICTURE_FIELDS, "output_format", "layer_decomposition"})
_IMAGE_FAMILIES: Mapping[str, Seedream] = {
    "seedream-3-0-t2i-250415": Seedream((), 512 * 512, 2048 * 2048, 0, fields=_OLD),
    "seededit-3-0-i2i-250628": Seedream(("adaptive",), 1, 0, 1, needs_image=True, fields=_OLD),
    "seedream-4-0-250828": Seedream(("1K", "2K", "4K"), 1280 * 720, 4096 * 4096, 14, fields=_FOUR),
    "seedream-4-5-251128": Seedream(("2K", "4K"), 3_686_400, 4096 * 4096, 14, fields=_FOUR),
    "seedream-5-0-260128": Seedream(
        ("2K", "3K"), 3_686_400, 10_404_496, 14, fields=frozenset({*_GROUP_FIELDS, "output_format", "tools"})
    ),
    "seedream-5-0-pro-260628": Seedream(("1K", "1.5K", "2K"), 1280 * 720, 4_194_304, 10, fields=_LAYERS),
    "seedream-5-0-flash-260915": Seedream(("1K", "1.5K", "2K"), 1280 * 720, 4_624_220, 10, fields=_LAYERS),
}
IMAGE_MODELS: Mapping[str, Seedream] = {
    **_IMAGE_FAMILIES,
    **{f"doubao-{name}": rules for name, rules in _IMAGE_FAMILIES.items()},
    "dola-seedream-5-0-pro-260628": _IMAGE_FAMILIES["seedream-5-0-pro-260628"],
}

_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
_ROLES = {
    "image_url": ("first_frame", "last_frame", "reference_image"),
    "video_url": ("reference_video",),
    "audio_url": ("reference_audio",),
}
_DATA_URI = re.compile(r"data:(image|audio)/([a-z0-9.+-]+);base64,(.+)", re.DOTALL)
_SOUNDS = ("wav", "mp3")
_PIXELS = re.compile(r"(\d+)x(\d+)")


def check_video(body: Body, rules: Seedance) -> None:
    """Raises Refused for a task that the vendor would not take."""
    _check_fields(body, rules.fields)
    roles = _roles(body.get("content"), rules)
    _check_roles(roles, rules)
    _check_shape(body, rules, roles)
    _check_length(body, rules)
    _check_scalars(body)
    if rules.generation == "2.5":
        _check_task_type(body, roles)


def check_image(body: Body, rules: Seedream) -> None:
    """Raises Refused for a picture that the vendor would not make."""
    _check_fields(body, rules.fields)
    if not body.get("prompt") and not body.get("layer_decomposition"):
        raise bad("The parameter `prompt` is required.", "prompt", "MissingParameter")
    pictures = body.get("image", [])
    pictures = [pictures] if isinstance(pictures, str) else pictures
    if not isinstance(pictures, list) or len(pictures) > rules.images or (rules.needs_image and len(pictures) != 1):
        raise bad("The parameter `image` does not suit this model.", "image")
    for url in pictures:
        _check_url(url, "image_url", rules_assets=False)
    _check_image_size(body.get("size"), rules)
    _check_one_of(body, "response_format", ("url", "b64_json"))
    _check_one_of(body, "output_format", ("png", "jpeg"))
    _check_one_of(body, "sequential_image_generation", ("auto", "disabled"))
    most = (body.get("sequential_image_generation_options") or {}).get("max_images", 1)
    if not _is_whole(most) or most < 1 or most + len(pictures) > 15:
        raise bad("Inputs and outputs are more than 15.", "sequential_image_generation_options.max_images")
    for name in ("watermark", "stream", "layer_decomposition"):
        _check_flag(body, name)


def _check_fields(body: Body, known: Iterable[str]) -> None:
    for name in body:
        if name not in known:
            raise bad(f"The parameter `{name}` is not supported by this model.", name, "InvalidParameter.UnsupportedParameter")


def _roles(content: Any, rules: Seedance) -> list[str]:
    """The role of every medium, `text` for the text."""
    if not isinstance(content, list) or not content:
        raise bad("The parameter `content` is required.", "content", "MissingParameter")
    roles = [_role(item, index, content, rules) for index, item in enumerate(content)]
    if roles.count("text") > 1:
        raise bad("There is more than one text.", "content")
    return roles


def _role(item: Any, index: int, content: list[Any], rules: Seedance) -> str:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind == "text":
        if not isinstance(item.get("text"), str) or not item["text"]:
            raise bad("A text is empty.", f"content[{index}].text")
        return "text"
    if kind not in _ROLES:
        raise bad("A content item has an unknown type.", f"content[{index}].type")
    url = item[kind].get("url") if isinstance(item.get(kind), dict) else None
    _check_url(url, kind, rules_assets=rules.generation.startswith("2"), param=f"content[{index}].{kind}.url")
    pictures = sum(1 for other in content if isinstance(other, dict) and other.get("type") == "image_url")
    role = item.get("role")
    if role is None and kind == "image_url" and pictures == 1 and len(content) <= 2:
        return "first_frame"
    if role not in _ROLES[kind]:
        raise bad("A role is missing or unknown.", f"content[{index}].role")
    return str(role)


def _check_url(url: Any, kind: str, *, rules_assets: bool, param: str = "image") -> None:
    if not isinstance(url, str) or not url:
        raise bad("A URL is empty.", param, "InvalidImageURL.EmptyURL")
    if url.startswith(("http://", "https://")) or (rules_assets and url.startswith("asset://")):
        return
    inline = _DATA_URI.fullmatch(url)
    if inline is None or kind == "video_url" or f"{inline[1]}_url" != kind or (inline[1] == "audio" and inline[2] not in _SOUNDS):
        raise bad("A URL has a form that is not supported.", param, "InvalidImageURL.InvalidFormat")
    try:
        base64.b64decode(inline[3], validate=True)
    except binascii.Error as error:
        raise bad("A data URL is not base64.", param, "InvalidImageURL.InvalidFormat") from error


def _check_roles(roles: list[str], rules: Seedance) -> None:
    first, last = roles.count("first_frame"), roles.count("last_frame")
    references = {role: roles.count(role) for role in ("reference_image", "reference_video", "reference_audio") if role in roles}
    if (first or last) and references:
        raise bad("Frames and reference media cannot stand together.", "content")
    if first > 1 or last > 1 or (last and not first):
        raise bad("There may be one first frame, and one last frame beside it.", "content")
    if (first and not rules.first) or (last and not rules.last) or (not first and not references and not rules.text):
        raise bad("This model does not make videos from these inputs.", "content")
    most = {"reference_image": rules.images, "reference_video": rules.clips, "reference_audio": rules.sounds}
    if any(count > most[role] for role, count in references.items()):
        raise bad("There are too many reference media for this model.", "content")
    if set(references) == {"reference_audio"} and rules.generation == "2.0":
        raise bad("A sound needs a picture or a video beside it.", "content")


def _check_shape(body: Body, rules: Seedance, roles: list[str]) -> None:
    resolutions = rules.resolutions
    if rules.generation == "1.0" and "reference_image" in roles:
        resolutions = ("480p", "720p")
        if "camera_fixed" in body:
            raise bad("The parameter `camera_fixed` is not supported with references.", "camera_fixed")
    if body.get("draft"):
        resolutions = ("480p",)
    _check_one_of(body, "resolution", resolutions)
    adaptive = rules.generation != "1.0" or "first_frame" in roles
    _check_one_of(body, "ratio", (*_RATIOS, "adaptive") if adaptive else _RATIOS)


def _check_length(body: Body, rules: Seedance) -> None:
    frames, seconds = body.get("frames"), body.get("duration")
    if frames is not None and (not _is_whole(frames) or not 29 <= frames <= 289 or (frames - 25) % 4):
        raise bad("The parameter `frames` is not 25 + 4n.", "frames")
    if seconds is None or (seconds == -1 and rules.auto):
        return
    if not _is_whole(seconds) or not rules.shortest <= seconds <= rules.longest:
        raise bad("The parameter `duration` is out of range for this model.", "duration")


def _check_scalars(body: Body) -> None:
    for name in ("watermark", "camera_fixed", "generate_audio", "return_last_frame", "draft"):
        _check_flag(body, name)
    _check_between(body, "seed", -1, 2**32 - 1)
    _check_between(body, "priority", 0, 9)
    _check_between(body, "execution_expires_after", 3600, 259_200)
    _check_one_of(body, "service_tier", ("default", "flex"))
    _check_one_of(body, "output_format", ("mp4", "mov"))
    user = body.get("safety_identifier")
    if user is not None and (not isinstance(user, str) or len(user) > 64):
        raise bad("The parameter `safety_identifier` is too long.", "safety_identifier")


def _check_task_type(body: Body, roles: list[str]) -> None:
    """Seedance 2.5: some tasks keep the shape, or the length, of what they start from."""
    _check_one_of(body, "omni_reference_task_type", ("auto", "reference", "edit", "extend"))
    kind = body.get("omni_reference_task_type", "auto")
    ratio = body.get("ratio")
    constraint = "InvalidParameter.TaskTypeConstraint"
    if "first_frame" in roles and ratio not in (None, "adaptive"):
        raise bad("With frames the ratio is adaptive.", "ratio", constraint)
    if kind in ("edit", "extend") and (ratio != "adaptive" or "reference_video" not in roles):
        raise bad("An edit or extension needs a video and the ratio adaptive.", "ratio", constraint)
    if kind == "edit" and body.get("duration") != -1:
        raise bad("An edit is as long as its source.", "duration", constraint)


def _check_image_size(size: Any, rules: Seedream) -> None:
    if size is None or size in rules.words:
        return
    parts = _PIXELS.fullmatch(size) if isinstance(size, str) else None
    if parts is None:
        raise bad("The parameter `size` is not valid for this model.", "size")
    width, height = int(parts[1]), int(parts[2])
    if not rules.least <= width * height <= rules.most or not 1 / 16 <= width / height <= 16:
        raise bad("The parameter `size` is out of range for this model.", "size")


def _check_flag(body: Body, name: str) -> None:
    if not isinstance(body.get(name, False), bool):
        raise bad(f"The parameter `{name}` is not a boolean.", name)


def _check_one_of(body: Body, name: str, choices: tuple[str, ...]) -> None:
    if name in body and body[name] not in choices:
        raise bad(f"The parameter `{name}` is not valid for this model.", name)


def _check_between(body: Body, name: str, low: int, high: int) -> None:
    value = body.get(name, low)
    if not _is_whole(value) or not low <= value <= high:
        raise bad(f"The parameter `{name}` is out of range.", name)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
