"""What Jimeng accepts in a create, model by model, as its pages and careful clients say (as of 2026-11-20)."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEBIBYTE = 1024 * 1024
RATIOS = frozenset({"16:9", "4:3", "1:1", "3:4", "9:16", "21:9"})
MOVES = frozenset(
    {
        *("hitchcock_dolly_in", "hitchcock_dolly_out", "robo_arm", "dynamic_orbit", "central_orbit", "crane_push"),
        *("quick_pull_back", "counterclockwise_swivel", "clockwise_swivel", "handheld", "rapid_push_pull"),
    }
)


class Refused(Exception):
    """The service's own no, with its HTTP status and code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Film:
    """A film model: how many pictures it needs and takes, and which further fields it knows."""

    fewest: int
    most: int
    ratios: frozenset[str] = frozenset()
    frames: bool = True
    ratio_needed: bool = False
    camera: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture model: how many pictures it takes, in which ways, and the bounds of a result."""

    fewest: int = 0
    most: int = 0
    inline: bool = True
    sides: tuple[int, int] | None = None
    area: tuple[int, int] | None = None
    prompt: int = 800
    at_once: bool = False
    fields: frozenset[str] = frozenset()


_OLD = frozenset({*RATIOS, "9:21"})
_GROUP = frozenset({"size", "scale", "force_single", "min_ratio", "max_ratio", "callback_url", "logo_info", "aigc_meta"})
_OLD_PICTURE = Picture(
    sides=(256, 768), at_once=True, fields=frozenset({"seed", "use_pre_llm", "use_sr", "return_url", "logo_info"})
)
_AREA = (1024 * 1024, 4096 * 4096)

FILMS: Mapping[str, Film] = {
    "jimeng_vgfm_t2v_l20": Film(0, 0, _OLD, frames=False),
    "jimeng_vgfm_i2v_l20": Film(1, 1, _OLD, frames=False, ratio_needed=True),
    "jimeng_t2v_v30": Film(0, 0, RATIOS),
    "jimeng_t2v_v30_1080p": Film(0, 0, RATIOS),
    "jimeng_i2v_first_v30": Film(1, 1),
    "jimeng_i2v_first_v30_1080": Film(1, 1),
    "jimeng_i2v_first_tail_v30": Film(2, 2),
    "jimeng_i2v_first_tail_v30_1080": Film(2, 2),
    "jimeng_i2v_recamera_v30": Film(1, 1, camera=True),
    "jimeng_ti2v_v30_pro": Film(0, 1, RATIOS),
}
PICTURES: Mapping[str, Picture] = {
    "jimeng_high_aes_general_v21_L": _OLD_PICTURE,
    "jimeng_t2i_s20pro": _OLD_PICTURE,
    "jimeng_t2i_v21": Picture(fields=frozenset({"seed"})),
    "jimeng_t2i_v30": Picture(sides=(512, 2048), fields=frozenset({"seed", "use_pre_llm"})),
    "jimeng_t2i_v31": Picture(sides=(512, 2048), fields=frozenset({"seed", "use_pre_llm"})),
    "jimeng_i2i_v30": Picture(1, 1, sides=(512, 2016), fields=frozenset({"seed", "scale"})),
    "jimeng_t2i_v40": Picture(0, 10, inline=False, area=_AREA, fields=frozenset({*_GROUP, "return_url"})),
    "jimeng_seedream46_cvtob": Picture(0, 14, inline=False, area=_AREA, fields=frozenset({*_GROUP, "return_url"})),
    "jimeng_image2image_dream_inpaint": Picture(2, 2, prompt=120, fields=frozenset({"seed"})),
}


def bad(message: str) -> Refused:
    """A parameter that the service cannot take."""
    return Refused(400, 50_215, f"Input invalid for this service: {message}")


def check(body: Mapping[str, Any]) -> None:
    """Raises Refused for a body that the real service would turn away, or would misunderstand without a word."""
    key = body.get("req_key")
    film, picture = FILMS.get(str(key)), PICTURES.get(str(key))
    if film is not None:
        _check_film(body, film)
    elif picture is not None:
        _check_picture(body, picture)
    else:
        raise Refused(400, 50_400, "Access Denied: Internal Error")


def _check_film(body: Mapping[str, Any], film: Film) -> None:
    allowed = {"req_key", "prompt", "image_urls", "binary_data_base64", "seed"}
    allowed |= {"frames"} if film.frames else set()
    allowed |= {"aspect_ratio"} if film.ratios else set()
    allowed |= {"template_id", "camera_strength"} if film.camera else set()
    _known(body, allowed)
    pictures = _check_pictures(body, film.fewest, film.most, inline=True)
    _check_prompt(body, 800, needed=pictures == 0)
    if film.frames and body.get("frames", 121) not in (121, 241):
        raise bad("frames")
    if ("aspect_ratio" in body or film.ratio_needed) and body.get("aspect_ratio") not in film.ratios:
        raise bad("aspect_ratio")
    if film.camera and (body.get("template_id") not in MOVES or body.get("camera_strength", "medium") not in _STRENGTHS):
        raise bad("template_id or camera_strength")


_STRENGTHS = ("weak", "medium", "strong")


def _check_picture(body: Mapping[str, Any], picture: Picture) -> None:
    allowed = {"req_key", "prompt", *picture.fields}
    allowed |= {"width", "height"} if picture.sides or picture.area else set()
    allowed |= {"image_urls", "binary_data_base64"} if picture.most else set()
    _known(body, allowed)
    _check_pictures(body, picture.fewest, picture.most, inline=picture.inline)
    _check_prompt(body, picture.prompt, needed=True)
    width, height = body.get("width"), body.get("height")
    if (width is None) is not (height is None):
        raise bad("width and height, both or neither")
    if isinstance(width, int) and isinstance(height, int):
        _check_size(width, height, picture)
    if "size" in body and not _within(body["size"], picture.area):
        raise bad("size")


def _check_size(width: int, height: int, picture: Picture) -> None:
    if picture.sides is not None and not (_within(width, picture.sides) and _within(height, picture.sides)):
        raise bad("width and height are out of range")
    if picture.sides is not None and max(width, height) > 3 * min(width, height):
        raise bad("width and height are too far apart")
    if picture.area is not None and not _within(width * height, picture.area):
        raise bad("width times height is out of range")


def _within(value: object, bounds: tuple[int, int] | None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (bounds is None or bounds[0] <= value <= bounds[1])


def _known(body: Mapping[str, Any], allowed: set[str]) -> None:
    """The real service ignores what it does not know; here it counts as a mistake of ours."""
    unknown = sorted(set(body) - allowed)
    if unknown:
        raise bad(f"unknown {', '.join(unknown)}")


def _check_prompt(body: Mapping[str, Any], most: int, *, needed: bool) -> None:
    prompt = body.get("prompt")
    if prompt is None and not needed:
        return
    if not isinstance(prompt, str) or not prompt or len(prompt) > most:
        raise bad("prompt")


def _check_pictures(body: Mapping[str, Any], fewest: int, most: int, *, inline: bool) -> int:
    links, files = body.get("image_urls"), body.get("binary_data_base64")
    if links is not None and files is not None:
        raise bad("image_urls and binary_data_base64, one of them")
    given = links if links is not None else files if files is not None else []
    if not isinstance(given, list) or not fewest <= len(given) <= most or (files is not None and not inline):
        raise bad("number or form of the pictures")
    if not all(isinstance(link, str) and link.startswith(("http://", "https://")) for link in links or []):
        raise bad("image_urls")
    for text in files or []:
        _check_file(text)
    return len(given)


def _check_file(text: object) -> None:
    try:
        data = base64.b64decode(text if isinstance(text, str) else "!", validate=True)
    except binascii.Error as error:
        raise bad("binary_data_base64 is not bare base64") from error
    if len(data) > 4.7 * MEBIBYTE or not data.startswith((b"\x89PNG", b"\xff\xd8")):
        raise bad("binary_data_base64 is too large, or no PNG or JPEG")
