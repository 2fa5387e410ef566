"""Writes the body of a DashScope image call in each of the vendor's styles (its pages as of 2026-11-20)."""

from collections.abc import Callable, Mapping

from app.adapters._dashscope_media import source
from app.adapters._dashscope_models import ImageWire, Style
from app.adapters._fields import given
from app.domain.capabilities import ModelCard
from app.domain.geometry import pixels_of
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Role
from app.domain.requests import ImageRequest, Mode

_PARAMETERS = ("prompt_extend", "thinking_mode", "bbox_list", "color_palette", "strength")


def image_body(job: Job, request: ImageRequest, card: ModelCard | None, wire: ImageWire) -> dict[str, Json]:
    """The body of an image call; `card` is what is known of the upstream model."""
    inputs, parameters = _WRITERS[wire.style](request)
    parameters = {
        **{name: request.vendor[name] for name in _PARAMETERS if name in request.vendor},
        **parameters,
        # always said where it is a field: Wan makes four pictures when nobody says how many
        "n": request.n if card is None or card.capabilities.most_n > 1 else None,
        "size": _size(request, wire),
        "seed": request.seed,
        "watermark": bool(request.watermark) if _marks(card) else None,
    }
    return {"model": job.upstream_model, "input": given(inputs), "parameters": given(parameters)}


_Parts = tuple[dict[str, Json], dict[str, Json]]  # of `input`, of `parameters`


def _messages(request: ImageRequest) -> _Parts:
    """Exactly one message: pictures in the client's order, then the text."""
    pictures = [{"image": source(item)} for item in request.by_role(Role.IMAGE)]
    content: list[Json] = [*pictures, {"text": request.prompt or ""}]
    return {"messages": [{"role": "user", "content": content}]}, {"negative_prompt": request.negative_prompt}


def _prompt(request: ImageRequest) -> _Parts:
    return {"prompt": request.prompt, "negative_prompt": request.negative_prompt}, {}


def _pictures(request: ImageRequest) -> _Parts:
    inputs, _ = _prompt(request)
    return {**inputs, "images": [source(item) for item in request.by_role(Role.IMAGE)]}, {}


def _function(request: ImageRequest) -> _Parts:
    """The vendor wants a function; the plain edit is assumed, the client may name another in `metadata.function`."""
    base, mask = request.first(Role.IMAGE), request.first(Role.MASK)
    usual = "description_edit" if mask is None else "description_edit_with_mask"
    return {
        "function": request.vendor.get("function", usual),
        "prompt": request.prompt,
        "base_image_url": None if base is None else source(base),
        "mask_image_url": None if mask is None else source(mask),
    }, {}


_WRITERS: Mapping[Style, Callable[[ImageRequest], _Parts]] = {
    Style.MESSAGES: _messages,
    Style.PROMPT: _prompt,
    Style.PICTURES: _pictures,
    Style.FUNCTION: _function,
}


def _size(request: ImageRequest, wire: ImageWire) -> str | None:
    """`1024*1024`, or a word where the model has them. A tier without a shape leaves an edit in the shape of its input."""
    if request.width is not None and request.height is not None:
        return f"{request.width}*{request.height}"
    if request.resolution is not None and wire.words:
        return request.resolution
    if request.resolution is not None and request.mode is Mode.T2I:
        width, height = pixels_of(request.resolution, None, "image")
        return f"{width}*{height}"
    return wire.unsized


def _marks(card: ModelCard | None) -> bool:
    return card is None or card.capabilities.scalars is None or "watermark" in card.capabilities.scalars
