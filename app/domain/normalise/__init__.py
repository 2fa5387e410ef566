"""Every accepted alias -> one canonical request (normalisation.md); pure, and without knowledge of vendors."""

import re
from collections.abc import Mapping

from app.domain.errors import InvalidRequest
from app.domain.json import JsonObject
from app.domain.media import Media
from app.domain.normalise.fields import JIMENG_MODEL, MODEL, MODEL_VARIANT
from app.domain.normalise.image import image_request, wants_background
from app.domain.normalise.reader import Body
from app.domain.normalise.values import UploadRef, wrong_type
from app.domain.normalise.video import video_request
from app.domain.replacing import replace
from app.domain.requests import Notice, Operation, Request

__all__ = ["UploadRef", "normalise", "wants_background"]

_JIMENG = "/jimeng"
_REMIX = "/remix"
_JIMENG_IMAGES = re.compile(r"(?:^|_)(?:t2i|i2i)(?:_|$)")


def normalise(route: str, body: JsonObject) -> tuple[Request, tuple[Notice, ...]]:
    """What the client wants, and every liberty taken in reading it.

    An uploaded file stands in the body as an `UploadRef`. Raises InvalidRequest with a code of normalisation.md §2.6 and
    the client's own name of the field as `param`.
    """
    if not isinstance(body, dict) and not isinstance(body, Mapping):
        raise wrong_type("body", "a JSON object")
    read = Body(body)
    model, variant = _model(read, route)
    request: Request
    if _operation(route, model) == "image":
        request = image_request(read, route, model, variant)
    else:
        request = video_request(read, route, model, variant)
    if route.rstrip("/").endswith(_REMIX):
        request = replace(request, media=tuple(map(_named_by_path, request.media)))
    return request, tuple(read.notices)


def _named_by_path(item: Media) -> Media:
    """The source of a remix stands in its path, as an `id`; whoever calls puts it into the body as `video`."""
    return replace(item, param="id") if item.param == "video" else item


def _model(body: Body, route: str) -> tuple[str, str | None]:
    model, variant = body.take(MODEL), body.take(MODEL_VARIANT)
    if model is None and variant is not None:
        body.named["model"] = body.named.pop("model_variant")
        return variant, None
    if model is None and route.startswith(_JIMENG):
        model = body.take(JIMENG_MODEL)
    if model is None:
        raise InvalidRequest("`model` is missing.", code="missing_required_parameter", param="model")
    return model, variant


def _operation(route: str, model: str) -> Operation:
    if route.startswith(_JIMENG):
        return "image" if _JIMENG_IMAGES.search(model) else "video"
    return "image" if route.startswith("/v1/images/") else "video"
