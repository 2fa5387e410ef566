"""A vendor's own body as the fields of ours, with what is needed to speak of them in the vendor's words again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.domain.errors import InvalidRequest
from app.domain.json import JsonObject
from app.domain.normalise import normalise
from app.domain.requests import Notice, Request

VIDEOS, IMAGES = "/v1/videos", "/v1/images/generations"  # the routes of ours as which bodies are read
_ROOT = re.compile(r"[^.\[]*")


@dataclass(frozen=True, slots=True)
class NativeBody:
    """Fields that `normalise` reads for `route`.

    `names`: what the client calls a field of ours; None if it never wrote it. `notices`: what was changed on the way.
    """

    fields: JsonObject
    names: Mapping[str, str | None] = field(default_factory=dict)
    route: str = VIDEOS
    notices: tuple[Notice, ...] = ()

    def name(self, ours: str) -> str | None:
        """The client's own name for a place in `fields`."""
        root = _ROOT.match(ours)
        known = root[0] if root else ours
        if known not in self.names:
            return ours
        theirs = self.names[known]
        return None if theirs is None else theirs + ours[len(known) :]


def read_native(body: NativeBody) -> tuple[Request, tuple[Notice, ...]]:
    """What the client wants, each field under the name that the client gave it; raises InvalidRequest likewise."""
    try:
        request, notices = normalise(body.route, body.fields)
    except InvalidRequest as error:
        raise _renamed(error, body) from error
    named = {canonical: theirs for canonical, ours in request.named.items() if (theirs := body.name(ours)) is not None}
    media = tuple(replace(item, param=body.name(item.param) or item.param) for item in request.media)
    return replace(request, named=named, media=media), (*body.notices, *notices)


def _renamed(error: InvalidRequest, body: NativeBody) -> InvalidRequest:
    theirs = None if error.param is None else body.name(error.param)
    if theirs == error.param:
        return error
    message = error.message.replace(f"`{error.param}`", f"`{theirs}`") if theirs else error.message
    return InvalidRequest(message, code=error.code, param=theirs)
