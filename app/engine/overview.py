"""How the gateway fares, for the console's first page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.jobs import JobStatus
from app.engine.channel_board import ChannelBoard, ChannelState
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.store import overview as overview_store
from app.store import usage as usage_store
from app.store.database import Database
from app.store.usage import Dimension, Usage, Wanted

DAYS = 14  # today included
_NEWEST = 500  # jobs of the last day that the time to a result is read from
_FRESH = 1.0  # seconds in which nobody looks again


@dataclass(frozen=True, slots=True)
class Span:
    """How long jobs of one kind took from their creation to their result, in seconds: half of them, and nine in ten."""

    op: str
    jobs: int
    median: float
    ninth: float


@dataclass(frozen=True, slots=True)
class Overview:
    """The numbers of one moment; `days` are the last ones with usage, the newest first; money is in micro-dollars."""

    queued: int
    running: int
    today: Usage
    days: Sequence[Usage]
    spans: Sequence[Span]
    channels: Sequence[ChannelState]

    @property
    def success(self) -> float | None:
        """Which share of today's jobs ended well."""
        ended = self.today.completed + self.today.failed
        return self.today.completed / ended if ended else None


@dataclass(slots=True)
class OverviewDesk:
    """Looks at most once a second, however many pages are open."""

    database: Database
    configuration: Configuration
    board: ChannelBoard
    now: Now
    _last: Overview | None = field(default=None)
    _looked: datetime | None = field(default=None)

    async def look(self) -> Overview:
        """How things stand."""
        now = self.now()
        if self._last is None or self._looked is None or not timedelta() <= now - self._looked < timedelta(seconds=_FRESH):
            self._last, self._looked = await self._look(now), now
        return self._last

    async def _look(self, now: datetime) -> Overview:
        today = now.date()
        async with self.database.read() as connection:
            waiting = await overview_store.open_by_status(connection)
            spans = await overview_store.spans(connection, now - timedelta(days=1), _NEWEST)
            sums = await usage_store.total(connection, Wanted(first=today, last=today))
            days = await usage_store.page(connection, Wanted(first=today - timedelta(days=DAYS - 1), last=today), [Dimension.DAY])
        return Overview(
            queued=waiting.get(JobStatus.QUEUED, 0),
            running=waiting.get(JobStatus.IN_PROGRESS, 0),
            today=sums,
            days=days,
            spans=[span for op in ("image", "video") if (span := _span(op, spans)) is not None],
            channels=await self._channels(),
        )

    async def _channels(self) -> list[ChannelState]:
        """Every channel, those that need a look first."""
        states = await self.board.states([channel for channel in self.configuration.channels() if not channel.deleted])
        return sorted(states, key=lambda state: (state.word == "paused", state.word == "ready", state.channel.name))


def _span(op: str, spans: Sequence[tuple[str, timedelta]]) -> Span | None:
    lengths = sorted(span.total_seconds() for kind, span in spans if kind == op)
    if not lengths:
        return None
    from statistics import median  # half a megabyte for one page

    return Span(op, len(lengths), median(lengths), lengths[min(len(lengths) - 1, len(lengths) * 9 // 10)])
