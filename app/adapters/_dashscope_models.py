"""How DashScope wants to be asked for a model: path and protocol follow from its name (the vendor's pages as of 2026-11-20)."""

import re
from dataclasses import dataclass
from enum import Enum, auto

_SERVICES = "/api/v1/services/aigc"
_VIDEOS = f"{_SERVICES}/video-generation/video-synthesis"
_FIRST_AND_LAST = f"{_SERVICES}/image2video/video-synthesis"
_MESSAGES = f"{_SERVICES}/multimodal-generation/generation"
_MESSAGES_AS_TASK = f"{_SERVICES}/image-generation/generation"
_TEXT_TO_IMAGE = f"{_SERVICES}/text2image/image-synthesis"
_IMAGE_TO_IMAGE = f"{_SERVICES}/image2image/image-synthesis"


class Inputs(Enum):
    """Where the media of a video stand in `input`."""

    MEDIA = auto()  # a list of typed items
    FLAT = auto()  # img_url, audio_url
    FRAMES = auto()  # first_frame_url, last_frame_url
    REFERENCES = auto()  # reference_urls
    FUNCTION = auto()  # a function with fields of its own


class Sound(Enum):
    """Where a sound stands in a list of typed items."""

    REFERENCE = auto()  # an item of its own
    DRIVING = auto()  # the same, under another type
    VOICE = auto()  # inside the first reference
    BESIDE = auto()  # not in the list, but in `input`


@dataclass(frozen=True, slots=True)
class VideoWire:
    """The protocol of a video model. `pixels`: says `size`, not `resolution`; `most_references`: pictures and clips together."""

    inputs: Inputs
    path: str = _VIDEOS
    sound: Sound = Sound.REFERENCE
    pixels: bool = False
    most_references: int | None = None


class Style(Enum):
    """How an image body is written."""

    MESSAGES = auto()  # one chat message of pictures and a text
    PROMPT = auto()  # prompt alone
    PICTURES = auto()  # prompt and a list of pictures
    FUNCTION = auto()  # a function, a base picture and a mask


@dataclass(frozen=True, slots=True)
class ImageWire:
    """The protocol of an image model. `words`: takes `1K`, `2K` as a size; `unsized` is sent where the client named no size."""

    style: Style
    path: str
    task: bool  # asynchronous: answers with an id
    words: bool = False
    unsized: str | None = None


# the first that matches; what is unknown is taken for a model to come, and those have typed items
_VIDEO_WIRES = tuple(
    (re.compile(pattern), wire)
    for pattern, wire in (
        (r"wan2\.7-t2v", VideoWire(Inputs.MEDIA, sound=Sound.BESIDE)),
        (r"wan2\.7-i2v", VideoWire(Inputs.MEDIA, sound=Sound.DRIVING)),
        (r"wan2\.7-r2v", VideoWire(Inputs.MEDIA, sound=Sound.VOICE, most_references=5)),
        (r"wanx?2\.[1-6]-kf2v", VideoWire(Inputs.FRAMES, _FIRST_AND_LAST)),
        (r"wanx?2\.[1-6]-t2v", VideoWire(Inputs.FLAT, pixels=True)),
        (r"wanx?2\.[1-6]-r2v", VideoWire(Inputs.REFERENCES, pixels=True, most_references=5)),
        (r"wanx?2\.[1-6]-vace", VideoWire(Inputs.FUNCTION, pixels=True)),
        (r"wanx?2\.[1-6]-", VideoWire(Inputs.FLAT)),
        (r"", VideoWire(Inputs.MEDIA)),
    )
)
_WORDS = re.compile(r"wan2\.(6-image|7-image)")
_EITHER_WAY = re.compile(r"wan2\.(6-t2i|6-image|7-image)")  # on two paths, one for each way of waiting
_FIRST_QWEN = re.compile(r"qwen-image(-plus)?(-\d{4}-\d\d-\d\d)?$")  # prompt style is its asynchronous way
_DATED = re.compile(r"-\d{4}-\d\d-\d\d$")


def video_wire(model: str) -> VideoWire:
    """The protocol of this video model."""
    return next(wire for pattern, wire in _VIDEO_WIRES if pattern.match(model))


def image_wire(model: str, wait: str = "auto") -> ImageWire:
    """The protocol of this image model; `wait` ("sync", "async") decides where the vendor leaves a choice.

    By default a model that can be a task is one: a lost connection does not lose what was paid for.
    """
    if _EITHER_WAY.match(model):
        path = _MESSAGES if wait == "sync" else _MESSAGES_AS_TASK
        return ImageWire(Style.MESSAGES, path, task=wait != "sync", words=bool(_WORDS.match(model)))
    if wait == "async" and _FIRST_QWEN.match(model):
        return ImageWire(Style.PROMPT, _TEXT_TO_IMAGE, task=True)
    if model.startswith("wanx2.1-imageedit"):
        return ImageWire(Style.FUNCTION, _IMAGE_TO_IMAGE, task=True)
    if model.startswith("wan2.5-i2i"):
        return ImageWire(Style.PICTURES, _IMAGE_TO_IMAGE, task=True)
    if re.match(r"wanx?2\.[0-5]-", model):
        return ImageWire(Style.PROMPT, _TEXT_TO_IMAGE, task=True)
    return ImageWire(Style.MESSAGES, _MESSAGES, task=False, unsized="1024*1024" if model.startswith("z-image") else None)


def undated(model: str) -> str:
    """The name without the date of a snapshot."""
    return _DATED.sub("", model)
