"""A strict fake of Kling as an ASGI application: both generations of the API, tasks that move on as they are asked about.

Words in a prompt steer it: `[[fail:<reason>]]` (the task fails with these words), `[[refuse:<status>:<code>]]` (the create
does), `[[hang]]` (runs for ever), `[[429:<n>]]` (the first n creates with this prompt are one job too many), `[[html:<n>]]` (the
first n polls get a proxy's error page), `[[lost]]` (the task is made and the create answered with a time-out).
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.fakes import kling_newer_rules
from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.kling_rules import PATHS, Refused, bad, check

_REQUEST_ID = "0f6c1b1e-7f2d-4f2a-9a61-1c1d2e3f4a5b"
_FIRST_TASK = 870_000_000_000_000_100
_EXTENDABLE = ("kling-v1", "kling-v1-5", "kling-v1-6")
Endpoint = Callable[[Request], Awaitable[Response]]
Notify = Callable[[str, dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class FakeTask:
    """One task; `polls` moves it on. `path` is where it was made, without the slash and without `v1/`."""

    id: str
    path: str
    model: str
    body: dict[str, Any]
    options: dict[str, Any]
    prompt: str
    created_at: int
    polls: int = 0
    html_left: int = 0

    @property
    def video_id(self) -> str:
        """The id of its result, which is another than its own."""
        return str(int(self.id) + 900)

    @property
    def external_id(self) -> str | None:
        """The caller's own id."""
        return self.options.get("external_task_id")


@dataclass(slots=True)
class FakeKling:
    """The server and what it saw. `now` is Unix seconds; `limit` how many tasks may run at once.

    A task is submitted, then processing, for so many polls each. `notify` is called with a callback URL and body per change.
    """

    key: str = "test-key"
    pairs: Mapping[str, str] = field(default_factory=dict)  # access key -> secret key
    submitted_polls: int = 1
    processing_polls: int = 1
    limit: int = 1000
    now: Callable[[], float] = time.time
    notify: Notify | None = None
    tasks: dict[str, FakeTask] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted creates
    paths: list[str] = field(default_factory=list)  # and their paths
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path of every call
    _turned_away: Counter[str] = field(default_factory=Counter)

    @property
    def creates(self) -> int:
        """How many tasks were made."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [Route("/media/{name}", self._media, methods=["GET"])]
        for path in PATHS:
            routes.append(Route(f"/v1/{path}", self._guarded(self._create), methods=["POST"]))
            routes.append(Route(f"/v1/{path}", self._guarded(self._list), methods=["GET"]))
            routes.append(Route(f"/v1/{path}/{{id}}", self._guarded(self._get), methods=["GET"]))
        for kind in ("text-to-video", "image-to-video", "omni-video"):
            routes.append(Route(f"/{kind}/{{model}}", self._guarded(self._create_newer, newer=True), methods=["POST"]))
        routes.append(Route("/tasks", self._guarded(self._query, newer=True), methods=["GET"]))
        return Starlette(routes=routes)

    def status(self, task: FakeTask) -> str:
        """The task's status word as of now, in the older spelling."""
        if task.polls <= self.submitted_polls:
            return "submitted"
        if "[[hang]]" in task.prompt or task.polls <= self.submitted_polls + self.processing_polls:
            return "processing"
        return "failed" if "[[fail:" in task.prompt else "succeed"

    def _guarded(self, endpoint: Endpoint, *, newer: bool = False) -> Endpoint:
        async def answer(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            try:
                self._check_credential(request.headers.get("authorization", ""), newer=newer)
                return await endpoint(request)
            except Refused as refusal:
                content = {"code": refusal.code, "message": refusal.message, "request_id": _REQUEST_ID}
                return JSONResponse(content, refusal.status)

        return answer

    def _check_credential(self, header: str, *, newer: bool) -> None:
        if not header:
            raise Refused(401, 1001, "Authorization is empty")
        token = header.removeprefix("Bearer ")
        if token == header or (token != self.key and (newer or token.count(".") != 2)):
            raise Refused(401, 1002, "Authorization is invalid")
        if token != self.key:
            self._check_token(token)

    def _check_token(self, token: str) -> None:
        signed, _, signature = token.rpartition(".")
        try:
            head, claims = (json.loads(_decoded(part)) for part in signed.split("."))
            secret = self.pairs[claims["iss"]]
            wanted = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
            genuine = head == {"alg": "HS256", "typ": "JWT"} and hmac.compare_digest(wanted, _decoded(signature))
        except (ValueError, KeyError) as error:
            raise Refused(401, 1002, "Authorization is invalid") from error
        if not genuine or set(claims) != {"iss", "exp", "nbf"}:
            raise Refused(401, 1002, "Authorization is invalid")
        if claims["nbf"] > self.now():
            raise Refused(401, 1003, "Authorization is not yet valid")
        if claims["exp"] <= self.now():
            raise Refused(401, 1004, "Authorization is expired")

    async def _create(self, request: Request) -> Response:
        body, path = await _read(request), request.url.path.removeprefix("/v1/")
        check(path, body)
        model = str(body.get("model_name", ""))
        if path == "videos/video-extend":
            model = self._source_model(body["video_id"])
        task = self._made(path, model, body, body, str(body.get("prompt", "")))
        return _envelope(self._shown(task, request))

    async def _create_newer(self, request: Request) -> Response:
        body, path = await _read(request), request.url.path.removeprefix("/")
        kind, _, model = path.partition("/")
        kling_newer_rules.check(kind, model, body)
        told = [item["text"] for item in body.get("contents", ()) if item["type"] == "prompt"]
        task = self._made(path, model, body, body.get("options", {}), str(body.get("prompt") or "".join(told)))
        return _envelope(self._shown_newer(task, request))

    def _made(self, path: str, model: str, body: dict[str, Any], options: dict[str, Any], prompt: str) -> FakeTask:
        external = options.get("external_task_id")
        if external is not None and any(task.external_id == external for task in self.tasks.values()):
            raise bad("external_task_id is not unique")
        self._turn_away(prompt)
        task = FakeTask(str(_FIRST_TASK + len(self.tasks)), path, model, body, options, prompt, int(self.now() * 1000))
        task.html_left = _number_in("html", prompt)
        self.tasks[task.id] = task
        self.created.append(body)
        self.paths.append(path)
        if "[[lost]]" in prompt:
            raise Refused(504, 5002, "Internal time-out")
        return task

    async def _get(self, request: Request) -> Response:
        path, wanted = request.url.path.removeprefix("/v1/").rpartition("/")[0], request.path_params["id"]
        return await self._told(self._find(path, wanted), request)

    async def _list(self, request: Request) -> Response:
        path, query = request.url.path.removeprefix("/v1/"), request.query_params
        if "external_task_id" in query:
            return await self._told(self._find(path, query["external_task_id"]), request)
        number, size = int(query.get("pageNum", "1")), int(query.get("pageSize", "30"))
        if not (1 <= number <= 1000 and 1 <= size <= 500):
            raise bad("pageNum or pageSize is out of range")
        found = [task for task in self.tasks.values() if task.path == path]
        return _envelope([self._shown(task, request) for task in found[(number - 1) * size : number * size]])

    async def _query(self, request: Request) -> Response:
        query = request.query_params
        if ("task_ids" in query) == ("external_task_ids" in query):
            raise bad("exactly one of task_ids and external_task_ids is needed")
        wanted = (query.get("task_ids") or query.get("external_task_ids") or "").split(",")
        found = [
            task for task in self.tasks.values() if task.path not in PATHS and (task.id in wanted or task.external_id in wanted)
        ]
        if any(self._broken(task) for task in found):
            return _error_page()
        for task in found:
            await self._move(task, request)
        return _envelope([self._shown_newer(task, request) for task in found])

    async def _told(self, task: FakeTask, request: Request) -> Response:
        if self._broken(task):
            return _error_page()
        await self._move(task, request)
        return _envelope(self._shown(task, request))

    async def _move(self, task: FakeTask, request: Request) -> None:
        before = self.status(task)
        task.polls += 1
        url = task.options.get("callback_url")
        if url and self.notify and self.status(task) != before:
            shown = self._shown(task, request) if task.path in PATHS else self._shown_newer(task, request)
            await self.notify(url, shown)

    async def _media(self, request: Request) -> Response:
        if request.query_params.get("sign") != "abc":
            return Response(status_code=403)
        video = request.path_params["name"].endswith(".mp4")
        return Response(tiny_mp4() if video else tiny_png(), media_type="video/mp4" if video else "image/png")

    def _broken(self, task: FakeTask) -> bool:
        task.html_left -= 1
        return task.html_left >= 0

    def _find(self, path: str, wanted: str) -> FakeTask:
        for task in self.tasks.values():
            if task.path == path and wanted in (task.id, task.external_id):
                return task
        raise Refused(404, 1203, "task not found")

    def _source_model(self, video_id: str) -> str:
        made = next((task for task in self.tasks.values() if task.video_id == video_id), None)
        if made is None or made.model not in _EXTENDABLE:
            raise bad("video_id is invalid")
        return made.model

    def _turn_away(self, prompt: str) -> None:
        refused = re.search(r"\[\[refuse:(\d+):(\d+)\]\]", prompt)
        if refused:
            raise Refused(int(refused[1]), int(refused[2]), "Refused as asked")
        running = sum(self.status(task) in ("submitted", "processing") for task in self.tasks.values())
        if self._turned_away[prompt] < _number_in("429", prompt) or running >= self.limit:
            self._turned_away[prompt] += 1
            raise Refused(429, 1303, "parallel task over resource pack limit")

    def _times(self, task: FakeTask) -> tuple[int, int]:
        return task.created_at, task.created_at + task.polls * 1000

    def _shown(self, task: FakeTask, request: Request) -> dict[str, Any]:
        word, (created, updated) = self.status(task), self._times(task)
        done = word == "succeed"
        return {
            "task_id": task.id,
            "task_status": word,
            "task_status_msg": _reason(task) if word == "failed" else "",
            "task_info": {"external_task_id": task.external_id} if task.external_id else {},
            "task_result": self._result(task, request) if done else {},
            **({"final_unit_deduction": "2.5"} if done else {}),
            "created_at": created,
            "updated_at": updated,
        }

    def _result(self, task: FakeTask, request: Request) -> dict[str, Any]:
        if task.path.startswith("images/"):
            count = range(task.body.get("n", 1))
            images = [{"index": number, "url": _link(request, f"{task.id}-{number}.png"), "watermark_url": ""} for number in count]
            return {"images": images}
        seconds = f"{int(task.body.get('duration', 5)) + 0.041:.3f}"
        return {
            "videos": [{"id": task.video_id, "url": _link(request, f"{task.id}.mp4"), "watermark_url": "", "duration": seconds}]
        }

    def _shown_newer(self, task: FakeTask, request: Request) -> dict[str, Any]:
        word, (created, updated) = self.status(task), self._times(task)
        shown: dict[str, Any] = {
            "id": task.id,
            "status": "succeeded" if word == "succeed" else word,
            "message": _reason(task) if word == "failed" else "",
            "create_time": created,
            "update_time": updated,
            "external_id": task.external_id or "",
        }
        if word == "succeed":
            seconds = str(task.body.get("settings", {}).get("duration", 5))
            url = _link(request, f"{task.id}.mp4")
            shown["outputs"] = [{"type": "video", "id": task.video_id, "url": url, "watermark_url": "", "duration": seconds}]
            shown["billing"] = [{"charge_type": "unit", "amount": "2.5", "package_type": "video"}]
        return shown


def _envelope(data: Any) -> JSONResponse:
    return JSONResponse({"code": 0, "message": "SUCCEED", "request_id": _REQUEST_ID, "data": data})


def _error_page() -> Response:
    return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)


async def _read(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise Refused(400, 1200, "The body is not JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, 1200, "The body is not an object")
    return body


def _link(request: Request, name: str) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/media/{name}?sign=abc"


def _reason(task: FakeTask) -> str:
    found = re.search(r"\[\[fail:([^\]]*)\]\]", task.prompt)
    return found[1] if found else ""


def _number_in(word: str, prompt: str) -> int:
    found = re.search(rf"\[\[{word}:(\d+)\]\]", prompt)
    return int(found[1]) if found else 0


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
