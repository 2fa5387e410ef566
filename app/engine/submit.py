"""Takes orders: makes the job, or the several jobs of an n > 1 order whose vendor makes one result a call."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import GatewayError
from app.domain.ids import RANDOM_BYTES, new_id
from app.domain.jobs import Failure, Job, Stage, fail
from app.domain.money import quote
from app.domain.replacing import replace
from app.domain.requests import Request
from app.engine.admission import Entry, NoRoom
from app.engine.orders import KeptOrder
from app.engine.plan import Planned
from app.engine.submission import Desk, Order, Submission

_LOOK_AGAIN = 1.0  # seconds after which a part that waits for room looks by itself: another process may have made some


@dataclass(frozen=True, slots=True)
class Submitter:
    """Takes orders. One instance per process."""

    desk: Desk

    async def submit(self, order: Order) -> Job:
        """The job once a vendor accepted it, or with its outcome where the vendor answers at once; a patient order's may be held.

        Raises InvalidRequest, NotAllowed (`insufficient_quota`) or TooManyRequests before anything is stored, or the
        UpstreamError of the last channel: UpstreamRefused when certainly nobody accepted, UpstreamMaybeSent when that is open
        (the job then stands as failed, or is being looked up).
        """
        job = self._new_job(order, order.plan.choices[0].request)
        try:
            return await self._sent(order, job)
        except NoRoom as full:
            if not order.patient:
                raise full.refusal() from full
            return await self._held(order, job)

    async def resume(self, order: Order, job: Job) -> Job:
        """Sends a job that was held back; raises NoRoom when it has to wait on."""
        first = order.plan.choices[0]
        if job.parent_id is None and order.asked.n > first.served.card.capabilities.most_n:
            return await self._sent_in_parts(order, job, first)
        size = job.request.n
        return await Submission(self.desk, order, job, _able(order, size), stored=True).run()

    async def _sent(self, order: Order, job: Job) -> Job:
        first = order.plan.choices[0]
        if order.asked.n > first.served.card.capabilities.most_n:
            return await self._sent_in_parts(order, job, first)
        return await Submission(self.desk, order, job, _able(order, order.asked.n)).run()

    async def _held(self, order: Order, job: Job) -> Job:
        """Stores the job with all that any process needs to send it when there is room."""
        first, desk = order.plan.choices[0], self.desk
        inputs = await desk.orders.save(job.id, KeptOrder(order.asked, order.notices, order.strict, order.uploads))
        held = replace(
            job,
            stage=Stage.HELD,
            adapter=first.channel.adapter,
            channel_id=first.channel.id,
            upstream_model=first.served.upstream_model,
            notices=first.notices,
            terms=first.terms,
            inputs=inputs,
        )
        prices = [quote(choice.request, choice.terms).micros for choice in order.plan.choices]
        if order.asked.n > first.served.card.capabilities.most_n:
            prices = [sum(column) for column in zip(*_part_prices(order, _sizes(order)), strict=True)]
        try:
            stored = await desk.recorder.hold(held, order.plan.route, Entry(order.key, None, prices, order.names))
        except BaseException as problem:
            if isinstance(problem, SQLAlchemyError | OSError):
                desk.poller.unsure(held)  # the commit may be done, and only its answer lost
            await desk.orders.forget(inputs)
            raise
        return stored

    async def _sent_in_parts(self, order: Order, job: Job, first: Planned) -> Job:
        """One job as several calls: n pictures from a vendor that makes one at a time."""
        sizes = _sizes(order)
        parent = replace(job, notices=first.notices, terms=first.terms, stage=Stage.ACCEPTED, channel_id="", inputs=())
        parts = [self._part_job(order, parent, size) for size in sizes]
        # a refusal of the request itself must come before anything is stored
        tried, _ = await Submission(self.desk, order, parts[0], order.plan.choices).prepared(first)
        self.desk.health.untried(first.channel, tried.credential_id)
        prices = _part_prices(order, sizes)
        totals = [sum(column) for column in zip(*prices, strict=True)]

        def shared(parent: Job) -> list[Job]:
            return [replace(part, reserved=price) for part, price in zip(parts, _shares(parent, prices), strict=True)]

        if job.stage is not Stage.HELD:
            entry = Entry(order.key, None, totals, order.names)
            try:
                parent, parts = await self.desk.recorder.begin_parts(parent, shared, order.plan.route, entry)
            except (SQLAlchemyError, OSError):
                for part in parts:
                    self.desk.poller.unsure(part)  # the commit may be done, and only its answer lost
                raise
            order.tell_stored(parent)
        else:
            parts = shared(parent)
            if not await self.desk.recorder.release_parts(parent, parts, order.plan.route, order.key):
                return await self.desk.recorder.job(job.id) or job
        most = sizes[0]
        running = [self._part_result(order, part, number * most) for number, part in enumerate(parts)]
        return await self._parent_after(parent, await asyncio.gather(*running, return_exceptions=True))

    def _part_job(self, order: Order, parent: Job, size: int) -> Job:
        request = replace(order.plan.choices[0].request, n=size)
        asked = replace(order.asked, n=size, client_task_id=None)
        return replace(self._new_job(order, request), asked=asked, parent_id=parent.id, fingerprint=None, callback_url=None)

    async def _part_result(self, order: Order, job: Job, first_index: int) -> Job:
        """A part once it was accepted; where there is no room it waits, held back if nobody waits for the answer."""
        size = job.request.n
        choices = tuple(replace(choice, request=replace(choice.request, n=size)) for choice in _able(order, size))
        submission = Submission(self.desk, order, job, choices, first_index=first_index, stored=True)
        while True:
            try:
                return await submission.run()
            except NoRoom as full:
                if order.patient:
                    return await self._parked(order, job)
                if self.desk.now() >= job.deadline_at:
                    return await self._given_up(job, full)
                await self.desk.recorder.room.heard(_LOOK_AGAIN)

    async def _parked(self, order: Order, job: Job) -> Job:
        first, desk = order.plan.choices[0], self.desk
        inputs = await desk.orders.save(job.id, KeptOrder(job.asked, order.notices, order.strict, order.uploads))
        held = replace(job, stage=Stage.HELD, adapter=first.channel.adapter, channel_id=first.channel.id, inputs=inputs)
        if not await desk.recorder.park(held):
            await desk.orders.forget(inputs)
            return await desk.recorder.job(job.id) or job
        return held

    async def _given_up(self, job: Job, full: NoRoom) -> Job:
        refusal = full.refusal()
        await self.desk.recorder.record(fail(job, Failure(refusal.code, refusal.message), self.desk.now()))
        raise refusal

    async def _parent_after(self, parent: Job, results: Sequence[Job | BaseException]) -> Job:
        """The parent as its parts left it; raises the first part's error when no part was accepted."""
        errors = [result for result in results if isinstance(result, BaseException)]
        broken = next((error for error in errors if not isinstance(error, GatewayError)), None)
        if broken is not None:
            raise broken
        if len(errors) == len(results) and isinstance(errors[0], GatewayError):
            errors[0].job_id = parent.id
            raise errors[0]
        outputs = tuple(output for result in results if isinstance(result, Job) for output in result.outputs)
        stored = await self.desk.recorder.job(parent.id) or parent
        return replace(stored, outputs=outputs) if stored.status.final else stored

    def _new_job(self, order: Order, request: Request) -> Job:
        now = self.desk.now()
        return Job(
            id=new_id("task" if request.op == "video" else "image", int(now.timestamp() * 1000), os.urandom(RANDOM_BYTES)),
            key_id=order.key.id,
            model=order.asked.model,
            private=order.private,
            fingerprint=order.fingerprint,
            callback_url=order.asked.callback_url or order.key.callback_url,
            base_url=order.base_url,
            asked=order.asked,
            request=request,
            remixed_from=order.remixed_from,
            created_at=now,
            updated_at=now,
            deadline_at=now + order.lifetime,
        )


def _sizes(order: Order) -> list[int]:
    """How many results each call makes."""
    most = order.plan.choices[0].served.card.capabilities.most_n
    return [min(most, order.asked.n - done) for done in range(0, order.asked.n, most)]


def _part_prices(order: Order, sizes: Sequence[int]) -> list[tuple[int, int]]:
    """What each call can cost at most: at the first channel, and at the dearest one that may follow."""
    found: list[tuple[int, int]] = []
    for size in sizes:
        prices = [quote(replace(choice.request, n=size), choice.terms).micros for choice in _able(order, size)]
        found.append((prices[0], max(prices)))
    return found


def _shares(parent: Job, prices: Sequence[tuple[int, int]]) -> list[int]:
    """What of the money that is held for a job each of its parts may cost."""
    enough = parent.reserved >= sum(dearest for _, dearest in prices)
    return [dearest if enough else first for first, dearest in prices]


def _able(order: Order, size: int) -> tuple[Planned, ...]:
    """The channels that make this many results in one call; the first one always does."""
    first, *others = order.plan.choices
    return (first, *(choice for choice in others if choice.served.card.capabilities.most_n >= size))
