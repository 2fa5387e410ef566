"""What is asked about one open job, and what its vendor's answer makes of it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from app.adapters.base import Adapter
from app.adapters.registry import adapters
from app.domain.channels import Channel
from app.domain.errors import UnknownStatus, UpstreamError
from app.domain.jobs import Failure, Job, JobStatus, Snapshot, Stage, advance, expire, fail
from app.domain.pacing import poll_interval
from app.domain.privacy import told_of
from app.domain.replacing import replace
from app.domain.retry import GONE_LIMIT, after_poll
from app.engine.clock import Now
from app.engine.configuration import Configuration
from app.engine.credentials import Credentials
from app.engine.health import Health
from app.engine.metric_table import LAG, POLL_DELAY
from app.engine.questions import ask_status
from app.engine.records import Recorder
from app.engine.tracked import Tracked, Trouble
from app.engine.vendors import Vendors

PATIENCE = 10.0  # seconds to the next question where there is no better reason
_SOON = 5.0  # seconds after which a create that its vendor does not know is looked up again
_log = logging.getLogger("app.engine.poll")  # where operators look for what became of polls


@dataclass(slots=True)
class Inquiry:
    """Asks about jobs and writes nothing, save for those of which nobody knows whether they are stored."""

    recorder: Recorder
    vendors: Vendors
    configuration: Configuration
    credentials: Credentials
    health: Health
    now: Now
    seconds: Callable[[], float]

    def interval(self, job: Job) -> float:
        """Seconds from now to the next question."""
        age = (self.now() - (job.accepted_at or job.created_at)).total_seconds()
        return poll_interval(max(age, 0.0), self.recorder.paces.of(job))

    async def asked(self, tracked: Tracked, job: Job) -> tuple[Job, float | None]:
        """The job after one more question, and the seconds to the next one; None: as usual."""
        channel = self.configuration.channel(job.channel_id)
        if channel is None:
            _log.error("job %s: its channel %s is gone from the database", job.id, job.channel_id)
            return self._in_time(job), PATIENCE
        asked, metrics = self.seconds(), self.recorder.telemetry.metrics
        metrics.note(POLL_DELAY, asked - tracked.due, channel.name)
        try:
            plain = not (job.settings or channel.settings)  # as most are
            snapshot = await self._ask(job if plain else replace(job, settings=channel.settings), channel)
        except UnknownStatus as error:
            _log.warning("job %s: %s", job.id, told_of(job, error).message)
            _recovered(tracked)
            return self._in_time(job), None
        except UpstreamError as error:
            await self.health.heard(channel, job.credential_id, told_of(job, error), polled=True)
            return self._after_trouble(tracked, job, error)
        _recovered(tracked)
        await self.health.heard(channel, job.credential_id, None, polled=True)
        if snapshot is None:
            return self._after_not_found(tracked.troubled(), job), _SOON
        if snapshot.status.final:
            metrics.note(LAG, self.seconds() - tracked.heard, channel.name)
        tracked.heard = asked
        return self._in_time(advance(job, snapshot, self.now())), None

    async def interrupted(self, job: Job, trouble: Trouble) -> bool:
        """Ends the job if it is stored and still where its commit would have left it; a slow commit may show it only later.

        Whether there is no more to find out.
        """
        trouble.lookups += 1
        stored = await self.recorder.job(job.id)
        if trouble.held is not None:
            if stored is not None and stored.stage is job.stage:
                await self.recorder.park(trouble.held)
        elif stored is not None:
            await self.recorder.take(fail(stored, INTERRUPTED, self.now()), stage=job.stage)
        return stored is not None or trouble.lookups >= GONE_LIMIT

    async def _ask(self, job: Job, channel: Channel) -> Snapshot | None:
        if job.stage is Stage.SENDING:
            return await self._look_up(job, channel, adapters()[job.adapter])
        with self.recorder.telemetry.upstream(channel, job, "poll"):
            return await ask_status(self.vendors, channel, self.credentials.of(channel, job.credential_id), job)

    async def _look_up(self, job: Job, channel: Channel, adapter: Adapter) -> Snapshot | None:
        call = adapter.build_lookup(job)
        if call is None:
            return None
        with self.recorder.telemetry.upstream(channel, job, "lookup"):
            reply = await self.vendors.ask(channel, self.credentials.of(channel, job.credential_id), call)
            if not reply.ok:
                raise adapter.parse_error(job, reply)
            return adapter.parse_lookup(job, reply)

    def _after_trouble(self, tracked: Tracked, job: Job, error: UpstreamError) -> tuple[Job, float]:
        """A poll that brought no news never ends a job, save when the vendor says three times that it has none."""
        trouble = tracked.troubled()
        after = after_poll(error, trouble.failures, trouble.gone, self.interval(job))
        if trouble.failures == 0:
            _log.warning("job %s: poll failed (%s), going on", job.id, told_of(job, error).message)
        trouble.failures, trouble.gone = trouble.failures + 1, after.gone
        if after.gone >= GONE_LIMIT:
            lost = Failure("upstream_job_lost", "The vendor no longer knows this job.", error.upstream_code)
            return fail(job, UNKNOWN if job.stage is Stage.SENDING else lost, self.now()), after.delay
        return self._in_time(job), after.delay

    def _after_not_found(self, trouble: Trouble, job: Job) -> Job:
        """A create without an answer that the vendor does not have: it was never accepted, or is not visible yet."""
        trouble.lookups += 1
        if trouble.lookups >= GONE_LIMIT or adapters()[job.adapter].build_lookup(job) is None:
            return fail(job, UNKNOWN, self.now())
        return job

    def _in_time(self, job: Job) -> Job:
        """The job, ended if its deadline has passed; it was asked about one last time."""
        now = self.now()
        return expire(job, now) if now >= job.deadline_at and not job.status.final else job


def _recovered(tracked: Tracked) -> None:
    """Its vendor has answered well."""
    if tracked.trouble is not None:
        tracked.trouble.failures = tracked.trouble.gone = 0


UNKNOWN = Failure(
    "upstream_outcome_unknown",
    "The vendor's answer to the create was lost; the job may exist there. It was not sent again.",
)
INTERRUPTED = Failure("interrupted", "The gateway stopped before anything was sent to a vendor; nothing was made.")


def after_takeover(job: Job, now: Now) -> Job:
    """What a job of a dead process is: interrupted before anything left, or still to be asked about."""
    if job.status is JobStatus.QUEUED and job.stage is Stage.WAITING:
        return fail(job, INTERRUPTED, now())
    if job.stage is Stage.SENDING and adapters()[job.adapter].build_lookup(job) is None:
        return fail(job, UNKNOWN, now())
    return job
