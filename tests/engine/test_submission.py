"""What becomes of a create: accepted, refused, unknown; and that money is never risked twice."""

import asyncio
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest

from app.domain.channels import Channel, Credential
from app.domain.errors import (
    Fault,
    InvalidRequest,
    NoChannel,
    NotAllowed,
    NotFound,
    UpstreamMaybeSent,
    UpstreamNeverSent,
    UpstreamRefused,
)
from app.domain.jobs import Failure, JobStatus, Stage, fail
from app.engine.gateway import Gateway
from app.engine.records import AlreadyMade
from app.store import attempts as attempt_store
from app.store import jobs as job_store
from tests.domain.builders import image, picture, video
from tests.gateways import CHANNEL, KEY, Answer, Script, another, answer, ended, gateway_on, stored, wish

pytestmark = pytest.mark.anyio

ACCEPTED = {"id": "up-1", "status": "queued"}
DONE = {"id": "up-1", "status": "completed", "url": "https://media.example.com/a.mp4"}
REFUSED = {
    "error": {"message": "the prompt is not allowed", "type": "invalid_request_error", "code": "invalid_value", "param": "prompt"}
}


def by_method(post: Answer, get: Answer | None = None) -> Script:
    return lambda request: post if request.method == "POST" else get or answer(DONE)


def by_host(**answers: Answer) -> Script:
    return lambda request: answers[request.url.host.split(".")[0]] if request.method == "POST" else answer(DONE)


async def attempts_of(gateway: Gateway, job_id: str) -> list[tuple[str, str]]:
    async with gateway.database.read() as connection:
        return [(attempt.channel_name, attempt.outcome) for attempt in await attempt_store.of_job(connection, job_id)]


async def test_an_accepted_job_is_polled_to_its_end(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, by_method(answer(ACCEPTED))) as (gateway, vendor):
        job = await gateway.create(wish(video()))
        assert (job.status, job.stage, job.upstream_id) == (JobStatus.QUEUED, Stage.ACCEPTED, "up-1")
        done = await ended(gateway, job.id)
    assert done.status is JobStatus.COMPLETED
    assert done.outputs[0].url == "https://media.example.com/a.mp4"
    assert vendor.creates() == 1
    assert vendor.requests[0].headers["authorization"] == "Bearer canary-secret"


async def test_intent_row_exists_before_upstream_call(tmp_path: Path) -> None:
    seen: list[tuple[Stage, str]] = []
    gateways: list[Gateway] = []

    async def look(request: httpx.Request) -> Answer:
        if request.method == "POST":
            rows = await stored(gateways[0])
            seen.extend((row.stage, row.channel_id) for row in rows)
        return answer(ACCEPTED) if request.method == "POST" else answer(DONE)

    async with gateway_on(tmp_path, look) as (gateway, _):
        gateways.append(gateway)
        await gateway.create(wish(video()))
    assert seen == [(Stage.SENDING, "channel_1")]


@pytest.mark.parametrize("trouble", [httpx.ReadError("reset"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("half")])
async def test_ambiguous_create_timeout_is_never_resubmitted(tmp_path: Path, trouble: Exception) -> None:
    channels = (CHANNEL, another("backup", priority=-1))
    async with gateway_on(tmp_path, by_host(vendor=trouble, backup=answer(ACCEPTED)), channels=channels) as (gateway, vendor):
        with pytest.raises(UpstreamMaybeSent) as caught:
            await gateway.create(wish(video()))
        (job,) = await stored(gateway)
        assert await attempts_of(gateway, job.id) == [("vendor", "unknown")]
    assert caught.value.job_id == job.id
    assert (job.status, job.failure and job.failure.code) == (JobStatus.FAILED, "upstream_outcome_unknown")
    assert vendor.creates() == 1


@pytest.mark.parametrize(
    "body",
    [b"<html>gateway</html>", b"{}", b'{"id": null}', b"[]", b'"ok"', b""],
    ids=["html", "empty", "null id", "list", "text", "nothing"],
)
async def test_a_success_that_cannot_be_read_has_an_unknown_outcome(tmp_path: Path, body: bytes) -> None:
    channels = (CHANNEL, another("backup", priority=-1))
    async with gateway_on(tmp_path, by_method(httpx.Response(200, content=body)), channels=channels) as (gateway, vendor):
        with pytest.raises(UpstreamMaybeSent):
            await gateway.create(wish(video()))
    assert vendor.creates() == 1


async def test_an_unexplained_server_error_is_never_resubmitted(tmp_path: Path) -> None:
    channels = (CHANNEL, another("backup", priority=-1))
    script = by_host(vendor=httpx.Response(502, content=b"<html>bad gateway</html>"), backup=answer(ACCEPTED))
    async with gateway_on(tmp_path, script, channels=channels) as (gateway, vendor):
        with pytest.raises(UpstreamMaybeSent):
            await gateway.create(wish(video()))
    assert vendor.creates() == 1


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        answer({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429),
        answer({"error": {"message": "full", "code": "server_overloaded"}}, 503),
        answer({"error": {"message": "who are you", "code": "invalid_api_key"}}, 401),
        answer({"error": {"message": "no money", "code": "insufficient_quota"}}, 403),
        answer({"error": {"message": "no such model", "code": "model_not_found"}}, 404),
    ],
)
async def test_what_was_certainly_not_accepted_fails_over_once(tmp_path: Path, trouble: Answer) -> None:
    channels = (CHANNEL, another("backup", priority=-1))
    async with gateway_on(tmp_path, by_host(vendor=trouble, backup=answer(ACCEPTED)), channels=channels) as (gateway, vendor):
        job = await gateway.create(wish(video()))
        tries = await attempts_of(gateway, job.id)
        assert (await ended(gateway, job.id)).channel_id == "channel_backup"
    assert [channel for channel, _ in tries] == ["vendor", "backup"]
    assert tries[1] == ("backup", "accepted")
    assert (vendor.creates("vendor"), vendor.creates("backup")) == (1, 1)


async def test_a_refusal_of_the_request_itself_is_not_tried_elsewhere(tmp_path: Path) -> None:
    channels = (CHANNEL, another("backup", priority=-1))
    async with gateway_on(tmp_path, by_host(vendor=answer(REFUSED, 400), backup=answer(ACCEPTED)), channels=channels) as (
        gateway,
        vendor,
    ):
        with pytest.raises(UpstreamRefused) as caught:
            await gateway.create(wish(video(named={"prompt": "content"})))
        (job,) = await stored(gateway)
    assert (caught.value.fault, caught.value.param) == (Fault.REQUEST, "content")
    assert job.status is JobStatus.FAILED
    assert vendor.creates("backup") == 0


async def test_the_last_error_is_told_when_every_channel_refused(tmp_path: Path) -> None:
    channels = (CHANNEL, another("backup", priority=-1))
    script = by_host(vendor=httpx.ConnectError("refused"), backup=answer({"error": {"message": "slow down"}}, 429))
    async with gateway_on(tmp_path, script, channels=channels) as (gateway, _):
        with pytest.raises(UpstreamRefused) as caught:
            await gateway.create(wish(video()))
        (job,) = await stored(gateway)
        assert await attempts_of(gateway, job.id) == [("vendor", "not sent"), ("backup", "refused")]
    assert caught.value.fault is Fault.RATE
    assert job.status is JobStatus.FAILED


async def test_nobody_reachable_is_told_as_such(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, by_method(httpx.ConnectError("refused"))) as (gateway, _):
        with pytest.raises(UpstreamNeverSent):
            await gateway.create(wish(video()))


async def test_an_adapter_that_stumbles_leaves_no_job_behind_open(tmp_path: Path) -> None:
    class Odd(httpx.Response):
        @property
        def status_code(self) -> int:
            raise RuntimeError("a bug")

        @status_code.setter
        def status_code(self, value: int) -> None: ...

    async with gateway_on(tmp_path, by_method(Odd(200))) as (gateway, vendor):
        with pytest.raises(RuntimeError):
            await gateway.create(wish(video()))
        (job,) = await stored(gateway)
        assert (await ended(gateway, job.id)).failure is not None
    assert vendor.creates() == 1


@pytest.mark.parametrize(
    ("channels", "model", "error"),
    [
        ((CHANNEL,), "m", None),
        ((), "m", NotFound),
        ((another("off", enabled=False),), "m", NoChannel),
        ((another("vip", groups=frozenset({"vip"})),), "m", NotFound),
        ((another("named", models={"other": "x"}),), "m", NotFound),
    ],
)
async def test_who_may_serve_is_decided_before_anything_is_stored(
    tmp_path: Path, channels: tuple[Channel, ...], model: str, error: type[Exception] | None
) -> None:
    async with gateway_on(tmp_path, by_method(answer(ACCEPTED)), channels=channels) as (gateway, vendor):
        if error is None:
            await gateway.create(wish(video(model=model)))
            assert vendor.creates() == 1
            return
        with pytest.raises(error):
            await gateway.create(wish(video(model=model)))
        assert await stored(gateway) == []
    assert vendor.requests == []


async def test_a_key_uses_only_its_models(tmp_path: Path) -> None:
    limited = replace(KEY, models=frozenset({"other"}))
    async with gateway_on(tmp_path, by_method(answer(ACCEPTED)), keys=(limited,)) as (gateway, _):
        with pytest.raises(NotAllowed):
            await gateway.create(wish(video(), key=limited))


async def test_strict_turns_every_warning_into_a_refusal(tmp_path: Path) -> None:
    sandbox = another("sandbox", adapter="sandbox", models="*")
    async with gateway_on(tmp_path, by_method(answer(ACCEPTED)), channels=(sandbox,)) as (gateway, _):
        asked = video(model="sandbox-video", duration=99, named={"duration": "seconds"})
        with pytest.raises(InvalidRequest) as caught:
            await gateway.create(wish(asked, strict=True))
    assert caught.value.param == "seconds"


async def test_media_that_cannot_be_fetched_cost_nothing(tmp_path: Path) -> None:
    channel = another("named", adapter="openai", settings={"video_body": "multipart", "input_reference": "file"})
    async with gateway_on(tmp_path, by_method(answer(ACCEPTED)), channels=(channel,)) as (gateway, vendor):
        private = picture(src="http://169.254.169.254/latest/meta-data", param="input_reference")
        with pytest.raises(InvalidRequest) as caught:
            await gateway.create(wish(video(media=(private,))))
        assert await stored(gateway) == []
    assert caught.value.param == "input_reference"
    assert vendor.requests == []


async def test_a_client_that_leaves_does_not_lose_the_job(tmp_path: Path) -> None:
    arrived, go = anyio.Event(), anyio.Event()

    async def slow(request: httpx.Request) -> Answer:
        if request.method == "POST":
            arrived.set()
            await go.wait()
            return answer(ACCEPTED)
        return answer(DONE)

    async with gateway_on(tmp_path, slow) as (gateway, vendor):
        async with anyio.create_task_group() as group:
            group.start_soon(gateway.create, wish(video()))
            await arrived.wait()
            group.cancel_scope.cancel()
        go.set()
        (job,) = await stored(gateway)
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED
    assert vendor.creates() == 1


async def test_a_second_job_of_the_same_name_is_never_stored(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, by_method(answer(ACCEPTED))) as (gateway, vendor):
        asked = wish(video(client_task_id="order-9"))
        results = await asyncio.gather(*(gateway.create(asked) for _ in range(20)), return_exceptions=True)
        assert len(await stored(gateway)) == 1
    assert sum(isinstance(result, AlreadyMade) for result in results) == 19
    assert vendor.creates() == 1


async def test_several_pictures_are_one_job_of_several_calls(tmp_path: Path) -> None:
    numbers = iter(range(10))

    def make(request: httpx.Request) -> Answer:
        number = next(numbers)
        if number == 1:
            return answer({"error": {"message": "withheld", "code": "moderation_blocked"}}, 400)
        return answer({"created": 1, "data": [{"url": f"https://media.example.com/{number}.png"}]})

    named = another("ark", adapter="ark", models={"m": "doubao-seedream-4-5-251128"})
    async with gateway_on(tmp_path, make, channels=(named,)) as (gateway, vendor):
        job = await gateway.create_and_wait(wish(image(n=3)))
        async with gateway.database.read() as connection:
            parts = await job_store.children(connection, job.id)
            page = await job_store.page(connection, key_id=KEY.id, limit=10)
    assert job.status is JobStatus.COMPLETED
    assert len(job.outputs) == 2
    assert len(job.partial_failures) == 1
    assert sorted(part.status for part in parts) == ["completed", "completed", "failed"]
    assert [one.id for one in page] == [job.id]
    assert vendor.creates() == 3


async def test_a_split_job_whose_calls_were_all_refused_is_an_error(tmp_path: Path) -> None:
    named = another("ark", adapter="ark", models={"m": "doubao-seedream-4-5-251128"})
    script = by_method(answer({"error": {"code": "InputTextSensitiveContentDetected", "message": "no", "type": "BadRequest"}}, 400))
    async with gateway_on(tmp_path, script, channels=(named,)) as (gateway, vendor):
        with pytest.raises(UpstreamRefused) as caught:
            await gateway.create_and_wait(wish(image(n=2)))
        parent = await gateway.job(caught.value.job_id or "", KEY.id)
    assert caught.value.code == "content_policy_violation"
    assert (parent.status, parent.failure and parent.failure.code) == (JobStatus.FAILED, "content_policy_violation")
    assert vendor.creates() == 2


async def test_a_job_that_somebody_ended_between_two_channels_goes_nowhere_else(tmp_path: Path) -> None:
    gateways: list[Gateway] = []

    async def refuse_and_cancel(request: httpx.Request) -> Answer:
        (job,) = await stored(gateways[0])
        await gateways[0].recorder.take(fail(job, Failure("cancelled", "x"), job.created_at))
        return httpx.ConnectError("refused")

    channels = (CHANNEL, another("backup", priority=-1))
    async with gateway_on(tmp_path, refuse_and_cancel, channels=channels) as (gateway, vendor):
        gateways.append(gateway)
        job = await gateway.create(wish(video()))
    assert (job.status, job.failure and job.failure.code) == (JobStatus.FAILED, "cancelled")
    assert vendor.creates("backup") == 0


async def test_a_credential_that_is_turned_away_rests_and_the_next_one_of_its_channel_serves(tmp_path: Path) -> None:
    def script(request: httpx.Request) -> Answer:
        if request.headers["authorization"] == "Bearer revoked":
            return answer({"error": {"message": "who are you", "code": "invalid_api_key"}}, 401)
        return answer(ACCEPTED) if request.method == "POST" else answer(DONE)

    credentials = (Credential("credential_1", {"api_key": "revoked"}), Credential("credential_2", {"api_key": "good"}))
    async with gateway_on(tmp_path, script, channels=(replace(CHANNEL, credentials=credentials),)) as (gateway, vendor):
        first = await gateway.create(wish(video()))
        assert await attempts_of(gateway, first.id) == [("vendor", "refused"), ("vendor", "accepted")]
        for _ in range(4):
            await gateway.create(wish(video()))
    shown = [request.headers["authorization"] for request in vendor.requests if request.method == "POST"]
    assert shown == ["Bearer revoked"] + 5 * ["Bearer good"]


async def test_poll_401_parks_credential_not_job(tmp_path: Path) -> None:
    polled = [answer({"error": {"message": "who are you", "code": "invalid_api_key"}}, 401)]

    def script(request: httpx.Request) -> Answer:
        if request.method == "POST":
            return answer(ACCEPTED)
        return polled.pop() if polled else answer(DONE)

    async with gateway_on(tmp_path, script, channels=(CHANNEL, another("backup", priority=-1))) as (gateway, _):
        job = await gateway.create(wish(video()))
        gateway.poller.hurry(job.id)
        while polled or gateway.health.rests(CHANNEL) is None:
            await gateway.watching.changed(job.id, 0.01)
        assert (await gateway.create(wish(video()))).channel_id == "channel_backup"
        assert (await ended(gateway, job.id)).status is JobStatus.COMPLETED


async def test_client_balance_error_never_penalises_channel(tmp_path: Path) -> None:
    priced = replace(CHANNEL, prices={"m": {"unit": "job", "usd": "1"}})
    poor = replace(KEY, budget=999_999)
    async with gateway_on(tmp_path, by_method(answer(ACCEPTED)), channels=(priced,), keys=(poor,)) as (gateway, vendor):
        for _ in range(5):
            with pytest.raises(NotAllowed):
                await gateway.create(wish(video(), key=poor))
        assert gateway.health.rests(priced) is None
        assert vendor.creates() == 0
