"""Copies results to our storage while their vendor still has them, and has pictures made in the format that was asked for.

A job waits for it in the table (`copy_due`), so that any process may do it; who claims one keeps it from the others as long as
it lives. Each copy is written down as soon as it is whole: a crash costs what was under way, and no finished copy.
"""

import asyncio
import logging
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.domain.channels import Channel, Key
from app.domain.errors import GatewayError, NotFound, UpstreamError, UpstreamUnreadable
from app.domain.jobs import RESULT_LIFE, Job, JobStatus, Output
from app.domain.privacy import told_of
from app.domain.replacing import replace
from app.engine.assets import UNKNOWN_MIME, Asset, Assets
from app.engine.clock import Now
from app.engine.content_source import Body
from app.engine.formats import Formats
from app.engine.metric_table import COPIES, COPY_SECONDS
from app.engine.ranges import Span
from app.engine.results import Results
from app.engine.telemetry import Telemetry
from app.engine.whole_file import WholeFile
from app.store import copies as copy_store

_AT_ONCE = 4  # files of one process
_INTERVAL = 5.0  # seconds between two looks
_LONGEST = 3600.0  # seconds for one file
_CLAIM = timedelta(minutes=5)  # how long nobody else takes a job up after its process died
_KEEP = timedelta(minutes=1)  # how often a claim is renewed
_FIRST, _LAST = timedelta(seconds=10), timedelta(hours=1)  # between two tries
_PAUSE = 1.0  # seconds before a broken stream is read on
_log = logging.getLogger(__name__)


def wants_copy(job: Job, key: Key | None, channel: Channel | None, default: bool) -> bool:
    """Whether the results of a job that has ended are to be copied.

    A channel that forbids it is obeyed before its key, and its key before what the channel or else `default` says. Parts are
    not copied: clients see the job that they belong to.
    """
    if job.parent_id is not None or not (job.status is JobStatus.COMPLETED or job.delivered_late):
        return False
    if all(output.asset is not None for output in job.outputs):
        return False
    of_channel = None if channel is None else channel.keep_results
    if of_channel is False:
        return False
    if key is not None and key.keep_results is not None:
        return key.keep_results
    return default if of_channel is None else of_channel


@dataclass(slots=True)
class Copier:
    """Copies what is due, a few files at once. One per process; `keep_results` is for keys and channels that do not say."""

    results: Results
    formats: Formats
    now: Now
    keep_results: bool = True
    pause: float = _PAUSE
    telemetry: Telemetry = field(default_factory=Telemetry)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _copying: dict[str, asyncio.Task[None]] = field(default_factory=dict)  # by job
    _kept_at: datetime | None = None

    def wake(self) -> None:
        """A job of this process has just ended: looks at once."""
        self._wake.set()

    async def run(self) -> None:
        """Copies for ever; a database that is away for a while only delays it. Gives back what it holds when cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._keep()
                    await self._begin()
                except (SQLAlchemyError, OSError) as error:
                    _log.warning("copying of results: the database is away: %s", error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_INTERVAL):
                        await self._wake.wait()
        finally:
            await self._stop()

    async def look(self) -> None:
        """Copies everything that is due, and returns when that is done."""
        while await self._begin() or self._copying:
            await asyncio.wait(self._copying.values(), return_when=asyncio.FIRST_COMPLETED)

    async def _begin(self) -> int:
        """Takes up as many jobs as there is room for; how many."""
        free, now = _AT_ONCE - len(self._copying), self.now()
        if free <= 0:
            return 0
        database = self.results.database
        if not await database.ask(lambda connection: copy_store.any_due(connection, now)):
            return 0
        claimed = await database.commit(lambda connection: copy_store.claim(connection, now=now, until=now + _CLAIM, limit=free))
        fresh = [job for job in claimed if job.id not in self._copying]
        for job in fresh:
            self._copying[job.id] = asyncio.create_task(self._work(job), name=f"copy {job.id}")
        return len(fresh)

    async def _work(self, job: Job) -> None:
        try:
            with self.telemetry.work("copy", job.id), self.telemetry.timed(COPY_SECONDS):
                await self._copy(job)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("job %s: its copy could not be written down: %s", job.id, error)
        finally:
            self._copying.pop(job.id, None)
            self._wake.set()  # there is room for another

    async def _keep(self) -> None:
        now = self.now()
        if self._copying and (self._kept_at is None or not timedelta() <= now - self._kept_at < _KEEP):
            async with self.results.database.write() as connection:
                await copy_store.keep(connection, self._copying, now + _CLAIM)
            self._kept_at = now

    async def _stop(self) -> None:
        held = dict(self._copying)
        if not held:
            return
        for task in held.values():
            task.cancel()
        await asyncio.gather(*held.values(), return_exceptions=True)
        with suppress(SQLAlchemyError, OSError):
            async with self.results.database.write() as connection:
                await copy_store.keep(connection, held, self.now())

    async def _copy(self, job: Job) -> None:
        """Makes the format and the copies that are missing; tries again later when a result could not be had."""
        job, problem = await self._formed(job)
        if self._keeps(job):
            problem = await self._copy_results(job) or problem
        if problem is None:
            await self.results.database.commit(lambda connection: copy_store.done(connection, job.id))
            self.telemetry.metrics.count(COPIES, "done")
        else:
            await self._try_again(job, problem)

    async def _formed(self, job: Job) -> tuple[Job, Exception | None]:
        try:
            async with asyncio.timeout(_LONGEST):
                return await self.formats.applied(job), None
        except UpstreamUnreadable as error:  # nor will it be a picture the next time
            _log.warning("job %s: its format cannot be made: %s", job.id, _said(job, error))
            return job, None
        except (GatewayError, OSError) as error:  # TimeoutError is an OSError
            return job, error
        except Exception as error:  # noqa: BLE001  # the engine's loop: as below
            _log.exception("job %s: making its format failed unexpectedly", job.id)
            return job, error

    def _keeps(self, job: Job) -> bool:
        """Whether copies are wanted now: a job may have waited only for its format."""
        known = self.results.configuration
        return wants_copy(job, known.key_by_id(job.key_id), known.channel(job.channel_id), self.keep_results)

    async def _copy_results(self, job: Job) -> Exception | None:
        """Copies each result that is not ours yet; the last thing that went wrong."""
        problem: Exception | None = None
        for index, output in enumerate(job.outputs):
            if output.asset is not None or await self._forbidden(job, output):
                continue
            try:
                async with asyncio.timeout(_LONGEST):
                    asset = await self._stored(job, index)
            except (GatewayError, OSError) as error:  # TimeoutError is an OSError
                problem = error
                continue
            except Exception as error:  # noqa: BLE001  # the engine's loop: a bug in one adapter must not stop other copies
                _log.exception("job %s: copying failed unexpectedly", job.id)
                problem = error
                continue
            await self._write_down(job, index, output, asset)
        return problem

    async def _forbidden(self, job: Job, output: Output) -> bool:
        """Whether the channel that made it keeps it from being copied: the parts of a job may have several."""
        channel = await self.results.channel_of(job, output)
        return channel is not None and channel.keep_results is False

    async def _stored(self, job: Job, index: int) -> Asset:
        """The copy, streamed; raises GatewayError for its vendor, OSError for our storage."""
        async with AsyncExitStack() as stack:
            body = await self.results.source(stack, job, index)

            async def reopen(span: Span, tag: str) -> Body:
                return await self.results.source(stack, job, index, span, tag)

            chunks = WholeFile(body, reopen, self.pause).chunks()
            async with aclosing(chunks):  # type: ignore[type-var]  # an async generator, whatever its signature says
                return await self._assets.put(job.id, chunks, body.mime or UNKNOWN_MIME)

    async def _write_down(self, job: Job, index: int, output: Output, asset: Asset) -> None:
        mime = output.mime if asset.mime == UNKNOWN_MIME else asset.mime
        copied = replace(output, asset=asset.name, mime=mime, size=asset.size, sha256=asset.sha256)
        # a commit that fails may have come through: rather a file that nothing refers to than a job without its file
        kept = await self.results.database.commit(lambda connection: copy_store.put(connection, job.id, index, copied))
        if kept is None:
            await self._discard(asset)
            return
        _log.info("job %s: result %d copied, %d bytes, sha256 %s", job.id, index, asset.size, asset.sha256)

    async def _discard(self, asset: Asset) -> None:
        try:
            await self._assets.delete(asset.name)
        except (NotFound, OSError) as error:
            _log.warning("the file %s could not be removed: %s", asset.name, error)

    async def _try_again(self, job: Job, problem: Exception) -> None:
        """Later and later while the vendor may still have it, then no more."""
        now, said = self.now(), _said(job, problem)
        end = job.expires_at or (job.completed_at or now) + RESULT_LIFE
        async with self.results.database.write() as connection:
            if now >= end:
                await copy_store.done(connection, job.id)
            else:
                due = min(now + min(_FIRST * 2 ** min(job.copy_tries, 20), _LAST), end)
                await copy_store.again(connection, job.id, due=due, tries=job.copy_tries + 1)
        self.telemetry.metrics.count(COPIES, "given_up" if now >= end else "again")
        if now >= end:
            _log.error("job %s: its results could not be copied and are given up: %s", job.id, said)
        elif job.copy_tries == 0:
            _log.warning("job %s: its results cannot be copied yet, trying on: %s", job.id, said)

    @property
    def _assets(self) -> Assets:
        return self.results.sources.assets


def _said(job: Job, problem: Exception) -> str:
    if isinstance(problem, UpstreamError):
        return told_of(job, problem).message
    return str(problem) or type(problem).__name__
