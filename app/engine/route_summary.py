"""A job's route in one header: which channels were chosen, asked or left out."""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from app.domain.attempts import Attempt
from app.domain.json import JsonObject
from app.engine.plan import RouteStep

ROUTE_HEADER = "x-filmgate-route"
_LONGEST = 1_000  # characters of a header, beyond which proxies may refuse the answer
_LONGEST_TEXT = 200  # characters of one name or reason
_PLAIN = " !\"#$&'()*+,-./:<>?@[]^_`{|}~"  # printable, and no part of our own punctuation
_CUT = "..."


def route_summary(route: Iterable[RouteStep], attempts: Iterable[Attempt] = (), chosen: str | None = None) -> str:
    """`first=429; second=accepted; third=skipped (disabled)`: printable ASCII, the rest is percent-encoded.

    Channels that were asked come first, with what they answered; then those that could be asked (`chosen` is the one that
    would be, by default the first), then those that could not.
    """
    written = ""
    for entry in _entries(tuple(route), tuple(attempts), chosen):
        longer = f"{written}; {entry}" if written else entry
        if len(longer) > _LONGEST - len(f"; {_CUT}"):
            return f"{written}; {_CUT}"
        written = longer
    return written


def steps_of(route: Iterable[JsonObject]) -> list[RouteStep]:
    """The route of a job, as it is stored with it."""
    return [RouteStep(str(step.get("channel")), bool(step.get("eligible")), str(step.get("reason") or "")) for step in route]


def _entries(route: tuple[RouteStep, ...], attempts: tuple[Attempt, ...], chosen: str | None) -> Iterator[str]:
    for attempt in attempts:
        yield f"{_safe(attempt.channel_name)}={_outcome(attempt)}"
    asked = {attempt.channel_name for attempt in attempts}
    able = [step.channel for step in route if step.eligible]
    first = chosen if chosen is not None or asked else next(iter(able), None)
    for channel in able:
        if channel not in asked:
            yield f"{_safe(channel)}={'chosen' if channel == first else 'fallback'}"
    for step in route:
        if not step.eligible:
            yield f"{_safe(step.channel)}=skipped ({_safe(step.reason)})"


def _outcome(attempt: Attempt) -> str:
    """The vendor's status where it refused; that nobody knows what became of a create matters more than its status."""
    if attempt.outcome == "refused" and attempt.status is not None:
        return str(attempt.status)
    return _safe(attempt.outcome) or "asked"


def _safe(text: str) -> str:
    written = ""
    for letter in text:
        longer = written + quote(letter, safe=_PLAIN, errors="replace")
        if len(longer) > _LONGEST_TEXT:
            return written + _CUT
        written = longer
    return written
