"""What is made of a film: a thumbnail, a sheet of stills, its last picture, a small moving preview.

Blocking, and for a process of its own (`film_process`).
"""

import io
from collections.abc import Callable, Mapping
from typing import BinaryIO

from av.video.frame import VideoFrame
from PIL import Image, ImageStat

from app.engine.film_reader import MOST_SIDE, Film, Unreadable, opened, picture

THUMBNAIL_WIDTH = 640  # pixels
SHEET = 5  # stills in a row, and rows
SHEET_SIDE = 320  # pixels of the longer side of each still
PREVIEW_SIDE = 320

_THUMBNAIL_AT = 0.1  # of the film's length
_BLACK = 20  # of 255: the mean brightness up to which a picture says nothing
_GLANCE = 32  # pixels a side are enough to see that
_PREVIEW_RATE = 8  # pictures a second
_PREVIEW_SECONDS = 4.0  # a longer film is shown faster


def make(variant: str, file: BinaryIO) -> bytes:
    """The variant of the film in a seekable file; raises Unreadable, and KeyError for a variant that there is not."""
    maker = _MAKERS[variant]
    with opened(file) as film:
        return maker(film)


def _thumbnail(film: Film) -> bytes:
    """The first picture from a tenth of the film on that is not black, else the brightest."""
    wanted = film.seconds * _THUMBNAIL_AT
    best: tuple[float, VideoFrame] | None = None
    for time, frame in film.frames(wanted):
        light = _light(frame)
        if best is None or time < wanted or light > best[0]:
            best = light, frame
        if time >= wanted and light > _BLACK:
            break
    if best is None:
        raise Unreadable("It cannot be decoded.")
    return _saved(picture(best[1], THUMBNAIL_WIDTH, MOST_SIDE), "JPEG", quality=85)


def _spritesheet(film: Film) -> bytes:
    stills = film.spread(SHEET * SHEET, SHEET_SIDE)
    width, height = stills[0].size
    sheet = Image.new("RGB", (width * SHEET, height * SHEET))
    for number, still in enumerate(stills):
        fitting = still if still.size == (width, height) else still.resize((width, height))
        sheet.paste(fitting, (number % SHEET * width, number // SHEET * height))
    return _saved(sheet, "JPEG", quality=80)


def _last_frame(film: Film) -> bytes:
    return _saved(picture(film.last(), MOST_SIDE, MOST_SIDE), "PNG", compress_level=4)


def _preview(film: Film) -> bytes:
    seconds = min(film.seconds, _PREVIEW_SECONDS)
    count = max(round(seconds * _PREVIEW_RATE), 1)
    first, *others = film.spread(count, PREVIEW_SIDE)
    pause = max(round(1000 * seconds / count), 1)  # milliseconds
    return _saved(first, "WEBP", save_all=True, append_images=others, duration=pause, loop=0, quality=60, method=2)


def _light(frame: VideoFrame) -> float:
    return float(ImageStat.Stat(picture(frame, _GLANCE, _GLANCE).convert("L")).mean[0])


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


_MAKERS: Mapping[str, Callable[[Film], bytes]] = {
    "thumbnail": _thumbnail,
    "spritesheet": _spritesheet,
    "last_frame": _last_frame,
    "preview": _preview,
}
