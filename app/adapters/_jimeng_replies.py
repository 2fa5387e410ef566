"""Reads the results in Jimeng's answers, whatever may be missing, empty or of another type."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from app.adapters._fields import decoded, items, web_link
from app.domain.jobs import Output, Usage
from app.domain.json import JsonObject
from app.domain.requests import ImageRequest, Request

_MIMES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
_PNG = b"\x89PNG"


def outputs_of(data: JsonObject, request: Request) -> tuple[Output, ...]:
    """The film or the pictures in a result; empty fields are as good as absent."""
    if isinstance(request, ImageRequest):
        return tuple(_pictures(data, request))
    url = web_link(data.get("video_url"))
    return () if url is None else (Output(url=url, mime="video/mp4", width=request.width, height=request.height),)


def usage_of(request: Request, outputs: tuple[Output, ...]) -> Usage | None:
    """How many pictures were made: each is billed. Of films the vendor says nothing."""
    return Usage(images=len(outputs)) if isinstance(request, ImageRequest) and outputs else None


def _pictures(data: JsonObject, request: ImageRequest) -> Iterator[Output]:
    """Links where there are any, else bytes: the vendor sends one or the other."""
    links = [link for link in map(web_link, items(data.get("image_urls"))) if link is not None]
    if links:
        yield from (Output(url=link, mime=_mime(link), width=request.width, height=request.height) for link in links)
        return
    for item in items(data.get("binary_data_base64")):
        picture = decoded(item)
        if picture is not None:
            mime = "image/png" if picture.startswith(_PNG) else "image/jpeg"
            yield Output(data=picture, mime=mime, width=request.width, height=request.height)


def _mime(link: str) -> str | None:
    try:
        path = urlsplit(link).path
    except ValueError:
        return None
    return _MIMES.get(path.rpartition(".")[2].lower())
