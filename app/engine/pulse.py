"""Puts into gauges, every few seconds, what has a size in this process: the questions to vendors."""

import asyncio
from dataclasses import dataclass, field

from app.engine.configuration import Configuration
from app.engine.metric_table import POLL_JOBS, POLL_QUESTIONS, POLL_SLOTS
from app.engine.metrics import OTHER, Metrics
from app.engine.poll import Poller

_INTERVAL = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Pulse:
    """One per process."""

    metrics: Metrics
    poller: Poller
    configuration: Configuration
    _seen: set[str] = field(default_factory=set)  # names that have gauges

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            self.look()
            await asyncio.sleep(_INTERVAL)

    def look(self) -> None:
        """Sets every gauge to what it is now; a channel that is gone stays, at nothing."""
        self.metrics.put(POLL_JOBS, self.poller.open_jobs())
        loads: dict[str, tuple[int, int, int]] = dict.fromkeys(self._seen, (0, 0, 0))
        for channel_id, (asking, waiting, slots) in self.poller.load().items():
            channel = self.configuration.channel(channel_id)
            name = channel.name if channel else OTHER
            before = loads.get(name, (0, 0, 0))
            loads[name] = (before[0] + asking, before[1] + waiting, before[2] + slots)
        self._seen.update(loads)
        for name, (asking, waiting, slots) in loads.items():
            self.metrics.put(POLL_QUESTIONS, asking, name, "asking")
            self.metrics.put(POLL_QUESTIONS, waiting, name, "waiting")
            self.metrics.put(POLL_SLOTS, slots, name)
