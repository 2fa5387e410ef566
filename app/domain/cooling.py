"""When a credential rests after trouble with its vendor, and when it is tried again: decisions as values.

The model is Envoy's outlier ejection (envoyproxy.io, "Outlier detection", read 2026-11-21): failures in a row eject a host, each
further ejection lasts longer up to a ceiling, and where too much is ejected it is used all the same. Here the time doubles, one
job tries first when it is over, and a credential that its vendor turned away is not used for want of a better one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.errors import Fault, UpstreamError, UpstreamMaybeSent, UpstreamNeverSent, UpstreamRefused
from app.domain.pacing import clamp
from app.domain.replacing import replace

FIRST_REST = 5.0  # seconds; a burst or a restart is over by then, and nobody has missed the channel yet
LONGEST_REST = 300.0  # seconds, Envoy's ceiling: a vendor that is back is found within five minutes
FIRST_PARKING = 600.0  # seconds; only an operator mends this, and each try costs a client's job a detour
LONGEST_PARKING = 7200.0  # seconds; an account that was topped up without a word to us works again within two hours
SHORTEST_TOLD, LONGEST_TOLD = 1.0, 600.0  # seconds; "come back tomorrow" is looked into sooner, for limits get raised
STREAK = 3  # creates in a row whose outcome is open; Envoy waits for 5 errors, but each of these may be a job lost
_REASON_LIMIT = 300  # characters of a vendor's message that are kept
_STEPS = 16  # doublings after which the number is of no interest any more


class Kind(StrEnum):
    """Why a credential rests."""

    PARKED = "parked"  # the vendor does not take it, or its account is empty: an operator has to act
    TOLD = "told"  # too many requests, and the vendor said when to come back
    LIMITED = "limited"  # too many requests, and it did not say
    DOWN = "down"  # unreachable, overloaded, or several creates in a row without an answer


_KINDS = {Fault.CREDENTIAL: Kind.PARKED, Fault.BALANCE: Kind.PARKED, Fault.RATE: Kind.LIMITED, Fault.OVERLOADED: Kind.DOWN}
_BOUNDS = {
    Kind.PARKED: (FIRST_PARKING, LONGEST_PARKING),
    Kind.TOLD: (SHORTEST_TOLD, LONGEST_TOLD),
    Kind.LIMITED: (FIRST_REST, LONGEST_REST),
    Kind.DOWN: (FIRST_REST, LONGEST_REST),
}
_WORDS = {Kind.PARKED: "parked", Kind.TOLD: "rate limited", Kind.LIMITED: "rate limited", Kind.DOWN: "down"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    """A credential's rest: since when, until when, and after how many failures; times are aware UTC.

    `reason` is the vendor's message, shortened. `polled` (not stored) says that a poll began it.
    """

    kind: Kind
    reason: str
    failures: int
    since: datetime
    until: datetime
    polled: bool = False

    @property
    def summary(self) -> str:
        """One line for operators."""
        return f"{_WORDS[self.kind]}: {self.reason}"

    def due(self, now: datetime) -> bool:
        """Whether its time is over, so that one job may try; also when the clock was set back and `until` cannot be meant."""
        return now >= self.until or self.until - now > timedelta(seconds=_BOUNDS[self.kind][1])

    def last_resort(self, now: datetime) -> bool:
        """Whether new jobs may go there although it rests, when nothing better is left.

        Not while the vendor's own word stands against it: a credential turned away, a time to come back that is not there yet.
        """
        return self.kind in (Kind.LIMITED, Kind.DOWN) or (self.kind is Kind.TOLD and self.due(now))


def kind_of(error: UpstreamError, *, polled: bool = False) -> Kind | None:
    """Which rest an error asks for; None where it is the fault of neither credential nor account nor host.

    What a poll is told may concern its job, or the endpoint that answers it, and the poller slows down by itself. It counts
    only where new jobs would surely fare alike: the credential is refused, or the host cannot be reached.
    """
    if isinstance(error, UpstreamNeverSent):
        refusal = error.__cause__  # of the access token, if there is one: then no client had any part in it
        return _KINDS.get(refusal.fault, Kind.PARKED) if isinstance(refusal, UpstreamRefused) else Kind.DOWN
    if isinstance(error, UpstreamMaybeSent):
        return None if polled else Kind.DOWN
    if not isinstance(error, UpstreamRefused):
        return None
    kind = _KINDS.get(error.fault)
    if polled and kind is not Kind.PARKED:
        return None
    return Kind.TOLD if kind is Kind.LIMITED and error.retry_after is not None else kind


def after_failure(
    held: Cooldown | None, error: UpstreamError, now: datetime, *, polled: bool = False, streak: int = STREAK
) -> Cooldown | None:
    """The cooldown after a create or poll that went wrong; `held` itself where that changes nothing.

    `streak` counts the creates in a row, this one included, whose outcome is open. A failure during a rest is of a job that
    was sent before it, or as a last resort, and does not prolong it, unless the vendor's own word is new.
    """
    kind = kind_of(error, polled=polled)
    if kind is None:
        return held
    if held is None:
        waits = isinstance(error, UpstreamMaybeSent) and streak < STREAK
        return None if waits else _begun(kind, error, now, polled=polled)
    if kind is Kind.PARKED and held.kind is not Kind.PARKED:
        return _begun(kind, error, now, polled=polled)
    if not held.due(now):
        return _told_more(held, kind, error, now)
    return _again(held, kind, error, now, polled=polled)


def after_success(held: Cooldown | None, now: datetime, *, polled: bool = False) -> Cooldown | None:
    """The cooldown after a create or poll that worked: None, or `held` itself where that proves nothing.

    Polls work without balance, beside full queues and with rights that suffice for no create: a poll ends only what a poll
    began. A create that works while the vendor's own word stands was sent before.
    """
    if held is None or (polled and not held.polled):
        return held
    return held if not polled and not held.due(now) and not held.last_resort(now) else None


def _begun(kind: Kind, error: UpstreamError, now: datetime, *, polled: bool) -> Cooldown:
    until = now + _length(kind, 1, error)
    return Cooldown(kind=kind, reason=_reason(error), failures=1, since=now, until=until, polled=polled)


def _told_more(held: Cooldown, kind: Kind, error: UpstreamError, now: datetime) -> Cooldown:
    until = now + _length(kind, 1, error)
    if kind is not Kind.TOLD or held.kind is Kind.PARKED or until <= held.until:
        return held
    return replace(held, kind=kind, reason=_reason(error), until=until)


def _again(held: Cooldown, kind: Kind, error: UpstreamError, now: datetime, *, polled: bool) -> Cooldown:
    """A longer rest. Whatever else goes wrong with a parked credential, nothing says that its vendor takes it again."""
    reason = _reason(error)
    if held.kind is Kind.PARKED and kind is not Kind.PARKED:
        kind, reason = held.kind, held.reason
    failures = held.failures + 1
    until = now + _length(kind, failures, error)
    return replace(held, kind=kind, reason=reason, failures=failures, until=until, polled=polled and held.polled)


def _length(kind: Kind, failures: int, error: UpstreamError) -> timedelta:
    first, longest = _BOUNDS[kind]
    told = float(error.retry_after or 0) if kind is Kind.TOLD else first * 2.0 ** min(failures - 1, _STEPS)
    return timedelta(seconds=clamp(told, first, longest))


def _reason(error: UpstreamError) -> str:
    """The message on one line, so that no vendor can forge lines of a log."""
    return " ".join(error.message.split())[:_REASON_LIMIT]
