"""The sandbox as the engine sees it: an HTTP transport that answers `sandbox://` requests in this process.

It keeps no state that matters. A status call carries the whole wish, so that any process can answer it, before and after a
restart: the job is done when its files exist and its delay has passed; what is missing is made (again).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson

from app.sandbox.files import answer_file, remove_old
from app.sandbox.renders import Renders
from app.sandbox.spec import MIMES, BadSpec, Spec, Wire, read_id, read_spec

ORIGIN = "sandbox://local"
_SWEEP_SECONDS = 3600
_ELSEWHERE_SECONDS = 0.2  # between looks at a file that another process is making
Answer = dict[str, object]


def _clock() -> datetime:
    return datetime.now(UTC)


class SandboxTransport(httpx.AsyncBaseTransport):
    """Answers the sandbox's endpoints; results lie in `folder`.

    `renders` is how many run at a time of each kind (default: the machine's cores less one). `now` gives aware UTC.
    """

    def __init__(
        self,
        folder: Path,
        *,
        renders: int | None = None,
        now: Callable[[], datetime] = _clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._folder = folder
        self._renders = Renders(folder, renders)
        self._now, self._sleep = now, sleep
        self._swept = 0.0
        self._sweep: asyncio.Task[None] | None = None
        self._endpoints: Mapping[str, Callable[[Wire], Awaitable[httpx.Response]]] = {
            "/v1/jobs": self._create,
            "/v1/images": self._create_images,
            "/v1/status": self._status,
            "/v1/cancel": self._cancel,
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "POST" and path in self._endpoints:
            return await self._post(path, request)
        if request.method in ("GET", "HEAD"):
            if path == "/healthz":
                return _json(200, {"status": "ok"})
            if path.startswith("/files/"):
                found = await answer_file(self._folder, path.removeprefix("/files/"), request)
                return found or _refusal(404, "not_found", "No such file.")
        return _refusal(404, "not_found", f"The sandbox has no {request.method} {path}.")

    async def aclose(self) -> None:
        await self._renders.aclose()
        if self._sweep is not None:
            await asyncio.gather(self._sweep, return_exceptions=True)

    async def _post(self, path: str, request: httpx.Request) -> httpx.Response:
        try:
            body = orjson.loads(await request.aread())
            if not isinstance(body, dict):
                raise BadSpec("body", "The body must be a JSON object.")
            return await self._endpoints[path](body)
        except orjson.JSONDecodeError:
            return _refusal(400, "invalid_json", "The body is not JSON.")
        except BadSpec as error:
            return _refusal(400, "invalid_value", str(error), error.param)

    async def _create(self, body: Wire) -> httpx.Response:
        spec = read_spec(body)
        upstream_id = spec.upstream_id()
        self._forget_old()
        if spec.fail is None:
            self._renders.start(upstream_id, spec)
        return _json(200, {"id": upstream_id, "status": "queued"})

    async def _create_images(self, body: Wire) -> httpx.Response:
        spec = read_spec(body)
        upstream_id = spec.upstream_id()
        self._forget_old()
        if spec.fail is None:
            self._renders.start(upstream_id, spec)
        await self._sleep(max(spec.delay - self._elapsed(spec), 0.0))
        return _json(200, await self._ended(upstream_id, replace(spec, delay=0.0)))

    async def _ended(self, upstream_id: str, spec: Spec) -> Answer:
        while (answer := self._report(upstream_id, spec))["status"] not in ("completed", "failed"):
            await self._renders.wait(upstream_id)
            if not self._made(upstream_id, spec):
                await asyncio.sleep(_ELSEWHERE_SECONDS)
        return answer

    async def _status(self, body: Wire) -> httpx.Response:
        spec = read_spec(body)
        return _json(200, self._report(read_id(body, spec), spec))

    async def _cancel(self, body: Wire) -> httpx.Response:
        spec = read_spec(body)
        upstream_id = read_id(body, spec)
        if self._report(upstream_id, spec)["status"] in ("completed", "failed"):
            return _refusal(409, "already_finished", "The job has already ended.")
        await asyncio.to_thread(self._set_mark, upstream_id)
        await self._renders.stop(upstream_id)
        return _json(200, self._report(upstream_id, spec))

    def _report(self, upstream_id: str, spec: Spec) -> Answer:
        """How the job stands now; starts its render when that is missing."""
        answer: Answer = {"id": upstream_id, "seconds": spec.seconds, "fps": spec.fps, "seed": spec.seed}
        failure = self._failure(upstream_id, spec)
        if failure is not None:
            return {**answer, "status": "failed", "error": failure}
        made, due = self._made(upstream_id, spec), self._elapsed(spec) >= spec.delay
        if made and due:
            return {**answer, "status": "completed", "progress": 100, "outputs": _outputs(upstream_id, spec)}
        if not made and spec.fail is None:
            self._renders.start(upstream_id, spec)
        progress = self._progress(upstream_id, spec)
        queued = progress == 0 and self._renders.waiting(upstream_id)
        return {**answer, "status": "queued" if queued else "in_progress", "progress": progress}

    def _failure(self, upstream_id: str, spec: Spec) -> Answer | None:
        if self._mark(upstream_id).exists():
            return {"code": "cancelled", "message": "The job was cancelled."}
        if spec.fail is not None and self._elapsed(spec) >= spec.delay:
            return {"code": spec.fail, "message": f"The sandbox was asked to fail with {spec.fail}."}
        if self._renders.broken(upstream_id):
            return {"code": "render_failed", "message": "The sandbox could not make this file; the server's log says why."}
        return None

    def _progress(self, upstream_id: str, spec: Spec) -> int:
        """Percent, below 100: the share of the delay that has passed, or of the render where there is no delay."""
        share = self._elapsed(spec) / spec.delay if spec.delay else self._renders.progress(upstream_id) / 100
        if spec.steps is not None:
            share = int(share * spec.steps + 1e-9) / spec.steps
        return min(int(100 * share + 1e-9), 99)

    def _elapsed(self, spec: Spec) -> float:
        return max(self._now().timestamp() - spec.accepted, 0.0)

    def _made(self, upstream_id: str, spec: Spec) -> bool:
        return all((self._folder / name).exists() for name in spec.file_names(upstream_id))

    def _mark(self, upstream_id: str) -> Path:
        return self._folder / f"{upstream_id}.cancelled"

    def _set_mark(self, upstream_id: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._mark(upstream_id).touch()

    def _forget_old(self) -> None:
        """Removes results of yesterday, at most once an hour, off the event loop."""
        at = asyncio.get_running_loop().time()
        if self._sweep is None or (self._sweep.done() and at - self._swept > _SWEEP_SECONDS):
            self._swept = at
            self._sweep = asyncio.create_task(asyncio.to_thread(remove_old, self._folder))


def _outputs(upstream_id: str, spec: Spec) -> list[Answer]:
    return [
        {"url": f"{ORIGIN}/files/{name}", "width": spec.width, "height": spec.height, "mime": MIMES[spec.format]}
        for name in spec.file_names(upstream_id)
    ]


def _json(status: int, body: Answer) -> httpx.Response:
    return httpx.Response(status, headers={"content-type": "application/json"}, content=orjson.dumps(body))


def _refusal(status: int, code: str, message: str, param: str | None = None) -> httpx.Response:
    return _json(status, {"error": {"code": code, "message": message, "param": param}})
