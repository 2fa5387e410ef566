"""A strict fake of Ark as an ASGI application: video tasks that move on as they are asked about, and images.

Words in a prompt steer it: `[[fail:<code>]]` (the task or picture fails), `[[refuse:<status>:<code>]]` (the create does),
`[[hang]]` (runs for ever), `[[expire]]`, `[[429:<n>]]` (the first n creates with this prompt are turned away),
`[[html:<n>]]` (the first n polls of the task get a proxy's error page), `[[mixed]]` (the first picture of a group is withheld).
"""

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.ark_media import tiny_jpeg, tiny_mp4, tiny_png
from tests.fakes.ark_rules import IMAGE_MODELS, VIDEO_MODELS, Refused, bad, check_image, check_video

_DAY = 86_400
_REQUEST_ID = "02179517690000000000000000000000000000000000000ab12cd"
_TYPES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalServerError",
}
_FINISHED = ("succeeded", "failed", "expired")
_OPTIONAL = ("seed", "generate_audio", "safety_identifier", "priority", "output_format", "draft", "tools")


@dataclass(slots=True)
class FakeTask:
    """One video task; `polls` moves it on."""

    id: str
    body: dict[str, Any]
    created_at: int
    polls: int = 0
    html_left: int = 0
    cancelled: bool = False

    @property
    def prompt(self) -> str:
        """The text of the task."""
        return next((item["text"] for item in self.body["content"] if item["type"] == "text"), "")


@dataclass(slots=True)
class FakeArk:
    """The server and what it saw. `now` is Unix seconds; a task is queued, then running, for so many polls each."""

    key: str = "test-key"
    queued_polls: int = 1
    running_polls: int = 1
    now: Callable[[], float] = time.time
    endpoints: Mapping[str, str] = field(default_factory=dict)  # ep-… -> model
    tasks: dict[str, FakeTask] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted video tasks
    pictures: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted image calls
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path of every call
    downloads: list[str] = field(default_factory=list)  # request targets of media, byte for byte
    _turned_away: Counter[str] = field(default_factory=Counter)

    @property
    def creates(self) -> int:
        """How many video tasks were made."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        tasks, task = "/api/v3/contents/generations/tasks", "/api/v3/contents/generations/tasks/{task_id}"
        routes = [
            Route(tasks, self._guarded(self._create), methods=["POST"]),
            Route(tasks, self._guarded(self._list), methods=["GET"]),
            Route(task, self._guarded(self._get), methods=["GET"]),
            Route(task, self._guarded(self._delete), methods=["DELETE"]),
            Route("/api/v3/images/generations", self._guarded(self._images), methods=["POST"]),
            Route("/media/{made:int}/{name}", self._media, methods=["GET"]),
        ]
        return Starlette(routes=routes)

    def status(self, task: FakeTask) -> str:
        """The task's status word as of now."""
        if task.cancelled:
            return "cancelled"
        if task.polls <= self.queued_polls:
            word = "queued"
        elif "[[hang]]" in task.prompt or task.polls <= self.queued_polls + self.running_polls:
            word = "running"
        else:
            word = "expired" if "[[expire]]" in task.prompt else "failed" if "[[fail:" in task.prompt else "succeeded"
        late = self.now() > task.created_at + int(task.body.get("execution_expires_after", 172_800))
        return "expired" if late and word not in _FINISHED else word

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            try:
                if request.headers.get("authorization") != f"Bearer {self.key}":
                    raise Refused(401, "AuthenticationError", "The API key is missing or not valid.")
                return await endpoint(request)
            except Refused as refusal:
                return _envelope(refusal)

        return answer

    async def _create(self, request: Request) -> Response:
        body = await _read(request)
        check_video(body, _known(self._model(body), VIDEO_MODELS))
        task = FakeTask(f"cgt-20261120201500-{len(self.tasks):05d}", body, int(self.now()))
        self._turn_away(task.prompt)
        task.html_left = _number_in("html", task.prompt)
        self.tasks[task.id] = task
        self.created.append(body)
        return JSONResponse({"id": task.id, **_present(body, ("safety_identifier",))})

    async def _get(self, request: Request) -> Response:
        task = self._find(request)
        if task.html_left > 0:
            task.html_left -= 1
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)
        task.polls += 1
        return JSONResponse(self._shown(task, request))

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        number, size = _page(query.get("page_num", "1")), _page(query.get("page_size", "10"))
        wanted = query.getlist("filter.task_ids")
        found = [
            task
            for task in reversed(self.tasks.values())
            if self._young(task)
            and query.get("filter.status") in (None, self.status(task))
            and query.get("filter.model") in (None, task.body["model"] if task.body["model"].startswith("ep-") else "")
            and query.get("filter.service_tier") in (None, task.body.get("service_tier", "default"))
            and (not wanted or task.id in wanted)
        ]
        shown = found[(number - 1) * size : number * size]
        return JSONResponse({"total": len(found), "items": [self._shown(task, request) for task in shown]})

    async def _delete(self, request: Request) -> Response:
        await request.body()
        task = self._find(request)
        word = self.status(task)
        if word == "running":
            raise Refused(409, "InvalidAction.RunningTaskDeletion", "A running task cannot be deleted.")
        if word == "cancelled":
            raise Refused(409, "InvalidAction.CancelledTaskDeletion", "A cancelled task cannot be deleted.")
        if word == "queued":
            task.cancelled = True
        else:
            del self.tasks[task.id]
        return JSONResponse({})

    async def _images(self, request: Request) -> Response:
        body = await _read(request)
        check_image(body, _known(self._model(body), IMAGE_MODELS))
        prompt = body.get("prompt", "")
        self._turn_away(prompt)
        failed = re.search(r"\[\[fail:([\w.]+)\]\]", prompt)
        if failed:
            raise bad("The picture was withheld.", code=failed[1])
        self.pictures.append(body)
        entries = self._entries(body, request)
        head = {"model": self._model(body), "created": int(self.now())}
        made = sum(1 for entry in entries if "error" not in entry)
        usage = {"generated_images": made, "output_tokens": 16_384 * made, "total_tokens": 16_384 * made}
        if body.get("stream"):
            return StreamingResponse(_events(head, entries, usage), media_type="text/event-stream")
        return JSONResponse({**head, "data": entries, "usage": usage})

    async def _media(self, request: Request) -> Response:
        """Public, signed links: no bearer, dead after a day, and every byte of the query counts."""
        target = request.scope["raw_path"].decode() + "?" + request.scope["query_string"].decode()
        self.downloads.append(target)
        if not target.endswith("?X-Tos-Expires=86400&X-Tos-Signature=a%2Fb%3D&x-tos-process=a/b"):
            raise HTTPException(403, "SignatureDoesNotMatch")
        if self.now() > request.path_params["made"] + _DAY:
            raise HTTPException(403, "AccessDenied")
        name = request.path_params["name"]
        kinds = {"mp4": ("video/mp4", tiny_mp4), "mov": ("video/quicktime", tiny_mp4), "png": ("image/png", tiny_png)}
        mime, make = kinds.get(name.rpartition(".")[2], ("image/jpeg", tiny_jpeg))
        return Response(make(), media_type=mime)

    def _model(self, body: Mapping[str, Any]) -> str:
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise bad("The parameter `model` is required.", "model", "MissingParameter")
        return self.endpoints.get(model, model)

    def _turn_away(self, prompt: str) -> None:
        refused = re.search(r"\[\[refuse:(\d+):([\w.]+)\]\]", prompt)
        if refused:
            raise Refused(int(refused[1]), refused[2], "Refused for account 2100000001 as asked.")
        if self._turned_away[prompt] < _number_in("429", prompt):
            self._turned_away[prompt] += 1
            raise Refused(429, "RateLimitExceeded.EndpointRPMExceeded", "Too many requests for account 2100000001.")

    def _young(self, task: FakeTask) -> bool:
        return self.now() <= task.created_at + 7 * _DAY

    def _find(self, request: Request) -> FakeTask:
        task = self.tasks.get(request.path_params["task_id"])
        if task is None or not self._young(task):
            raise Refused(404, "NotFound.task", "There is no such task.")
        return task

    def _link(self, request: Request, name: str) -> str:
        query = "X-Tos-Expires=86400&X-Tos-Signature=a%2Fb%3D&x-tos-process=a/b"
        return f"{request.url.scheme}://{request.url.netloc}/media/{int(self.now())}/{name}?{query}"

    def _shown(self, task: FakeTask, request: Request) -> dict[str, Any]:
        word, body = self.status(task), task.body
        shown: dict[str, Any] = {
            "id": task.id,
            "model": self._model(body),
            "status": word,
            "error": None,
            "created_at": task.created_at,
            "updated_at": task.created_at + task.polls,
            "service_tier": body.get("service_tier", "default"),
            "execution_expires_after": body.get("execution_expires_after", 172_800),
        }
        if word == "failed":
            code = re.search(r"\[\[fail:([\w.]+)\]\]", task.prompt)
            shown["error"] = {"code": code[1] if code else "Unknown", "message": f"It failed. Request id: {_REQUEST_ID}"}
        return {**shown, **self._result(task, request)} if word == "succeeded" else shown

    def _result(self, task: FakeTask, request: Request) -> dict[str, Any]:
        body, rules = task.body, VIDEO_MODELS[self._model(task.body)]
        ratio, seconds = body.get("ratio", "16:9"), body.get("duration", 5)
        ratio, seconds = "16:9" if ratio == "adaptive" else ratio, 5 if seconds == -1 else seconds
        content = {"video_url": self._link(request, f"{task.id}.{body.get('output_format', 'mp4')}")}
        if body.get("return_last_frame"):
            content["last_frame_url"] = self._link(request, f"{task.id}.png")
        tokens = 1280 * 720 * (24 * seconds + 1) // 1024
        length = {"frames": body["frames"]} if "frames" in body else {"duration": seconds}
        return {
            "content": content,
            "usage": {"completion_tokens": tokens, "total_tokens": tokens},
            "seed": 48_213,
            "resolution": body.get("resolution", rules.default_resolution),
            "ratio": ratio,
            "framespersecond": 24,
            **length,
            **_present(body, _OPTIONAL),
        }

    def _entries(self, body: Mapping[str, Any], request: Request) -> list[dict[str, Any]]:
        group = body.get("sequential_image_generation") == "auto"
        count = (body.get("sequential_image_generation_options") or {}).get("max_images", 3) if group else 1
        kind = body.get("output_format", "jpeg")
        entries: list[dict[str, Any]] = []
        for number in range(count):
            if number == 0 and "[[mixed]]" in body.get("prompt", ""):
                entries.append({"error": {"code": "OutputImageSensitiveContentDetected", "message": "This image was withheld."}})
            elif body.get("response_format") == "b64_json":
                picture = tiny_png() if kind == "png" else tiny_jpeg()
                entries.append({"b64_json": base64.b64encode(picture).decode(), "size": "2048x2048"})
            else:
                entries.append({"url": self._link(request, f"{len(self.pictures)}-{number}.{kind}"), "size": "2048x2048"})
        return entries


def _envelope(refusal: Refused) -> JSONResponse:
    error = {
        "code": refusal.code,
        "message": f"{refusal.message} Request id: {_REQUEST_ID}",
        "param": refusal.param,
        "type": _TYPES.get(refusal.status, "BadRequest"),
    }
    headers = {"Retry-After": "1"} if refusal.status == 429 else {}
    return JSONResponse({"error": error}, refusal.status, headers)


async def _read(request: Request) -> dict[str, Any]:
    """The JSON body; null is as good as absent."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise bad("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise bad("The body is not an object.")
    return {name: value for name, value in body.items() if value is not None}


def _known(model: str, models: Mapping[str, Any]) -> Any:
    if model not in models:
        raise Refused(404, "InvalidEndpointOrModel.NotFound", f"The model or endpoint {model} does not exist.")
    return models[model]


def _page(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 500:
        raise bad("A page number or size is out of range.", "page_num")
    return int(text)


def _number_in(word: str, prompt: str) -> int:
    found = re.search(rf"\[\[{word}:(\d+)\]\]", prompt)
    return int(found[1]) if found else 0


def _present(body: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: body[name] for name in names if name in body}


def _events(head: dict[str, Any], entries: list[dict[str, Any]], usage: dict[str, int]) -> Iterator[str]:
    for index, entry in enumerate(entries):
        kind = f"image_generation.partial_{'failed' if 'error' in entry else 'succeeded'}"
        yield _event(kind, {"type": kind, **head, "image_index": index, **entry})
    kind = "image_generation.completed"
    yield _event(kind, {"type": kind, **head, "usage": usage})
    yield "data: [DONE]\n\n"


def _event(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
