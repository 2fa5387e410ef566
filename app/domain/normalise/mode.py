"""What to do (normalisation.md §6): said by the client, by the route, or inferred from the media."""

from collections.abc import Sequence

from app.domain.errors import InvalidRequest
from app.domain.media import Media, MediaType, Role
from app.domain.normalise.fields import MODE, MODE_NAMES
from app.domain.normalise.reader import Body
from app.domain.requests import Mode, Operation

_ROUTES = {"/edits": Mode.EDIT, "/extensions": Mode.EXTEND, "/remix": Mode.REMIX}
_REFERENCES = frozenset({Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO, Role.REFERENCE_AUDIO})


def explicit_mode(body: Body, op: Operation, route: str) -> Mode | None:
    """The mode that the client or, failing that, the route names. Take the quality first: `mode` may be one."""
    row = MODE[op]
    mode = body.take(row)
    if body.holds(row.outer):
        _note_unknown(body)
    if mode is None and op == "video":
        _, slash, ending = route.rstrip("/").rpartition("/")
        return _ROUTES.get(slash + ending)
    return mode


def _note_unknown(body: Body) -> None:
    for place in body.places:
        for name in MODE_NAMES:
            word = place.get(name)
            if isinstance(word, str):
                body.note("unknown_mode", "mode", word[:64])


def video_mode(explicit: Mode | None, media: Sequence[Media], prompt: str | None, body: Body) -> Mode:
    """The mode of a video request; raises InvalidRequest when an explicit one lacks what it needs."""
    if not media and explicit is None:  # words alone, as in most requests
        require_prompt(prompt)
        return Mode.T2V
    roles = {item.role for item in media}
    if explicit is Mode.T2V and any(item.type is not MediaType.AUDIO for item in media):
        raise InvalidRequest(
            "Text to video takes no images or videos.", code="conflicting_parameters", param=body.named.get("mode", "mode")
        )
    if Role.LAST_FRAME in roles and Role.FIRST_FRAME not in roles and explicit in (None, Mode.I2V):
        body.note("last_frame_without_first", "media")
    mode = explicit or _inferred(roles)
    if mode is Mode.I2V and {Role.FIRST_FRAME, Role.LAST_FRAME} <= roles:
        mode = Mode.FLF2V
    _require_inputs(mode, media, roles)
    if mode is Mode.T2V:
        require_prompt(prompt)
    return mode


def image_mode(explicit: Mode | None, media: Sequence[Media], prompt: str | None, route: str) -> Mode:
    """Image to image if there is any image; raises InvalidRequest when an edit lacks one, or words alone lack the words."""
    if media and any(item.role is Role.IMAGE for item in media):
        return Mode.I2I
    if explicit is Mode.I2I or route.rstrip("/").endswith("/edits"):
        raise _missing("image", "An image to start from is missing.")
    require_prompt(prompt)
    return Mode.T2I


def require_prompt(prompt: str | None) -> None:
    """Raises InvalidRequest when there is none."""
    if prompt is None:
        raise _missing("prompt", "`prompt` is missing.")


def _inferred(roles: set[Role]) -> Mode:
    if Role.SOURCE_VIDEO in roles:
        return Mode.EDIT
    if Role.LAST_FRAME in roles and Role.FIRST_FRAME in roles:
        return Mode.FLF2V
    if Role.LAST_FRAME in roles or Role.FIRST_FRAME in roles:
        return Mode.I2V
    return Mode.R2V if roles & _REFERENCES else Mode.T2V


def _require_inputs(mode: Mode, media: Sequence[Media], roles: set[Role]) -> None:
    if mode is Mode.I2V and not any(item.type is MediaType.IMAGE for item in media):
        raise _missing("image", "Image to video needs an image.")
    if mode is Mode.FLF2V and Role.FIRST_FRAME not in roles:
        raise _missing("image_url", "The first frame is missing.")
    if mode is Mode.FLF2V and Role.LAST_FRAME not in roles:
        raise _missing("end_image_url", "The last frame is missing.")
    if mode is Mode.R2V and not roles & _REFERENCES:
        raise _missing("reference_images", "At least one reference image, video or sound is missing.")
    if mode in (Mode.EXTEND, Mode.EDIT) and Role.SOURCE_VIDEO not in roles:
        raise _missing("video", "The video to start from is missing.")


def _missing(param: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, code="missing_required_parameter", param=param)
