"""A strict fake of xAI's REST interface as an ASGI application: videos that move on as they are asked about, and pictures.

Words in a prompt steer it: `[[fail:<code>]]`, `[[refuse:<status>:<code>]]`, `[[hang]]`, `[[expire]]`, `[[429:<n>]]` (the first n
creates with this prompt are turned away), `[[html:<n>]]` (the first n polls get a proxy's error page), `[[moderate:in]]` (refused
at once), `[[moderate:out]]` (the poll answers 400, and it is charged), `[[withhold]]` (done without a link, or a picture less).
Result links lie under /cdn, need no key and fail where one is shown. `xai_rules` says what it takes.
"""

import base64
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.fakes.ark_media import tiny_jpeg, tiny_mp4
from tests.fakes.xai_rules import (
    INVALID,
    Refused,
    bad,
    check_edit,
    check_extension,
    check_image,
    check_image_edit,
    check_video,
    read,
)

_UNKNOWN = "Some requested entity was not found"


@dataclass(slots=True)
class FakeRequest:
    """One video; `polls` moves it on."""

    id: str
    body: dict[str, Any]
    polls: int = 0
    html_left: int = 0


@dataclass(slots=True)
class FakeXai:
    """The server and what it saw. A video is pending for so many polls; every second of those answers has no body."""

    key: str = "test-key"
    pending_polls: int = 3
    videos: dict[str, FakeRequest] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted video creates
    pictures: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted picture calls
    requests: list[tuple[str, str]] = field(default_factory=list)  # method and path of every call
    _turned_away: Counter[str] = field(default_factory=Counter)

    @property
    def creates(self) -> int:
        """How many videos were made."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("POST", "/v1/videos/generations", self._maker(check_video)),
            ("POST", "/v1/videos/edits", self._maker(check_edit)),
            ("POST", "/v1/videos/extensions", self._maker(check_extension)),
            ("GET", "/v1/videos/{id}", self._get),
            ("POST", "/v1/images/generations", self._painter(check_image)),
            ("POST", "/v1/images/edits", self._painter(check_image_edit)),
            ("GET", "/v1/models", self._models),
        ]
        guarded = [Route(path, self._guarded(endpoint), methods=[method]) for method, path, endpoint in table]
        return Starlette(routes=[*guarded, Route("/cdn/{name}", self._cdn, methods=["GET"])])

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            try:
                self._let_in(request)
                return await endpoint(request)
            except Refused as refusal:
                return _refusal(refusal)

        return answer

    def _let_in(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            raise Refused(401, "unauthenticated", "No API key provided.")
        if key != self.key:
            raise bad(f"Incorrect API key provided: {key[:2]}***{key[-2:]}.")

    def _maker(self, check: Callable[[Mapping[str, Any]], None]) -> Callable[[Request], Awaitable[Response]]:
        async def create(request: Request) -> Response:
            body = await read(request)
            check(body)
            self._steer(body)
            made = FakeRequest(f"5f0c2d1e-77aa-4f3b-9c10-{self.creates:012x}", body, html_left=_number_in("html", body["prompt"]))
            self.videos[made.id] = made
            self.created.append(body)
            return JSONResponse({"request_id": made.id})

        return create

    async def _get(self, request: Request) -> Response:
        video = self.videos.get(request.path_params["id"])
        if video is None:
            raise Refused(404, _UNKNOWN, f"No request {request.path_params['id']}.")
        if video.html_left > 0:
            video.html_left -= 1
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)
        video.polls += 1
        prompt = video.body["prompt"]
        if video.polls <= self.pending_polls or "[[hang]]" in prompt:
            pending = {"status": "pending", "progress": min(video.polls * 20, 90)}
            return Response(status_code=202) if video.polls % 2 == 0 else JSONResponse(pending, 202)
        if "[[moderate:out]]" in prompt:
            usage = {"cost_in_usd_ticks": 2_500_000_000}
            return JSONResponse({"code": INVALID, "error": "Generated video rejected by content moderation.", "usage": usage}, 400)
        return JSONResponse(self._ended(video, request))

    def _ended(self, video: FakeRequest, request: Request) -> dict[str, Any]:
        prompt, failed = video.body["prompt"], re.search(r"\[\[fail:(\w+)\]\]", video.body["prompt"])
        if failed:
            return {"status": "failed", "error": {"code": failed[1], "message": "It failed as asked."}}
        if "[[expire]]" in prompt:
            return {"status": "expired"}
        withheld = "[[withhold]]" in prompt
        seconds = video.body.get("duration", 8) + (5 if "video" in video.body else 0)
        result = {
            "url": "" if withheld else _link(request, f"{video.id}.mp4"),
            "duration": seconds,
            "respect_moderation": not withheld,
        }
        usage = {"cost_in_usd_ticks": 500_000_000 * seconds}
        return {"status": "done", "progress": 100, "model": video.body["model"], "video": result, "usage": usage}

    def _painter(self, check: Callable[[Mapping[str, Any]], None]) -> Callable[[Request], Awaitable[Response]]:
        async def paint(request: Request) -> Response:
            body = await read(request)
            check(body)
            self._steer(body)
            if "[[moderate:out]]" in body["prompt"]:
                raise bad("Generated image rejected by content moderation.")
            self.pictures.append(body)
            entries = [self._entry(body, request, number) for number in range(body.get("n", 1))]
            return JSONResponse({"data": entries, "usage": {"cost_in_usd_ticks": 200_000_000 * len(entries)}})

        return paint

    def _entry(self, body: Mapping[str, Any], request: Request, number: int) -> dict[str, Any]:
        shared = {"mime_type": "image/jpeg", "revised_prompt": ""}
        if number == 0 and "[[withhold]]" in body["prompt"]:
            return {"url": "", "respect_moderation": False, **shared}
        if body.get("response_format") == "b64_json":
            return {"b64_json": base64.b64encode(tiny_jpeg()).decode(), **shared}
        return {"url": _link(request, f"{len(self.pictures)}-{number}.jpeg"), **shared}

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "grok-imagine-video", "object": "model", "created": 0}]})

    async def _cdn(self, request: Request) -> Response:
        if "authorization" in request.headers:
            return PlainTextResponse("This host wants no key.", 400)
        video = request.path_params["name"].endswith(".mp4")
        return Response(tiny_mp4() if video else tiny_jpeg(), media_type="video/mp4" if video else "image/jpeg")

    def _steer(self, body: Mapping[str, Any]) -> None:
        prompt = body["prompt"]
        refused = re.search(r"\[\[refuse:(\d+):(\w+)\]\]", prompt)
        if refused:
            raise Refused(int(refused[1]), refused[2], "Refused as asked.")
        if "[[moderate:in]]" in prompt:
            raise Refused(400, "invalid_argument", "Rejected by content moderation.")
        if self._turned_away[prompt] < _number_in("429", prompt):
            self._turned_away[prompt] += 1
            raise Refused(429, "resource_exhausted", "Too many requests.")


def _refusal(refusal: Refused) -> Response:
    headers = {"x-request-id": "req-00000001", **({"retry-after": "1"} if refusal.status == 429 else {})}
    if refusal.code is None:
        return PlainTextResponse(refusal.message, refusal.status, headers)
    return JSONResponse({"code": refusal.code, "error": refusal.message}, refusal.status, headers)


def _link(request: Request, name: str) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/cdn/{name}"


def _number_in(word: str, prompt: str) -> int:
    found = re.search(rf"\[\[{word}:(\d+)\]\]", prompt)
    return int(found[1]) if found else 0
