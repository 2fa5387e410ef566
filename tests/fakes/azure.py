"""A strict fake of an Azure OpenAI resource as an ASGI application: the v1 API, the older picture paths and the jobs API.

Videos and pictures are those of `openai_videos` and `openai_images`, with their words in prompts, behind Azure's header and paths.
The jobs API knows `[[fail:<reason>]]`, `[[hang]]` and `[[html:<n>]]`, and the words of `openai_wire`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.openai_images import FakeImages
from tests.fakes.openai_videos import FakeVideos
from tests.fakes.openai_wire import (
    Door,
    File,
    Refused,
    bad,
    envelope,
    error_page,
    failure_in,
    is_multipart,
    number_in,
    only_known,
    read_form,
    read_json,
    served,
    words,
)

_INNER = "behind-the-door"
_CREATE = frozenset({"model", "prompt", "width", "height", "n_seconds", "n_variants", "files", "inpaint_items"})
_SIZES = frozenset(
    {
        *((480, 480), (480, 854), (854, 480), (720, 720), (720, 1280), (1280, 720)),
        *((1080, 1080), (1080, 1920), (1920, 1080)),
    }
)
_BOUNDS = {"left_fraction", "top_fraction", "right_fraction", "bottom_fraction"}
_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)(/images/\w+)")


@dataclass(slots=True)
class FakeJob:
    """One job of the older API; `polls` moves it on."""

    id: str
    body: dict[str, Any]
    polls: int = 0
    html_left: int = 0


@dataclass(slots=True)
class FakeAzure:
    """The resource and what it saw. `jobs_created` are the bodies of accepted jobs."""

    key: str = "test-key"
    videos: FakeVideos = field(default_factory=lambda: FakeVideos(_INNER, extras=frozenset()))
    images: FakeImages = field(default_factory=lambda: FakeImages(_INNER))
    jobs: dict[str, FakeJob] = field(default_factory=dict)
    jobs_created: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path of every call
    versions: list[str | None] = field(default_factory=list)  # api-version of every call
    door: Door = field(default_factory=lambda: Door(_INNER))

    @property
    def app(self) -> ASGIApp:
        """The ASGI application."""
        jobs = "/v1/video/generations/jobs"
        table = [
            ("POST", jobs, self._create),
            ("GET", f"{jobs}/{{id}}", self._get),
            ("DELETE", f"{jobs}/{{id}}", self._delete),
            ("GET", "/v1/video/generations/{id}/content/{kind}", self._content),
        ]
        older = [Route(path, self.door.guarded(endpoint), methods=[method]) for method, path, endpoint in table]
        inner = Starlette(routes=[Mount("/openai", routes=[*older, *self.videos.routes(), *self.images.routes()])])
        return _Door(self, inner)

    async def _create(self, request: Request) -> Response:
        _check_version(request)
        body = await read_form(request) if is_multipart(request) else await read_json(request)
        only_known(body, _CREATE)
        prompt = words(body, "prompt", 32_000, required=True)
        words(body, "model", 256, required=True)
        _check_figures(body)
        _check_files(body)
        self.door.turn_away(prompt)
        job = FakeJob(f"task_{len(self.jobs_created):026x}", body, html_left=number_in("html", prompt))
        self.jobs[job.id] = job
        self.jobs_created.append(body)
        return JSONResponse(self._shown(job), 201)

    async def _get(self, request: Request) -> Response:
        _check_version(request)
        job = self._find(request)
        if job.html_left > 0:
            job.html_left -= 1
            return error_page()
        job.polls += 1
        return JSONResponse(self._shown(job))

    async def _delete(self, request: Request) -> Response:
        _check_version(request)
        del self.jobs[self._find(request).id]
        return Response(status_code=204)

    async def _content(self, request: Request) -> Response:
        _check_version(request)
        wanted = request.path_params["id"]
        made = [entry["id"] for job in self.jobs.values() for entry in self._shown(job)["generations"]]
        if wanted not in made:
            raise Refused(404, "NotFound", f"There is no generation {wanted}.")
        if request.path_params["kind"] == "video":
            return served(request, tiny_mp4(), "video/mp4")
        return served(request, tiny_png(), "image/png")

    def _find(self, request: Request) -> FakeJob:
        job = self.jobs.get(request.path_params["id"])
        if job is None:
            raise Refused(404, "NotFound", "There is no such job.")
        return job

    def _shown(self, job: FakeJob) -> dict[str, Any]:
        body, reason = job.body, failure_in(str(job.body["prompt"]))
        ways = ("preprocessing", "queued", "running", "processing", "failed" if reason else "succeeded")
        status = ways[min(job.polls, 2 if "[[hang]]" in body["prompt"] else 4)]
        size = {"width": int(body["width"]), "height": int(body["height"]), "n_seconds": int(body.get("n_seconds", 5))}
        count = int(body.get("n_variants", 1)) if status == "succeeded" else 0
        made = [{"object": "video.generation", "id": f"gen_{job.id}_{n}", "job_id": job.id, **size} for n in range(count)]
        return {
            "object": "video.generation.job",
            "id": job.id,
            "status": status,
            "created_at": 1_763_600_000,
            "generations": made,
            "model": body["model"],
            "prompt": body["prompt"],
            "n_variants": int(body.get("n_variants", 1)),
            **size,
            "failure_reason": reason if status == "failed" else None,
        }


class _Door:
    """Lets in who shows the key in Azure's header, and in no other; hands the call on as the inner servers know it."""

    def __init__(self, azure: FakeAzure, inner: ASGIApp) -> None:
        self._azure, self._inner = azure, inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        request = Request(scope)
        self._azure.requests.append((request.method, request.url.path))
        self._azure.versions.append(request.query_params.get("api-version"))
        if request.headers.get("api-key") != self._azure.key or "authorization" in request.headers:
            refusal = Refused(401, "401", "Access denied due to invalid subscription key or wrong API endpoint.")
            await envelope(refusal)(scope, receive, send)
            return
        await self._inner(_translated(scope, request), receive, send)


def _translated(scope: Scope, request: Request) -> Scope:
    headers = [pair for pair in scope["headers"] if pair[0] != b"api-key"]
    path, older = scope["path"], _DEPLOYMENT.fullmatch(scope["path"])
    if older and re.match(r"\d{4}-", request.query_params.get("api-version", "")):
        path = f"/openai/v1{older[2]}"
    authorization = (b"authorization", f"Bearer {_INNER}".encode())
    return {**scope, "path": path, "raw_path": path.encode(), "headers": [*headers, authorization]}


def _check_version(request: Request) -> None:
    if not request.query_params.get("api-version"):
        raise Refused(404, "404", "Resource not found")


def _check_figures(body: Mapping[str, Any]) -> None:
    size = _whole(body, "width", 1, 4096), _whole(body, "height", 1, 4096)
    if size not in _SIZES:
        raise bad(f"{size[0]}x{size[1]} is no size.", "width")
    _whole(body, "n_seconds", 1, 10 if 1080 in size else 20, 5)
    _whole(body, "n_variants", 1, 4, 1)


def _whole(body: Mapping[str, Any], name: str, low: int, high: int, default: object = None) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).isdigit() or not low <= int(value) <= high:
        raise bad(f"Invalid value for '{name}'.", name)
    return int(value)


def _check_files(body: Mapping[str, Any]) -> None:
    """Each file has its place, and each place its file."""
    if "files" not in body and "inpaint_items" not in body:
        return
    given = body.get("files")
    files = given if isinstance(given, list) else [given]
    try:
        places = json.loads(body.get("inpaint_items", ""))
    except ValueError as error:
        raise bad("inpaint_items is no JSON.", "inpaint_items") from error
    names = {file.filename: file.content_type for file in files if isinstance(file, File) and file.data}
    if len(names) != len(files) or {place["file_name"] for place in places} != set(names):
        raise bad("Files and inpaint_items do not belong together.", "inpaint_items")
    for place in places:
        right = names[place["file_name"]].startswith(f"{place['type']}/") and set(place["crop_bounds"]) == _BOUNDS
        if not right or not isinstance(place["frame_index"], int):
            raise bad("A place in inpaint_items is wrong.", "inpaint_items")
