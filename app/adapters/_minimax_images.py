"""MiniMax's pictures: image-01 with a body of its own, H3 in OpenAI's shape."""

from collections.abc import Mapping
from dataclasses import replace

from app.adapters._fields import decoded, given, items, link, table, web_link, whole
from app.adapters._minimax_errors import error_of, problem_of
from app.adapters._minimax_videos import check_media, flag, watermark
from app.adapters._openai_images import image_call, read_images
from app.adapters.base import Call, Reply
from app.domain.capabilities import ModelCard
from app.domain.errors import UpstreamUnreadable
from app.domain.geometry import nearest_ratio, pixels_of
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json
from app.domain.media import MediaType, Role
from app.domain.normalise.sniffing import sniff
from app.domain.requests import ImageRequest

_SMALLEST, _LARGEST, _STEP = 512, 2048, 8  # pixels of one side
_RATIOS = ("1:1", "16:9", "4:3", "3:2", "2:3", "3:4", "9:16", "21:9")
_WITHHELD = Failure("content_policy_violation", "The vendor's moderation withheld this picture.")


def picture_body(job: Job, request: ImageRequest, card: ModelCard | None) -> dict[str, Json]:
    """An image-01 call. `card` holds the pixels of each ratio word; None for models that the data file lacks."""
    check_media(request, (Role.IMAGE,))
    portrait = request.first(Role.IMAGE)
    return given(
        {
            "model": job.upstream_model,
            "prompt": request.prompt,
            **_shape(request, card),
            "response_format": "base64" if request.response_format == "b64_json" else "url",
            "n": request.n,
            "seed": request.seed,
            "prompt_optimizer": flag(request.vendor, "prompt_optimizer"),
            "aigc_watermark": watermark(request),
            "subject_reference": [{"type": "character", "image_file": link(portrait)}] if portrait else None,
            "style": _style(request),
        }
    )


def openai_image_call(job: Job, request: ImageRequest) -> Call:
    """An H3 picture. The vendor knows pixels and `auto`, no tier words; it may hold the call for ten minutes."""
    check_media(request, (Role.IMAGE,))
    if request.width is None and request.resolution is not None:
        width, height = pixels_of(request.resolution, request.aspect_ratio, "image")
        request = replace(request, width=width, height=height)
    return image_call(job, request)


def read_pictures(job: Job, request: ImageRequest, reply: Reply) -> Snapshot:
    """The pictures of an image-01 answer; raises what `base_resp` says, or UpstreamUnreadable, when there is none."""
    answer = reply.object()
    data, counts = table(answer.get("data")), table(answer.get("metadata"))
    found = [_linked(value, request) for value in items(data.get("image_urls"))]
    found += [_inline(value, request) for value in items(data.get("image_base64"))]
    outputs = tuple(output for output in found if output is not None)
    if not outputs and problem_of(answer) is not None:
        raise error_of(job, reply)
    failures = (_WITHHELD,) * min(max(whole(counts.get("failed_count")) or 0, 0), request.n)
    if not outputs and not failures:
        raise UpstreamUnreadable("MiniMax answered without a picture.", status=reply.status, body=reply.excerpt())
    return Snapshot(
        status=JobStatus.COMPLETED if outputs else JobStatus.FAILED,
        outputs=outputs,
        failure=None if outputs else failures[0],
        partial_failures=failures if outputs else (),
        usage=Usage(images=len(outputs)),
        seed=request.seed,
    )


def read_openai_pictures(job: Job, reply: Reply) -> Snapshot:
    """The pictures of an H3 answer; raises what it complains of, in either envelope."""
    answer = reply.object()
    if problem_of(answer) is not None and not items(answer.get("data")):
        raise error_of(job, reply)
    return read_images(job, reply)


def _shape(request: ImageRequest, card: ModelCard | None) -> dict[str, Json]:
    """The ratio word where the size is that word's, or cannot be said in pixels; else pixels."""
    width, height = request.width, request.height
    if width is None or height is None:
        return {"aspect_ratio": request.aspect_ratio if request.aspect_ratio in _RATIOS else None}
    pixels = {} if card is None else card.capabilities.pixels.get("1K", {})
    word = next((ratio for ratio, size in pixels.items() if size == (width, height)), None)
    if word is None and not all(_SMALLEST <= side <= _LARGEST and side % _STEP == 0 for side in (width, height)):
        word = nearest_ratio(width / height, tuple(pixels) or _RATIOS)
    return {"aspect_ratio": word} if word else {"width": width, "height": height}


def _style(request: ImageRequest) -> Json:
    """image-01-live's style: the vendor's object, or its name as OpenAI's field of that name."""
    own = request.vendor.get("style")
    if isinstance(own, Mapping):
        return own
    if request.style is None:
        return None
    return given({"style_type": request.style, "style_weight": request.vendor.get("style_weight")})


def _linked(value: Json, request: ImageRequest) -> Output | None:
    url = web_link(value)
    return None if url is None else Output(url=url, mime="image/jpeg", width=request.width, height=request.height)


def _inline(value: Json, request: ImageRequest) -> Output | None:
    data = decoded(value)
    if data is None:
        return None
    mime = sniff(data[:32], MediaType.IMAGE) or "image/jpeg"
    return Output(data=data, mime=mime, width=request.width, height=request.height)
