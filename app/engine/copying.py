"""Copies results to our storage while their vendor still has them, and has pictures made in the format that was asked for.

A job waits for it in the table (`copy_due`), so that any process may do it; who claims one keeps it from the others as long as
it lives. A job that ends in this process is mostly claimed by the very commit that ends it, and needs not be looked for. Each copy
is written down as soon as it is whole: a crash costs what was under way, and no finished copy.
"""

import asyncio
import logging
from contextlib import AsyncExitStack, aclosing, suppress
from contextvars import Context, copy_context
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
from app.engine.formats import Formats, unmade
from app.engine.metric_table import COPIES, COPY_SECONDS
from app.engine.ranges import Span
from app.engine.results import Results
from app.engine.telemetry import Telemetry
from app.engine.whole_file import WholeFile
from app.store import copies as copy_store

_AT_ONCE = 4  # files of one process
_WAITING = 64  # jobs of this process that it has claimed and not begun; more wait in the table, where others find them
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
    _waiting: dict[str, Job] = field(default_factory=dict)  # claimed, in the order of their ends
    _search: bool = True  # whether the table may hold a job that is due
    _searching: bool = False  # whether it is being asked
    _running: Context | None = None  # what the log says of this work, while `run` does it
    _kept_at: datetime | None = None

    def wake(self) -> None:
        """A job has just ended that waits in the table: looks at once."""
        self._search = True
        self._wake.set()

    def due(self, job: Job) -> datetime:
        """From when a job that is about to end here may be copied by anyone: later than now where this process will do it.

        That is to be told by `take`, once it is committed.
        """
        now = self.now()
        takes = self._running is not None and len(self._waiting) < _WAITING and _light(job)
        return now + _CLAIM if takes else now

    def take(self, job: Job) -> None:
        """A job whose results are to be copied has ended here, and is committed."""
        if self._running is None or job.copy_due is None or job.copy_due <= self.now():
            self.wake()
        elif job.id not in self._copying:
            self._waiting[job.id] = job
            self._go_on()

    async def run(self) -> None:
        """Copies for ever; a database that is away for a while only delays it. Gives back what it holds when cancelled."""
        self._running = copy_context()
        try:
            while True:
                self._wake.clear()
                try:
                    await self._keep()
                    await self._begin()
                except (SQLAlchemyError, OSError) as error:
                    _log.warning("copying of results: the database is away: %s", error)
                self._begin_waiting()
                try:
                    async with asyncio.timeout(_INTERVAL):
                        await self._wake.wait()
                except TimeoutError:
                    self._search = True
        finally:
            self._running = None
            await self._stop()

    async def look(self) -> None:
        """Copies everything that is due, and returns when that is done."""
        while True:
            self._search = True
            await self._begin()
            self._begin_waiting()
            if not self._copying:
                return
            await asyncio.wait(self._copying.values(), return_when=asyncio.FIRST_COMPLETED)

    async def _begin(self) -> None:
        """Takes up as many jobs of the table as there is room for. Until that is known, none of those that wait here begins."""
        free, now = _AT_ONCE - len(self._copying), self.now()
        if free <= 0 or not self._search:
            return
        self._search, self._searching = False, True
        try:
            claimed = await self._claimed(now, free)
        finally:
            self._searching = False
        for job in claimed:
            if job.id not in self._copying and job.id not in self._waiting:
                self._start(job)
        self._search = self._search or len(claimed) == free  # there may be more

    async def _claimed(self, now: datetime, most: int) -> list[Job]:
        database = self.results.database
        if not await database.ask(lambda connection: copy_store.any_due(connection, now)):
            return []
        return await database.commit(lambda connection: copy_store.claim(connection, now=now, until=now + _CLAIM, limit=most))

    def _start(self, job: Job) -> None:
        # not in the context of the request that ended the job: its lines of the log are not this one's
        context = None if self._running is None else self._running.copy()
        self._copying[job.id] = asyncio.create_task(self._work(job), name=f"copy {job.id}", context=context)

    def _go_on(self) -> None:
        """There is room, or a job more. What waits in the table may wait longer already, and comes first."""
        if self._search:
            self._wake.set()
        elif not self._searching:
            self._begin_waiting()

    def _begin_waiting(self) -> None:
        while self._waiting and len(self._copying) < _AT_ONCE:
            self._start(self._waiting.pop(next(iter(self._waiting))))

    async def _work(self, job: Job) -> None:
        try:
            with self.telemetry.work("copy", job.id), self.telemetry.timed(COPY_SECONDS):
                await self._copy(job)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("job %s: its copy could not be written down: %s", job.id, error)
        finally:
            self._copying.pop(job.id, None)
            self._go_on()

    async def _keep(self) -> None:
        now, held = self.now(), {*self._copying, *self._waiting}
        if held and (self._kept_at is None or not timedelta() <= now - self._kept_at < _KEEP):
            await self.results.database.commit(lambda connection: copy_store.keep(connection, held, now + _CLAIM))
            self._kept_at = now

    async def _stop(self) -> None:
        tasks, held, now = list(self._copying.values()), {*self._copying, *self._waiting}, self.now()
        if not held:
            return
        self._waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(SQLAlchemyError, OSError):
            await self.results.database.commit(lambda connection: copy_store.keep(connection, held, now))

    async def _copy(self, job: Job) -> None:
        """Makes the format and the copies that are missing; tries again later when a result could not be had."""
        job, problem = await self._formed(job)
        missing = await self._missing(job)
        for index in missing:
            try:
                async with asyncio.timeout(_LONGEST):
                    asset = await self._stored(job, index)
            except (GatewayError, OSError) as error:  # TimeoutError is an OSError
                problem = error
            except Exception as error:  # noqa: BLE001  # the engine's loop: a bug in one adapter must not stop other copies
                _log.exception("job %s: copying failed unexpectedly", job.id)
                problem = error
            else:
                job = await self._write_down(job, index, asset, last=problem is None and index == missing[-1])
        if problem is not None:
            await self._try_again(job, problem)
            return
        if not missing:
            await self.results.database.commit(lambda connection: copy_store.done(connection, job.id))
        self.telemetry.metrics.count(COPIES, "done")

    async def _formed(self, job: Job) -> tuple[Job, Exception | None]:
        if unmade(job) is None:
            return job, None
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

    async def _missing(self, job: Job) -> list[int]:
        """Which results are not ours yet and shall be; a job may have waited only for its format."""
        known = self.results.configuration
        if not wants_copy(job, known.key_by_id(job.key_id), known.channel(job.channel_id), self.keep_results):
            return []
        outputs = enumerate(job.outputs)
        return [index for index, output in outputs if output.asset is None and not await self._forbidden(job, output)]

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

    async def _write_down(self, job: Job, index: int, asset: Asset, *, last: bool) -> Job:
        """The job with its copy; with the `last` one it is done."""
        output = job.outputs[index]
        mime = output.mime if asset.mime == UNKNOWN_MIME else asset.mime
        copied = replace(output, asset=asset.name, mime=mime, size=asset.size, sha256=asset.sha256)
        # a commit that fails may have come through: rather a file that nothing refers to than a job without its file
        kept = await self.results.database.commit(
            lambda connection: copy_store.put_known(connection, job, index, copied, last=last)
        )
        if kept is None:
            await self._discard(asset)
            return job
        _log.debug("job %s: result %d copied, %d bytes, sha256 %s", job.id, index, asset.size, asset.sha256)
        return replace(job, outputs=kept.outputs, expires_at=kept.expires_at)

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


def _light(job: Job) -> bool:
    """Whether it may wait in memory: a job that carries files would keep them there."""
    media = (*job.asked.media, *job.request.media)
    return not any(output.data for output in job.outputs) and not any(item.data or item.src.startswith("data:") for item in media)
