"""A strict fake of Vertex AI as an ASGI application, with the token endpoint and the bucket that belong to it.

Words in a prompt steer it as in the fake of the Gemini API: `[[fail:<number>]]`, `[[filter]]`, `[[words]]`, `[[hang]]`,
`[[html:<n>]]`, `[[429:<n>]]`, `[[refuse:<status>:<code>]]`.
"""

import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.ark_media import tiny_mp4
from tests.fakes.gemini import content_answer, imagen_answer
from tests.fakes.google_rules import bad, check_content, check_imagen, check_interaction, check_veo
from tests.fakes.google_wire import FakeJob, Refused, Turnstile, number_in, operation_error, proxy_page, read_object, text_of

_HOME = "/projects/{project}/locations/{location}"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE = "https://oauth2.googleapis.com/token"  # what Google's Python client writes wherever it sends the assertion
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_LIKE = {"@type": "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse"}


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """A key that exists for this run of the tests alone."""
    return rsa.generate_private_key(65_537, 2048)


def service_account(token_uri: str, project: str = "demo-p") -> dict[str, Any]:
    """The JSON key that an operator would paste."""
    pem = signing_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "key-1",
        "private_key": pem,
        "client_email": f"films@{project}.example.com",
        "token_uri": token_uri,
    }


@dataclass(slots=True)
class FakeVertex:
    """The server and what it saw. `now` is Unix seconds; a token lives for `token_life` of them."""

    project: str = "demo-p"
    token_uri: str = "https://oauth.example.com/token"
    express_key: str = "test-key"
    token_life: int = 3599
    running_polls: int = 1
    now: Callable[[], float] = time.time
    tokens: dict[str, float] = field(default_factory=dict)  # token -> end of its life
    exchanges: list[Mapping[str, str]] = field(default_factory=list)  # the forms that asked for a token
    jobs: dict[str, FakeJob] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    turnstile: Turnstile = field(default_factory=Turnstile)

    @property
    def creates(self) -> int:
        """How many creates were accepted."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [Route("/token", self._guarded(self._token), methods=["POST"])]
        for version in ("/v1", "/v1beta1"):
            models, express = f"{version}{_HOME}/publishers/google/models", f"{version}/publishers/google/models"
            interactions = f"{version}{_HOME}/interactions"
            routes += [
                Route(express, self._guarded(self._list), methods=["GET"]),
                Route(express + "/{model}:generateContent", self._guarded(self._content), methods=["POST"]),
                Route(models + "/{model}:generateContent", self._guarded(self._content), methods=["POST"]),
                Route(models + "/{model}:predict", self._guarded(self._imagen), methods=["POST"]),
                Route(models + "/{model}:predictLongRunning", self._guarded(self._veo), methods=["POST"]),
                Route(models + "/{model}:fetchPredictOperation", self._guarded(self._fetch), methods=["POST"]),
                Route(interactions, self._guarded(self._interact), methods=["POST"]),
                Route(interactions + "/{name}", self._guarded(self._interaction), methods=["GET"]),
            ]
        routes.append(Route("/storage/v1/b/{bucket}/o/{name:path}", self._guarded(self._object), methods=["GET"]))
        return Starlette(routes=routes)

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            self.requests.append((request.method, request.url.path))
            try:
                if request.url.path != "/token":
                    self._check_caller(request)
                return await endpoint(request)
            except Refused as refusal:
                return refusal.answer(worded="/interactions" in request.url.path)

        return answer

    def _check_caller(self, request: Request) -> None:
        project = request.path_params.get("project")
        if project is None and request.headers.get("x-goog-api-key") == self.express_key:
            return
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) <= self.now():
            raise Refused(401, "Request had invalid authentication credentials.")
        if project not in (None, self.project):
            raise Refused(403, f"Permission denied on resource project {project}.")

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        self.exchanges.append(form)
        problem = self._problem(form) if form.get("grant_type") == _GRANT else "Invalid grant_type."
        if problem:
            return JSONResponse({"error": "invalid_grant", "error_description": problem}, 400)
        token = f"ya29.demo{len(self.tokens)}"
        self.tokens[token] = self.now() + self.token_life
        return JSONResponse({"access_token": token, "expires_in": self.token_life, "token_type": "Bearer"})

    def _problem(self, form: Mapping[str, str]) -> str | None:
        head, claims, signature = form["assertion"].split(".")
        try:
            signing_key().public_key().verify(_raw(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return "Invalid JWT Signature."
        said = json.loads(_raw(claims))
        if json.loads(_raw(head)) != {"alg": "RS256", "typ": "JWT", "kid": "key-1"}:
            return "Invalid JWT header."
        own = said["aud"] in (_AUDIENCE, self.token_uri)  # Google's Go client writes the address that it sends to
        if not own or said["scope"] != _SCOPE or said["iss"] != f"films@{self.project}.example.com":
            return "Invalid JWT claims."
        young = said["iat"] <= self.now() + 10 < said["exp"] <= said["iat"] + 3600
        return None if young else "Token must be a short-lived token (60 minutes)."

    async def _list(self, request: Request) -> Response:
        return JSONResponse({"publisherModels": []})

    async def _veo(self, request: Request) -> Response:
        model, body = request.path_params["model"], await read_object(request)
        check_veo(model, body, vertex=True)
        home = _HOME.format(**request.path_params).lstrip("/")
        name = f"{home}/publishers/google/models/{model}/operations/7d0c1b52-{len(self.jobs):04d}"
        self._accept(name, model, body, text_of(body))
        return JSONResponse({"name": name})

    async def _fetch(self, request: Request) -> Response:
        body = await read_object(request)
        job = self.jobs.get(body.get("operationName", ""))
        home = "{}/publishers/google/models/{model}".format(_HOME.format(**request.path_params).lstrip("/"), **request.path_params)
        if set(body) != {"operationName"} or job is None or not job.name.startswith(f"{home}/operations/"):
            raise Refused(404, "The operation is not found.")
        if job.html_left > 0:
            job.html_left -= 1
            return proxy_page()
        job.polls += 1
        if "[[hang]]" in job.prompt or job.polls <= self.running_polls:
            return JSONResponse({"name": job.name})
        error = operation_error(job.prompt)
        if error:
            return JSONResponse({"name": job.name, "done": True, "error": error})
        return JSONResponse({"name": job.name, "done": True, "response": {**_LIKE, **_videos(job)}})

    async def _interact(self, request: Request) -> Response:
        self._global(request)
        body = await read_object(request)
        prompt = check_interaction(body, vertex=True)
        if "previous_interaction_id" in body:
            raise bad("previous_interaction_id is not supported.")
        job = self._accept(f"v1_kite{len(self.jobs):04d}", body["model"], body, prompt)
        return JSONResponse({"id": job.name, "object": "interaction", "status": "in_progress"})

    async def _interaction(self, request: Request) -> Response:
        self._global(request)
        job = self.jobs.get(request.path_params["name"])
        if job is None:
            raise bad("Invalid interaction name.")
        job.polls += 1
        if "[[hang]]" in job.prompt or job.polls <= self.running_polls:
            return JSONResponse({"id": job.name, "status": "in_progress"})
        bucket = job.body["response_format"].get("gcs_uri")
        place = {"uri": f"{bucket}kite.mp4"} if bucket else {"data": base64.b64encode(tiny_mp4()).decode()}
        content = [{"type": "video", "mime_type": "video/mp4", **place}]
        said = [{"type": "text", "text": "I can't create that video."}]
        steps = [{"type": "model_output", "content": said if "[[words]]" in job.prompt else content}]
        return JSONResponse({"id": job.name, "status": "completed", "steps": steps})

    async def _content(self, request: Request) -> Response:
        if "project" in request.path_params:
            self._global(request)
        body = await read_object(request)
        prompt = check_content(request.path_params["model"], body, vertex=True)
        self.turnstile.check(prompt)
        self.created.append(body)
        return JSONResponse(content_answer(prompt))

    async def _imagen(self, request: Request) -> Response:
        body = await read_object(request)
        check_imagen(request.path_params["model"], body, vertex=True)
        self.turnstile.check(text_of(body))
        self.created.append(body)
        return JSONResponse(imagen_answer(body))

    async def _object(self, request: Request) -> Response:
        if request.query_params.get("alt") != "media":
            raise bad("There is no such representation.")
        self.downloads.append(f"gs://{request.path_params['bucket']}/{request.path_params['name']}")
        return Response(tiny_mp4(), media_type="video/mp4")

    def _global(self, request: Request) -> None:
        if request.path_params["location"] != "global":
            raise Refused(404, "This model lives in the location global.")

    def _accept(self, name: str, model: str, body: dict[str, Any], prompt: str) -> FakeJob:
        self.turnstile.check(prompt)
        job = FakeJob(name, self.project, model, body, prompt, html_left=number_in("html", prompt))
        self.jobs[name] = job
        self.created.append(body)
        return job


def _videos(job: FakeJob) -> Mapping[str, Any]:
    """The films, in the bucket where one was named; filtered ones are counted and missing."""
    parameters = job.body.get("parameters", {})
    if "[[filter]]" in job.prompt:
        return {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["It may be unsafe. Support codes: 58061214"]}
    bucket = parameters.get("storageUri")
    films = [
        {"gcsUri": f"{bucket}sample_{number}.mp4"} if bucket else {"bytesBase64Encoded": base64.b64encode(tiny_mp4()).decode()}
        for number in range(parameters.get("sampleCount", 1))
    ]
    return {"raiMediaFilteredCount": 0, "videos": [{**film, "mimeType": "video/mp4"} for film in films]}


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
