"""A new-api as an ASGI application: one submit code on two routes, wrapped answers on one, flat ones on the other.

Written after newapi.md §1-§3 and §5. Words in a prompt steer it: `[[fail:<code>]]` (the task fails), `[[hang]]` (runs for ever),
`[[html:<n>]]` (the first n polls get a proxy's error page), and those of `openai_wire`. Pictures are those of `openai_images`.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.ark_media import tiny_mp4
from tests.fakes.openai_images import FakeImages
from tests.fakes.openai_wire import (
    Door,
    File,
    Refused,
    error_page,
    failure_in,
    is_multipart,
    number_in,
    read_form,
    read_json,
    served,
)

_REQUEST_ID = "20261120201500000000000AbCdEfGh"
_FIELDS = ("prompt", "model", "mode", "image", "images", "size", "duration", "seconds", "input_reference")
_STRINGS = ("prompt", "model", "mode", "image", "size", "seconds", "input_reference")
_WORDS = {"SUBMITTED": "queued", "IN_PROGRESS": "in_progress", "SUCCESS": "completed", "FAILURE": "failed"}
_PROGRESS = {"SUBMITTED": 10, "IN_PROGRESS": 30, "SUCCESS": 100, "FAILURE": 100}


@dataclass(slots=True)
class FakeTask:
    """One task; `polls` moves it on. `read` is what new-api's own struct sees of the body."""

    id: str
    number: int
    read: dict[str, Any]
    created_at: int
    polls: int = 0
    html_left: int = 0

    @property
    def prompt(self) -> str:
        """The text of the task."""
        return str(self.read["prompt"])


@dataclass(slots=True)
class FakeNewApi:
    """The relay and what it saw. A task is submitted, then in progress, for so many polls each.

    `result` says where a finished task's link stands: in `result_url`, as older builds have it in `fail_reason`, in the vendor's
    `raw` body, or `nowhere` (then only the content route has it). `unknown_task` is the status for an id that it does not know.
    """

    key: str = "test-key"
    models: frozenset[str] | None = None  # None: any name has a channel
    result: str = "result_url"
    unknown_task: int = 400
    queued_polls: int = 1
    running_polls: int = 1
    now: Callable[[], float] = time.time
    tasks: dict[str, FakeTask] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # whole bodies of accepted creates, as they came
    door: Door = field(init=False)
    images: FakeImages = field(init=False)

    def __post_init__(self) -> None:
        self.door = Door(self.key, _refusal)
        self.images = FakeImages(self.key, self.models)

    @property
    def creates(self) -> int:
        """How many tasks were made."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        table = [
            ("/v1/models", self._models, "GET"),
            ("/v1/videos", self._create, "POST"),
            ("/v1/video/generations", self._create, "POST"),
            ("/v1/videos/{id}", self._flat, "GET"),
            ("/v1/video/generations/{id}", self._wrapped, "GET"),
            ("/v1/videos/{id}/remix", self._remix, "POST"),
            ("/v1/videos/{id}/content", self._content, "GET"),
        ]
        routes = [Route(path, self.door.guarded(endpoint), methods=[method]) for path, endpoint, method in table]
        return Starlette(routes=[*routes, Route("/results/{name}.mp4", self._file, methods=["GET"]), *self.images.routes()])

    def status(self, task: FakeTask) -> str:
        """The task's status word as of now."""
        if task.polls <= self.queued_polls:
            return "SUBMITTED"
        if "[[hang]]" in task.prompt or task.polls <= self.queued_polls + self.running_polls:
            return "IN_PROGRESS"
        return "FAILURE" if failure_in(task.prompt) else "SUCCESS"

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in sorted(self.models or {"m"})]})

    async def _create(self, request: Request) -> Response:
        body = await read_form(request) if is_multipart(request) else await read_json(request)
        read = submitted(body, form=is_multipart(request))
        if self.models is not None and read["model"] not in self.models:
            raise Refused(503, "model_not_found", f"No available channel for model {read['model']} under group default")
        return self._made(body, read)

    async def _remix(self, request: Request) -> Response:
        body, source = await read_json(request), self._find(request)
        if not isinstance(body.get("prompt"), str):
            raise Refused(400, "invalid_request", "prompt is required")
        return self._made(body, {**source.read, "prompt": body["prompt"]}, source.id)

    async def _flat(self, request: Request) -> Response:
        task = self._asked(request)
        return error_page() if task is None else JSONResponse(self._video(task, request))

    async def _wrapped(self, request: Request) -> Response:
        task = self._asked(request)
        if task is None:
            return error_page()
        return JSONResponse({"code": "success", "message": "", "data": self._dto(task, request)})

    async def _content(self, request: Request) -> Response:
        task = self._find(request, 404)
        if self.status(task) != "SUCCESS":
            raise Refused(400, "", f"Task is not completed yet, current status: {self.status(task)}")
        return served(request, tiny_mp4(), "video/mp4")

    async def _file(self, request: Request) -> Response:
        return served(request, tiny_mp4(), "video/mp4")

    def _made(self, body: dict[str, Any], read: dict[str, Any], source: str | None = None) -> Response:
        self.door.turn_away(read["prompt"])
        number = len(self.created) + 1
        task = FakeTask(f"task_{number:032d}", number, read, int(self.now()))
        task.html_left = number_in("html", task.prompt)
        self.tasks[task.id] = task
        self.created.append(body)
        shown = {"id": task.id, "task_id": task.id, "object": "video", "model": read["model"], "status": "queued", "progress": 0}
        remixed = {"remixed_from_video_id": source} if source else {}
        return JSONResponse({**shown, "created_at": task.created_at, **remixed})

    def _find(self, request: Request, status: int | None = None) -> FakeTask:
        task = self.tasks.get(request.path_params["id"])
        if task is None:
            raise Refused(status or self.unknown_task, "task_not_exist", "task_not_exist")
        return task

    def _asked(self, request: Request) -> FakeTask | None:
        """The task, one poll further; None while a proxy stands in the way."""
        task = self._find(request)
        if task.html_left > 0:
            task.html_left -= 1
            return None
        task.polls += 1
        return task

    def _link(self, task: FakeTask, request: Request) -> str:
        return f"{request.url.scheme}://{request.url.netloc}/results/{task.id}.mp4"

    def _video(self, task: FakeTask, request: Request) -> dict[str, Any]:
        """The flat object of §3.4; `completed_at` is set too early, as it is there."""
        word = self.status(task)
        shown: dict[str, Any] = {
            "id": task.id,
            "task_id": task.id,
            "object": "video",
            "model": task.read["model"],
            "status": _WORDS[word],
            "progress": _PROGRESS[word],
            "created_at": task.created_at,
            "completed_at": task.created_at + task.polls,
            "seconds": str(task.read.get("seconds") or task.read.get("duration") or "4"),
        }
        if word == "FAILURE":
            shown["error"] = {"message": "It failed as asked.", "code": failure_in(task.prompt)}
        if word == "SUCCESS" and self.result != "nowhere":
            shown["metadata"] = {"url": self._link(task, request)}
        return shown

    def _dto(self, task: FakeTask, request: Request) -> dict[str, Any]:
        """The TaskDto of §3.2."""
        word, link = self.status(task), self._link(task, request)
        done = word == "SUCCESS"
        reason = f"It failed as asked: {failure_in(task.prompt)}" if word == "FAILURE" else ""
        return {
            "id": task.number,
            "task_id": task.id,
            "platform": "54",
            "user_id": 3,
            "group": "default",
            "channel_id": 9,
            "quota": 120_000,
            "action": "generate",
            "status": word,
            "fail_reason": link if done and self.result == "fail_reason" else reason,
            "result_url": link if done and self.result == "result_url" else "",
            "progress": f"{_PROGRESS[word]}%",
            "submit_time": task.created_at,
            "start_time": 0 if word == "SUBMITTED" else task.created_at + 1,
            "finish_time": task.created_at + task.polls if done else 0,
            "properties": {"input": "", "upstream_model_name": "behind", "origin_model_name": task.read["model"]},
            "data": {"status": "succeeded", "content": {"video_url": link}} if done and self.result == "raw" else None,
        }


def submitted(body: Mapping[str, Any], *, form: bool) -> dict[str, Any]:
    """What TaskSubmitReq sees of a body (§2); raises Refused where its JSON decoding or validation does."""
    read = {name: body[name] for name in _FIELDS if name in body and not isinstance(body[name], File)}
    for name in _STRINGS:
        if not isinstance(read.get(name, ""), str):
            raise Refused(
                400, "invalid_request", f"json: cannot unmarshal into Go struct field TaskSubmitReq.{name} of type string"
            )
    if not isinstance(read.get("images", []), list) or not all(isinstance(item, str) for item in read.get("images", [])):
        raise Refused(400, "invalid_request", "json: cannot unmarshal into Go struct field TaskSubmitReq.images of type []string")
    read["metadata"] = {} if form else _metadata(body.get("metadata"))
    if not read.get("model"):
        raise Refused(400, "invalid_request", "model is required")
    if not read.get("prompt", "").strip():
        raise Refused(400, "invalid_request", "prompt is required")
    read["duration"] = _duration(read.get("duration"))
    if not read.get("images"):
        read["images"] = [read[name] for name in ("image", "input_reference") if read.get(name)][:1]
    return read


def _metadata(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise Refused(400, "invalid_request", "metadata is not JSON") from error
    if not isinstance(value, dict | None):
        raise Refused(400, "invalid_request", "json: cannot unmarshal into Go struct field TaskSubmitReq.metadata")
    return {name: item for name, item in (value or {}).items() if name != "model"}


def _duration(value: object) -> int:
    """A whole number, also as a string; anything else silently becomes 0."""
    text = value if isinstance(value, str) else repr(value)
    return int(text) if re.fullmatch(r"-?\d+", text) else 0


def _refusal(refusal: Refused) -> Response:
    """Flat for the business of tasks, nested for the door and the choice of a channel."""
    message = f"{refusal.message} (request id: {_REQUEST_ID})"
    headers = {"x-oneapi-request-id": _REQUEST_ID}
    if refusal.code in ("invalid_request", "task_not_exist") or refusal.status in (500, 502):
        return JSONResponse({"code": refusal.code, "message": refusal.message, "data": None}, refusal.status, headers)
    error = {"message": message, "type": "new_api_error", "param": "", "code": refusal.code}
    return JSONResponse({"error": error}, refusal.status, headers)
