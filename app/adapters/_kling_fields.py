"""Values as both generations of Kling's API and its picture endpoints write them."""

from collections.abc import Mapping, Sequence

from app.adapters._fields import base64_text, given, items, table, text
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Media
from app.domain.requests import Request

_LARGEST_ID = 20  # digits


def picture(media: Media | None) -> str | None:
    """A link, or bare base64: the vendor refuses the head of a data URI."""
    if media is None:
        return None
    return media.src if media.data is None else base64_text(media)


def chosen(request: Request, names: Sequence[str]) -> dict[str, Json]:
    """The client's own fields of these names, in the types that the vendor wants."""
    return {name: _cleaned(name, request.vendor[name]) for name in names if name in request.vendor}


def bookkeeping(job: Job) -> dict[str, Json]:
    """Our id, by which a lost answer is found again, where to call us, and whether to stamp the result."""
    watermark = job.request.watermark
    return given(
        {
            "watermark_info": None if watermark is None else {"enabled": watermark},
            "callback_url": job.callback,
            "external_task_id": job.id,
        }
    )


def shape(request: Request) -> str | None:
    """The ratio, unless the vendor shall choose."""
    return None if request.aspect_ratio == "auto" else request.aspect_ratio


def element_ids(request: Request) -> list[Json]:
    """The ids of the account's own elements, which are integers beyond 2^53, however the client wrote them."""
    listed = [table(item).get("element_id", item) for item in items(request.vendor.get("element_list"))]
    return [_identifier(item) for item in listed if text(item) is not None]


def _cleaned(name: str, value: Json) -> Json:
    if name == "dynamic_masks":
        return [{**item, "mask": _bare(item.get("mask"))} if isinstance(item, Mapping) else item for item in items(value)]
    return _bare(value) if name in ("static_mask", "scene_image", "style_image") else value


def _bare(value: Json) -> Json:
    """A data URI without its head; anything else as it is."""
    return value.partition(",")[2] if isinstance(value, str) and value[:5].lower() == "data:" else value


def _identifier(value: Json) -> Json:
    written = text(value) or ""
    return int(written) if written.isascii() and written.isdigit() and len(written) <= _LARGEST_ID else value
