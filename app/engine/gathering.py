"""Lets what many have to write go together: one commit for dozens of jobs instead of one for each."""

import asyncio
from dataclasses import dataclass, field

_PAUSE = 0.1  # seconds from one group to the next, at most
_MOST = 64  # in one group; as many as one commit of SQLite takes (`store.sqlite_threads`)


@dataclass(slots=True)
class Gathering:
    """Who comes long after the last group goes on at once; others wait a moment for company."""

    _last: float = float("-inf")  # when the last group went
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)
    _timer: asyncio.TimerHandle | None = None

    async def turn(self, *, urgent: bool) -> None:
        """Returns when the caller's group goes: at once for who is `urgent`, who takes everybody along."""
        loop = asyncio.get_running_loop()
        if urgent or len(self._waiting) + 1 >= _MOST or loop.time() >= self._last + _PAUSE:
            self.go()
            return
        if self._timer is None:
            self._timer = loop.call_at(self._last + _PAUSE, self.go)
        mine = loop.create_future()
        self._waiting.append(mine)
        await mine

    def go(self) -> None:
        """Nobody waits any longer."""
        self._last = asyncio.get_running_loop().time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():  # cancelled, when the process goes away
                one.set_result(None)
