"""Fits what media are for to what a model does with them; the part of `fit.py` that is about roles and modes."""

from collections.abc import Mapping

from app.domain.capabilities import Capabilities
from app.domain.json import Json
from app.domain.media import Media, Role
from app.domain.replacing import replace
from app.domain.requests import Mode, Notice, Request

_FRAMES = (Role.FIRST_FRAME, Role.LAST_FRAME)
_REFERENCES = (Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO, Role.REFERENCE_AUDIO)


def fit_roles(request: Request, capabilities: Capabilities, notices: list[Notice], guessed: bool) -> Request:
    """Frames become references where the model cannot mix the two, or two pictures were only guessed to be frames."""
    frames = request.by_role(*_FRAMES)
    mixed = bool(frames) and bool(request.by_role(*_REFERENCES)) and not capabilities.frames_mix
    modes = capabilities.modes
    only_references = (
        guessed
        and bool(frames)
        and modes is not None
        and Mode.R2V in modes
        and (Mode.FLF2V not in modes or capabilities.two_images == "references")
    )
    if not mixed and not only_references:
        return request
    media = tuple(replace(item, role=Role.REFERENCE_IMAGE) if item.role in _FRAMES else item for item in request.media)
    if mixed:
        notices.append(Notice("adjusted:media", "media", _roles(request.media), _roles(media)))
    return replace(request, media=media, mode=Mode.R2V)


def fit_mode(request: Request, capabilities: Capabilities, notices: list[Notice]) -> Request:
    """Where nobody named a mode and the model has no use for the guessed one, the media may well be meant as what it can do."""
    modes, inputs = capabilities.modes, capabilities.inputs
    if modes is None or inputs is None or "mode" in request.named:
        return request
    takes = {role for role, rule in inputs.items() if rule.most}
    roles = {item.role for item in request.media}
    if request.mode in (Mode.R2V, Mode.I2V) and Role.REFERENCE_VIDEO in roles - takes and Mode.EDIT in modes:
        return _meant(request, Mode.EDIT, _AS_EDIT, notices)
    if roles == {Role.REFERENCE_AUDIO} and Mode.R2V not in modes and Mode.T2V in modes:
        return replace(request, mode=Mode.T2V)
    if request.mode is Mode.I2V and Mode.I2V not in modes and Mode.R2V in modes and Role.FIRST_FRAME in roles - takes:
        return _meant(request, Mode.R2V, _AS_REFERENCE, notices)
    return request


_AS_REFERENCE = {Role.FIRST_FRAME: Role.REFERENCE_IMAGE}
_AS_EDIT = {**_AS_REFERENCE, Role.REFERENCE_VIDEO: Role.SOURCE_VIDEO}


def _meant(request: Request, mode: Mode, roles: Mapping[Role, Role], notices: list[Notice]) -> Request:
    """The request in another mode, its media in other roles; a clip that was only guessed to be a reference is not worth a word."""
    media = tuple(replace(item, role=roles.get(item.role, item.role)) for item in request.media)
    if request.by_role(Role.FIRST_FRAME):
        notices.append(Notice("adjusted:media", "media", _roles(request.media), _roles(media)))
    return replace(request, mode=mode, media=media)


def _roles(media: tuple[Media, ...]) -> list[Json]:
    return [item.role.value for item in media]
