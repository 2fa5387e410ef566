"""Webhooks: what a client is told when its job has ended, who may read it, and how often that is tried."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.domain.jobs import Job

# Between two tries; at least 24 hours in all, so that a receiver that is away for a day misses nothing.
DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=10),
)
OVERLAP = timedelta(hours=24)  # how long the secret before a new one signs along
_JITTER = 0.2  # of a delay, on top of it: receivers that come back are not met by everything at once
_LONGEST_ASKED = timedelta(hours=1)
_NONE = timedelta(0)
_SECONDS = re.compile(r"[0-9]{1,9}")
_DATE = "%a, %d %b %Y %H:%M:%S GMT"
_ORIGIN = re.compile(r"[^:/?#]+://[^/?#]*")


class WebhookState(StrEnum):
    """Where a webhook stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up; the last try says why
    NO_SECRET = "no_secret"  # noqa: S105 - a state: nothing was sent, because it could not be signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One event for one receiver. `id` is the event's, the same on every try and replay; `tries` counts from the last replay."""

    id: str
    key_id: str
    job_id: str
    url: str
    type: str
    created_at: datetime
    state: WebhookState = WebhookState.PENDING
    tries: int = 0
    due: datetime | None = None  # of the next try; None when it has ended
    ended_at: datetime | None = None

    @classmethod
    def of(cls, job: Job, now: datetime, webhook_id: str) -> "Webhook | None":
        """What is to be told about a job that has just ended; None where nobody asked for it, and for a part of a job."""
        if job.callback_url is None or job.parent_id is not None or not job.status.final:
            return None
        return cls(
            id=webhook_id,
            key_id=job.key_id,
            job_id=job.id,
            url=job.callback_url,
            type=f"{job.op}.{job.status.value}",
            created_at=now,
            due=now,
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port, as they are written in the URL."""
        found = _ORIGIN.match(self.url)
        return found[0] if found else self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTry:
    """One attempt to tell. `number` is given by the store; `status` is None where no answer came; `detail` holds no secret."""

    at: datetime
    milliseconds: int = 0
    status: int | None = None
    detail: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What a key's webhooks are signed with: the secret, and the one before it while that still signs along."""

    current: str = field(repr=False)
    before: str | None = field(default=None, repr=False)
    until: datetime | None = None

    def in_force(self, now: datetime) -> tuple[str, ...]:
        """The secrets that sign at this time, the newest first."""
        if self.before is None or self.until is None or self.until <= now:
            return (self.current,)
        return (self.current, self.before)

    def renewed(self, secret: str, now: datetime) -> "WebhookSecrets":
        """After a change: the secret so far signs along for a while."""
        return WebhookSecrets(secret, self.current, now + OVERLAP)


def next_due(tries: int, now: datetime, roll: float, asked: timedelta | None = None) -> datetime | None:
    """When to try again after so many tries in vain; None is never. `roll` is a random number from 0 to 1.

    The pause that the receiver `asked` for makes a delay longer, at most twice as long and no longer than an hour. It makes none
    shorter: the tries are counted, and have to last for a day.
    """
    if tries > len(DELAYS):
        return None
    delay = DELAYS[max(tries, 1) - 1]
    return now + max(delay * (1 + _JITTER * roll), min(asked or _NONE, delay * 2, _LONGEST_ASKED))


def pause_asked(header: str, now: datetime) -> timedelta | None:
    """What a `Retry-After` asks for, in seconds or until a date (RFC 9110, 10.2.3); None where it cannot be read or is over."""
    if _SECONDS.fullmatch(header):
        return timedelta(seconds=int(header))
    try:
        until = datetime.strptime(header, _DATE).replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(until - now, _NONE) or None
