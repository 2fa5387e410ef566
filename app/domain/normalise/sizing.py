"""Brings size, width and height, resolution and shape together: what is said outright beats what pixels imply."""

from app.domain.geometry import Size, ratio_of_pixels, same_shape, tier_of_pixels
from app.domain.normalise.fields import ASPECT_RATIO, HEIGHT, RESOLUTION, SIZE, WIDTH
from app.domain.normalise.reader import Body
from app.domain.requests import Operation

_NAMES = {op: RESOLUTION[op].outer | SIZE[op].outer | ASPECT_RATIO.outer | WIDTH.outer | HEIGHT.outer for op in SIZE}
_NOTHING = Size()


def read_sizes(body: Body, op: Operation) -> Size:
    """Pixels, tier and shape as the client meant them, with notices for what contradicts."""
    if not body.holds(_NAMES[op]):
        return _NOTHING
    named = body.take(RESOLUTION[op]) or _NOTHING
    ratio = body.take(ASPECT_RATIO)
    size = body.take(SIZE[op]) or _NOTHING
    width, height = body.take(WIDTH), body.take(HEIGHT)
    written = Size(width, height) if width or height else _NOTHING
    pixels = _pixels(body, named, size, written)
    if named is _NOTHING and size.resolution:
        body.named["resolution"] = body.named["size"]
    if ratio is None and size.aspect_ratio:
        body.named["aspect_ratio"] = body.named["size"]
    tier, shape = named.resolution or size.resolution, ratio or size.aspect_ratio
    if pixels is not None:
        return _with_pixels(body, op, pixels, None if named.width else tier, shape)
    if written is not _NOTHING:
        body.note("incomplete_size", "width" if width else "height")
    return Size(width, height, tier, shape)


def _pixels(body: Body, named: Size, size: Size, written: Size) -> tuple[int, int] | None:
    """The pixels that count: of `resolution`, else of `size`, else of width and height."""
    outright = named.pixels
    chosen = outright or size.pixels
    if chosen is None:
        return written.pixels
    width, height = chosen
    alone = outright is None and written is _NOTHING
    if not alone and ({size.width, written.width} - {width, None} or {size.height, written.height} - {height, None}):
        _conflict(body, written if size.pixels in (None, chosen) else size, Size(width, height))
    body.named["width"] = body.named["height"] = body.named["resolution" if outright else "size"]
    return chosen


def _with_pixels(body: Body, op: Operation, pixels: tuple[int, int], said_tier: str | None, said_shape: str | None) -> Size:
    tier = tier_of_pixels(*pixels, op)
    shape, bent = ratio_of_pixels(*pixels, op)
    if said_tier is None:
        body.named["resolution"] = body.named["width"]
    if said_shape is None:
        body.named["aspect_ratio"] = body.named["width"]
        if bent:
            body.note("aspect_snapped", "aspect_ratio", str(Size(*pixels)), shape)
    resolution, aspect_ratio = said_tier or tier, said_shape or shape
    if resolution == tier and (said_shape is None or same_shape(*pixels, aspect_ratio, op)):
        return Size(*pixels, resolution, aspect_ratio)
    _conflict(body, Size(*pixels), Size(resolution=resolution, aspect_ratio=aspect_ratio))
    return Size(None, None, resolution, aspect_ratio)


def _conflict(body: Body, before: Size, after: Size) -> None:
    if all(notice.code != "size_conflict" for notice in body.notices):
        body.note("size_conflict", "size", str(before), str(after))
