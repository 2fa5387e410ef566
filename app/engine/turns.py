"""Equal requests in this process take turns: the first one runs, the others wait for its answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.replays import StoredAnswer

_REFUSED_LIFE = timedelta(seconds=75)  # an SDK comes again after at most the 60 s of `retry-after`, or 8 s of its own
_MOST_REFUSALS = 10_000


@dataclass(eq=False, slots=True)
class Turn:
    """One request at work, while the block runs that it is the context of.

    `answer` is what everybody who waited for it gets, None that they have to look for themselves; `awaited` whether anybody waits.
    """

    fingerprint: str
    _turns: "dict[tuple[str, str], Turn]"
    _places: Sequence[tuple[str, str]]
    answer: StoredAnswer | None = None
    _over: asyncio.Event | None = None
    _ended: bool = False

    def __enter__(self) -> "Turn":
        self._turns.update(dict.fromkeys(self._places, self))
        return self

    def __exit__(self, *_: object) -> None:
        for place in self._places:
            if self._turns.get(place) is self:
                del self._turns[place]
        self._ended = True
        if self._over is not None:
            self._over.set()

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for its end."""
        return self._over is not None

    async def over(self) -> StoredAnswer | None:
        """Waits for its end."""
        if not self._ended:
            self._over = self._over or asyncio.Event()
            await self._over.wait()
        return self.answer


class Turns:
    """The requests at work, by key and name. One per process."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str], Turn] = {}

    def of(self, key_id: str, names: Sequence[str]) -> tuple[str, Turn] | None:
        """The first of these names that another request is working on, with that request."""
        return next(((name, turn) for name in names if (turn := self._turns.get((key_id, name)))), None)

    def taken(self, key_id: str, names: Sequence[str], fingerprint: str) -> Turn:
        """Holds the names while its block runs; whoever asks for them meanwhile finds this turn."""
        return Turn(fingerprint, self._turns, [(key_id, name) for name in names])


class Refusals:
    """Which requests were refused before anything started: an SDK's next try of one is the first that counts.

    Without this the retry of a refused request would be taken for that of an equal one which went well.
    """

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], list[datetime]] = {}

    def note(self, key_id: str, fingerprint: str, now: datetime) -> None:
        """The request was refused now; one that was refused unread has the fingerprint ""."""
        place = (key_id, fingerprint)
        self._times[place] = [*_lately(self._times.pop(place, []), now), now]
        if len(self._times) > _MOST_REFUSALS:
            del self._times[next(iter(self._times))]

    def take(self, key_id: str, fingerprint: str, now: datetime) -> bool:
        """Whether this may be the next try of a request that was refused lately; each refusal has one."""
        return self._take((key_id, fingerprint), now) or self._take((key_id, ""), now)

    def _take(self, place: tuple[str, str], now: datetime) -> bool:
        times = _lately(self._times.pop(place, []), now)
        if len(times) > 1:
            self._times[place] = times[1:]
        return bool(times)


def _lately(times: Sequence[datetime], now: datetime) -> list[datetime]:
    return [time for time in times if time + _REFUSED_LIFE > now]
