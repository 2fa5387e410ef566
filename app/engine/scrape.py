"""Writes the metrics of all processes behind one port as one page.

`filmgate serve --workers` names a folder in which each process keeps its counters as mapped memory (multi-process mode of the
Prometheus client): a scrape, whichever process it reaches, sums them up. What a process that died has counted stays counted.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from app.engine.figures import Figures
from app.engine.metric_folder import FOLDER, forget_ended
from app.engine.metrics import Metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Scrape:
    """The page that Prometheus reads. One per process."""

    metrics: Metrics
    figures: Figures

    async def page(self) -> bytes:
        """Everything in the text format."""
        families = await self.figures.families()
        return await asyncio.to_thread(self._written, families)

    def _written(self, families: Iterable[Metric]) -> bytes:
        # only who is scraped needs these: a megabyte
        from prometheus_client.exposition import generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        both = CollectorRegistry()
        both.register(_Found(families))
        folder = os.environ.get(FOLDER)
        if folder is None:
            return generate_latest(self.metrics.registry) + generate_latest(both)
        forget_ended(Path(folder))
        MultiProcessCollector(both, folder)  # type: ignore[no-untyped-call]  # the library has no types here
        return generate_latest(both)


class _Found(Collector):
    """Families that were read before."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
