"""What the gateway can do for a caller: the one object that endpoints, console and command line talk to."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from app.domain.channels import Key
from app.domain.errors import GatewayError, InvalidRequest, NotFound, ShuttingDown
from app.domain.jobs import Job
from app.domain.replacing import quick, replace
from app.domain.replays import ReplayName
from app.domain.requests import Notice, Request
from app.engine.assets import Assets
from app.engine.callback_urls import check_callback
from app.engine.cancel import Canceller
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.copying import Copier
from app.engine.exchange import Listener
from app.engine.formats import Formats
from app.engine.health import Health
from app.engine.housekeeping import Housekeeping
from app.engine.late import Late
from app.engine.leases import Leases
from app.engine.links import Links
from app.engine.origins import Origins
from app.engine.overview import OverviewDesk
from app.engine.paces import Paces
from app.engine.plan import Plan
from app.engine.planner import Planner
from app.engine.poll import Poller
from app.engine.pulse import Pulse
from app.engine.queue import Queue
from app.engine.rates import Rates
from app.engine.records import AlreadyMade, Recorder
from app.engine.replays import Replays
from app.engine.results import Results
from app.engine.running import Running
from app.engine.scrape import Scrape
from app.engine.sessions import Sessions
from app.engine.submission import Order
from app.engine.submit import Submitter
from app.engine.variants import Variants
from app.engine.watching import Watching
from app.engine.webhooks import Deliveries
from app.settings import Settings
from app.store import jobs as job_store
from app.store import replays as replay_store
from app.store import variants as variant_store
from app.store.database import Database
from app.store.secrets import Vault

_LOOK_AGAIN = 5.0  # seconds without news of a job after which it is looked up, although this process runs it
_log = logging.getLogger(__name__)


@quick
@dataclass(frozen=True, slots=True)
class Wish:
    """A normalised request of a client, with what came beside it."""

    key: Key
    request: Request
    notices: tuple[Notice, ...] = ()
    uploads: Mapping[str, bytes] = field(default_factory=dict)
    strict: bool = False
    remixed_from: str | None = None
    listener: Listener | None = None  # hears each picture as it is finished
    stored: Callable[[Job], None] | None = None  # hears of the job as soon as it is committed
    patient: bool = False  # the client only wants to know that the job exists: it may wait for room
    fingerprint: str | None = None  # of the whole request, to know it again
    names: tuple[ReplayName, ...] = ()  # what the client calls it
    base_url: str | None = None  # by which the client knows us


@dataclass(slots=True)
class Gateway:
    """Everything, wired; built by `app.wiring`. One per process."""

    settings: Settings
    database: Database
    vault: Vault
    configuration: Configuration
    health: Health
    planner: Planner
    queue: Queue
    late: Late
    housekeeping: Housekeeping
    rates: Rates
    replays: Replays
    running: Running
    copier: Copier
    deliveries: Deliveries
    recorder: Recorder
    submitter: Submitter
    poller: Poller
    leases: Leases
    results: Results
    formats: Formats
    variants: Variants
    canceller: Canceller
    assets: Assets
    links: Links
    sessions: Sessions
    overview: OverviewDesk
    pulse: Pulse
    scrape: Scrape
    origins: Origins
    paces: Paces
    watching: Watching
    now: Now
    _draining: bool = False

    @property
    def draining(self) -> bool:
        """Whether this process is going away."""
        return self.watching.leaving

    def plan(self, wish: Wish) -> Plan:
        """Who may serve this wish and as what; sends, fetches and stores nothing."""
        return self.planner.plan(wish.request, wish.notices, wish.key, strict=wish.strict or wish.key.strict)

    async def located(self, wish: Wish) -> Wish:
        """The wish with its source jobs found; NotFound for another key's, InvalidRequest for an unfinished one."""
        return replace(wish, request=await self.origins.found(wish.request, wish.key))

    async def create(self, wish: Wish) -> Job:
        """Has a vendor accept the wish. A client that leaves meanwhile changes nothing.

        Raises what `Gateway.plan` and `Submitter.submit` raise, and AlreadyMade when one of the wish's names is taken.
        """
        return await asyncio.shield(await self._submitting(wish))

    async def start(self, wish: Wish) -> Job:
        """The job as soon as it is stored; it goes on to a vendor by itself. Raises as `create` does while nothing is stored."""
        stored: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        submitting = await self._submitting(replace(wish, stored=stored.set_result))
        submitting.add_done_callback(_log_fault)
        await asyncio.wait((stored, submitting), return_when=asyncio.FIRST_COMPLETED)
        return stored.result() if stored.done() else submitting.result()

    async def _submitting(self, wish: Wish) -> "asyncio.Task[Job]":
        if self._draining:
            raise ShuttingDown("This gateway is shutting down; another one will take the request.", retry_after=5)
        if wish.request.callback_url is not None:
            guard = self.submitter.desk.media.fetcher.guard
            check_callback(wish.request.callback_url, guard, wish.request.client_name("callback_url"))
        wish = await self.located(wish)
        order = Order(
            key=wish.key,
            asked=wish.request,
            plan=self.plan(wish),
            uploads=wish.uploads,
            lifetime=self._lifetime(wish.request),
            notices=wish.notices,
            strict=wish.strict or wish.key.strict,
            patient=wish.patient or wish.request.op == "video",
            private=not (wish.key.store_prompts and self.settings.store_prompts),
            fingerprint=wish.fingerprint,
            base_url=wish.base_url,
            names=wish.names,
            remixed_from=wish.remixed_from,
            listener=wish.listener,
            stored=wish.stored,
        )
        return self.running.start(self.submitter.submit(order))

    async def create_and_wait(self, wish: Wish) -> Job:
        """`create`, then waits for the outcome: for clients that want the pictures in the answer."""
        job = await self.create(wish)
        return await self.formats.applied(await self.ended(job))

    async def ended(self, job: Job, look_again: float = _LOOK_AGAIN) -> Job:
        """The job once it has ended: heard of where this process ends it, found where another one does (after `look_again` s)."""
        if job.status.final:
            return job
        with self.watching.news(job.id) as told:  # not `changed`, which misses the second of two changes at once
            job = await self.job(job.id, job.key_id)  # it may have changed before anybody listened
            while not job.status.final:
                heard = None
                with suppress(TimeoutError):
                    async with asyncio.timeout(look_again):
                        heard = await told.get()
                job = heard or await self.job(job.id, job.key_id)
        return job

    async def job(self, job_id: str, key_id: str | None) -> Job:
        """A key's own job (any job when the key is None); another key's does not exist."""
        job = await self.database.ask(lambda connection: job_store.get(connection, job_id, key_id=key_id))
        if job is None:
            raise NotFound(f"No task with the id {job_id!r} exists.", code="task_not_exist", param="id")
        return job

    async def page(self, key_id: str, op: str, *, limit: int, order: Literal["asc", "desc"], after: str | None) -> Sequence[Job]:
        """One page of a key's own jobs, newest first unless `order` is "asc"; `after` is the last id of the page before."""
        return await self.database.ask(
            lambda connection: job_store.page(connection, key_id=key_id, op=op, limit=limit, order=order, after=after)
        )

    async def delete(self, job_id: str, key_id: str) -> None:
        """Removes a job and its files; an unfinished one is first cancelled at its vendor (InvalidRequest where it cannot be)."""
        job = await self.job(job_id, key_id)
        if not job.status.final:
            job = await self.cancel(job)
        async with self.database.write() as connection:
            job = await job_store.lock(connection, job_id) or job  # a copy may have been made meanwhile
            files = await variant_store.assets_of(connection, job_id)
            if not await job_store.delete_one(connection, job_id, key_id):
                raise NotFound(f"No task with the id {job_id!r} exists.", code="task_not_exist", param="id")
            files += await replay_store.forget_job(connection, job_id)
        for name in (*files, *(output.asset for output in job.outputs if output.asset is not None)):
            try:
                await self.assets.delete(name)
            except OSError as error:  # the job is gone all the same
                _log.warning("the file %s could not be removed: %s", name, error)

    async def cancel(self, job: Job) -> Job:
        """Cancels an unfinished job at its vendor and ends it; InvalidRequest when it has ended or cannot be cancelled."""
        if job.status.final:
            raise InvalidRequest("This job has already ended.", code="already_finished", param="id")
        return await self.canceller.cancel(job)

    def leave(self) -> None:
        """Sends away who only listens: this process has been told to end, but still answers what it is asked."""
        self.watching.leave()

    async def drain(self) -> None:
        """Takes no new work and waits until nothing that was sent is unanswered."""
        self.leave()
        self._draining = True
        self.queue.stop()
        await self.running.drain(self.settings.drain_seconds)

    def _lifetime(self, request: Request) -> timedelta:
        if request.op == "video":
            return timedelta(hours=self.settings.job_hours)
        return timedelta(minutes=self.settings.image_minutes)


def _log_fault(submitting: "asyncio.Task[Job]") -> None:
    """Nobody waits for the end of a started job: a vendor's refusal stands in the job, a fault of ours only in the log."""
    error = None if submitting.cancelled() else submitting.exception()
    if error is not None and not isinstance(error, GatewayError | AlreadyMade):
        _log.error("a job could not be sent on", exc_info=error)
