"""Takes orders: makes the job, or the several jobs of an n > 1 order whose vendor makes one result a call."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.errors import GatewayError
from app.domain.ids import RANDOM_BYTES, new_id
from app.domain.jobs import Job, Stage
from app.domain.requests import Request
from app.engine.plan import Planned
from app.engine.submission import Desk, Order, Submission


@dataclass(frozen=True, slots=True)
class Submitter:
    """Takes orders. One instance per process."""

    desk: Desk

    async def submit(self, order: Order) -> Job:
        """The job once a vendor accepted it, or with its outcome where the vendor answers at once.

        Raises InvalidRequest before anything is stored, or the UpstreamError of the last channel: UpstreamRefused when
        certainly nobody accepted, UpstreamMaybeSent when that is open (the job then stands as failed, or is being looked up).
        """
        first = order.plan.choices[0]
        if order.asked.n > first.served.card.capabilities.most_n:
            return await self._submit_parts(order, first)
        return await Submission(self.desk, order, self._new_job(order, first.request), _able(order, order.asked.n)).run()

    async def _submit_parts(self, order: Order, first: Planned) -> Job:
        """One job as several calls: n pictures from a vendor that makes one at a time."""
        most = first.served.card.capabilities.most_n
        parent = replace(self._new_job(order, first.request), notices=first.notices, stage=Stage.ACCEPTED)
        sizes = [min(most, order.asked.n - done) for done in range(0, order.asked.n, most)]
        jobs = [self._part_job(order, parent, size) for size in sizes]
        # a refusal of the request itself must come before anything is stored
        await Submission(self.desk, order, jobs[0], order.plan.choices).prepared(order.plan.choices[0])
        parent = await self.desk.recorder.begin_parts(parent, jobs, order.plan.route)
        parts = [self._part(order, job, number * most) for number, job in enumerate(jobs)]
        results = await asyncio.gather(*(part.run() for part in parts), return_exceptions=True)
        return await self._parent_after(parent, results)

    def _part_job(self, order: Order, parent: Job, size: int) -> Job:
        request = replace(order.plan.choices[0].request, n=size)
        asked = replace(order.asked, n=size, client_task_id=None)
        return replace(self._new_job(order, request), asked=asked, parent_id=parent.id)

    def _part(self, order: Order, job: Job, first_index: int) -> Submission:
        size = job.request.n
        choices = tuple(replace(choice, request=replace(choice.request, n=size)) for choice in _able(order, size))
        return Submission(self.desk, order, job, choices, first_index=first_index, stored=True)

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
            asked=order.asked,
            request=request,
            remixed_from=order.remixed_from,
            created_at=now,
            updated_at=now,
            deadline_at=now + order.lifetime,
        )


def _able(order: Order, size: int) -> tuple[Planned, ...]:
    """The channels that make this many results in one call; the first one always does."""
    first, *others = order.plan.choices
    return (first, *(choice for choice in others if choice.served.card.capabilities.most_n >= size))
