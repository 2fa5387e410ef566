"""What to do after a create or a poll went wrong, as a value: the engine obeys, nothing is decided in an `except`."""

from dataclasses import dataclass
from enum import Enum, auto

from app.domain.errors import Fault, UpstreamError, UpstreamNeverSent, UpstreamRefused


class AfterCreate(Enum):
    """What follows a create that was not accepted."""

    NEXT_CHANNEL = auto()  # certainly not accepted, and another channel may well take it
    GIVE_UP = auto()  # certainly not accepted, and it would be refused elsewhere too
    UNKNOWN = auto()  # the vendor may have accepted: never repeat, look it up or say so


_ELSEWHERE = frozenset({Fault.CREDENTIAL, Fault.BALANCE, Fault.MODEL, Fault.RATE, Fault.OVERLOADED})


def after_create(error: UpstreamError) -> AfterCreate:
    """Fail over only where the vendor certainly did not accept; an open outcome is never repeated."""
    if isinstance(error, UpstreamNeverSent):
        return AfterCreate.NEXT_CHANNEL
    if isinstance(error, UpstreamRefused):
        return AfterCreate.NEXT_CHANNEL if error.fault in _ELSEWHERE else AfterCreate.GIVE_UP
    return AfterCreate.UNKNOWN


@dataclass(frozen=True, slots=True)
class AfterPoll:
    """What follows a poll that brought no news: wait `delay` seconds; `gone` counts answers that the job is unknown."""

    delay: float
    gone: int


GONE_LIMIT = 3  # "not found" this often in a row ends a job: right after a create it may just not be visible yet


def after_poll(error: UpstreamError, failures: int, gone: int, interval: float) -> AfterPoll:
    """Back off exponentially to a minute, or as long as the vendor asks; a poll error never ends a job by itself."""
    missing = isinstance(error, UpstreamRefused) and (error.fault is Fault.NOT_FOUND or error.status in (404, 410))
    delay = min(interval * 2.0 ** min(failures, 6), 60.0)
    if error.retry_after is not None:
        delay = min(max(delay, float(error.retry_after)), 60.0)
    return AfterPoll(delay, gone + 1 if missing else 0)
