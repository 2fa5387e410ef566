"""Pictures in OpenAI's shape: the generations and edits calls, and what their answers hold.

https://platform.openai.com/docs/api-reference/images (read 2026-11-20).
"""

import re

from app.adapters._fields import decoded, dig, given, items, table, text, web_link, whole
from app.adapters._openai_errors import failure_of, problem_of, read_error
from app.adapters._openai_form import choice, form_of, forwarded, linked, prefix, reference
from app.adapters.base import Call, Reply, StreamEvent
from app.domain.errors import InputRefused, UpstreamUnreadable
from app.domain.geometry import pixels_of, read_pixels
from app.domain.jobs import Job, JobStatus, Output, Snapshot, Usage
from app.domain.json import Json, JsonObject
from app.domain.media import Media, MediaType, Role
from app.domain.normalise.sniffing import sniff
from app.domain.replacing import replace
from app.domain.requests import ImageRequest

_PATIENCE = 600.0  # seconds; a large picture at high quality takes minutes
_GPT_IMAGE = re.compile(r"(?:^|/)(?:chat)?gpt-image", re.IGNORECASE)
_MIMES = {"jpg": "image/jpeg", "svg": "image/svg+xml"}


def image_call(job: Job, request: ImageRequest, links_go: str = "json") -> Call:
    """The create call: edits where pictures are given, in the form that the setting `image_edits` asks for.

    `links_go` is that form where the setting leaves it open and not all pictures are files.
    """
    body, root = _body(job, request), prefix(job.settings) + "/images"
    pictures, mask = request.by_role(Role.IMAGE), request.first(Role.MASK)
    if mask and not pictures:
        raise InputRefused("A mask needs a picture to lie on.", param=mask.param, code="unsupported_input")
    if not pictures:
        return Call(method="POST", path=f"{root}/generations", json=body, timeout=_PATIENCE)
    way = _edit_way(job, (*pictures, *([mask] if mask else [])), links_go)
    if way == "generations":
        links = [linked(item) for item in pictures]
        body |= given({"image": links[0] if len(links) == 1 else links, "mask": linked(mask) if mask else None})
        return Call(method="POST", path=f"{root}/generations", json=body, timeout=_PATIENCE)
    if way == "json":
        body |= given({"images": [reference(item) for item in pictures], "mask": reference(mask) if mask else None})
        return Call(method="POST", path=f"{root}/edits", json=body, timeout=_PATIENCE)
    name = "image" if len(pictures) == 1 else "image[]"
    files = [(name, item) for item in pictures] + ([("mask", mask)] if mask else [])
    return Call(method="POST", path=f"{root}/edits", form=form_of(body, files), timeout=_PATIENCE)


def streamed(call: Call, request: ImageRequest) -> Call:
    """The same call with `stream: true`."""
    more: dict[str, Json] = given({"stream": True, "partial_images": request.partial_images})
    if call.form is not None:
        return replace(call, form=[*form_of(more, ()), *call.form])
    return replace(call, json={**(call.json or {}), **more})


def is_gpt_image(model: str) -> bool:
    """Whether this is one of OpenAI's own models, which always answer base64 and refuse `response_format`."""
    return _GPT_IMAGE.search(model) is not None


def _edit_way(job: Job, media: tuple[Media, ...], links_go: str) -> str:
    way = choice(job.settings, "image_edits", "auto", "multipart", "json", "generations")
    if way in ("json", "generations"):
        return way
    return "multipart" if all(item.data is not None for item in media) else links_go


def _body(job: Job, request: ImageRequest) -> dict[str, Json]:
    own = given(
        {
            "model": job.upstream_model,
            "prompt": request.prompt,
            "n": request.n if request.n > 1 else None,
            "size": _size(job, request),
            "quality": request.quality,
            "background": request.background,
            "moderation": request.moderation,
            "output_format": request.output_format,
            "output_compression": request.output_compression,
            "input_fidelity": request.input_fidelity,
            "style": request.style,
            "response_format": _response_format(job, request),
            "negative_prompt": request.negative_prompt,
            "seed": request.seed,
            "watermark": request.watermark,
            "user": request.user,
        }
    )
    return {**own, **forwarded(request.vendor, (*own, "image", "images", "mask", "n", "partial_images"))}


def _size(job: Job, request: ImageRequest) -> str | None:
    """Pixels where known; a bare tier as the word it is, save for OpenAI's own models, which only know pixels."""
    width, height = request.width, request.height
    if width is None or height is None:
        if request.resolution is None:
            return None  # which is "auto" everywhere
        if not is_gpt_image(job.upstream_model):
            return request.resolution
        width, height = pixels_of(request.resolution, request.aspect_ratio, "image")
    return f"{width}{choice(job.settings, 'size_sep', 'x', '*')}{height}"


def _response_format(job: Job, request: ImageRequest) -> str | None:
    if is_gpt_image(job.upstream_model):
        return None
    forced = choice(job.settings, "response_format", "", "b64_json", "url", "omit")
    return request.response_format if not forced else None if forced == "omit" else forced


def read_images(job: Job, reply: Reply) -> Snapshot:
    """The pictures of an answer, or why all were withheld; raises UpstreamUnreadable when it says neither."""
    body = reply.object()
    made = items(body.get("data")) or items(body.get("images"))
    read = [(item, _output(job, body, item)) for item in made]
    outputs = tuple(output for _, output in read if output is not None)
    failures = tuple(failure_of(problem_of(item)) for item, output in read if output is None)
    if not outputs and body.get("error"):
        raise read_error(job, reply)
    if not outputs and not any(table(item).get("error") for item in made):
        message = "The vendor's answer holds no picture."
        raise UpstreamUnreadable(message, status=reply.status, body=reply.excerpt(), request_id=reply.headers.get("x-request-id"))
    return Snapshot(
        status=JobStatus.COMPLETED,
        progress=100,
        outputs=outputs,
        partial_failures=failures,
        usage=_usage(body, len(outputs)),
        seed=whole(dig(body, "data", 0, "seed")),
    )


def image_event(job: Job, event: JsonObject) -> StreamEvent | None:
    """One event of an image stream (`image_generation.*` and `image_edit.*`)."""
    kind = text(event.get("type")) or ""
    if event.get("error") or kind == "error":
        return StreamEvent("failed", failure=failure_of(problem_of(event)))
    output = _output(job, event, event)
    if output is None:
        return None
    if kind.endswith(".partial_image"):
        return StreamEvent("partial", whole(event.get("partial_image_index")) or 0, output)
    return StreamEvent("completed", 0, output, usage=_usage(event, None) if event.get("usage") else None)


def _output(job: Job, body: JsonObject, item: Json) -> Output | None:
    entry: JsonObject = {"url": item} if isinstance(item, str) else table(item)
    url = text(entry.get("url"))
    inline = entry.get("b64_json") or (url if url is not None and url.startswith("data:") else None)
    data = decoded(inline)
    size = read_pixels(text(entry.get("size")) or text(body.get("size")) or "") or (None, None)
    revised = text(entry.get("revised_prompt"))
    if data is not None:
        return Output(data=data, mime=_mime(job, body, data), width=size[0], height=size[1], revised_prompt=revised)
    if web_link(url) is None and not (url or "").startswith("/"):  # a path of the server's own
        return None
    return Output(url=url, width=size[0], height=size[1], revised_prompt=revised)


def _mime(job: Job, body: JsonObject, data: bytes) -> str:
    """By the bytes themselves; what they do not show (SVG), the answer or the request says."""
    asked = job.request.output_format if isinstance(job.request, ImageRequest) else None
    word = text(body.get("output_format")) or asked or "png"
    return sniff(data[:32], MediaType.IMAGE) or _MIMES.get(word, f"image/{word}")


def _usage(body: JsonObject, made: int | None) -> Usage:
    usage = table(body.get("usage"))
    return Usage(
        images=made,
        input_tokens=whole(usage.get("input_tokens")),
        output_tokens=whole(usage.get("output_tokens")),
        total_tokens=whole(usage.get("total_tokens")),
    )
