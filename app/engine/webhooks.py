"""Tells clients that their jobs have ended: takes from the outbox what is due, and tries until it is delivered or a day is over.

Every process looks; the database decides who gets a webhook. A process that dies leaves it to be taken again: a receiver may hear
of an event twice, by the same `webhook-id`, but never not at all.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

import orjson
from sqlalchemy.exc import SQLAlchemyError

from app.domain.jobs import Job
from app.domain.json import JsonObject
from app.domain.webhooks import Webhook, WebhookSecrets, WebhookState, WebhookTry, next_due
from app.engine.clock import Now
from app.engine.fetch import Fetcher
from app.engine.metric_table import WEBHOOK_SECONDS, WEBHOOK_TRIES
from app.engine.telemetry import Telemetry
from app.engine.webhook_post import Told, post
from app.engine.webhook_secrets import signed_headers
from app.store import jobs as job_store
from app.store import keys as key_store
from app.store import webhooks as webhook_store
from app.store.database import Database
from app.store.secrets import Vault, WrongSecret

Render: TypeAlias = Callable[[Job, str], JsonObject]  # a job and the address by which its client knows us -> as a GET shows it
Ready: TypeAlias = Callable[[Job], Awaitable[Job]]  # the job with its results as its client asked for them

_MOST, _PER_HOST = 16, 4  # deliveries of this process that run at once: of all, of one receiver
_CLAIM = timedelta(minutes=2)  # for which nobody else tries; longer than a try takes
_INTERVAL = 1.0  # seconds between two looks, when nothing happens here
_UNSIGNED = "There is no webhook secret, and nothing is sent unsigned: POST /v1/webhook-secret with the job's key makes one."
_FORGOTTEN = "The job was deleted; there is nothing left to tell."
_log = logging.getLogger(__name__)


async def _as_it_is(job: Job) -> Job:
    return job


@dataclass(slots=True)
class Deliveries:
    """The way of webhooks to their receivers. One per process; `seconds` is a clock that never goes back."""

    database: Database
    vault: Vault
    fetcher: Fetcher
    render: Render
    now: Now
    seconds: Callable[[], float]
    rng: random.Random
    ready: Ready = _as_it_is
    telemetry: Telemetry = field(default_factory=Telemetry)
    _running: dict[asyncio.Task[None], str] = field(default_factory=dict)  # to whom each delivery goes
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False

    async def run(self) -> None:
        """Looks for ever; a database that is away for a while only delays it."""
        while not self._stopping:
            self._news.clear()  # first: what happens during the look is news again
            try:
                await self.look()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("webhooks could not be looked at: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(_INTERVAL):
                    await self._news.wait()

    def wake(self) -> None:
        """Something was put into the outbox."""
        self._news.set()

    async def look(self) -> None:
        """Starts as many deliveries as are due and have room."""
        while not self._stopping and (batch := await self._claimed()):
            for webhook in batch:
                task = asyncio.create_task(self._turn(webhook), name=f"webhook {webhook.id}")
                self._running[task] = webhook.origin
                task.add_done_callback(self._ended)

    async def settled(self) -> None:
        """Returns when none of the deliveries that were started is under way any more."""
        if self._running:
            await asyncio.wait(self._running)

    async def drain(self, patience: float) -> None:
        """Starts nothing more and waits for what runs, at most `patience` seconds; what is cut off is tried again elsewhere."""
        self._stopping = True
        self._news.set()
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=patience)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._news.set()

    async def _claimed(self) -> list[Webhook]:
        """The next ones, never more than any one receiver has room for: one that is slow must not hold up the others."""
        busy = Counter(self._running.values())
        full = [origin for origin, count in busy.items() if count >= _PER_HOST]
        room = min(_MOST - len(self._running), _PER_HOST - max((n for n in busy.values() if n < _PER_HOST), default=0))
        if room <= 0:
            return []
        now = self.now()
        if not await self.database.ask(lambda connection: webhook_store.any_due(connection, now, full)):
            return []
        return await self.database.commit(
            lambda connection: webhook_store.claim(connection, now=now, until=now + _CLAIM, limit=room, full=full)
        )

    async def _turn(self, webhook: Webhook) -> None:
        with self.telemetry.work("webhook", webhook.job_id):
            try:
                await self._try(webhook)
            except (SQLAlchemyError, OSError) as error:
                _log.warning("webhook %s: the database is away: %s", webhook.id, error)  # the claim runs out, and it is tried again

    async def _try(self, webhook: Webhook) -> None:
        at, started = self.now(), self.seconds()
        told = await self._told(webhook)
        took = self.seconds() - started
        tried = WebhookTry(at=at, milliseconds=round(took * 1000), status=told.status, detail=told.detail)
        state = await self._note(webhook, tried, told)
        self.telemetry.metrics.note(WEBHOOK_SECONDS, took)
        self.telemetry.metrics.count(WEBHOOK_TRIES, "again" if state is WebhookState.PENDING else state.value)

    async def _told(self, webhook: Webhook) -> Told:
        try:
            return await self._deliver(webhook)
        except WrongSecret as error:
            return Told(detail=error.message)
        except (SQLAlchemyError, OSError):
            raise
        except Exception:  # noqa: BLE001  # the engine's loop: one event that cannot be written must not stop the others
            _log.exception("webhook %s: delivery failed unexpectedly", webhook.id)
            return Told(detail="The event could not be written; the log says why.")

    async def _deliver(self, webhook: Webhook) -> Told:
        job, held = await self._known(webhook)
        if job is None:
            return Told(WebhookState.FAILED, detail=_FORGOTTEN)
        if held is None:
            return Told(WebhookState.NO_SECRET, detail=_UNSIGNED)
        body = self._body(webhook, await self.ready(job))
        now = self.now()
        in_force = held.in_force(now)
        headers = {
            "content-type": "application/json",
            "user-agent": "filmgate-webhooks",
            **signed_headers(webhook.id, body, in_force, now),
        }
        return await post(self.fetcher, self.now, webhook.url, body, headers, in_force)

    async def _known(self, webhook: Webhook) -> tuple[Job | None, WebhookSecrets | None]:
        async with self.database.read() as connection:
            job = await job_store.get(connection, webhook.job_id)
            return job, await key_store.webhook_secrets(connection, self.vault, webhook.key_id)

    def _body(self, webhook: Webhook, job: Job) -> bytes:
        data = self.render(job, job.base_url or "")
        return orjson.dumps({"type": webhook.type, "created_at": int(webhook.created_at.timestamp()), "data": data})

    async def _note(self, webhook: Webhook, tried: WebhookTry, told: Told) -> WebhookState:
        now, state, due = self.now(), told.state, None
        if state is WebhookState.PENDING:
            due = next_due(webhook.tries + 1, now, self.rng.random(), told.pause)
            state = WebhookState.PENDING if due else WebhookState.FAILED
        await self.database.commit(lambda connection: webhook_store.note_try(connection, webhook, tried, state, due, now))
        if state in (WebhookState.FAILED, WebhookState.NO_SECRET):
            _log.warning("webhook %s of job %s is given up: %s", webhook.id, webhook.job_id, state.value)
        return state
