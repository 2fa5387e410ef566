"""Reads the values with a grammar of their own: lengths, sizes, shapes, qualities, mode words."""

import math
import re

from app.domain.geometry import Size, read_quality_tier, read_ratio, read_resolution, read_size
from app.domain.json import Json
from app.domain.normalise.values import ELSEWHERE, Elsewhere, Reading, integer, text, truth, word, wrong_type, wrong_value
from app.domain.requests import Mode, Operation

LONGEST_DURATION = 3600  # seconds
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,17})?)\s*(?:s|sec|secs|second|seconds|秒)?")
_AUTO_DURATION = frozenset({"auto", "-1", "-1.0"})
_seed = integer(-1, 2**63 - 1)
_QUALITY_IN_MODE = {"std": "std", "standard": "std", "pro": "pro", "professional": "pro"}
_WORDS = {
    Mode.T2V: "t2v text2video text_to_video",
    Mode.I2V: "i2v image2video img2video image_to_video first_frame",
    Mode.FLF2V: "i2v_first_last first_last first_last_frames start_end start_end2video flf2v keyframes",
    Mode.R2V: "reference_images reference_material multi_i2v multi_image2video r2v reference reference2video omni_reference",
    Mode.EXTEND: "extend extension video_extend",
    Mode.EDIT: "edit video_edit v2v video_to_video",
    Mode.REMIX: "remix",
    Mode.T2I: "t2i text2image text_to_image",
    Mode.I2I: "i2i image2image img2img image_to_image",
}
_IMAGE_MODES = frozenset({Mode.T2I, Mode.I2I})
_MODES = {spelling: mode for mode, spellings in _WORDS.items() for spelling in spellings.split()}


def duration(value: Json, name: str) -> float | str:
    """Seconds (an int when integral), or "auto" where the model shall choose."""
    if isinstance(value, str):
        found = word(value, name)
        parts = _DURATION.fullmatch(found)
        if found not in _AUTO_DURATION and parts is None:
            raise wrong_value(name, "must be a number of seconds")
        value = float(parts[1]) if parts else -1
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(name, "a number of seconds")
    if value == -1:
        return "auto"
    if not (math.isfinite(value) and 0 < value <= LONGEST_DURATION):
        raise wrong_value(name, f"must be more than 0 and at most {LONGEST_DURATION} seconds")
    return int(value) if value == int(value) else value


def seed(value: Json, name: str) -> int | None:
    """A seed from 0; -1 means that any will do."""
    number = _seed(value, name)
    return None if number == -1 else number


def ratio(value: Json, name: str) -> str:
    """An aspect ratio."""
    found = read_ratio(word(value, name))
    if found is None:
        raise wrong_value(name, "must be an aspect ratio such as 16:9, or auto")
    return found


def size(op: Operation) -> Reading[Size]:
    """A reader of `size` values."""

    def read(value: Json, name: str) -> Size:
        found = read_size(word(value, name), op)
        if found is None:
            raise wrong_value(name, "must be pixels such as 1280x720, a ratio such as 16:9, a tier such as 720p, or auto")
        return found

    return read


def resolution(op: Operation) -> Reading[Size]:
    """A reader of `resolution` values, which may be pixels."""

    def read(value: Json, name: str) -> Size:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        found = read_resolution(word(value, name), op)
        if found is None:
            raise wrong_value(name, "must be a resolution such as 720p, 1080p or 2K")
        return found

    return read


def tier_in_quality(op: Operation) -> Reading[Size | Elsewhere]:
    """A reader of `quality` values that are a tier."""

    def read(value: Json, name: str) -> Size | Elsewhere:
        tier = read_quality_tier(word(value, name), op)
        return ELSEWHERE if tier is None else Size(resolution=tier)

    return read


def quality(value: Json, name: str) -> str | Elsewhere:
    """A quality word that is no tier."""
    found = word(value, name)
    return found if read_quality_tier(found, "video") is None else ELSEWHERE


def quality_in_mode(value: Json, name: str) -> str | Elsewhere:
    """The quality word that Kling writes as `mode`."""
    return _QUALITY_IN_MODE.get(word(value, name), ELSEWHERE)


def mode(op: Operation) -> Reading[Mode | Elsewhere]:
    """A reader of mode words; unknown ones are not an error, vendors invent modes."""

    def read(value: Json, name: str) -> Mode | Elsewhere:
        spelling = text(value, name).strip().lower().replace("-", "_").replace(" ", "_")
        found = _MODES.get(spelling)
        return found if found is not None and (found in _IMAGE_MODES) == (op == "image") else ELSEWHERE

    return read


def sound(value: Json, name: str) -> bool | Elsewhere:
    """Whether `audio` is a switch and not a sound."""
    found = truth(value)
    return ELSEWHERE if found is None else found


def background(value: Json, name: str) -> str | None:
    """OpenAI's background word; a boolean there asks for an asynchronous answer, which is not about the picture."""
    return None if truth(value) is not None else word(value, name)
