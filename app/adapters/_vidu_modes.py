"""Decides by which of Vidu's ways a video request goes in, and as which of its models.

A mode is fitted before the adapter sees it. Two of the vendor's own fields ask for another way than the media do: `subjects`
(named references) and `action` (which one widely used gateway reads). The request is then fitted anew for that way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.domain.capabilities import ModelCard
from app.domain.errors import InputRefused, InvalidRequest
from app.domain.fit import fit
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.media import Media, Role
from app.domain.requests import Mode, Notice, VideoRequest

_ENDPOINTS = {
    Mode.T2V: "text2video",
    Mode.I2V: "img2video",
    Mode.FLF2V: "start-end2video",
    Mode.R2V: "reference2video",
    Mode.EXTEND: "extend",
}
_ACTIONS = {
    "generate": Mode.I2V,
    "textGenerate": Mode.T2V,
    "firstTailGenerate": Mode.FLF2V,
    "referenceGenerate": Mode.R2V,
}
_FRAMES = (Role.FIRST_FRAME, Role.LAST_FRAME)


@dataclass(frozen=True, slots=True)
class Wish:
    """A video request with the vendor's names of the way in and of the model."""

    endpoint: str
    model: str
    request: VideoRequest


def wish_of(job: Job, request: VideoRequest, card: ModelCard | None) -> Wish:
    """The way in; raises InvalidRequest where the client's wishes contradict one another.

    `card` is what is known of the model that the client named, None for models to come.
    """
    mode = _mode(request)
    if mode is request.mode:
        model = job.upstream_model
    else:
        request = _as_references(job, request, card)
        model = _sister(card, job.upstream_model)
    endpoint = _ENDPOINTS.get(request.mode)
    if endpoint is None:
        raise _conflict(request, "mode", f"Vidu has no way to {request.mode.value}.")
    _check_exact(job, request, card, model)
    return Wish(endpoint, model, request)


def has_subjects(vendor: Mapping[str, Json]) -> bool:
    """Whether references are given as named subjects, which hold their own pictures."""
    return bool(vendor.get("subjects")) or vendor.get("auto_subjects") is True


def _mode(request: VideoRequest) -> Mode:
    """What is wanted. With subjects it is references, and any media beside them would be left out: those are refused."""
    action = request.vendor.get("action")
    wanted = request.mode if action is None else _ACTIONS.get(action) if isinstance(action, str) else None
    if wanted is None:
        raise InvalidRequest(f"`action` is one of {', '.join(_ACTIONS)}.", param="action", code="invalid_value")
    if has_subjects(request.vendor):
        if request.media:
            raise InputRefused(
                "Vidu takes named subjects or pictures, not both: put the pictures into `subjects`.",
                param=request.media[0].param,
                code="unsupported_input",
            )
        return Mode.R2V
    if wanted is not request.mode and (wanted is not Mode.R2V or not request.media):
        raise _conflict(request, "action", f"`action` is {action!r}, and the media of this request are not for that.")
    return wanted


def _as_references(job: Job, request: VideoRequest, card: ModelCard | None) -> VideoRequest:
    """The request as the client wrote it, its frames as references, held against the model once more."""
    asked = job.asked
    media = tuple(_reference(item) for item in request.media)
    if card is None or not isinstance(asked, VideoRequest):
        return replace(request, mode=Mode.R2V, media=media)
    known = fit(replace(asked, mode=request.mode, media=request.media), card.capabilities).notices
    fitted = fit(replace(asked, mode=Mode.R2V, media=media), card.capabilities)
    news = [notice for notice in fitted.notices if notice not in known]
    if news:
        # nobody would report it: warnings are collected before an adapter sees the request
        raise _cannot(request, news[0])
    assert isinstance(fitted.request, VideoRequest)  # noqa: S101  # fitting keeps the kind
    return fitted.request


def _reference(item: Media) -> Media:
    return replace(item, role=Role.REFERENCE_IMAGE) if item.role in _FRAMES else item


def _sister(card: ModelCard | None, upstream: str) -> str:
    """The model that makes references."""
    return upstream if card is None else card.by_mode.get(Mode.R2V, card.upstream)


def _check_exact(job: Job, request: VideoRequest, card: ModelCard | None, model: str) -> None:
    if job.settings.get("exact_models") is True and card is not None and model != card.upstream:
        raise InputRefused(
            f"The model {card.upstream!r} cannot do {request.mode.value}; {model!r} can.",
            param=request.client_name("mode"),
            code="unsupported_mode",
        )


def _cannot(request: VideoRequest, notice: Notice) -> InvalidRequest:
    field = (notice.field or "mode").removeprefix("vendor.")
    nearest = "" if notice.after is None else f"; the nearest is {notice.after}"
    message = f"The model {request.model!r} cannot serve `{field}` as written when it works from references{nearest}."
    return InvalidRequest(message, param=request.client_name(field), code="invalid_value")


def _conflict(request: VideoRequest, param: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=request.client_name(param), code="conflicting_parameters")
