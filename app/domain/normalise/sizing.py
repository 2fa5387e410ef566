"""Brings size, width and height, resolution and shape together: what is said outright beats what pixels imply."""

from app.domain.geometry import Size, ratio_of_pixels, same_shape, tier_of_pixels
from app.domain.normalise.fields import ASPECT_RATIO, HEIGHT, RESOLUTION, SIZE, WIDTH
from app.domain.normalise.reader import Body
from app.domain.requests import Operation

_NOTHING = Size()


def read_sizes(body: Body, op: Operation) -> Size:
    """Pixels, tier and shape as the client meant them, with notices for what contradicts."""
    named = body.take(RESOLUTION[op]) or _NOTHING
    ratio = body.take(ASPECT_RATIO)
    size = body.take(SIZE[op]) or _NOTHING
    written = Size(body.take(WIDTH), body.take(HEIGHT))
    tier = None if named.pixels else named.resolution or size.resolution
    pixels = _pixels(body, named, size, written)
    stated = Size(resolution=tier, aspect_ratio=ratio or size.aspect_ratio)
    if named == _NOTHING and size.resolution:
        body.named["resolution"] = body.named["size"]
    if ratio is None and size.aspect_ratio:
        body.named["aspect_ratio"] = body.named["size"]
    if pixels is not None:
        return _with_pixels(body, op, pixels, stated)
    if written != _NOTHING:
        body.note("incomplete_size", "width" if written.width else "height")
    return Size(written.width, written.height, stated.resolution, stated.aspect_ratio)


def _pixels(body: Body, named: Size, size: Size, written: Size) -> tuple[int, int] | None:
    """The pixels that count: of `resolution`, else of `size`, else of width and height."""
    chosen = named.pixels or size.pixels
    if chosen is None:
        return written.pixels
    others = (size.width, size.height, written.width, written.height)
    if any(other not in (None, wanted) for other, wanted in zip(others, chosen * 2, strict=True)):
        _conflict(body, written if size.pixels in (None, chosen) else size, Size(*chosen))
    for canonical in ("width", "height"):
        body.named[canonical] = body.named["resolution" if named.pixels else "size"]
    return chosen


def _with_pixels(body: Body, op: Operation, pixels: tuple[int, int], stated: Size) -> Size:
    tier = tier_of_pixels(*pixels, op)
    shape, bent = ratio_of_pixels(*pixels, op)
    for canonical, said in (("resolution", stated.resolution), ("aspect_ratio", stated.aspect_ratio)):
        if said is None:
            body.named[canonical] = body.named["width"]
    if stated.aspect_ratio is None and bent:
        body.note("aspect_snapped", "aspect_ratio", str(Size(*pixels)), shape)
    resolution, aspect_ratio = stated.resolution or tier, stated.aspect_ratio or shape
    agrees = resolution == tier and (stated.aspect_ratio is None or same_shape(*pixels, aspect_ratio, op))
    if agrees:
        return Size(*pixels, resolution, aspect_ratio)
    _conflict(body, Size(*pixels), Size(resolution=resolution, aspect_ratio=aspect_ratio))
    return Size(None, None, resolution, aspect_ratio)


def _conflict(body: Body, before: Size, after: Size) -> None:
    if all(notice.code != "size_conflict" for notice in body.notices):
        body.note("size_conflict", "size", str(before), str(after))
