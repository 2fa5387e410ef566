"""Who lives: whoever's heartbeat still moves.

Only whether it moves counts, against a clock of ours that never jumps: what other machines' clocks say, or ours after somebody
set it, would make the living look dead, and their jobs would be taken from them in the middle of a create.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from app.store.workers import Worker

SILENT = 20.0  # seconds without a new heartbeat, after which a process is dead; with the beat, takeover comes within 30 s


@dataclass(slots=True)
class Heartbeats:
    """What this process has seen of the others' heartbeats. `seconds` is a monotonic clock."""

    seconds: Callable[[], float]
    _seen: dict[str, tuple[datetime, float]] = field(default_factory=dict)  # by worker: its last beat, and when it was new to us

    def silent(self, workers: Iterable[Worker]) -> list[str]:
        """Of these, as they stand in the database now, the ids of those that are dead; one that was never seen before is not."""
        now = self.seconds()
        self._seen = {worker.id: self._look(worker, now) for worker in workers}
        return [name for name, (_, since) in self._seen.items() if now - since >= SILENT]

    def _look(self, worker: Worker, now: float) -> tuple[datetime, float]:
        known = self._seen.get(worker.id)
        return known if known is not None and known[0] == worker.beat_at else (worker.beat_at, now)
