"""A strict `/v1/videos` server as an ASGI application: jobs that move on as they are asked about, JSON and multipart.

Words in a prompt steer it: `[[fail:<code>]]` (the job fails), `[[hang]]` (runs for ever), `[[html:<n>]]` (the first n polls get a
proxy's error page), and those of `openai_wire`. It refuses a field that it does not know, like OpenAI did.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.openai_wire import (
    Door,
    File,
    Refused,
    bad,
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

_CREATE = frozenset({"model", "prompt", "seconds", "size", "input_reference"})
_REMIX = frozenset({"prompt"})
_CHANGE = frozenset({"model", "prompt", "seconds", "video"})
# what compatible servers take beyond OpenAI's own fields
EXTRAS = frozenset(
    {
        *("negative_prompt", "seed", "fps", "num_frames", "quality", "generate_audio", "watermark", "camera_fixed"),
        *("resolution", "aspect_ratio", "first_frame_image", "last_frame_image", "reference_images", "video_urls", "audio_urls"),
    }
)


@dataclass(slots=True)
class FakeVideo:
    """One job; `polls` moves it on."""

    id: str
    body: dict[str, Any]
    created_at: int
    remixed_from: str | None = None
    polls: int = 0
    html_left: int = 0
    cancelled: bool = False

    @property
    def prompt(self) -> str:
        """The text of the job."""
        return str(self.body.get("prompt", ""))


@dataclass(slots=True)
class FakeVideos:
    """The server and what it saw. A job is queued, then in progress, for so many polls each.

    `failed_status` is the HTTP status under which a failed job is shown (vLLM-Omni: 500); `poll_after_ms` what clients are
    told to wait; `formats` what kinds of bodies are taken.
    """

    key: str = "test-key"
    models: frozenset[str] | None = None  # None: any name
    extras: frozenset[str] = EXTRAS
    formats: frozenset[str] = frozenset({"json", "multipart"})
    queued_polls: int = 1
    running_polls: int = 1
    failed_status: int = 200
    poll_after_ms: int = 10
    now: Callable[[], float] = time.time
    jobs: dict[str, FakeVideo] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted creates, files as `File`
    deleted: list[str] = field(default_factory=list)
    door: Door = field(init=False)

    def __post_init__(self) -> None:
        self.door = Door(self.key)

    @property
    def creates(self) -> int:
        """How many jobs were made."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(routes=self.routes())

    def routes(self) -> list[Route]:
        """What the application serves."""
        table = [
            ("/v1/models", self._models, "GET"),
            ("/v1/videos", self._create, "POST"),
            ("/v1/videos", self._list, "GET"),
            ("/v1/videos/edits", self._change, "POST"),
            ("/v1/videos/extensions", self._change, "POST"),
            ("/v1/videos/{id}", self._get, "GET"),
            ("/v1/videos/{id}", self._delete, "DELETE"),
            ("/v1/videos/{id}/remix", self._remix, "POST"),
            ("/v1/videos/{id}/cancel", self._cancel, "POST"),
            ("/v1/videos/{id}/content", self._content, "GET"),
        ]
        return [Route(path, self.door.guarded(endpoint), methods=[method]) for path, endpoint, method in table]

    def status(self, job: FakeVideo) -> str:
        """The job's status as of now."""
        if job.cancelled:
            return "failed"
        if job.polls <= self.queued_polls:
            return "queued"
        if "[[hang]]" in job.prompt or job.polls <= self.queued_polls + self.running_polls:
            return "in_progress"
        return "failed" if failure_in(job.prompt) else "completed"

    async def _models(self, _: Request) -> Response:
        names = sorted(self.models or {"any-model"})
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model", "created": 0} for name in names]})

    async def _create(self, request: Request) -> Response:
        body = await self._body(request)
        only_known(body, _CREATE | self.extras)
        words(body, "prompt", 32_000, required=True)
        model = words(body, "model", 256, required=True)
        if self.models is not None and model not in self.models:
            raise Refused(404, "model_not_found", f"The model '{model}' does not exist.", "model")
        check_length(body)
        check_size(body)
        check_reference(body.get("input_reference"))
        return self._made(body)

    async def _remix(self, request: Request) -> Response:
        body = await read_json(request)
        only_known(body, _REMIX)
        words(body, "prompt", 32_000, required=True)
        source = self._finished(self._find(request.path_params["id"]))
        return self._made({**source.body, **body}, source.id)

    async def _change(self, request: Request) -> Response:
        body = await self._body(request)
        only_known(body, _CHANGE)
        words(body, "prompt", 32_000, required=True)
        if request.url.path.endswith("/extensions"):
            check_length(body, required=True)
        video = body.get("video")
        if isinstance(video, File):
            return self._made(body)
        if not isinstance(video, Mapping) or set(video) != {"id"}:
            raise bad("`video` must be a file or hold an id.", "video", "invalid_type")
        return self._made(body, self._finished(self._find(video["id"])).id)

    async def _get(self, request: Request) -> Response:
        job = self._find(request.path_params["id"])
        if job.html_left > 0:
            job.html_left -= 1
            return error_page()
        job.polls += 1
        return self._answer(job, self.failed_status if self.status(job) == "failed" else 200)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        limit, order = int(query.get("limit", "20")), query.get("order", "desc")
        if not 0 <= limit <= 100 or order not in ("asc", "desc"):
            raise bad("A page setting is out of range.", "limit")
        found = [job.id for job in self.jobs.values()]
        found = found if order == "asc" else found[::-1]
        start = found.index(query["after"]) + 1 if query.get("after") in found else 0
        page = found[start : start + limit]
        ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
        shown = [self._shown(self.jobs[name]) for name in page]
        return JSONResponse({"object": "list", "data": shown, **ends, "has_more": start + limit < len(found)})

    async def _delete(self, request: Request) -> Response:
        job = self._finished(self._find(request.path_params["id"]), either=True)
        del self.jobs[job.id]
        self.deleted.append(job.id)
        return JSONResponse({"id": job.id, "object": "video.deleted", "deleted": True})

    async def _cancel(self, request: Request) -> Response:
        job = self._find(request.path_params["id"])
        if self.status(job) in ("completed", "failed"):
            raise bad("The video is finished already.", code="already_finished")
        job.cancelled = True
        return self._answer(job)

    async def _content(self, request: Request) -> Response:
        self._finished(self._find(request.path_params["id"]))
        variant = request.query_params.get("variant", "video")
        if variant not in ("video", "thumbnail", "spritesheet"):
            raise bad("There is no such variant.", "variant")
        return served(request, tiny_mp4(), "video/mp4") if variant == "video" else served(request, tiny_png(), "image/png")

    async def _body(self, request: Request) -> dict[str, Any]:
        if ("multipart" if is_multipart(request) else "json") not in self.formats:
            raise Refused(415, "unsupported_media_type", "This server does not take such a body.")
        return await read_form(request) if is_multipart(request) else await read_json(request)

    def _made(self, body: dict[str, Any], source: str | None = None) -> Response:
        self.door.turn_away(str(body["prompt"]))
        job = FakeVideo(f"video_{len(self.created):032x}", body, int(self.now()), source)
        job.html_left = number_in("html", job.prompt)
        self.jobs[job.id] = job
        self.created.append(body)
        return self._answer(job)

    def _find(self, name: object) -> FakeVideo:
        job = self.jobs.get(str(name))
        if job is None:
            raise Refused(404, "video_not_found", f"Video with id '{name}' not found.", "video_id")
        return job

    def _finished(self, job: FakeVideo, *, either: bool = False) -> FakeVideo:
        if self.status(job) not in ("completed", "failed" if either else "completed"):
            raise bad("The video is not ready yet.", code="video_not_ready")
        return job

    def _answer(self, job: FakeVideo, status: int = 200) -> Response:
        waiting = self.status(job) in ("queued", "in_progress")
        return JSONResponse(self._shown(job), status, {"openai-poll-after-ms": str(self.poll_after_ms)} if waiting else {})

    def _shown(self, job: FakeVideo) -> dict[str, Any]:
        status, code = self.status(job), "cancelled" if job.cancelled else failure_in(job.prompt)
        done = status in ("completed", "failed")
        return {
            "id": job.id,
            "object": "video",
            "model": job.body.get("model", "any-model"),
            "status": status,
            "progress": {"queued": 0, "in_progress": 50, "completed": 100, "failed": 50}[status],
            "created_at": job.created_at,
            "completed_at": job.created_at + job.polls if done else None,
            "expires_at": job.created_at + 86_400 if status == "completed" else None,
            "prompt": job.prompt,
            "seconds": job.body.get("seconds", "4"),
            "size": job.body.get("size", "720x1280"),
            "remixed_from_video_id": job.remixed_from,
            "error": {"code": code, "message": "It failed as asked."} if status == "failed" else None,
        }


def check_length(body: Mapping[str, Any], *, required: bool = False) -> None:
    """`seconds` is a string of digits, in JSON too."""
    if "seconds" not in body and not required:
        return
    seconds = body.get("seconds")
    if not isinstance(seconds, str):
        raise bad("Invalid type for 'seconds': expected a string.", "seconds", "invalid_type")
    if not re.fullmatch(r"[1-9]\d?(\.\d+)?", seconds):
        raise bad(f"Invalid value: '{seconds}'.", "seconds")


def check_size(body: Mapping[str, Any]) -> None:
    """`size` is pixels."""
    if "size" in body and not re.fullmatch(r"[1-9]\d{1,4}x[1-9]\d{1,4}", str(body["size"])):
        raise bad(f"Invalid value: '{body['size']}'.", "size")


def check_reference(value: object) -> None:
    """An image file, or an object with exactly one of `image_url` and `file_id`."""
    if value is None:
        return
    if isinstance(value, File):
        if not value.content_type.startswith("image/") or not value.data:
            raise bad("The reference is no image.", "input_reference")
        return
    if not isinstance(value, Mapping) or len(value) != 1 or not {"image_url", "file_id"} & set(value):
        raise bad("Invalid type for 'input_reference'.", "input_reference", "invalid_type")
    link = value.get("image_url", "https://")
    if not isinstance(link, str) or not link.startswith(("https://", "http://", "data:image/")):
        raise bad("Invalid URL.", "input_reference.image_url")
