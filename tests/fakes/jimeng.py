"""A strict fake of the visual API behind Jimeng as an ASGI application: signatures, tasks that move on as they are asked about.

Words in a prompt steer it: `[[fail:<code>]]` (the task fails, found out when it is asked about), `[[refuse:<status>:<code>]]`
(the create does), `[[hang]]`, `[[expire]]`, `[[429:<n>]]` (the first n creates with this prompt are turned away),
`[[html:<n>]]` (the first n questions get a proxy's error page), `[[hidden:<n>]]` (the task is not found so many times),
`[[busy:<n>]]` (the first n questions meet a limit), `[[many]]` (two pictures unless a single one is forced), `[[empty]]`.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.fakes.ark_media import tiny_jpeg, tiny_mp4, tiny_png
from tests.fakes.jimeng_rules import FILMS, PICTURES, Refused, bad, check

_VERSION = "2022-08-31"
_LIFE = 12 * 3600  # seconds in which a task is known
_SKEW = 900  # seconds between its clock and `X-Date`
_MESSAGES = {
    50_411: "Pre Img Risk Not Pass",
    50_412: "Text Risk Not Pass",
    50_413: "Post Text Risk Not Pass",
    50_511: "Post Img Risk Not Pass",
    50_429: "Request Has Reached API Limit, Please Try Later",
    50_430: "Request Has Reached API Concurrent Limit, Please Try Later",
    50_500: "Internal Error",
}
_AUTHORIZATION = re.compile(r"HMAC-SHA256 Credential=([^/]+)/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})")


class Unsigned(Exception):
    """The gateway in front says no: its status, number, word and message."""

    def __init__(self, status: int, number: int, word: str) -> None:
        super().__init__(word)
        self.status, self.number, self.word = status, number, word


@dataclass(slots=True)
class FakeTask:
    """One task; `polls` moves it on."""

    id: str
    body: dict[str, Any]
    created_at: float
    polls: int = 0
    trouble: Counter[str] = field(default_factory=Counter)

    @property
    def prompt(self) -> str:
        """Its text."""
        return str(self.body.get("prompt", ""))

    def hit(self, word: str) -> bool:
        """Whether this trouble is still to come; counts it."""
        self.trouble[word] += 1
        return self.trouble[word] <= _number_in(word, self.prompt)


@dataclass(slots=True)
class FakeJimeng:
    """The server and what it saw. `now` is Unix seconds; `clock_counts` off takes any `X-Date`."""

    access_key: str = "AKLTEXAMPLEACCESSKEY0001"
    secret_key: str = "ExampleSecretKeyForUnitTestsOnly0001=="
    session_token: str = ""
    queued_polls: int = 1
    running_polls: int = 1
    clock_counts: bool = True
    now: Callable[[], float] = time.time
    tasks: dict[str, FakeTask] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted creates, those answered at once too
    questions: list[dict[str, Any]] = field(default_factory=list)
    _turned_away: Counter[str] = field(default_factory=Counter)
    _answers: int = 0

    @property
    def creates(self) -> int:
        """How many films and pictures were asked for and accepted."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(routes=[Route("/", self._answer, methods=["POST"]), Route("/media/{name}", self._media, methods=["GET"])])

    async def _answer(self, request: Request) -> Response:
        self._answers += 1
        raw = await request.body()
        try:
            self._verify(request, raw)
            return self._act(request, raw)
        except Unsigned as problem:
            return self._front_error(request, problem)
        except Refused as refusal:
            return self._envelope(refusal.status, refusal.code, refusal.message, None)

    def _act(self, request: Request, raw: bytes) -> Response:
        query = request.query_params
        actions = {"CVSync2AsyncSubmitTask": self._submit, "CVSync2AsyncGetResult": self._result, "CVProcess": self._process}
        if query.get("Version") != _VERSION or query.get("Action") not in actions:
            raise Unsigned(404, 100_008, "InvalidActionOrVersion")
        return actions[query["Action"]](request, _object(raw))

    def _submit(self, request: Request, body: dict[str, Any]) -> Response:
        picture = PICTURES.get(str(body.get("req_key")))
        if picture is not None and picture.at_once:
            raise Refused(400, 50_400, "Access Denied: Internal Error")
        check(body)
        self._turn_away(str(body.get("prompt", "")))
        task = FakeTask(str(7_600_000_000_000_000_001 + len(self.tasks)), body, self.now())
        self.tasks[task.id] = task
        self.created.append(body)
        return self._success({"task_id": task.id})

    def _process(self, request: Request, body: dict[str, Any]) -> Response:
        picture = PICTURES.get(str(body.get("req_key")))
        if picture is None or not picture.at_once:
            raise Refused(400, 50_400, "Access Denied: Internal Error")
        check(body)
        prompt = str(body["prompt"])
        self._turn_away(prompt)
        failed = re.search(r"\[\[fail:(\d+)\]\]", prompt)
        if failed:
            raise Refused(400, int(failed[1]), _MESSAGES.get(int(failed[1]), "Failed"))
        self.created.append(body)
        return self._success(self._pictures(request, 1, links=body.get("return_url") is True))

    def _result(self, request: Request, body: dict[str, Any]) -> Response:
        self.questions.append(body)
        if not isinstance(body.get("task_id"), str):
            raise bad("task_id")
        task = self.tasks.get(body["task_id"])
        gone = task is None or task.body["req_key"] != body.get("req_key") or self.now() > task.created_at + _LIFE
        if task is None or gone or task.hit("hidden"):
            return self._success({"status": "not_found"})
        if task.hit("html"):
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)
        if task.hit("busy"):
            raise Refused(429, 50_429, _MESSAGES[50_429])
        task.polls += 1
        return self._state(request, task, body)

    def _state(self, request: Request, task: FakeTask, body: Mapping[str, Any]) -> Response:
        if task.polls <= self.queued_polls:
            return self._success({"status": "in_queue", "video_url": "", "image_urls": None, "binary_data_base64": []})
        if "[[hang]]" in task.prompt or task.polls <= self.queued_polls + self.running_polls:
            return self._success({"status": "generating", "resp_data": ""})
        if "[[expire]]" in task.prompt:
            return self._success({"status": "expired"})
        failed = re.search(r"\[\[fail:(\d+)\]\]", task.prompt)
        if failed:
            raise Refused(400, int(failed[1]), _MESSAGES.get(int(failed[1]), "Failed"))
        if "[[empty]]" in task.prompt:
            return self._success({"status": "done", "video_url": "", "image_urls": None})
        if task.body["req_key"] in FILMS:
            return self._success({"status": "done", "video_url": self._link(request, "film.mp4")})
        many = "[[many]]" in task.prompt and task.body.get("force_single") is not True
        wishes = json.loads(body.get("req_json") or "{}")
        return self._success(
            {"status": "done", **self._pictures(request, 2 if many else 1, links=wishes.get("return_url") is True)}
        )

    def _pictures(self, request: Request, count: int, *, links: bool) -> dict[str, Any]:
        if links:
            return {"image_urls": [self._link(request, f"{index}.png") for index in range(count)], "binary_data_base64": None}
        return {"binary_data_base64": [base64.b64encode(tiny_png()).decode()] * count, "image_urls": None}

    async def _media(self, request: Request) -> Response:
        """Signed links: a second signature in a header is one too many."""
        if "authorization" in request.headers or request.scope["query_string"] != b"x-expires=86400&x-signature=a%2Fb%3D":
            return Response("InvalidArgument", 400)
        kinds = {"mp4": ("video/mp4", tiny_mp4), "png": ("image/png", tiny_png), "jpeg": ("image/jpeg", tiny_jpeg)}
        mime, make = kinds[request.path_params["name"].rpartition(".")[2]]
        return Response(make(), media_type=mime)

    def _link(self, request: Request, name: str) -> str:
        return f"{request.url.scheme}://{request.url.netloc}/media/{name}?x-expires=86400&x-signature=a%2Fb%3D"

    def _turn_away(self, prompt: str) -> None:
        refused = re.search(r"\[\[refuse:(\d+):(\d+)\]\]", prompt)
        if refused:
            raise Refused(int(refused[1]), int(refused[2]), _MESSAGES.get(int(refused[2]), "Refused"))
        if self._turned_away[prompt] < _number_in("429", prompt):
            self._turned_away[prompt] += 1
            raise Refused(429, 50_430, _MESSAGES[50_430])

    def _verify(self, request: Request, raw: bytes) -> None:
        """Builds the signature anew from the headers that the client says it signed."""
        parts = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if parts is None or parts[1] != self.access_key:
            raise Unsigned(401, 100_009, "InvalidAccessKey")
        moment, names = request.headers.get("x-date", ""), parts[3].split(";")
        if self.clock_counts and abs(self.now() - _unix(moment)) > _SKEW:
            raise Unsigned(401, 100_006, "InvalidTimestamp")
        scope = f"{moment[:8]}/cn-north-1/cv/request"
        hashed = hashlib.sha256(raw).hexdigest()
        covered = {"host", "x-date"} <= set(names) and names == sorted(names)
        known = request.headers.get("x-content-sha256") == hashed and parts[2] == scope and covered
        token = request.headers.get("x-security-token", "")
        if not known or token != self.session_token or (token and "x-security-token" not in names):
            raise Unsigned(401, 100_010, "SignatureDoesNotMatch")
        text = f"HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(_canonical(request, names, hashed).encode()).hexdigest()}"
        key = self.secret_key.encode()
        for word in (*scope.split("/"), text):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(key.hex(), parts[4]):
            raise Unsigned(401, 100_010, "SignatureDoesNotMatch")

    def _success(self, data: dict[str, Any]) -> Response:
        return self._envelope(200, 10_000, "Success", data)

    def _envelope(self, status: int, code: int, message: str, data: dict[str, Any] | None) -> Response:
        body = {
            "code": code,
            "data": data,
            "message": message,
            "request_id": self._request_id(),
            "status": code,
            "time_elapsed": "12.5ms",
        }
        return Response(json.dumps(body).replace("&", "\\u0026"), status, media_type="application/json")

    def _front_error(self, request: Request, problem: Unsigned) -> Response:
        metadata = {
            "RequestId": self._request_id(),
            "Action": request.query_params.get("Action", ""),
            "Version": request.query_params.get("Version", ""),
            "Service": "cv",
            "Region": "cn-north-1",
            "Error": {"CodeN": problem.number, "Code": problem.word, "Message": f"{problem.word}: key {self.access_key}"},
        }
        return JSONResponse({"ResponseMetadata": metadata}, problem.status)

    def _request_id(self) -> str:
        return f"20261120201500{self._answers:06d}"


def _canonical(request: Request, names: list[str], hashed: str) -> str:
    pairs = parse_qsl(request.scope["query_string"].decode(), keep_blank_values=True)
    spelled = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    lines = {name: request.headers.get(name, "") for name in names}
    lines["host"] = re.sub(r":(80|443)$", "", lines["host"])
    block = "".join(f"{name}:{lines[name]}\n" for name in names)
    query = "&".join(f"{name}={value}" for name, value in spelled)
    return "\n".join(("POST", request.url.path, query, block, ";".join(names), hashed))


def _unix(moment: str) -> float:
    try:
        return datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise Unsigned(401, 100_006, "InvalidTimestamp") from error


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise bad("the body is not JSON") from error
    if not isinstance(body, dict):
        raise bad("the body is not an object")
    return body


def _number_in(word: str, prompt: str) -> int:
    found = re.search(rf"\[\[{word}:(\d+)\]\]", prompt)
    return int(found[1]) if found else 0
