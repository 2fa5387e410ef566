"""Style, script and icon: read once, and cached by browsers for as long as they stay the same."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import NotFound

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent."""

    name: str
    content: bytes
    mime: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Every file by its name."""
    paths = [path for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES]
    return {path.name: StaticFile(path.name, path.read_bytes(), _TYPES[path.suffix]) for path in paths}


def static_url(name: str) -> str:
    """The address of a file as it is now; raises KeyError for one that there is not."""
    return f"/console/static/{_release()}/{static_files()[name].name}"


async def serve_static(request: Request) -> Response:
    """One file."""
    file = static_files().get(request.path_params["name"])
    if file is None:
        raise NotFound("There is no such file.")
    current = request.path_params["release"] == _release()
    return Response(file.content, media_type=file.mime, headers={"cache-control": _FOREVER if current else "no-store"})


@cache
def _release() -> str:
    """A digest over all files: scripts import each other by plain names, so they share one folder whose name changes with any."""
    return hashlib.sha256(b"".join(file.content for file in static_files().values())).hexdigest()[:12]
