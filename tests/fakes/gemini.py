"""A strict fake of the Gemini API as an ASGI application: Veo operations, interactions, pictures, files.

Words in a prompt steer it: `[[fail:<number>]]` (the operation ends with that google.rpc code; an interaction fails),
`[[filter]]` (withheld), `[[words]]` (an interaction that answers in words), `[[hang]]`, `[[html:<n>]]` (the first n questions get
a proxy's page), `[[429:<n>]]`, `[[refuse:<status>:<code>]]`.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.google_rules import bad, check_content, check_imagen, check_interaction, check_veo
from tests.fakes.google_wire import FakeJob, Refused, Turnstile, number_in, operation_error, proxy_page, read_object, text_of

_HOST = "https://generativelanguage.googleapis.com/v1beta"  # clients put their own base URL in its place
_LIKE = {"@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse"}
_BAD_KEY = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]


@dataclass(slots=True)
class FakeGemini:
    """The server and what it saw; a job runs for so many questions, its file is processed for so many."""

    keys: tuple[str, ...] = ("test-key",)
    bearer: bool = False  # as some relays want it
    running_polls: int = 1
    file_polls: int = 0
    retired: frozenset[str] = frozenset()
    jobs: dict[str, FakeJob] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted creates, videos and pictures
    requests: list[tuple[str, str]] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    turnstile: Turnstile = field(default_factory=Turnstile)

    @property
    def creates(self) -> int:
        """How many creates were accepted."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application, in both versions of the API."""
        return Starlette(routes=[route for version in ("/v1beta", "/v1") for route in self._routes(version)])

    def _routes(self, version: str) -> list[Route]:
        interaction = f"{version}/interactions"
        rpc, worded = self._guarded, self._worded
        return [
            Route(f"{version}/models", rpc(self._list), methods=["GET"]),
            Route(f"{version}/models/{{model}}:predictLongRunning", rpc(self._veo), methods=["POST"]),
            Route(f"{version}/models/{{model}}:generateContent", rpc(self._content), methods=["POST"]),
            Route(f"{version}/models/{{model}}:predict", rpc(self._imagen), methods=["POST"]),
            Route(f"{version}/models/{{model}}/operations/{{name}}", rpc(self._operation), methods=["GET"]),
            Route(interaction, worded(self._interact), methods=["POST"]),
            Route(interaction + "/{name}", worded(self._interaction), methods=["GET", "DELETE"]),
            Route(interaction + "/{name}/cancel", worded(self._cancel), methods=["POST"]),
            Route(f"{version}/files/{{name}}:download", rpc(self._download), methods=["GET"]),
            Route(f"{version}/files/{{name}}", rpc(self._file), methods=["GET"]),
        ]

    def _guarded(
        self, endpoint: Callable[[Request], Awaitable[Response]], *, worded: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            try:
                self._key(request)
                return await endpoint(request)
            except Refused as refusal:
                return refusal.answer(worded=worded and not refusal.details)

        return answer

    def _worded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        return self._guarded(endpoint, worded=True)

    def _key(self, request: Request) -> str:
        shown = request.headers.get("authorization" if self.bearer else "x-goog-api-key")
        if shown is None:
            raise Refused(403, "Method doesn't allow unregistered callers.")
        key = shown.removeprefix("Bearer ") if self.bearer else shown
        if key not in self.keys:
            raise Refused(400, "API key not valid. Please pass a valid API key.", details=_BAD_KEY)
        return key

    async def _list(self, request: Request) -> Response:
        if "pageToken" in request.query_params:
            return JSONResponse({"models": [{"name": "models/gemini-3.1-flash-image"}]})
        return JSONResponse({"models": [{"name": "models/gemini-omni-1.2-flash"}], "nextPageToken": "x"})

    async def _veo(self, request: Request) -> Response:
        model, body = request.path_params["model"], await read_object(request)
        self._served(model)
        check_veo(model, body, vertex=False)
        job = self._accept(request, f"models/{model}/operations/op{self.creates:04d}", model, body, text_of(body))
        return JSONResponse({"name": job.name})

    async def _operation(self, request: Request) -> Response:
        job = self._find(request, "models/{model}/operations/{name}".format(**request.path_params))
        if job.html_left > 0:
            job.html_left -= 1
            return proxy_page()
        job.polls += 1
        shown: dict[str, Any] = {"name": job.name}
        if "[[hang]]" in job.prompt or job.polls <= self.running_polls:
            return JSONResponse({**shown, "metadata": {"@type": "type.googleapis.com/x.PredictLongRunningMetadata"}})
        error = operation_error(job.prompt)
        if error:
            return JSONResponse({**shown, "done": True, "error": error})
        return JSONResponse({**shown, "done": True, "response": {**_LIKE, "generateVideoResponse": self._samples(job)}})

    def _samples(self, job: FakeJob) -> dict[str, Any]:
        if "[[filter]]" in job.prompt:
            return {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["It may be unsafe. Support codes: 58061214"]}
        return {"generatedSamples": [{"video": {"uri": f"{_HOST}/files/{_file_id(job)}:download?alt=media"}}]}

    async def _interact(self, request: Request) -> Response:
        body = await read_object(request)
        self._served(str(body.get("model")))
        prompt = check_interaction(body, vertex=False)
        previous = body.get("previous_interaction_id")
        if previous is not None:
            self._find(request, previous)
        job = self._accept(request, f"v1_kite{self.creates:04d}", body["model"], body, prompt)
        if not body.get("background"):
            job.polls = self.running_polls + 1
        return JSONResponse(self._shown(job))

    async def _interaction(self, request: Request) -> Response:
        job = self._find(request, request.path_params["name"])
        if request.method == "DELETE":
            del self.jobs[job.name]
            return JSONResponse({})
        if job.html_left > 0:
            job.html_left -= 1
            return proxy_page()
        job.polls += 1
        return JSONResponse(self._shown(job))

    async def _cancel(self, request: Request) -> Response:
        job = self._find(request, request.path_params["name"])
        job.cancelled = True
        return JSONResponse(self._shown(job))

    def _shown(self, job: FakeJob) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": job.name, "object": "interaction", "status": "in_progress", "model": job.model}
        if job.cancelled:
            return {**shown, "status": "cancelled"}
        if "[[hang]]" in job.prompt or job.polls <= self.running_polls:
            return shown
        if "[[fail:" in job.prompt:
            return {**shown, "status": "failed", "errors": [{"code": "internal", "message": "It failed as asked."}]}
        said = {"type": "text", "text": "I can't create that video."}
        refused = "[[words]]" in job.prompt or "[[filter]]" in job.prompt
        content = said if refused else self._video(job)
        steps = [{"type": "thought", "signature": "c2ln"}, {"type": "model_output", "content": [content]}]
        usage = {"total_input_tokens": 41, "total_output_tokens": 14 if refused else 34_752, "total_tokens": 34_793}
        return {**shown, "status": "completed", "steps": steps, "usage": usage}

    def _video(self, job: FakeJob) -> dict[str, Any]:
        if job.body.get("response_format", {}).get("delivery") != "uri":
            return {"type": "video", "mime_type": "video/mp4", "data": base64.b64encode(tiny_mp4()).decode()}
        return {"type": "video", "mime_type": "video/mp4", "uri": f"{_HOST}/files/{_file_id(job)}:download?alt=media"}

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        job = self._by_file(request, name)
        job.file_polls += 1
        state = "PROCESSING" if job.file_polls <= self.file_polls else "ACTIVE"
        return JSONResponse({"name": f"files/{name}", "mimeType": "video/mp4", "state": state, "source": "GENERATED"})

    async def _download(self, request: Request) -> Response:
        name = request.path_params["name"]
        job = self._by_file(request, name)
        if request.query_params.get("alt") != "media" or (job.name.startswith("v1_") and job.file_polls < self.file_polls):
            raise bad("The file is not in an ACTIVE state.")
        self.downloads.append(name)
        return Response(tiny_mp4(), media_type="video/mp4")

    async def _content(self, request: Request) -> Response:
        model, body = request.path_params["model"], await read_object(request)
        self._served(model)
        prompt = check_content(model, body, vertex=False)
        self.turnstile.check(prompt)
        self.created.append(body)
        return JSONResponse(content_answer(prompt))

    async def _imagen(self, request: Request) -> Response:
        model, body = request.path_params["model"], await read_object(request)
        self._served(model)
        check_imagen(model, body, vertex=False)
        self.turnstile.check(text_of(body))
        self.created.append(body)
        return JSONResponse(imagen_answer(body))

    def _served(self, model: str) -> None:
        if model in self.retired:
            raise Refused(404, f"models/{model} is no longer available.")

    def _accept(self, request: Request, name: str, model: str, body: dict[str, Any], prompt: str) -> FakeJob:
        self.turnstile.check(prompt)
        job = FakeJob(name, self._key(request), model, body, prompt, html_left=number_in("html", prompt))
        self.jobs[name] = job
        self.created.append(body)
        return job

    def _find(self, request: Request, name: str) -> FakeJob:
        job = self.jobs.get(name)
        if job is None or job.owner != self._key(request):
            raise bad("Invalid interaction name.") if "operations" not in name else Refused(404, "Operation not found.")
        return job

    def _by_file(self, request: Request, name: str) -> FakeJob:
        for job in self.jobs.values():
            if _file_id(job) == name and job.owner == self._key(request):
                return job
        raise Refused(403, "You do not have permission to access the File.")


def content_answer(prompt: str) -> Mapping[str, Any]:
    """A picture, a draft that was thought aloud before it, or a blocked prompt."""
    if "[[filter]]" in prompt:
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    picture = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(tiny_png()).decode()}}
    parts = [{"text": "Here it is"}] if "[[words]]" in prompt else [{**picture, "thought": True}, {"text": "Here it is"}, picture]
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 1290, "totalTokenCount": 1299}
    return {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}], "usageMetadata": usage}


def imagen_answer(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """As many pictures as were asked for; none, and no list of them either, when all are filtered."""
    if "[[filter]]" in text_of(body):
        return {}
    picture = {"mimeType": "image/png", "bytesBase64Encoded": base64.b64encode(tiny_png()).decode()}
    return {"predictions": [picture] * body.get("parameters", {}).get("sampleCount", 1)}


def _file_id(job: FakeJob) -> str:
    return "f" + "".join(letter for letter in job.name.rpartition("/")[2].lower() if letter.isalnum())
