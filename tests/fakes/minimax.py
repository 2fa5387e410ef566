"""A strict fake of MiniMax as an ASGI application: both video protocols, image-01 and H3 pictures.

Words in a prompt steer it: `[[fail:<code>]]` (the task fails, or all pictures are withheld, with this number), `[[hang]]` (runs
for ever), `[[refuse:<status>:<code>]]` (the create does; the first protocol answers 200 all the same where the vendor would),
`[[429:<n>]]` (the first n creates with this prompt are turned away), `[[html:<n>]]` (the first n queries get a proxy's error page),
`[[nofile:<n>]]` (the first n requests for the finished file fail), `[[mixed]]` (the first of several pictures is withheld).
"""

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.ark_media import tiny_jpeg, tiny_mp4
from tests.fakes.minimax_rules import Refused, bad, check_film, check_h3_picture, check_picture, check_task
from tests.fakes.openai_wire import is_multipart, read_form

LINK_SECONDS = 3_600  # the first protocol's download page
TASK_SECONDS = 7 * 86_400
FIRST_FILE = 2**53 + 1  # no float holds it
_OK = {"status_code": 0, "status_msg": "success"}
_TRACE = "04f1a5c9e0d7b3a2"
_QUERY = "Expires=3600&OSSAccessKeyId=x&Signature=a%2Fb%3D"
_TYPES = {
    400: "bad_request_error",
    401: "authorized_error",
    402: "insufficient_balance_error",
    422: "unprocessable_entity_error",
    429: "rate_limit_error",
    500: "server_error",
    529: "overloaded_error",
}
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class FakeWork:
    """One film or task; `polls` moves it on."""

    id: str
    file_id: int
    body: dict[str, Any]
    created_at: float
    html_left: int
    file_failures: int
    polls: int = 0
    cancelled: bool = False

    @property
    def prompt(self) -> str:
        """The text, wherever the protocol puts it."""
        texts = [item["text"] for item in self.body.get("content", ()) if item["type"] == "text"]
        return str(texts[0] if texts else self.body.get("prompt", ""))


@dataclass(slots=True)
class FakeMiniMax:
    """The server and what it saw. `now` is Unix seconds; `group` makes it ask for `?GroupId=` as for very old keys."""

    key: str = "test-key"
    china: bool = False
    group: str | None = None
    now: Callable[[], float] = time.time
    works: dict[str, FakeWork] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted films and tasks
    pictures: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted image calls
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path of every call with a key
    _turned_away: Counter[str] = field(default_factory=Counter)

    @property
    def creates(self) -> int:
        """How many films and tasks were made."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        old, new, openai = self._old, self._new, self._new
        return Starlette(
            routes=[
                Route("/v1/video_generation", old(self._create_film), methods=["POST"]),
                Route("/v1/query/video_generation", old(self._film), methods=["GET"]),
                Route("/v1/files/retrieve", old(self._file), methods=["GET"]),
                Route("/v1/image_generation", old(self._draw), methods=["POST"]),
                Route("/v2/video_generation", new(self._create_task), methods=["POST"]),
                Route("/v2/query/video_generation", new(self._tasks), methods=["GET"]),
                Route("/v2/query/video_generation/{task_id}", new(self._task), methods=["GET"]),
                Route("/v2/video_generation/{task_id}", new(self._delete), methods=["DELETE"]),
                Route("/v1/images/generations", openai(self._h3_picture), methods=["POST"]),
                Route("/v1/images/edits", openai(self._h3_picture), methods=["POST"]),
                Route("/cdn/{made:int}/{name}", self._cdn, methods=["GET"]),
            ]
        )

    def _old(self, endpoint: Handler) -> Handler:
        """Errors hide in `base_resp` under HTTP 200."""

        async def answer(request: Request) -> Response:
            try:
                self._admit(request, 2049)
                return await endpoint(request)
            except Refused as refusal:
                base = {"status_code": refusal.code, "status_msg": refusal.message}
                status = refusal.status if refusal.status not in _TYPES else 200
                return _json({"task_id": "", "base_resp": base}, status)

        return answer

    def _new(self, endpoint: Handler) -> Handler:
        """Errors have HTTP statuses."""

        async def answer(request: Request) -> Response:
            try:
                self._admit(request, 1004)
                return await endpoint(request)
            except Refused as refusal:
                status = refusal.status if refusal.status != 200 else 400
                error = {
                    "type": _TYPES.get(status, "bad_request_error"),
                    "message": f"{refusal.message} ({refusal.code})",
                    "http_code": str(status),
                }
                return _json({"type": "error", "error": error, "request_id": _TRACE}, status)

        return answer

    def _admit(self, request: Request, code: int) -> None:
        self.requests.append((request.method, request.url.path))
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(code, "login fail: check the key", 401)
        if self.group is not None and request.query_params.get("GroupId") != self.group:
            raise Refused(1004, "token not match group", 401)

    async def _create_film(self, request: Request) -> Response:
        body = await _read(request)
        check_film(body, china=self.china)
        work = self._made(body, f"{268_014_477_120_000 + len(self.works)}")
        return _json({"task_id": work.id, "base_resp": _OK})

    async def _create_task(self, request: Request) -> Response:
        body = await _read(request)
        check_task(body)
        return _json({"task_id": self._made(body, f"v2_{len(self.works):08x}").id})

    def _made(self, body: dict[str, Any], work_id: str) -> FakeWork:
        work = FakeWork(work_id, FIRST_FILE + len(self.works), body, self.now(), 0, 0)
        self._turn_away(work.prompt)
        work.html_left, work.file_failures = _number_in("html", work.prompt), _number_in("nofile", work.prompt)
        self.works[work_id] = work
        self.created.append(body)
        return work

    def _turn_away(self, prompt: str) -> None:
        refused = re.search(r"\[\[refuse:(\d+):(\d+)\]\]", prompt)
        if refused:
            raise Refused(int(refused[2]), "refused as asked", int(refused[1]))
        if self._turned_away[prompt] < _number_in("429", prompt):
            self._turned_away[prompt] += 1
            raise Refused(1002, "rate limit exceeded", 429)

    async def _film(self, request: Request) -> Response:
        work = self.works.get(request.query_params.get("task_id", ""))
        if work is None:
            raise Refused(2013, "invalid params, invalid task id")
        if work.html_left > 0:
            work.html_left -= 1
            return _page()
        work.polls += 1
        words = ("Preparing", "Queueing", "Processing")
        if work.polls <= len(words) or "[[hang]]" in work.prompt:
            word = words[min(work.polls, len(words)) - 1]
            return _json({"task_id": work.id, "status": word, "file_id": "", "base_resp": _OK})
        failed = _number_in("fail", work.prompt)
        if failed:
            base = {"status_code": failed, "status_msg": "output new_sensitive"}
            return _json({"task_id": work.id, "status": "Fail", "file_id": "", "base_resp": base})
        size = {"video_width": 1366, "video_height": 768}
        return _json({"task_id": work.id, "status": "Success", "file_id": str(work.file_id), **size, "base_resp": _OK})

    async def _file(self, request: Request) -> Response:
        asked = request.query_params.get("file_id", "")
        work = next((work for work in self.works.values() if str(work.file_id) == asked), None)
        if work is None:
            raise Refused(2013, "invalid params, file not exist")
        if work.file_failures > 0:
            work.file_failures -= 1
            raise Refused(1000, "unknown error")
        link = self._link(request, f"{work.id}.mp4")
        file = {"file_id": work.file_id, "bytes": 0, "created_at": int(work.created_at), "filename": "output_aigc.mp4"}
        file |= {"purpose": "video_generation", "download_url": link, "backup_download_url": link}
        return _json({"file": file, "base_resp": _OK})

    async def _task(self, request: Request) -> Response:
        work = self._find(request)
        if work.html_left > 0:
            work.html_left -= 1
            return _page()
        work.polls += 1
        return _json({"task": self._shown(work, request)})

    async def _tasks(self, request: Request) -> Response:
        return _json({"items": [self._shown(work, request) for work in self.works.values() if "content" in work.body]})

    async def _delete(self, request: Request) -> Response:
        work = self._find(request)
        word = _word(work)
        if word == "running":
            raise bad("a running task cannot be cancelled")
        if word == "queued":
            work.cancelled = True
            return _json({"task_id": work.id, "action": "cancelled", "status": "cancelled"})
        del self.works[work.id]
        return _json({"task_id": work.id, "action": "deleted", "status": word})

    def _find(self, request: Request) -> FakeWork:
        work = self.works.get(request.path_params["task_id"])
        if work is None:
            raise Refused(1000, "record not found", 500)
        if self.now() > work.created_at + TASK_SECONDS:
            raise Refused(2013, "invalid task_id", 400)
        return work

    def _shown(self, work: FakeWork, request: Request) -> dict[str, Any]:
        word, body = _word(work), work.body
        head = {"id": work.id, "model": body["model"], "status": word, "created_at": int(work.created_at), "updated_at": 2}
        if word == "failed":
            error = {"code": str(_number_in("fail", work.prompt)), "message": "generated video contains sensitive content"}
            return {**head, "error": error, "usage": {}}
        if word != "succeeded":
            return head
        seconds = body["duration"]
        usage = {"total_seconds": seconds, "input_seconds": 0, "output_seconds": seconds, "input_image_count": 0}
        content = {"url": self._link(request, f"{work.id}.mp4")}
        made = {"content": content, "resolution": body["resolution"], "duration": seconds, "ratio": body.get("ratio", "adaptive")}
        return {**head, **made, "task_type": "generation", "modality": "video", "usage": usage}

    async def _draw(self, request: Request) -> Response:
        body = await _read(request)
        check_picture(body, china=self.china)
        self._turn_away(body["prompt"])
        failed = _number_in("fail", body["prompt"])
        if failed:
            raise Refused(failed, "input new_sensitive")
        self.pictures.append(body)
        count, withheld = body.get("n", 1), int("[[mixed]]" in body["prompt"])
        if body.get("response_format") == "base64":
            data = {"image_base64": [base64.b64encode(tiny_jpeg()).decode()] * (count - withheld)}
        else:
            data = {"image_urls": [self._link(request, f"{number}.jpeg") for number in range(count - withheld)]}
        counts = {"success_count": str(count - withheld), "failed_count": str(withheld)}
        return _json({"id": _TRACE, "data": data, "metadata": counts, "base_resp": _OK})

    async def _h3_picture(self, request: Request) -> Response:
        form = await read_form(request) if is_multipart(request) else None
        body = await _read(request) if form is None else {name: value for name, value in form.items() if name != "image"}
        files = None if form is None else form.get("image", [])
        check_h3_picture(body, None if files is None else len(files) if isinstance(files, list) else 1)
        self._turn_away(body["prompt"])
        self.pictures.append(dict(body) if form is None else dict(form))
        count = int(body.get("n", 1))
        entry = {"b64_json": base64.b64encode(tiny_jpeg()).decode()}
        if body.get("stream"):
            events = [{"type": "image_generation.completed", **entry, "usage": {"total_tokens": 1}}] * count
            return StreamingResponse(iter([f"data: {json.dumps(event)}\n\n" for event in events]), media_type="text/event-stream")
        if body.get("response_format") == "b64_json":
            return _json({"created": 1, "data": [entry] * count})
        return _json({"created": 1, "data": [{"url": self._link(request, f"{number}.jpeg")} for number in range(count)]})

    def _link(self, request: Request, name: str) -> str:
        return f"{request.url.scheme}://{request.url.netloc}/cdn/{int(self.now())}/{name}?{_QUERY}"

    async def _cdn(self, request: Request) -> Response:
        """Public, signed links that die after an hour."""
        fresh = self.now() <= request.path_params["made"] + LINK_SECONDS
        if not fresh or request.scope["query_string"].decode() != _QUERY:
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        if request.path_params["name"].endswith(".mp4"):
            return Response(tiny_mp4(), media_type="video/mp4")
        return Response(tiny_jpeg(), media_type="image/jpeg")


def _word(work: FakeWork) -> str:
    if work.cancelled:
        return "cancelled"
    if work.polls <= 1:
        return "queued"
    if work.polls == 2 or "[[hang]]" in work.prompt:
        return "running"
    return "failed" if "[[fail:" in work.prompt else "succeeded"


def _json(body: Mapping[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, {"Trace-Id": _TRACE})


def _page() -> HTMLResponse:
    return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)


async def _read(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise bad("the body is not JSON") from error
    if not isinstance(body, dict):
        raise bad("the body is not an object")
    return body


def _number_in(word: str, prompt: str) -> int:
    found = re.search(rf"\[\[{word}:(\d+)\]\]", prompt)
    return int(found[1]) if found else 0
