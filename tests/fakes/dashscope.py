"""A strict fake of DashScope as an ASGI application: tasks that move on as they are asked about, and pictures at once.

Words in a prompt steer it: `[[fail:<code>]]` (the task or synchronous picture fails), `[[refuse:<status>:<code>]]` (the create
does), `[[200:<code>]]` (the same with HTTP 200), `[[hang]]` (runs for ever), `[[suspend]]` (stays suspended), `[[429:<n>]]` (the
first n creates with this prompt are turned away), `[[html:<n>]]` (the first n polls of the task get a proxy's error page),
`[[unknown:<n>]]` (the first n polls do not know the task yet), `[[mixed]]` (the second picture of several fails), `[[older]]`
(the clip is told of as the older models do).
"""

import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.dashscope_picture_rules import EDIT, SYNC, TASK, TEXT, check_picture
from tests.fakes.dashscope_rules import Refused, bad, check_clip

_DAY = 86_400
_REQUEST_ID = "7f0c2a51-0000-9b0a-8a17-5e2c6f3b9d10"
_SHANGHAI = timezone(timedelta(hours=8))
_SIGNED = "Expires=1795312961&OSSAccessKeyId=fake&Signature=a%2Fb%3D"
_CLIPS = ("video-generation/video-synthesis", "image2video/video-synthesis")
_PICTURES = (f"{TASK}/generation", f"{TEXT}/image-synthesis", f"{EDIT}/image-synthesis")


@dataclass(slots=True)
class FakeTask:
    """One task; `polls` moves it on."""

    id: str
    body: dict[str, Any]
    service: str
    created_at: float
    prompt: str
    polls: int = 0
    html_left: int = 0
    unknown_left: int = 0
    cancelled: bool = False


@dataclass(slots=True)
class FakeDashScope:
    """The server and what it saw. `now` is Unix seconds; a task is pending, then running, for so many polls each."""

    key: str = "test-key"
    pending_polls: int = 1
    running_polls: int = 1
    now: Callable[[], float] = time.time
    tasks: dict[str, FakeTask] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted creates, tasks and pictures
    headers: list[dict[str, str]] = field(default_factory=list)  # theirs
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path of every call
    _turned_away: Counter[str] = field(default_factory=Counter)

    @property
    def creates(self) -> int:
        """How many tasks and synchronous calls were accepted."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        root = "/api/v1/services/aigc"
        routes = [
            *(Route(f"{root}/{path}", self._guarded(self._create), methods=["POST"]) for path in (*_CLIPS, *_PICTURES)),
            Route(f"{root}/{SYNC}/generation", self._guarded(self._at_once), methods=["POST"]),
            Route("/api/v1/tasks", self._guarded(self._list), methods=["GET"]),
            Route("/api/v1/tasks/{task_id}", self._guarded(self._get), methods=["GET"]),
            Route("/api/v1/tasks/{task_id}/cancel", self._guarded(self._cancel), methods=["POST"]),
            Route("/files/{name}", self._file, methods=["GET"]),
        ]
        return Starlette(routes=routes)

    def status(self, task: FakeTask) -> str:
        """The task's status word as of now."""
        if self.now() > task.created_at + _DAY or task.unknown_left > 0:
            return "UNKNOWN"
        if task.cancelled:
            return "CANCELED"
        if "[[suspend]]" in task.prompt:
            return "SUSPENDED"
        if task.polls <= self.pending_polls:
            return "PENDING"
        if "[[hang]]" in task.prompt or task.polls <= self.pending_polls + self.running_polls:
            return "RUNNING"
        return "FAILED" if "[[fail:" in task.prompt else "SUCCEEDED"

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            try:
                if request.headers.get("authorization") != f"Bearer {self.key}":
                    raise Refused(401, "InvalidApiKey", "Invalid API-key provided.")
                return await endpoint(request)
            except Refused as refusal:
                return _envelope(refusal)

        return answer

    async def _create(self, request: Request) -> Response:
        service = request.url.path.split("/")[-2]
        if request.headers.get("x-dashscope-async") != "enable":
            raise Refused(403, "AccessDenied", "current user api does not support synchronous calls.")
        body = await _read(request)
        check = check_clip if request.url.path.endswith("video-synthesis") else check_picture
        check(body["model"], body, service)
        prompt = self._accepted(body, request)
        task = FakeTask(f"b1d2c3e4-0f5a-4b6c-9d7e-{len(self.tasks):012d}", body, service, self.now(), prompt)
        task.html_left, task.unknown_left = _number_in("html", prompt), _number_in("unknown", prompt)
        self.tasks[task.id] = task
        return JSONResponse({"request_id": _REQUEST_ID, "output": {"task_id": task.id, "task_status": "PENDING"}})

    async def _at_once(self, request: Request) -> Response:
        if "x-dashscope-async" in request.headers:
            raise Refused(403, "AccessDenied", "current user api does not support asynchronous calls.")
        body = await _read(request)
        check_picture(body["model"], body, SYNC)
        prompt = self._accepted(body, request)
        failed = re.search(r"\[\[fail:([\w.]+)\]\]", prompt)
        if failed:
            raise bad("Green net check failed for image.", failed[1])
        count = body["parameters"].get("n", 1)
        return JSONResponse({"request_id": _REQUEST_ID, "output": self._choices(count, request), "usage": _usage(count)})

    def _accepted(self, body: dict[str, Any], request: Request) -> str:
        """The prompt of a create that is not turned away."""
        if "oss://" in json.dumps(body) and request.headers.get("x-dashscope-ossresourceresolve") != "enable":
            raise bad("The file cannot be opened.", "InvalidFile.Openerror")
        prompt = _prompt(body["input"])
        refused = re.search(r"\[\[refuse:(\d+):([\w.]+)\]\]", prompt)
        if refused:
            raise Refused(int(refused[1]), refused[2], "Refused as asked.")
        hidden = re.search(r"\[\[200:([\w.]+)\]\]", prompt)
        if hidden:
            raise Refused(200, hidden[1], "Refused as asked.")
        if self._turned_away[prompt] < _number_in("429", prompt):
            self._turned_away[prompt] += 1
            raise Refused(429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.")
        self.created.append(body)
        self.headers.append(dict(request.headers))
        return prompt

    async def _get(self, request: Request) -> Response:
        task = self.tasks.get(request.path_params["task_id"])
        if task is None:
            return JSONResponse(_task_answer(request.path_params["task_id"], "UNKNOWN"))
        if task.html_left > 0:
            task.html_left -= 1
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)
        if task.unknown_left > 0:
            task.unknown_left -= 1
            return JSONResponse(_task_answer(task.id, "UNKNOWN"))
        task.polls += 1
        return JSONResponse(self._shown(task, request))

    async def _cancel(self, request: Request) -> Response:
        await request.body()
        task = self.tasks.get(request.path_params["task_id"])
        if task is None or self.status(task) != "PENDING":
            message = "Failed to cancel the task, please confirm if the task is in PENDING status."
            raise bad(message, "UnsupportedOperation")
        task.cancelled = True
        return JSONResponse({"request_id": _REQUEST_ID})

    async def _list(self, request: Request) -> Response:
        number, size = int(request.query_params.get("page_no", "1")), int(request.query_params.get("page_size", "10"))
        found = [
            {"task_id": task.id, "status": self.status(task), "model_name": task.body["model"]} for task in self.tasks.values()
        ]
        page = found[(number - 1) * size : number * size]
        pages = -(-len(found) // size)
        head = {"page_no": number, "page_size": size, "total": len(found), "total_page": pages}
        return JSONResponse({"request_id": _REQUEST_ID, **head, "data": page})

    async def _file(self, request: Request) -> Response:
        """Public, signed links: a bearer spoils them, and every byte of the query counts."""
        if "authorization" in request.headers or request.scope["query_string"].decode() != _SIGNED:
            raise HTTPException(403, "SignatureDoesNotMatch")
        clip = request.path_params["name"].endswith("mp4")
        return Response(tiny_mp4() if clip else tiny_png(), media_type="video/mp4" if clip else "image/png")

    def _shown(self, task: FakeTask, request: Request) -> dict[str, Any]:
        word = self.status(task)
        answer = _task_answer(task.id, word)
        if word == "UNKNOWN":
            return answer
        answer["output"]["submit_time"] = _time(task.created_at)
        if word not in ("PENDING", "SUSPENDED"):
            answer["output"]["scheduled_time"] = _time(task.created_at + 6)
        if word in ("CANCELED", "FAILED", "SUCCEEDED"):
            answer["output"]["end_time"] = _time(self.now())
        if word == "FAILED":
            code = re.search(r"\[\[fail:([\w.]+)\]\]", task.prompt)
            answer["output"] |= {
                "code": code[1] if code else "InternalError",
                "message": "Output data may contain inappropriate content.",
            }
        if word != "SUCCEEDED":
            return answer
        result = self._clip(task, request) if task.service in ("video-generation", "image2video") else self._made(task, request)
        return {**answer, "output": {**answer["output"], **result["output"]}, "usage": result["usage"]}

    def _clip(self, task: FakeTask, request: Request) -> dict[str, Any]:
        parameters = task.body["parameters"]
        seconds = parameters.get("duration") or 5
        output = {"orig_prompt": task.prompt, "video_url": self._link(request, f"{task.id}.mp4")}
        if "[[older]]" in task.prompt:
            usage: dict[str, Any] = {"video_duration": seconds, "video_ratio": parameters.get("size", "standard"), "video_count": 1}
            return {"output": {**output, "actual_prompt": "rewritten"}, "usage": usage}
        usage = {"duration": seconds, "input_video_duration": 0, "output_video_duration": seconds, "video_count": 1}
        usage |= {"SR": int(parameters.get("resolution", "720P")[:-1]), "ratio": parameters.get("ratio", "16:9")}
        if "size" in parameters:
            usage |= {"size": parameters["size"], "SR": min(map(int, parameters["size"].split("*")))}
        return {"output": output, "usage": usage}

    def _made(self, task: FakeTask, request: Request) -> dict[str, Any]:
        count = task.body["parameters"].get("n", 1)
        if task.service == TASK:
            return {"output": {"finished": True, **self._choices(count, request)}, "usage": _usage(count)}
        results: list[dict[str, str]] = [{"url": self._link(request, f"{number}.png")} for number in range(count)]
        if "[[mixed]]" in task.prompt:
            results[1:2] = [
                {"code": "InternalError.Timeout", "message": "An internal timeout error has occurred during execution."}
            ]
        return {"output": {"results": results}, "usage": {"image_count": sum("url" in result for result in results)}}

    def _choices(self, count: int, request: Request) -> dict[str, Any]:
        links = [self._link(request, f"{number}.png") for number in range(count)]
        choices = [{"finish_reason": "stop", "message": {"role": "assistant", "content": [{"image": url}]}} for url in links]
        return {"choices": choices, "task_metric": {"TOTAL": count, "SUCCEEDED": count, "FAILED": 0}}

    def _link(self, request: Request, name: str) -> str:
        return f"{request.url.scheme}://{request.url.netloc}/files/{name}?{_SIGNED}"


def _task_answer(task_id: str, word: str) -> dict[str, Any]:
    return {"request_id": _REQUEST_ID, "output": {"task_id": task_id, "task_status": word}}


def _usage(count: int) -> dict[str, int]:
    return {"image_count": count, "width": 1328, "height": 1328}


def _envelope(refusal: Refused) -> JSONResponse:
    body = {"request_id": _REQUEST_ID, "code": refusal.code, "message": refusal.message}
    return JSONResponse(body, refusal.status, {"x-request-id": _REQUEST_ID})


async def _read(request: Request) -> dict[str, Any]:
    """The JSON body with its three parts."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise bad("The body is not JSON.", "BadRequest.IllegalInput") from error
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise bad("Required model is missing.", "BadRequest.EmptyModel")
    if not isinstance(body.get("input"), dict):
        raise bad("Required input is missing.", "BadRequest.EmptyInput")
    if not isinstance(body.setdefault("parameters", {}), dict) or set(body) != {"model", "input", "parameters"}:
        raise bad("The body has unknown parts.", "BadRequest.IllegalInput")
    return body


def _prompt(inputs: dict[str, Any]) -> str:
    if "messages" in inputs:
        return str(next(part["text"] for part in inputs["messages"][0]["content"] if "text" in part))
    return str(inputs.get("prompt", ""))


def _number_in(word: str, prompt: str) -> int:
    found = re.search(rf"\[\[{word}:(\d+)\]\]", prompt)
    return int(found[1]) if found else 0


def _time(seconds: float) -> str:
    """Shanghai's time without saying so, as the vendor writes it."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
