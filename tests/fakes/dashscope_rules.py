"""What DashScope refuses in the body of a video task, written from the vendor's pages and independent of our data file."""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]

LANDSCAPE = ("16:9", "9:16", "1:1", "4:3", "3:4")
HORSE_RATIOS = (*LANDSCAPE, "4:5", "5:4", "9:21", "21:9")
TIERS = ("720P", "1080P")
SIZES_480 = ("832*480", "480*832", "624*624")
SIZES_720 = ("1280*720", "720*1280", "960*960", "1088*832", "832*1088")
SIZES_1080 = ("1920*1080", "1080*1920", "1440*1440", "1632*1248", "1248*1632")
_SDK_EXTRAS = {"extend_prompt", "function"}  # the vendor's older SDK sends them with everything
_DATA_URI = re.compile(r"data:image/(?:png|jpeg|webp|bmp);base64,(.+)", re.DOTALL)


@dataclass(slots=True)
class Refused(Exception):
    """An answer other than 200."""

    status: int
    code: str
    message: str


def bad(message: str, code: str = "InvalidParameter") -> Refused:
    """A 400."""
    return Refused(400, code, message)


@dataclass(frozen=True, slots=True)
class Clip:
    """What one family of video models takes. `items` are the types of `input.media` and how many of each go."""

    prompt: int = 5000  # characters
    needs_prompt: bool = True
    items: Mapping[str, int] = field(default_factory=dict)
    inputs: Mapping[str, bool] = field(default_factory=dict)  # other fields of `input` -> whether they must stand there
    parameters: frozenset[str] = frozenset()
    tiers: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    ratios: tuple[str, ...] = ()
    seconds: tuple[int, ...] = ()
    path: str = "video-generation"


_COMMON = frozenset({"seed", "watermark"})
_WAN = _COMMON | {"prompt_extend"}
_TEXT = {"negative_prompt": False}
_SOUND = {"negative_prompt": False, "audio_url": False}

CLIPS: tuple[tuple[str, Clip], ...] = (
    (
        r"happyhorse-1\.[01]-t2v",
        Clip(
            parameters=_COMMON | {"resolution", "ratio", "duration"}, tiers=TIERS, ratios=HORSE_RATIOS, seconds=tuple(range(3, 16))
        ),
    ),
    (
        r"happyhorse-1\.[01]-i2v",
        Clip(
            needs_prompt=False,
            items={"first_frame": 1},
            parameters=_COMMON | {"resolution", "duration"},
            tiers=TIERS,
            seconds=tuple(range(3, 16)),
        ),
    ),
    (
        r"happyhorse-1\.[01]-r2v",
        Clip(
            items={"reference_image": 9},
            parameters=_COMMON | {"resolution", "ratio", "duration"},
            tiers=TIERS,
            ratios=HORSE_RATIOS,
            seconds=tuple(range(3, 16)),
        ),
    ),
    (
        r"happyhorse-1\.0-video-edit",
        Clip(items={"video": 1, "reference_image": 5}, parameters=_COMMON | {"resolution", "audio_setting"}, tiers=TIERS),
    ),
    (
        r"wan3\.0-video(-prime)?",
        Clip(
            prompt=20_000,
            needs_prompt=False,
            items={"first_frame": 1, "last_frame": 1, "reference_image": 10, "reference_video": 5, "reference_audio": 5},
            parameters=_WAN | {"resolution", "ratio", "duration", "audio", "enable_thinking"},
            tiers=("480P", *TIERS),
            ratios=("adaptive", "21:9", *LANDSCAPE),
            seconds=(-1, *range(2, 31)),
        ),
    ),
    (
        r"wan2\.7-t2v",
        Clip(
            inputs=_SOUND,
            parameters=_WAN | {"resolution", "ratio", "duration"},
            tiers=TIERS,
            ratios=LANDSCAPE,
            seconds=tuple(range(2, 16)),
        ),
    ),
    (
        r"wan2\.7-i2v",
        Clip(
            needs_prompt=False,
            items={"first_frame": 1, "last_frame": 1, "driving_audio": 1, "first_clip": 1},
            inputs=_TEXT,
            parameters=_WAN | {"resolution", "duration"},
            tiers=TIERS,
            seconds=tuple(range(2, 16)),
        ),
    ),
    (
        r"wan2\.7-r2v",
        Clip(
            items={"first_frame": 1, "reference_image": 5, "reference_video": 5},
            inputs=_TEXT,
            parameters=_WAN | {"resolution", "ratio", "duration"},
            tiers=TIERS,
            ratios=LANDSCAPE,
            seconds=tuple(range(2, 16)),
        ),
    ),
    (
        r"wan2\.7-videoedit",
        Clip(
            needs_prompt=False,
            items={"video": 1, "reference_image": 4},
            inputs=_TEXT,
            parameters=_WAN | {"resolution", "ratio", "duration", "audio_setting"},
            tiers=TIERS,
            ratios=LANDSCAPE,
            seconds=tuple(range(11)),
        ),
    ),
    (
        r"wan2\.6-t2v",
        Clip(
            1500,
            inputs=_SOUND,
            parameters=_WAN | {"size", "duration", "shot_type"},
            sizes=SIZES_720 + SIZES_1080,
            seconds=tuple(range(2, 16)),
        ),
    ),
    (
        r"wan2\.5-t2v-preview",
        Clip(
            1500,
            inputs=_SOUND,
            parameters=_WAN | {"size", "duration", "audio"},
            sizes=SIZES_480 + SIZES_720 + SIZES_1080,
            seconds=(5, 10),
        ),
    ),
    (r"wan2\.2-t2v-plus", Clip(800, inputs=_TEXT, parameters=_WAN | {"size"}, sizes=SIZES_480 + SIZES_1080)),
    (r"wanx?2\.1-t2v-turbo", Clip(800, inputs=_TEXT, parameters=_WAN | {"size"}, sizes=SIZES_480 + SIZES_720)),
    (r"wanx?2\.1-t2v-plus", Clip(800, inputs=_TEXT, parameters=_WAN | {"size"}, sizes=SIZES_720)),
    (
        r"wan2\.6-i2v(-flash)?",
        Clip(
            1500,
            False,
            inputs={**_SOUND, "img_url": True},
            parameters=_WAN | {"resolution", "duration", "shot_type", "audio"},
            tiers=TIERS,
            seconds=tuple(range(2, 16)),
        ),
    ),
    (
        r"wan2\.5-i2v-preview",
        Clip(
            1500,
            False,
            inputs={**_SOUND, "img_url": True},
            parameters=_WAN | {"resolution", "duration", "audio"},
            tiers=("480P", *TIERS),
            seconds=(5, 10),
        ),
    ),
    (
        r"wan2\.2-i2v-plus",
        Clip(800, False, inputs={**_TEXT, "img_url": True}, parameters=_WAN | {"resolution"}, tiers=("480P", "1080P")),
    ),
    (
        r"wan2\.2-i2v-flash",
        Clip(800, False, inputs={**_TEXT, "img_url": True}, parameters=_WAN | {"resolution"}, tiers=("480P", *TIERS)),
    ),
    (
        r"wanx?2\.1-i2v-turbo",
        Clip(
            800,
            False,
            inputs={**_TEXT, "img_url": True, "template": False},
            parameters=_WAN | {"resolution", "duration"},
            tiers=("480P", "720P"),
            seconds=(3, 4, 5),
        ),
    ),
    (
        r"wanx?2\.1-i2v-plus",
        Clip(800, False, inputs={**_TEXT, "img_url": True, "template": False}, parameters=_WAN | {"resolution"}, tiers=("720P",)),
    ),
    (
        r"wan2\.2-kf2v-flash",
        Clip(
            800,
            False,
            inputs={**_TEXT, "first_frame_url": True, "last_frame_url": False, "template": False},
            parameters=_WAN | {"resolution"},
            tiers=("480P", *TIERS),
            path="image2video",
        ),
    ),
    (
        r"wanx?2\.1-kf2v-plus",
        Clip(
            800,
            False,
            inputs={**_TEXT, "first_frame_url": True, "last_frame_url": True, "template": False},
            parameters=_WAN | {"resolution"},
            tiers=("720P",),
            path="image2video",
        ),
    ),
    (
        r"wan2\.6-r2v(-flash)?",
        Clip(
            1500,
            inputs={**_TEXT, "reference_urls": True},
            parameters=_WAN | {"size", "duration", "shot_type", "audio"},
            sizes=SIZES_720 + SIZES_1080,
            seconds=tuple(range(2, 11)),
        ),
    ),
    (
        r"wanx?2\.1-vace-plus",
        Clip(
            800,
            inputs={
                "function": True,
                **dict.fromkeys(("video_url", "first_clip_url", "ref_images_url", "mask_image_url", "mask_frame_id"), False),
            },
            parameters=_WAN | {"size", "duration", "obj_or_bg", "control_condition"},
            sizes=SIZES_720,
            seconds=(5,),
        ),
    ),
)
_VACE_FUNCTIONS = ("image_reference", "video_repainting", "video_edit", "video_extension", "video_outpainting")
_FLAGS = ("watermark", "prompt_extend", "audio", "enable_thinking")


def check_clip(model: str, body: Body, path: str) -> None:
    """Raises Refused for a video task that the vendor would not take."""
    rules = next((clip for pattern, clip in CLIPS if re.fullmatch(rf"(?:{pattern})(?:-\d{{4}}-\d\d-\d\d)?", model)), None)
    if rules is None or rules.path != path:
        raise Refused(404, "ModelNotFound", f"Model {model} does not exist here.")
    inputs, parameters = body["input"], body["parameters"]
    _check_prompt(inputs, rules)
    _check_inputs(inputs, rules)
    _check_items(model, inputs.get("media") or [], parameters, rules)
    _check_parameters(parameters, rules)


def check_link(url: Any, *, inline: bool = True) -> None:
    """Raises Refused for what is no public link, `oss://` file or (pictures) data URI."""
    if not isinstance(url, str) or not url.isascii():
        raise bad("A URL is missing or not encoded.", "InvalidURL")
    if url.startswith(("http://", "https://", "oss://")):
        return
    found = _DATA_URI.fullmatch(url) if inline else None
    if found is None:
        raise bad("A URL has a form that is not supported.", "InvalidURL")
    try:
        base64.b64decode(found[1], validate=True)
    except binascii.Error as error:
        raise bad("A data URI is not base64.", "InvalidImageFormat") from error


def is_whole(value: Any, low: int, high: int) -> bool:
    """Whether this is an integer in the range."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _check_prompt(inputs: Body, rules: Clip) -> None:
    prompt = inputs.get("prompt")
    if prompt is None and not rules.needs_prompt:
        return
    if not isinstance(prompt, str) or not prompt:
        raise bad("prompt must be given.")
    if len(prompt) > rules.prompt:
        raise bad("prompt is too long.")


def _check_inputs(inputs: Body, rules: Clip) -> None:
    known = {"prompt", "media", *rules.inputs} if rules.items else {"prompt", *rules.inputs}
    unknown = set(inputs) - known - _SDK_EXTRAS
    missing = [name for name, needed in rules.inputs.items() if needed and not inputs.get(name)]
    if unknown or (missing and "template" not in inputs):
        raise bad(f"input has unknown or missing fields: {sorted(unknown) or missing}.")
    if len(inputs.get("negative_prompt", "")) > 500:
        raise bad("negative_prompt is too long.")
    if rules.inputs.get("function") and inputs["function"] not in _VACE_FUNCTIONS:
        raise bad("function is unknown.")
    for name, value in inputs.items():
        if name.endswith("_url") and isinstance(value, str):
            check_link(value, inline=name in ("img_url", "first_frame_url", "last_frame_url"))
    references = inputs.get("reference_urls", ["oss://one"])
    if not 1 <= len(references) <= 5:
        raise bad("reference_urls must have one to five links.")
    for url in [*references, *inputs.get("ref_images_url", [])]:
        check_link(url, inline=False)


def _check_items(model: str, items: list[Any], parameters: Body, rules: Clip) -> None:
    if not rules.items:
        return
    counts: Counter[str] = Counter(str(item.get("type")) for item in items)
    if any(count > rules.items.get(kind, 0) for kind, count in counts.items()):
        raise bad("media has an unknown type, or too many of one.")
    for item in items:
        check_link(item.get("url"), inline=item["type"] in ("first_frame", "last_frame", "reference_image"))
        if set(item) - {"type", "url", "reference_voice"} or ("reference_voice" in item and "-r2v" not in model):
            raise bad("An item of media has unknown fields.")
        if "reference_voice" in item:
            check_link(item["reference_voice"], inline=False)
    _check_combination(model, counts, parameters)


def _check_combination(model: str, counts: Counter[str], parameters: Body) -> None:
    frames = {"first_frame", "last_frame"} & set(counts)
    if model.startswith("happyhorse") or "videoedit" in model:
        needed = next(kind for pattern, kind in _NEEDED if pattern in model)
        if not counts[needed]:
            raise bad(f"media lacks the {needed}.")
    if model.startswith("wan3") and frames and set(counts) - frames:
        raise bad("Frames and references cannot stand together.")
    if model.startswith("wan2.7-i2v") and frozenset(counts) not in _COMBINATIONS:
        raise bad("This combination of media is not supported.")
    if model.startswith("wan2.7-r2v"):
        references = counts["reference_image"] + counts["reference_video"]
        if not 1 <= references <= 5:
            raise bad("One to five pictures and clips may be referred to.")
        if counts["reference_video"] and parameters.get("duration", 5) > 10:
            raise bad("With a clip the duration is at most 10.")


_NEEDED = (("-i2v", "first_frame"), ("-r2v", "reference_image"), ("edit", "video"))
_COMBINATIONS = {
    frozenset(kinds)
    for kinds in (
        {"first_frame"},
        {"first_frame", "driving_audio"},
        {"first_frame", "last_frame"},
        {"first_frame", "last_frame", "driving_audio"},
        {"first_clip"},
        {"first_clip", "last_frame"},
    )
}


def _check_parameters(parameters: Body, rules: Clip) -> None:
    unknown = set(parameters) - rules.parameters
    if unknown:
        raise bad(f"parameters has unknown fields: {sorted(unknown)}.")
    for name, choices in (("resolution", rules.tiers), ("size", rules.sizes), ("ratio", rules.ratios), ("duration", rules.seconds)):
        value = parameters.get(name)
        if value is not None and (value not in choices or isinstance(value, bool | float)):
            raise bad(f"{name} must be one of {choices}.")
    if not is_whole(parameters.get("seed", 0), 0, 2_147_483_647):
        raise bad("seed is out of range.")
    if any(not isinstance(parameters.get(name, False), bool) for name in _FLAGS):
        raise bad("A switch is no boolean.")
    if parameters.get("audio_setting", "auto") not in ("auto", "origin") or parameters.get("shot_type", "single") not in (
        "single",
        "multi",
    ):
        raise bad("audio_setting or shot_type is unknown.")
