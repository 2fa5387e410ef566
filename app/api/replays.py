"""Answers a repeated request with what its first try got, and lets equal requests that come at once make one job."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.answers import WARNINGS_HEADER
from app.api.errors import error_answer
from app.domain.errors import GatewayError, InvalidRequest, TooManyRequests
from app.domain.jobs import Job
from app.domain.replays import Replay, StoredAnswer
from app.engine.gateway import Gateway, Wish
from app.engine.records import AlreadyMade
from app.engine.replays import Ready
from app.engine.turns import Turn

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "idempotent-replayed"
_RETRY_HEADER = "x-stainless-retry-count"
_COMES_AGAIN = frozenset({408, 409, 429})  # and every 5xx: what the official SDKs repeat (openai.md §3.6)
_MOST_ROUNDS = 1_000  # streams of one name take a turn each; more than so many means that nobody gets ahead
_KEPT = ("content-type", WARNINGS_HEADER, "openai-poll-after-ms", "retry-after", "x-should-retry")


@dataclass(frozen=True, slots=True)
class Making:
    """How an endpoint answers: the first time by having a job made, again from the job as it is then.

    `ready` tells when a job is as far as `again` needs it; None for answers that are streams, which nobody keeps.
    """

    first: Callable[[Wish], Awaitable[Response]]
    again: Callable[[Job], Awaitable[Response]]
    ready: Ready | None


async def once(request: Request, gateway: Gateway, wish: Wish, making: Making) -> Response:
    """The answer to a request that may spend; to one that was made before, the answer that it got then.

    Raises InvalidRequest (`idempotency_key_reused`) for a name that stands for another request.
    """
    return await _Asking(gateway, wish, making, retry=_is_retry(request)).answer()


class _Asking:
    """One request on its way to its answer; used once."""

    def __init__(self, gateway: Gateway, wish: Wish, making: Making, *, retry: bool) -> None:
        self._replays = gateway.replays
        self._gateway = gateway
        self._wish = wish
        self._making = making
        self._key_id = wish.key.id
        self._print = wish.fingerprint or ""
        self._retry = retry and not wish.names

    async def answer(self) -> Response:
        names = self._turn_names()
        for _ in range(_MOST_ROUNDS):
            other = self._replays.turns.of(self._key_id, names) if self._wish.names or self._retry else None
            if other is not None:
                name, turn = other
                self._check(name, turn.fingerprint)
                given = await turn.over()
                if given is not None:
                    return _replayed(given)
                continue
            with self._replays.turns.taken(self._key_id, names, self._print) as turn:
                response = await self._in_turn(turn)
            if response is not None:
                return response
        raise TooManyRequests("Equal requests keep getting in each other's way.", retry_after=5)

    def _turn_names(self) -> Sequence[str]:
        """The names, or for a request without one the place where its retry by an SDK finds it."""
        return [name.name for name in self._wish.names] or [f"print:{self._print}"]

    async def _in_turn(self, turn: Turn) -> Response | None:
        """None: somebody was faster, or the name has been freed; look again."""
        if self._wish.names:
            replay = await self._replays.find(self._key_id, self._wish.names)
            if replay is not None:
                self._check(replay.name, replay.fingerprint)
                return await self._again(turn, replay.job_id, replay)
        elif self._retry:
            job = await self._replays.retried(self._key_id, self._print)
            if job is not None:
                return await self._again(turn, job.id, None)
        return await self._first(turn)

    async def _first(self, turn: Turn) -> Response | None:
        try:
            response = await self._making.first(self._wish)
        except AlreadyMade:
            return None
        except GatewayError as error:
            return await self._refused(turn, error)
        return await self._kept(turn, response)

    async def _refused(self, turn: Turn, error: GatewayError) -> Response | None:
        """An error is an answer to keep only where something was started."""
        response = error_answer(error)
        job_id = error.job_id
        replay = await self._replays.find(self._key_id, self._wish.names) if self._wish.names else None
        if replay is not None:
            if job_id != replay.job_id and not await self._replays.mine(replay):
                return None  # an equal request in another process has taken the last room or money, and will be answered
            job_id = replay.job_id
        if job_id is not None and not await self._replays.started_nothing(job_id):
            return await self._kept(turn, response)
        if replay is not None:
            await self._replays.release(replay.job_id)
        if response.status_code in _COMES_AGAIN or response.status_code >= 500:
            self._replays.refusals.note(self._key_id, self._print, self._gateway.now())
        turn.answer = _captured(response)
        return response

    async def _again(self, turn: Turn, job_id: str, replay: Replay | None) -> Response | None:
        found = await self._replays.outcome(job_id, replay, self._making.ready)
        if isinstance(found, StoredAnswer):
            turn.answer = found
            return _replayed(found)
        if found is None:
            return None
        unanswered = replay is None or replay.answer is None
        if unanswered and found.status.final and await self._replays.started_nothing(job_id):
            await self._replays.release(job_id)
            return None
        try:
            response = await self._making.again(found)
        except GatewayError as error:
            response = error_answer(error)
        return _flagged(await self._kept(turn, response))

    async def _kept(self, turn: Turn, response: Response) -> Response:
        """The answer that counts, kept for whoever asks again; a stream is not kept."""
        if not self._wish.names and not turn.awaited:
            return response
        given = _captured(response)
        if given is None:
            return response
        kept = await self._replays.answers.keep(self._key_id, self._wish.names, given)
        turn.answer = kept
        return response if kept is given else _replayed(kept)

    def _check(self, name: str, fingerprint: str) -> None:
        if fingerprint in ("", self._print):
            return
        param = KEY_HEADER if name.startswith("key:") else self._wish.request.client_name("client_task_id")
        raise InvalidRequest(f"This `{param}` was used for another request.", code="idempotency_key_reused", param=param)


def _captured(response: Response) -> StoredAnswer | None:
    if isinstance(response, StreamingResponse):
        return None
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    return StoredAnswer(response.status_code, headers, bytes(response.body))


def _replayed(given: StoredAnswer) -> Response:
    return _flagged(Response(given.body, given.status, dict(given.headers)))


def _flagged(response: Response) -> Response:
    response.headers[REPLAYED_HEADER] = "true"
    return response


def _is_retry(request: Request) -> bool:
    """Whether an official SDK sends this request again by itself."""
    count = request.headers.get(_RETRY_HEADER, "")
    return count.isdecimal() and count.strip("0") != ""
