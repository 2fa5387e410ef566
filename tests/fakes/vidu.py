"""A strict fake of Vidu as an ASGI application: tasks that move on as they are asked about.

Words in a prompt steer it: `[[fail:<reason>]]` (the task fails), `[[failnow:<reason>]]` (the create's answer says so already),
`[[refuse:<status>:<reason>]]` (the create is refused), `[[hang]]` (runs for ever), `[[empty]]` (succeeds without a result),
`[[lost]]` (the task is made and the answer is an error of the server), `[[429:<n>]]` (the first n creates with this prompt are
turned away), `[[html:<n>]]` (the first n polls of the task get a proxy's error page).
"""

import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.vidu_callbacks import Deliver, call_back
from tests.fakes.vidu_rules import Refused, check_image, check_video, invalid

_DAY = 86_400
_LARGEST_BODY = 20_000_000
_TRACE = "7b0c5d1e9a3f4c2b"
_QUERY = "X-Amz-Expires=86400&X-Amz-Signature=a%2Fb%3D"
_VIDEO_WAYS = ("text2video", "img2video", "start-end2video", "reference2video", "extend")
_FIRST_ID = 990_000_000_000_000
_FINAL = ("success", "failed")
_COST = 40  # credits, of anything
_ECHOED = (
    *("model", "prompt", "images", "duration", "seed", "aspect_ratio", "resolution", "movement_amplitude", "style", "bgm"),
    *("audio", "payload", "off_peak", "watermark"),
)


@dataclass(slots=True)
class FakeTask:
    """One task; `polls` moves it on."""

    id: str
    way: str
    body: dict[str, Any]
    created_at: float
    polls: int = 0
    html_left: int = 0
    cancelled: bool = False
    told: list[str] = field(default_factory=list)  # states that were called back

    @property
    def prompt(self) -> str:
        """The text of the task."""
        return str(self.body.get("prompt", ""))

    def reason(self, word: str) -> str | None:
        """What stands after this word in the prompt."""
        found = re.search(rf"\[\[{word}:(\w+)\]\]", self.prompt)
        return found[1] if found else None


@dataclass(slots=True)
class FakeVidu:
    """The server and what it saw. `now` is Unix seconds; a task is queued, then running, for so many polls each."""

    key: str = "test-key"
    scheme: str = "Token"
    prefix: str = ""  # of a relay
    queued_polls: int = 1
    running_polls: int = 1
    concurrency: int = 1000
    credits: int = 1_000_000
    now: Callable[[], float] = time.time
    deliver: Deliver | None = None  # sends a callback and returns the HTTP status
    tasks: dict[str, FakeTask] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted creates
    ways: list[str] = field(default_factory=list)  # the endpoints that accepted them
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path of every call
    downloads: list[str] = field(default_factory=list)  # request targets of media, byte for byte
    _turned_away: Counter[str] = field(default_factory=Counter)

    @property
    def creates(self) -> int:
        """How many tasks were made."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        root = f"{self.prefix}/ent/v2"
        creates = [Route(f"{root}/{way}", self._guarded(self._create), methods=["POST"]) for way in _VIDEO_WAYS]
        routes = [
            *creates,
            Route(f"{root}/reference2image", self._guarded(self._create), methods=["POST"]),
            Route(f"{root}/tasks", self._guarded(self._list), methods=["GET"]),
            Route(f"{root}/tasks/{{task_id}}/creations", self._guarded(self._get), methods=["GET"]),
            Route(f"{root}/tasks/{{task_id}}/cancel", self._guarded(self._cancel), methods=["POST"]),
            Route("/store/{made:int}/{name}", self._media, methods=["GET"]),
        ]
        return Starlette(routes=routes)

    def state(self, task: FakeTask) -> str:
        """The task's state word as of now."""
        if task.cancelled or task.reason("failnow"):
            return "failed"
        if task.polls == 0:
            return "created"
        if task.polls <= self.queued_polls:
            return "queueing"
        if "[[hang]]" in task.prompt or task.polls <= self.queued_polls + self.running_polls:
            return "processing"
        return "failed" if task.reason("fail") else "success"

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            try:
                if request.headers.get("authorization") != f"{self.scheme} {self.key}":
                    raise Refused(401, "Unauthorized", "unauthorized")
                return await endpoint(request)
            except Refused as refusal:
                return _envelope(refusal)

        return answer

    async def _create(self, request: Request) -> Response:
        way = request.url.path.rpartition("/")[2]
        body = await _read(request)
        _check(way, body)
        task = FakeTask(str(_FIRST_ID + len(self.tasks)), way, body, self.now())
        self._turn_away(task.prompt)
        self._check_account(way, body)
        task.html_left = _number_in("html", task.prompt)
        self.tasks[task.id] = task
        self.created.append(body)
        self.ways.append(way)
        self.credits -= _COST
        if "[[lost]]" in task.prompt:
            raise Refused(500, "InternalServiceFailure", "internal service failure")
        return JSONResponse(self._answer(task))

    async def _get(self, request: Request) -> Response:
        task = self._find(request)
        if task.html_left > 0:
            task.html_left -= 1
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)
        task.polls += 1
        shown = self._shown(task, request)
        await self._tell(task, shown)
        return JSONResponse(shown)

    async def _list(self, request: Request) -> Response:
        query = request.query_params
        page, size = query.get("pager.page", "0"), query.get("pager.pagesz", "10")
        if not page.isdigit() or not size.isdigit() or not 1 <= int(size) <= 100:
            raise Refused(400, "PageSizeOutOfRange", "page size out of range")
        wanted = query.getlist("task_ids")
        found = [task for task in reversed(self.tasks.values()) if not wanted or task.id in wanted]
        start = int(page) * int(size)
        shown = [_without_payload(self._shown(task, request)) for task in found[start : start + int(size)]]
        return JSONResponse({"next_page_token": "", "tasks": shown})

    async def _cancel(self, request: Request) -> Response:
        body = await _read(request)
        task = self._find(request)
        if body.get("id") != task.id:
            raise invalid("id")
        state = self.state(task)
        if state not in ("created", "queueing"):
            raise Refused(400, "BadRequest", f"task state is {'scheduled' if state == 'processing' else state}, can not cancel")
        task.cancelled = True
        return JSONResponse({})

    async def _media(self, request: Request) -> Response:
        """Public, signed links: no credential, dead after a day, and every byte of the query counts."""
        target = request.scope["raw_path"].decode() + "?" + request.scope["query_string"].decode()
        self.downloads.append(target)
        if not target.endswith("?" + _QUERY):
            raise HTTPException(403, "SignatureDoesNotMatch")
        if self.now() > request.path_params["made"] + _DAY:
            raise HTTPException(403, "AccessDenied")
        if request.path_params["name"].endswith(".mp4"):
            return Response(tiny_mp4(), media_type="video/mp4")
        return Response(tiny_png(), media_type="image/png")

    async def _tell(self, task: FakeTask, shown: Mapping[str, Any]) -> None:
        url, state = task.body.get("callback_url"), shown["state"]
        if self.deliver is None or url is None or state in task.told or state not in ("processing", *_FINAL):
            return
        task.told.append(state)
        await call_back(self.deliver, self.key, url, shown, self.now())

    def _turn_away(self, prompt: str) -> None:
        refused = re.search(r"\[\[refuse:(\d+):(\w+)\]\]", prompt)
        if refused:
            raise Refused(int(refused[1]), refused[2], "refused as asked")
        if self._turned_away[prompt] < _number_in("429", prompt):
            self._turned_away[prompt] += 1
            raise Refused(429, "TooManyRequests", "too many requests")

    def _check_account(self, way: str, body: Mapping[str, Any]) -> None:
        if sum(1 for task in self.tasks.values() if self.state(task) not in _FINAL) >= self.concurrency:
            raise Refused(429, "QuotaExceeded", "quota exceeded")
        if self.credits < _COST:
            raise Refused(400, "CreditInsufficient", "credit insufficient")
        creation = body.get("video_creation_id")
        if way == "extend" and creation is not None and creation not in {_creation_id(task) for task in self.tasks.values()}:
            raise Refused(404, "CreationNotFound", "creation not found")

    def _find(self, request: Request) -> FakeTask:
        task_id = request.path_params["task_id"]
        if not task_id.isdigit():
            raise Refused(400, "BadRequest", f"parse error: {task_id}")
        if task_id not in self.tasks:
            raise Refused(404, "TaskNotFound", "task not found")
        return self.tasks[task_id]

    def _answer(self, task: FakeTask) -> dict[str, Any]:
        """What a create answers: the parameters as they will be applied."""
        body = task.body
        third, old = body["model"].startswith("viduq3"), body["model"] in ("vidu2.0", "vidu1.5")
        defaults: dict[str, Any] = {"duration": 4 if old else 5, "resolution": "360p" if old else "720p", "audio": third}
        if task.way == "reference2image":
            defaults = {"resolution": "1080p"}
        effective = {"aspect_ratio": "16:9", "bgm": False, "off_peak": False, "payload": "", **defaults, **body}
        stamp = datetime.fromtimestamp(task.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.968916123Z")
        state = self.state(task)
        return {
            "task_id": task.id,
            "state": state,
            **{name: effective[name] for name in _ECHOED if name in effective},
            "seed": body.get("seed") or 123_456,
            "credits": _COST,
            "created_at": stamp,
            **({"err_code": task.reason("failnow")} if state == "failed" else {}),
        }

    def _shown(self, task: FakeTask, request: Request) -> dict[str, Any]:
        state = self.state(task)
        shown: dict[str, Any] = {
            "id": task.id,
            "state": state,
            "err_code": "",
            "credits": 0 if state == "failed" else _COST,
            "payload": task.body.get("payload", ""),
            "bgm": task.body.get("bgm", False),
            "off_peak": task.body.get("off_peak", False),
            "creations": [],
        }
        if state == "processing":
            shown["progress"] = 37
        if state == "failed":
            shown["err_code"] = "UserCancelled" if task.cancelled else task.reason("failnow") or task.reason("fail")
        if state == "success":
            shown.update(progress=100, creations=[] if "[[empty]]" in task.prompt else [self._creation(task, request)])
        return shown

    def _creation(self, task: FakeTask, request: Request) -> dict[str, Any]:
        root = f"{request.url.scheme}://{request.url.netloc}/store/{int(self.now())}/{task.id}"
        kind = "png" if task.way == "reference2image" else "mp4"
        return {
            "id": _creation_id(task),
            "url": f"{root}.{kind}?{_QUERY}",
            "cover_url": f"{root}-cover.png?{_QUERY}",
            "watermarked_url": f"{root}-marked.{kind}?{_QUERY}" if task.body.get("watermark") else "",
        }


def _check(way: str, body: Mapping[str, Any]) -> None:
    if way == "reference2image":
        check_image(body)
    else:
        check_video(way, body)


def _creation_id(task: FakeTask) -> str:
    return str(int(task.id) + 500_000)


def _envelope(refusal: Refused) -> JSONResponse:
    body = {
        "code": refusal.status,
        "reason": refusal.reason,
        "message": refusal.message,
        "metadata": {"trace_id": _TRACE},
    }
    return JSONResponse(body, refusal.status)


async def _read(request: Request) -> dict[str, Any]:
    """The JSON body; null is as good as absent."""
    raw = await request.body()
    if len(raw) > _LARGEST_BODY:
        raise Refused(400, "BadRequest", "request body too large")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused(400, "BadRequest", "parse error") from error
    if not isinstance(body, dict):
        raise Refused(400, "BadRequest", "parse error")
    return {name: value for name, value in body.items() if value is not None}


def _without_payload(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name != "payload"}


def _number_in(word: str, prompt: str) -> int:
    found = re.search(rf"\[\[{word}:(\d+)\]\]", prompt)
    return int(found[1]) if found else 0
