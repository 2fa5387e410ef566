"""The clients of a campaign: they ask for videos without a pause, look at what they were promised, and remember every word."""

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import aiohttp

from app.store.keys import hash_key
from tests.chaos.fleet import Place
from tests.chaos.vendor import CONTENT
from tests.gateways import KEY, KEY_TEXT
from tests.hostile.processes import MODEL

LIMITED_TEXT = "sk-limited-1"
LIMITED = replace(KEY, id="key_limited", name="limited", hash=hash_key(LIMITED_TEXT), max_concurrency=3, budget=10**12)
_LIMITED_EVERY = 6  # one client in so many has a key with a limit
_PATIENCE = aiohttp.ClientTimeout(total=40)
_TRIES = 6  # of a client that gave its create a name, and may therefore ask again
_KNOCKS, _KNOCK = 100, 0.05  # how often, and seconds apart, a client looks for a gateway that listens
_NAMES = ("", "", "in the body", "in a header")  # how a client names its create, if it does
_FINAL = ("completed", "failed")


@dataclass(frozen=True, slots=True)
class Told:
    """What a client heard about one create: a status and a body, or nothing because the connection broke (`status` 0)."""

    mark: str
    named: bool  # the client gave its request a name, and may ask again
    status: int
    job_id: str | None = None
    state: str = ""  # the job's status in the answer
    code: str = ""  # of an error
    limited: bool = False  # the key has a limit, and its jobs may have to wait before they are sent


@dataclass(slots=True)
class Clients:
    """Everybody who asks, together; `told` has a line for every answer, `odd` what no client should ever see."""

    places: Sequence[Place]
    rng: random.Random
    told: list[Told] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    posts: int = 0
    reads: int = 0
    films: int = 0
    broken: int = 0
    _seen: dict[str, str] = field(default_factory=dict)  # job id -> the last status that somebody saw
    _known: dict[bool, list[str]] = field(default_factory=lambda: {False: [], True: []})  # ids by whether the key is limited
    _stopping: bool = False

    async def run(self, number: int) -> None:
        """One client; ends after `stop`."""
        limited = number % _LIMITED_EVERY == _LIMITED_EVERY - 1
        async with _session(limited) as session:
            turn = 0
            while not self._stopping:
                turn += 1
                await self._create(session, f"mark {number}.{turn}", self.rng.choice(_NAMES), limited)
                for job_id in self._some(limited):
                    await self.look(session, job_id)
                await asyncio.sleep(self.rng.uniform(0.5, 3.0) if limited else self.rng.uniform(0.0, 0.2))

    def stop(self) -> None:
        """Nobody begins anything new."""
        self._stopping = True

    async def look_at_all(self) -> None:
        """Every job that anybody was told of, once more."""
        for limited in (False, True):
            async with _session(limited) as session:
                for job_id in self._known[limited]:
                    await self.look(session, job_id)

    async def look(self, session: aiohttp.ClientSession, job_id: str) -> None:
        """Asks how a job is doing; a finished one's film is fetched now and then."""
        self.reads += 1
        status, raw = await self._ask(session, "GET", f"/v1/videos/{job_id}")
        if status == 0:
            return
        if status != 200:
            self.odd.append(f"{job_id}: a status read was answered with {status}: {raw[:200]!r}")
            return
        state, before = str(json.loads(raw)["status"]), self._seen.get(job_id, "queued")
        if before in _FINAL and state != before:
            self.odd.append(f"{job_id} was {before} and is {state}")
        self._seen[job_id] = state
        if state == "completed" and self.rng.random() < 0.1:
            await self._fetch(session, job_id)

    async def _fetch(self, session: aiohttp.ClientSession, job_id: str) -> None:
        self.films += 1
        status, raw = await self._ask(session, "GET", f"/v1/videos/{job_id}/content")
        if status != 0 and (status, raw) != (200, CONTENT):
            self.odd.append(f"{job_id}: its film was answered with {status} and {len(raw)} bytes")

    async def _create(self, session: aiohttp.ClientSession, mark: str, name: str, limited: bool) -> None:
        """One create; who named it asks again when the connection breaks, and must get the same job."""
        body = {"model": MODEL, "prompt": mark, "seconds": "5", **({"external_task_id": mark} if name == "in the body" else {})}
        headers = {"idempotency-key": mark} if name == "in a header" else {}
        for _ in range(_TRIES if name else 1):
            self.posts += 1
            status, raw = await self._ask(session, "POST", "/v1/videos", body, headers)
            self._hear(mark, bool(name), limited, status, raw)
            if status != 0 or self._stopping:
                return
            await asyncio.sleep(self.rng.uniform(0.0, 0.3))

    def _hear(self, mark: str, named: bool, limited: bool, status: int, raw: bytes) -> None:
        answer = json.loads(raw) if status else {}
        code = str((answer.get("error") or {}).get("code") or "")
        job_id = answer.get("id")
        self.told.append(Told(mark, named, status, job_id, str(answer.get("status", "")), code, limited))
        if job_id is not None and job_id not in self._seen:
            self._seen[job_id] = "queued"
            self._known[limited].append(job_id)

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        body: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body, or 0 when there was no whole answer."""
        for _ in range(_KNOCKS):
            place = self.rng.choice(self.places)
            try:
                async with session.request(method, place.url + path, json=body, headers=headers) as answer:
                    raw = await answer.read()
            except aiohttp.ClientConnectorError:  # nobody listens there at the moment
                await asyncio.sleep(_KNOCK)
                continue
            except TimeoutError:
                self.odd.append(f"{method} {path} was not answered within {_PATIENCE.total} s")
                return 0, b""
            except (aiohttp.ClientError, OSError):
                self.broken += 1
                return 0, b""
            place.heard.set()
            return answer.status, raw
        self.broken += 1
        return 0, b""

    def _some(self, limited: bool) -> list[str]:
        """A few of the promised jobs, new and old."""
        known = self._known[limited]
        return self.rng.sample(known[-60:], min(2, len(known))) + self.rng.sample(known, min(1, len(known)))


def _session(limited: bool) -> aiohttp.ClientSession:
    text = LIMITED_TEXT if limited else KEY_TEXT
    return aiohttp.ClientSession(headers={"authorization": f"Bearer {text}"}, timeout=_PATIENCE)
