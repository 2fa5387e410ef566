"""One try to tell a receiver: a guarded POST that follows what may be followed, and what came of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.adapters.base import Reply
from app.domain.errors import InputRefused
from app.domain.webhooks import WebhookState, pause_asked
from app.engine.callback_urls import check_callback
from app.engine.clock import Now
from app.engine.fetch import Fetcher, Unfetchable
from app.engine.redaction import redact
from app.engine.urls import follow

TIMEOUT = 15.0  # seconds, redirects included
MOST_REDIRECTS = 3
BODY_LIMIT = 64 * 1024  # bytes of an answer that are read
_EXCERPT = 1_000  # characters of it that are kept
_KEEPS_POST = (307, 308)  # after the others a client asks with GET, which tells nobody anything (RFC 9110, 15.4)
_GONE = 410
_BUSY = (429, 503)  # with these a receiver may say when to come again
_SHORTEST = 0.05  # seconds: what is left for a last hop


@dataclass(frozen=True, slots=True)
class Told:
    """How a try ended: `pending` is to be tried again. `status` is None where no answer came.

    `pause` is how long the receiver wants to be left alone.
    """

    state: WebhookState = WebhookState.PENDING
    status: int | None = None
    detail: str | None = None
    pause: timedelta | None = None


async def post(fetcher: Fetcher, now: Now, url: str, body: bytes, headers: Mapping[str, str], secrets: tuple[str, ...]) -> Told:
    """Sends these very bytes; every hop is checked as a callback address is. `secrets` are kept out of what is remembered."""
    clock = asyncio.get_running_loop().time
    until = clock() + TIMEOUT
    for hop in range(MOST_REDIRECTS + 1):
        try:
            check_callback(url, fetcher.guard, None)
            left = max(until - clock(), _SHORTEST)
            reply = await fetcher.post(url, body=body, headers=headers, timeout=left, limit=BODY_LIMIT)
        except (InputRefused, Unfetchable) as error:
            said = error.message if isinstance(error, InputRefused) else f"The URL {error.message}."
            return Told(detail=_excerpt(f"After {hop} redirect(s): {said}" if hop else said, secrets))
        location = reply.headers.get("location")
        if reply.status not in _KEEPS_POST or not location:
            return _answered(reply, now(), secrets)
        url = follow(url, location)
    return Told(status=reply.status, detail=f"The URL redirects more than {MOST_REDIRECTS} times.")


def _answered(reply: Reply, now: datetime, secrets: tuple[str, ...]) -> Told:
    detail = _excerpt(reply.body.decode("utf-8", "replace"), secrets) or None
    if reply.ok:
        return Told(WebhookState.DELIVERED, reply.status, detail)
    if reply.status == _GONE:
        return Told(WebhookState.FAILED, reply.status, detail)
    pause = pause_asked(reply.headers.get("retry-after", ""), now) if reply.status in _BUSY else None
    return Told(status=reply.status, detail=detail, pause=pause)


def _excerpt(text: str, secrets: tuple[str, ...]) -> str:
    return redact(text.strip(), secrets)[:_EXCERPT]
