"""One job's way to a vendor: persist, send, record, fail over; never send twice what may have been accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.adapters.base import Call, Reply
from app.adapters.registry import adapters
from app.domain.attempts import Attempt
from app.domain.channels import Channel, Credential, Key
from app.domain.errors import GatewayError, InvalidRequest, UpstreamError, UpstreamMaybeSent, UpstreamRefused
from app.domain.jobs import Failure, Job, Stage, advance, fail
from app.domain.media import Media
from app.domain.requests import Request
from app.domain.retry import AfterCreate, after_create
from app.engine.calls import overridden, shown
from app.engine.clock import Now
from app.engine.credentials import Credentials
from app.engine.exchange import Heard, Listener, exchange
from app.engine.media import MediaDesk, prepare
from app.engine.origins import Origins
from app.engine.plan import Plan, Planned
from app.engine.poll import Poller
from app.engine.records import AlreadyMade, Recorder
from app.engine.vendors import Vendors


@dataclass(frozen=True, slots=True)
class Order:
    """What a client wants made, ready to be sent: the request as asked, its plan and the bytes that came with it.

    `listener` hears each picture as it is finished, where somebody waits for them one by one.
    """

    key: Key
    asked: Request
    plan: Plan
    uploads: Mapping[str, bytes]
    lifetime: timedelta
    remixed_from: str | None = None
    listener: Listener | None = None
    prepared: dict[str, tuple[Media, ...]] = field(default_factory=dict)  # by channel: parts of one job share their media


@dataclass(frozen=True, slots=True)
class Desk:
    """What a submission works with. One per process."""

    recorder: Recorder
    vendors: Vendors
    media: MediaDesk
    origins: Origins
    credentials: Credentials
    poller: Poller
    now: Now


class Submission:
    """One job on its way through the channels of its plan; used once."""

    def __init__(
        self, desk: Desk, order: Order, job: Job, choices: tuple[Planned, ...], *, first_index: int = 0, stored: bool = False
    ) -> None:
        self._desk = desk
        self._order = order
        self._job = job
        self._choices = choices
        self._stored = stored
        self._first_index = first_index
        self._attempt: Attempt | None = None

    async def run(self) -> Job:
        """The accepted (or already finished) job. Whatever goes wrong, a stored job is ended, or left to the poller to end."""
        try:
            return await self._try_channels()
        except AlreadyMade:
            raise
        except UpstreamError as error:
            return await self._end(error)
        except GatewayError as error:
            if self._stored:
                await self._desk.recorder.record(fail(self._job, Failure(error.code, error.message), self._desk.now()))
            raise
        except Exception:
            if self._stored:
                self._desk.poller.add(self._job, unsaved=True)
            raise

    async def prepared(self, choice: Planned) -> tuple[Job, Call]:
        """The job as it will be sent to this channel, and the call without its credential; InvalidRequest names the field."""
        channel, adapter = choice.channel, adapters()[choice.channel.adapter]
        media = self._order.prepared.get(channel.id)
        if media is None:
            media = await self._media(choice)
            self._order.prepared[channel.id] = media
        credential = self._credential(channel)
        job = replace(
            self._job,
            request=replace(choice.request, media=media),
            notices=choice.notices,
            stage=Stage.SENDING,
            adapter=adapter.name,
            channel_id=channel.id,
            credential_id=credential.id,
            upstream_model=choice.served.upstream_model,
            settings=channel.settings,
            callback=self._desk.media.links.callback(self._job.id) if adapter.takes_callback else None,
        )
        job = replace(job, deadline_at=max(job.deadline_at, self._desk.now() + adapter.patience(job)))
        return job, overridden(adapter.build_request(job), channel)

    async def _media(self, choice: Planned) -> tuple[Media, ...]:
        """The media in forms that this channel's model takes."""
        rules, uploads = choice.served.card.capabilities.inputs, dict(self._order.uploads)
        placed = [await self._desk.origins.placed(item, choice.channel, rules, uploads) for item in choice.request.media]
        return (await prepare(replace(choice.request, media=tuple(placed)), rules, uploads, self._desk.media)).media

    def _credential(self, channel: Channel) -> Credential:
        """The credential that made the source, where there is one of this channel; else the next in turn."""
        for item in self._choices[0].request.media:
            if item.origin is not None and item.origin.channel_id == channel.id:
                return self._desk.credentials.of(channel, item.origin.credential_id)
        return self._desk.credentials.next(channel)

    async def _try_channels(self) -> Job:
        """One channel after the other, as long as nobody can have accepted."""
        error: UpstreamError | None = None
        refused: InvalidRequest | None = None
        for number, choice in enumerate(self._choices, 1):
            try:
                job, call = await self.prepared(choice)
            except InvalidRequest as problem:
                refused = refused or problem
                continue  # this vendor cannot take the media; another may, and an error of one that was asked stands
            try:
                return await self._ask(choice, job, call, number, error)
            except UpstreamError as refusal:
                if after_create(refusal) is not AfterCreate.NEXT_CHANNEL:
                    raise
                error = refusal
        raise error or refused or AssertionError("a plan has at least one choice")

    async def _ask(self, choice: Planned, job: Job, call: Call, number: int, error: UpstreamError | None) -> Job:
        """Commits, sends, records the acceptance. Raises the UpstreamError of a create that was not (surely) accepted."""
        desk, channel = self._desk, choice.channel
        credential = desk.credentials.of(channel, job.credential_id)
        attempt = _begun(job, channel, call, number, desk.now())
        if not self._stored:
            job = await desk.recorder.begin(job, attempt, self._order.plan.route)
        else:
            ended = _ended(self._attempt, desk.now(), error=error) if self._attempt else None
            if not await desk.recorder.next_attempt(job, ended, attempt):
                return await desk.recorder.job(job.id) or job
        self._attempt, self._job, self._stored = attempt, job, True
        heard = Heard(self._order.listener, self._first_index)
        reply, snapshot = await exchange(desk.vendors, channel, credential, job, call, heard)
        accepted = advance(job, snapshot, desk.now())
        self._job = accepted
        recorded = await desk.recorder.record_surely(accepted, _ended(attempt, desk.now(), reply=reply))
        if recorded is None:
            raise UpstreamMaybeSent("Another process took this job over while its vendor answered.", job_id=job.id)
        if not recorded.status.final:
            desk.poller.add(recorded)
        return recorded

    async def _end(self, error: UpstreamError) -> Job:
        """No channel accepted, or the outcome is open; the job says so and the client is told."""
        desk, job = self._desk, self._job
        if self._attempt is None or job.status.final:
            raise error
        ended = _ended(self._attempt, desk.now(), error=error)
        if after_create(error) is AfterCreate.UNKNOWN and adapters()[job.adapter].build_lookup(job) is not None:
            await desk.recorder.record(job, ended)
            desk.poller.add(job)
            return job
        await desk.recorder.record(fail(job, failure_of(error), desk.now()), ended)
        error.job_id = job.parent_id or job.id
        raise error


def failure_of(error: UpstreamError) -> Failure:
    """What a job says that ended by this error."""
    code = "upstream_outcome_unknown" if after_create(error) is AfterCreate.UNKNOWN else error.code
    return Failure(code, error.message, error.upstream_code)


def _begun(job: Job, channel: Channel, call: Call, number: int, now: datetime) -> Attempt:
    return Attempt(
        job_id=job.id,
        number=number,
        channel_id=channel.id,
        channel_name=channel.name,
        credential_id=job.credential_id,
        started_at=now,
        call=shown(call, channel.base_url),
    )


def _ended(attempt: Attempt, now: datetime, *, reply: Reply | None = None, error: UpstreamError | None = None) -> Attempt:
    if error is None:
        status, excerpt = (reply.status, reply.excerpt()) if reply else (None, None)
        return replace(attempt, ended_at=now, outcome="accepted", status=status, reply=excerpt)
    return replace(
        attempt,
        ended_at=now,
        outcome="unknown"
        if after_create(error) is AfterCreate.UNKNOWN
        else "refused"
        if isinstance(error, UpstreamRefused)
        else "not sent",
        status=error.status,
        reply=error.body,
        request_id=error.request_id,
        detail=error.message,
    )
