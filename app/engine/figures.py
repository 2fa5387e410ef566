"""What is true of the whole gateway, read from the database when somebody asks, and at most every few seconds."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy.exc import SQLAlchemyError

from app.domain.jobs import Stage
from app.engine import metric_table as table
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.health import Health
from app.engine.heartbeats import SILENT
from app.engine.metric_table import Entry
from app.store import figures as figure_store
from app.store.database import Database
from app.store.figures import Backlog

FRESH = 5.0  # seconds in which nobody looks again
_PATIENCE = 10.0  # seconds for the database; a scrape must not hang with it
_MICROS = 1_000_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """The numbers of one moment; money in micro-dollars."""

    at: datetime
    open: dict[tuple[str, Stage], int]
    oldest_held: datetime | None
    late: int
    reserved: int
    spent: int
    outbox: Backlog
    copies: Backlog
    processes: int


Family = CounterMetricFamily | GaugeMetricFamily
Rows = dict[tuple[str, ...], float]


@dataclass(slots=True)
class Figures:
    """Looks once for everybody who asks within five seconds. `seconds` is a clock that never goes back."""

    database: Database
    configuration: Configuration
    health: Health
    now: Now
    seconds: Callable[[], float]
    version: str
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _last: Standing | None = None
    _looked: float | None = None

    async def families(self) -> list[Family]:
        """As many of the figures as can be had."""
        standing = await self._fresh()
        rows = [*self._own(standing is not None), *(() if standing is None else self._read(standing))]
        return [_family(entry, values) for entry, values in rows]

    async def _fresh(self) -> Standing | None:
        """The last look, or a new one; None while the database is away."""
        async with self._looking:
            if self._looked is None or self.seconds() - self._looked >= FRESH:
                self._last = await self._look()
                self._looked = self.seconds()
            return self._last

    async def _look(self) -> Standing | None:
        now = self.now()
        try:
            async with asyncio.timeout(_PATIENCE), self.database.read() as connection:
                reserved, spent = await figure_store.money(connection)
                found = await figure_store.open_by_stage(connection)
                holding = [channel_id for channel_id, stage in found if stage is Stage.HELD]
                return Standing(
                    at=now,
                    open=found,
                    oldest_held=await figure_store.oldest_held(connection, holding),
                    late=await figure_store.late(connection),
                    reserved=reserved,
                    spent=spent,
                    outbox=await figure_store.outbox(connection),
                    copies=await figure_store.copies(connection),
                    processes=await figure_store.processes(connection, now - timedelta(seconds=SILENT)),
                )
        except (SQLAlchemyError, OSError) as error:  # TimeoutError is an OSError
            _log.warning("figures could not be read: %s", error or type(error).__name__)
            return None

    def _own(self, database: bool) -> Iterator[tuple[Entry, Rows]]:
        """What is known without the database."""
        yield table.BUILD, {(self.version,): 1.0}
        yield table.DATABASE_UP, {(): float(database)}
        living = [channel for channel in self.configuration.channels() if not channel.deleted]
        yield (
            table.CHANNEL_UP,
            {(one.name, one.adapter): float(one.enabled and self.health.rests(one) is None) for one in living},
        )

    def _read(self, standing: Standing) -> Iterator[tuple[Entry, Rows]]:
        yield table.JOBS_OPEN, self._by_channel(standing)
        held = sum(number for (_, stage), number in standing.open.items() if stage is Stage.HELD)
        yield from _single(
            (table.QUEUE_DEPTH, held),
            (table.QUEUE_AGE, _since(standing.oldest_held, standing.at)),
            (table.LATE_JOBS, standing.late),
            (table.RESERVED, standing.reserved / _MICROS),
            (table.SPENT, standing.spent / _MICROS),
            (table.OUTBOX, standing.outbox.waiting),
            (table.OUTBOX_OVERDUE, _since(standing.outbox.due, standing.at)),
            (table.COPIES_PENDING, standing.copies.waiting),
            (table.COPIES_OVERDUE, _since(standing.copies.due, standing.at)),
            (table.PROCESSES, standing.processes),
        )

    def _by_channel(self, standing: Standing) -> Rows:
        """Channels that are gone share one empty name, as split jobs do, which have none."""
        rows: Rows = {}
        for (channel_id, stage), number in standing.open.items():
            channel = self.configuration.channel(channel_id)
            place = (channel.name if channel else "", stage.value)
            rows[place] = rows.get(place, 0.0) + number
        return rows


def _single(*values: tuple[Entry, float]) -> Iterator[tuple[Entry, Rows]]:
    for entry, value in values:
        yield entry, {(): float(value)}


def _since(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max((now - moment).total_seconds(), 0.0)


def _family(entry: Entry, rows: Rows) -> Family:
    kind = CounterMetricFamily if entry.kind == "counter" else GaugeMetricFamily
    family: Family = kind(entry.name, entry.meaning, labels=entry.labels)
    for labels, value in rows.items():
        family.add_metric(labels, value)
    return family
