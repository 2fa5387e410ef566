"""A client of any gateway with OpenAI's video and image endpoints; what `filmgate generate` is made of."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from app.domain.errors import GatewayError
from app.domain.json import Json, JsonObject

FormFile = tuple[str, tuple[str, bytes]]  # part name, (file name, content)

_POLL_SECONDS = 2.0  # where the server does not say when to ask again
_PATIENCE = 120.0  # seconds of failing status reads until we give up; the job itself goes on
_IMAGE_SECONDS = 900.0  # a picture is answered when it is made
_QUICK = httpx.Timeout(60.0, connect=15.0)
_WORTH_ANOTHER_TRY = frozenset({408, 429, 500, 502, 503, 504})


class RemoteError(GatewayError):
    """The server said no, or could not be reached."""

    code = "request_failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer with the headers that matter to us."""

    body: JsonObject
    headers: Mapping[str, str]

    @property
    def wait(self) -> float:
        """Seconds until the next status read."""
        said = self.headers.get("openai-poll-after-ms", "")
        return min(max(int(said) / 1000, 0.1), 60.0) if said.isdigit() else _POLL_SECONDS

    def text(self, name: str) -> str:
        """A field as text; empty when absent."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""


class Remote:
    """One server and one key. The key goes to that server alone, wherever its answers point."""

    def __init__(
        self, base_url: str, key: str, *, transport: httpx.BaseTransport | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._base = api_root(base_url)
        self._origin = _origin(self._base)
        self._authorization = {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(transport=transport, timeout=_QUICK, headers={"User-Agent": "filmgate-cli"})
        self.sleep = sleep

    def close(self) -> None:
        """Closes every connection."""
        self._client.close()

    def create(self, path: str, fields: JsonObject, files: Sequence[FormFile] = (), *, patient: bool = False) -> Answer:
        """A POST that may spend, so it is never repeated; `patient` waits as long as a picture takes."""
        timeout = httpx.Timeout(_IMAGE_SECONDS, connect=15.0) if patient else _QUICK
        url = self._base + path
        try:
            if files:
                data = {name: _form_text(value) for name, value in fields.items()}
                response = self._client.post(url, data=data, files=list(files), headers=self._authorization, timeout=timeout)
            else:
                response = self._client.post(url, json=dict(fields), headers=self._authorization, timeout=timeout)
        except httpx.HTTPError as error:
            raise RemoteError(f"{self._origin} could not be asked: {error or type(error).__name__}") from error
        return _answer(response)

    def video(self, video_id: str) -> Answer:
        """A job as it is now; short troubles are waited out."""
        url = f"{self._base}/videos/{video_id}"
        waited, pause = 0.0, 1.0
        while True:
            problem = "it does not answer"
            try:
                response = self._client.get(url, headers=self._authorization)
                if response.status_code not in _WORTH_ANOTHER_TRY:
                    return _answer(response)
                problem = f"HTTP {response.status_code}"
            except httpx.HTTPError as error:
                problem = str(error) or type(error).__name__
            if waited >= _PATIENCE:
                raise RemoteError(f"{self._origin} could not be asked about {video_id}, which goes on without us: {problem}")
            self.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 15.0)

    def content_url(self, video_id: str, index: int) -> str:
        """Where the bytes of a finished video are."""
        return f"{self._base}/videos/{video_id}/content" + (f"?index={index}" if index else "")

    def open(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        """A GET whose body is still to be read; the caller closes it. Raises httpx.HTTPError."""
        signed = urlsplit(url).path.startswith("/files/")  # needs no key, and may lead to a bucket, which must not see one
        own = self._authorization if _origin(url) == self._origin and not signed else {}
        request = self._client.build_request("GET", url, headers={**headers, **own})
        return self._client.send(request, stream=True, follow_redirects=not own)


def api_root(base_url: str) -> str:
    """The address before `/videos`: a bare host gets the usual `/v1`."""
    url = base_url.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise RemoteError(f"The base URL must start with http:// or https://, not {base_url!r}.", param="--base-url")
    return url if parts.path else f"{url}/v1"


def problem_of(response: httpx.Response) -> str:
    """What an error answer says, in one line."""
    try:
        body: Json = response.json()
    except ValueError:
        body = None
    error = body.get("error") if isinstance(body, Mapping) else None
    said = error.get("message") if isinstance(error, Mapping) else None
    name = error.get("param") if isinstance(error, Mapping) else None
    text = str(said or response.text[:200] or response.reason_phrase)
    return f"HTTP {response.status_code}: {f'{name}: ' if name else ''}{text}"


def _answer(response: httpx.Response) -> Answer:
    if not response.is_success:
        raise RemoteError(problem_of(response))
    try:
        body: Json = response.json()
    except ValueError:
        body = None
    if not isinstance(body, Mapping):
        raise RemoteError("The server's answer is not a JSON object; is the base URL right?")
    return Answer(body, response.headers)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _form_text(value: Json) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value)
