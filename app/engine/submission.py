"""One job's way to a vendor: persist, send, record, fail over; never send twice what may have been accepted."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.adapters.base import Call, Reply
from app.adapters.registry import adapters
from app.domain.attempts import Attempt
from app.domain.channels import Channel, Credential, Key
from app.domain.errors import (
    GatewayError,
    InvalidRequest,
    NoChannel,
    NotAllowed,
    UpstreamError,
    UpstreamMaybeSent,
    UpstreamRefused,
)
from app.domain.jobs import Failure, Job, Stage, advance, fail
from app.domain.media import Media
from app.domain.money import quote
from app.domain.privacy import told_of, without_content_of_call, without_content_of_reply
from app.domain.replacing import quick, replace
from app.domain.replays import ReplayName
from app.domain.requests import Notice, Request
from app.domain.retry import AfterCreate, after_create
from app.engine.admission import Entry, NoRoom
from app.engine.calls import overridden, shown
from app.engine.clock import Now
from app.engine.credentials import Credentials
from app.engine.exchange import Heard, Listener, exchange
from app.engine.health import Health
from app.engine.media import MediaDesk, prepare
from app.engine.metric_table import SUBMIT_SECONDS
from app.engine.orders import Orders
from app.engine.origins import Origins
from app.engine.plan import Plan, Planned
from app.engine.poll import Poller
from app.engine.records import AlreadyMade, Recorder
from app.engine.telemetry import Telemetry
from app.engine.vendors import Vendors


@quick
@dataclass(frozen=True, slots=True)
class Order:
    """What a client wants made, ready to be sent: the request as asked, its plan and the bytes that came with it.

    `listener` hears each picture as it is finished, where somebody waits for them one by one; `stored` hears of the job as soon
    as it is committed. `patient` clients only want to know that the job exists: it may wait for room. `notices` and `strict` are
    what a later plan of a waiting job starts from.
    """

    key: Key
    asked: Request
    plan: Plan
    uploads: Mapping[str, bytes]
    lifetime: timedelta
    notices: tuple[Notice, ...] = ()
    strict: bool = False
    patient: bool = False
    private: bool = False
    fingerprint: str | None = None
    base_url: str | None = None
    names: tuple[ReplayName, ...] = ()
    remixed_from: str | None = None
    listener: Listener | None = None
    stored: Callable[[Job], None] | None = None
    prepared: dict[str, tuple[Media, ...]] = field(default_factory=dict)  # by channel: parts of one job share their media

    def tell_stored(self, job: Job) -> None:
        """The job is committed: its client may hear of it."""
        if self.stored is not None:
            self.stored(job)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a submission works with. One per process."""

    recorder: Recorder
    vendors: Vendors
    media: MediaDesk
    origins: Origins
    credentials: Credentials
    health: Health
    orders: Orders
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
        self._tried = 0

    async def run(self) -> Job:
        """The accepted (or already finished) job. Whatever goes wrong, a stored job is ended, or left to the poller to end.

        Raises NoRoom when no channel may take it now; then it stands as it stood before, and nothing was sent.
        """
        try:
            with self._telemetry.work("submit", self._job.id):
                return await self._try_channels()
        except (AlreadyMade, NoRoom):
            raise
        except UpstreamError as error:
            return await self._end(error)
        except GatewayError as error:
            if self._stored:
                stage = Stage.HELD if self._job.stage is Stage.HELD else None
                await self._desk.recorder.take(fail(self._job, Failure(error.code, error.message), self._desk.now()), stage=stage)
                error.job_id = self._job.parent_id or self._job.id
            raise
        except Exception:
            if self._attempt is not None:
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
            terms=choice.terms,
            inputs=(),
            callback=self._desk.media.links.callback(self._job.id) if adapter.takes_callback else None,
        )
        job = replace(job, deadline_at=max(job.deadline_at, self._desk.now() + adapter.patience(job)))
        try:
            return job, overridden(adapter.build_request(job), channel)
        except InvalidRequest:
            self._desk.health.untried(channel, credential.id)
            raise

    @property
    def _telemetry(self) -> Telemetry:
        return self._desk.recorder.telemetry

    async def _media(self, choice: Planned) -> tuple[Media, ...]:
        """The media in forms that this channel's model takes."""
        if not choice.request.media:
            return ()
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
        full: NoRoom | None = None
        refused: GatewayError | None = None
        for choice in self._turns():
            try:
                with self._telemetry.timed(SUBMIT_SECONDS, self._job.op, "prepare"):
                    job, call = await self.prepared(choice)
                return await self._ask(choice, job, call, error)
            except InvalidRequest as problem:
                refused = refused or problem  # this vendor cannot take the media; another may
            except NotAllowed as problem:
                refused = problem  # too dear for what is left of the budget; another may be cheaper
            except NoRoom as problem:
                full = full or problem
            except UpstreamError as refusal:
                if after_create(refusal) is not AfterCreate.NEXT_CHANNEL:
                    raise
                error = refusal
        raise error or full or refused or NoChannel("No channel for this model is available now.", param="model", retry_after=10)

    def _turns(self) -> Iterator[Planned]:
        """The channels to ask, in order; one again whose next credential may do what the one before was turned away for."""
        for choice in self._choices:
            for _ in range(max(len(choice.channel.credentials), 1)):
                if self._too_dear(choice) or self._tired(choice.channel):
                    break
                asked = self._tried
                yield choice
                if self._tried == asked or not self._has_another(choice.channel):
                    break

    def _has_another(self, channel: Channel) -> bool:
        """Whether only the credential that was shown last rests now."""
        health = self._desk.health
        return self._job.credential_id in health.states(channel) and health.rests(channel) is None

    def _tired(self, channel: Channel) -> bool:
        """Whether the channel turned out, since the plan was made, to take nothing now."""
        rest = self._desk.health.rests(channel)
        return rest is not None and not rest.last_resort

    def _too_dear(self, choice: Planned) -> bool:
        """Whether a channel costs more than the budget allowed to hold for this job."""
        if not self._stored or self._order.key.budget is None:
            return False
        return quote(choice.request, choice.terms).micros > self._job.reserved

    async def _ask(self, choice: Planned, job: Job, call: Call, error: UpstreamError | None) -> Job:
        """Commits, sends, records the acceptance. Raises the UpstreamError of a create that was not (surely) accepted."""
        desk, channel = self._desk, choice.channel
        credential = desk.credentials.of(channel, job.credential_id)
        attempt = _begun(job, channel, call, self._tried + 1, desk.now())
        try:
            with self._telemetry.timed(SUBMIT_SECONDS, job.op, "commit"):
                begun = await self._begin(channel, job, attempt, error)
        except BaseException as problem:
            desk.health.untried(channel, credential.id)
            if self._attempt is None and isinstance(problem, SQLAlchemyError | OSError):
                held = self._job if self._job.stage is Stage.HELD else None
                desk.poller.unsure(job, held)  # the commit may be done, and only its answer lost
            raise
        if begun is None:
            desk.health.untried(channel, credential.id)
            return await desk.recorder.job(job.id) or job
        self._attempt, self._job, self._stored, self._tried = attempt, begun, True, self._tried + 1
        heard = Heard(self._order.listener, self._first_index)
        try:
            with self._telemetry.timed(SUBMIT_SECONDS, job.op, "send"), self._telemetry.upstream(channel, begun, "submit"):
                reply, snapshot = await exchange(desk.vendors, channel, credential, begun, call, heard)
        except UpstreamError as problem:
            await desk.health.heard(channel, credential.id, told_of(begun, problem))
            raise
        accepted = advance(begun, snapshot, desk.now())
        self._job = accepted
        with self._telemetry.timed(SUBMIT_SECONDS, job.op, "record"):
            recorded = await desk.recorder.record_surely(accepted, _ended(attempt, begun, desk.now(), reply=reply))
        await desk.health.heard(channel, credential.id, None)
        if recorded is None:
            raise UpstreamMaybeSent("Another process took this job over while its vendor answered.", job_id=job.id)
        if not recorded.status.final:
            desk.poller.add(recorded)
        return recorded

    async def _begin(self, channel: Channel, job: Job, attempt: Attempt, error: UpstreamError | None) -> Job | None:
        """Commits what is about to be sent, with room and money for it; None when somebody else has the job or ended it."""
        recorder, order = self._desk.recorder, self._order
        if not self._stored:
            begun = await recorder.begin(job, attempt, order.plan.route, self._entry(channel))
            order.tell_stored(begun)
            return begun
        if self._job.stage is Stage.HELD:
            key = order.key if job.parent_id is None else replace(order.key, max_concurrency=None)
            return job if await recorder.release(job, attempt, key, channel) else None
        ended = _ended(self._attempt, self._job, self._desk.now(), error=error) if self._attempt else None
        return job if await recorder.next_attempt(job, ended, attempt, channel) else None

    def _entry(self, channel: Channel) -> Entry:
        """What the job needs, this channel's price first."""
        chosen = next(index for index, choice in enumerate(self._choices) if choice.channel.id == channel.id)
        prices = [quote(choice.request, choice.terms).micros for choice in self._choices[chosen:]]
        return Entry(self._order.key, channel, prices, self._order.names)

    async def _end(self, error: UpstreamError) -> Job:
        """No channel accepted, or the outcome is open; the job says so and the client is told."""
        desk, job = self._desk, self._job
        if self._attempt is None or job.status.final:
            raise error
        ended = _ended(self._attempt, job, desk.now(), error=error)
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
    picture = shown(call, channel.base_url)
    return Attempt(
        job_id=job.id,
        number=number,
        channel_id=channel.id,
        channel_name=channel.name,
        credential_id=job.credential_id,
        started_at=now,
        call=without_content_of_call(picture) if job.private else picture,
    )


def _ended(attempt: Attempt, job: Job, now: datetime, *, reply: Reply | None = None, error: UpstreamError | None = None) -> Attempt:
    if error is not None:
        return _failed(attempt, told_of(job, error), now)
    ended = replace(attempt, ended_at=now, outcome="accepted")
    if reply is None:
        return ended
    excerpt = without_content_of_reply(reply.excerpt()) if job.private else reply.excerpt()
    return replace(ended, status=reply.status, reply=excerpt, request_id=reply.request_id)


def _failed(attempt: Attempt, error: UpstreamError, now: datetime) -> Attempt:
    refused = "refused" if isinstance(error, UpstreamRefused) else "not sent"
    return replace(
        attempt,
        ended_at=now,
        outcome="unknown" if after_create(error) is AfterCreate.UNKNOWN else refused,
        status=error.status,
        reply=error.body,
        request_id=error.request_id,
        detail=error.message,
    )
