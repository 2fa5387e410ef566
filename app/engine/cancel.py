"""Cancels a job where its vendor can."""

from dataclasses import dataclass, replace

from app.adapters.registry import adapters
from app.domain.errors import InvalidRequest, UpstreamError
from app.domain.jobs import Failure, Job, Stage, fail
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.credentials import Credentials
from app.engine.orders import Orders
from app.engine.poll import Poller
from app.engine.records import Recorder
from app.engine.vendors import Vendors

CANCELLED = Failure("cancelled", "The job was cancelled by its owner.")


@dataclass(frozen=True, slots=True)
class Canceller:
    """Asks the vendor first; the job only ends here when the vendor has let go of it."""

    recorder: Recorder
    vendors: Vendors
    configuration: Configuration
    credentials: Credentials
    poller: Poller
    orders: Orders
    now: Now

    async def cancel(self, job: Job) -> Job:
        """The cancelled job; InvalidRequest `cannot_cancel` when its vendor refuses or has no such thing."""
        refusal = InvalidRequest("This job can no longer be cancelled at its vendor.", code="cannot_cancel", param="id")
        if job.stage is Stage.HELD:
            return await self._held(job)
        channel = self.configuration.channel(job.channel_id)
        if channel is None or job.stage is not Stage.ACCEPTED:
            raise refusal
        adapter = adapters()[job.adapter]
        call = adapter.build_cancel(job)
        if call is None:
            raise refusal
        credential = self.credentials.of(channel, job.credential_id)
        try:
            with self.recorder.telemetry.upstream(channel, job, "cancel"):
                reply = await self.vendors.ask(channel, credential, call)
                if not reply.ok:
                    raise adapter.parse_error(job, reply)
        except UpstreamError as error:
            raise refusal from error
        recorded = await self.recorder.take(fail(job, CANCELLED, self.now()))
        if recorded is None:
            raise InvalidRequest("This job has already ended.", code="already_finished", param="id")
        self.poller.forget(job.id)
        return recorded

    async def _held(self, job: Job) -> Job:
        """A job that waits for room; nobody has to be asked, unless it is being sent at this moment."""
        recorded = await self.recorder.take(fail(replace(job, inputs=()), CANCELLED, self.now()), stage=Stage.HELD)
        if recorded is None:
            raise InvalidRequest("This job is just being sent; try again.", code="cannot_cancel", param="id")
        await self.orders.forget(job.inputs)
        return recorded
