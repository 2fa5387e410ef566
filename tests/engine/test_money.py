"""Money follows each job: held when it is made, settled once when it ends, never beyond a budget."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.domain.channels import Channel
from app.domain.errors import GatewayError, NotAllowed, UpstreamError
from app.domain.jobs import JobStatus
from app.domain.json import JsonObject
from app.engine.gateway import Gateway
from app.store import ledger, tables
from tests.databases import database_url
from tests.domain.builders import image, video
from tests.gateways import CHANNEL, KEY, Answer, Script, Vendor, another, answer, ended, gateway_on, stored, wish

__all__ = ["database_url"]
pytestmark = pytest.mark.anyio

ACCEPTED = {"id": "up-1", "status": "queued"}
DONE = {"id": "up-1", "status": "completed", "url": "https://media.example.com/a.mp4", "seconds": "4"}
FAILED = {"id": "up-1", "status": "failed", "error": {"code": "server_error", "message": "broken"}}
REFUSED = {"error": {"message": "not allowed", "type": "invalid_request_error", "code": "invalid_value"}}
PER_SECOND: JsonObject = {"m": {"unit": "second", "usd": {"720p": "0.05", "*": "0.10"}}}
PER_JOB: JsonObject = {"m": {"unit": "job", "usd": "0.25"}}
PER_PICTURE: JsonObject = {"m": {"unit": "image", "usd": "0.04"}}
PRICED = replace(CHANNEL, prices=PER_JOB)


def vendor_that(create: Answer, status: Mapping[str, Any] = DONE) -> Script:
    return lambda request: create if request.method == "POST" else answer(status)


async def lines(gateway: Gateway, job_id: str) -> list[tuple[str, int]]:
    async with gateway.database.read() as connection:
        return [(line.kind, line.micros) for line in await ledger.of_job(connection, job_id)]


async def account(gateway: Gateway, key_id: str = "key_1") -> tuple[int, int]:
    """What is held and what was spent, over all days."""
    async with gateway.database.read() as connection:
        rows = (await connection.execute(select(tables.accounts).where(tables.accounts.c.key_id == key_id))).all()
    return sum(row.reserved for row in rows), sum(row.spent for row in rows)


@asynccontextmanager
async def site(
    folder: Path, script: Script, *, channels: tuple[Channel, ...] = (PRICED,), budget: int | None = None, **more: Any
) -> AsyncIterator[tuple[Gateway, Vendor]]:
    limits = {name: more.pop(name) for name in ("budget_period", "max_concurrency") if name in more}
    async with gateway_on(folder, script, channels=channels, keys=(replace(KEY, budget=budget, **limits),), **more) as found:
        yield found


def mine(gateway: Gateway, request: Any, **values: Any) -> Any:
    """A wish of the key as the gateway knows it."""
    return wish(request, key=gateway.configuration.key_by_id("key_1"), **values)


async def test_a_job_holds_its_price_and_is_settled_when_it_ends(tmp_path: Path, database_url: str) -> None:
    async with site(tmp_path, vendor_that(answer(ACCEPTED)), database_url=database_url) as (gateway, _):
        job = await gateway.create(wish(video()))
        assert (job.reserved, job.cost) == (250_000, None)
        assert await lines(gateway, job.id) == [("reserve", -250_000)]
        assert await account(gateway) == (250_000, 0)
        done = await ended(gateway, job.id)
        assert (done.reserved, done.cost) == (250_000, 250_000)
        assert await lines(gateway, job.id) == [("reserve", -250_000), ("settle", 0)]
        assert await account(gateway) == (0, 250_000)


async def test_a_job_costs_what_was_really_made(tmp_path: Path) -> None:
    channel = replace(CHANNEL, prices=PER_SECOND)
    async with site(tmp_path, vendor_that(answer(ACCEPTED)), channels=(channel,)) as (gateway, _):
        job = await gateway.create(wish(video(duration=8, resolution="720p")))
        assert job.reserved == 400_000
        assert (await ended(gateway, job.id)).cost == 200_000  # the vendor says that it made four seconds
        assert await lines(gateway, job.id) == [("reserve", -400_000), ("settle", 200_000)]


async def test_what_nobody_says_is_reserved_at_its_dearest(tmp_path: Path) -> None:
    channel = replace(CHANNEL, prices=PER_SECOND)
    async with site(tmp_path, vendor_that(answer(ACCEPTED)), channels=(channel,)) as (gateway, _):
        job = await gateway.create(wish(video()))
    assert job.terms is not None
    assert job.reserved == int(job.terms.longest_seconds * 100_000)


async def test_ratios_of_channel_and_group_multiply_and_the_cheapest_group_counts(tmp_path: Path) -> None:
    from decimal import Decimal

    from app.store import groups

    channel = replace(PRICED, price_ratio=Decimal("1.2"), groups=frozenset({"default", "studio"}))
    keys = (replace(KEY, groups=frozenset({"default", "studio", "other"})),)
    async with gateway_on(tmp_path, vendor_that(answer(ACCEPTED)), channels=(channel,), keys=keys) as (gateway, _):
        async with gateway.database.write() as connection:
            await groups.put(connection, "default", Decimal("0.5"))
            await groups.put(connection, "studio", Decimal("0.8"))
            await groups.put(connection, "other", Decimal("0.1"))
        await gateway.configuration.refresh()
        job = await gateway.create(mine(gateway, video()))
    assert job.reserved == 150_000


@pytest.mark.parametrize(
    ("create", "status"),
    [
        (answer(REFUSED, 400), DONE),
        (answer({"error": {"message": "moderated", "code": "moderation_blocked"}}, 400), DONE),
        (httpx.ConnectError("refused"), DONE),
        (httpx.ReadTimeout("slow"), DONE),
        (answer(ACCEPTED), FAILED),
        (answer({**FAILED, "error": {"code": "moderation_blocked", "message": "blocked"}}), DONE),
    ],
    ids=["refused", "moderated", "unreachable", "unknown", "failed later", "failed at once"],
)
async def test_ledger_sums_to_zero_for_failed_jobs(tmp_path: Path, create: Answer, status: Mapping[str, Any]) -> None:
    async with site(tmp_path, vendor_that(create, status)) as (gateway, _):
        with suppress(UpstreamError):
            await gateway.create(wish(video()))
        (job,) = await stored(gateway)
        job = await ended(gateway, job.id)
        assert (job.status, job.cost) == (JobStatus.FAILED, 0)
        assert await lines(gateway, job.id) == [("reserve", -250_000), ("refund", 250_000)]
        assert await account(gateway) == (0, 0)


async def test_429_and_503_fail_over_without_double_charge(tmp_path: Path) -> None:
    channels = (
        PRICED,
        another("busy", priority=-1, prices={"m": {"unit": "job", "usd": "0.90"}}),
        another("backup", priority=-2, prices={"m": {"unit": "job", "usd": "0.30"}}),
    )
    answers = {
        "vendor": answer({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429),
        "busy": answer({"error": {"message": "full", "code": "server_overloaded"}}, 503),
        "backup": answer(ACCEPTED),
    }

    def script(request: httpx.Request) -> Answer:
        return answers[request.url.host.split(".")[0]] if request.method == "POST" else answer(DONE)

    async with site(tmp_path, script, channels=channels) as (gateway, vendor):
        job = await gateway.create(wish(video()))
        assert job.reserved == 900_000  # the dearest channel that it may have come to
        assert (await ended(gateway, job.id)).cost == 300_000
        assert await lines(gateway, job.id) == [("reserve", -900_000), ("settle", 600_000)]
        assert await account(gateway) == (0, 300_000)
    assert vendor.creates() == 3


async def test_balance_never_negative_under_100_parallel_creates(tmp_path: Path, database_url: str) -> None:
    async with site(tmp_path, vendor_that(answer(ACCEPTED)), budget=2_500_000, database_url=database_url) as (gateway, vendor):
        results = await asyncio.gather(*(gateway.create(mine(gateway, video())) for _ in range(100)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, NotAllowed)]
        assert (len(refused), {error.code for error in refused}) == (90, {"insufficient_quota"})
        assert len(await stored(gateway)) == 10
        assert await account(gateway) == (2_500_000, 0)
    assert vendor.creates() == 10


async def test_an_empty_budget_names_what_is_left_and_costs_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, vendor_that(answer(ACCEPTED)), budget=249_999) as (gateway, vendor):
        with pytest.raises(NotAllowed, match=r"0\.250000 USD, and 0\.249999 USD are left"):
            await gateway.create(mine(gateway, video()))
        assert await stored(gateway) == []
    assert vendor.creates() == 0


async def test_a_budget_goes_to_a_cheaper_channel_when_the_first_is_too_dear(tmp_path: Path) -> None:
    channels = (PRICED, another("cheap", priority=-1, prices={"m": {"unit": "job", "usd": "0.10"}}))
    async with site(tmp_path, vendor_that(answer(ACCEPTED)), channels=channels, budget=200_000) as (gateway, _):
        job = await gateway.create(mine(gateway, video()))
    assert (job.channel_id, job.reserved) == ("channel_cheap", 100_000)


async def test_a_failover_never_goes_to_a_channel_that_the_budget_does_not_cover(tmp_path: Path) -> None:
    channels = (PRICED, another("dear", priority=-1, prices={"m": {"unit": "job", "usd": "5"}}))
    full = answer({"error": {"message": "full", "code": "server_overloaded"}}, 503)

    def script(request: httpx.Request) -> Answer:
        return full if request.url.host.startswith("vendor") else answer(ACCEPTED)

    async with site(tmp_path, script, channels=channels, budget=1_000_000) as (gateway, vendor):
        with pytest.raises(UpstreamError):
            await gateway.create(mine(gateway, video()))
        assert await account(gateway) == (0, 0)
    assert (vendor.creates("vendor"), vendor.creates("dear")) == (1, 0)


@pytest.mark.parametrize(("period", "passes"), [("total", False), ("month", False), ("day", True)])
async def test_a_budget_begins_anew_with_its_period(tmp_path: Path, period: str, passes: bool) -> None:
    clock = [datetime(2026, 3, 30, 23, 59, tzinfo=UTC)]
    now: dict[str, Any] = {"now": lambda: clock[0]}
    async with site(tmp_path, vendor_that(answer(ACCEPTED)), budget=250_000, budget_period=period, **now) as (gateway, _):
        first = await gateway.create(mine(gateway, video()))
        clock[0] += timedelta(minutes=2)
        await ended(gateway, first.id)  # a job counts on the day on which it was made, whenever it ends
        if passes:
            await gateway.create(mine(gateway, video()))
        else:
            with pytest.raises(NotAllowed):
                await gateway.create(mine(gateway, video()))
        clock[0] = datetime(2026, 4, 1, tzinfo=UTC)
        if period == "month":
            await gateway.create(mine(gateway, video()))


async def test_a_job_that_comes_out_dearer_than_held_never_exceeds_the_budget(tmp_path: Path, database_url: str) -> None:
    channel = replace(CHANNEL, prices=PER_SECOND)
    longer = vendor_that(answer(ACCEPTED), {**DONE, "seconds": "60"})
    async with site(tmp_path, longer, channels=(channel,), budget=500_000, database_url=database_url) as (gateway, _):
        job = await gateway.create(mine(gateway, video(duration=8, resolution="720p")))
        done = await ended(gateway, job.id)
        assert done.cost == 500_000
        assert await lines(gateway, job.id) == [("reserve", -400_000), ("settle", -100_000)]
        assert await account(gateway) == (0, 500_000)


async def test_a_job_that_comes_out_dearer_costs_that_where_no_budget_forbids_it(tmp_path: Path) -> None:
    channel = replace(CHANNEL, prices=PER_SECOND)
    longer = vendor_that(answer(ACCEPTED), {**DONE, "seconds": "60"})
    async with site(tmp_path, longer, channels=(channel,)) as (gateway, _):
        job = await gateway.create(wish(video(duration=8, resolution="720p")))
        assert (await ended(gateway, job.id)).cost == 3_000_000
        assert await account(gateway) == (0, 3_000_000)


async def test_pictures_are_paid_by_the_piece_and_missing_ones_are_given_back(tmp_path: Path) -> None:
    numbers = iter(range(9))

    def script(request: httpx.Request) -> Answer:
        made = {"created": 1, "data": [{"b64_json": "iVBORw0KGgoAAAAN"}]}
        return answer(REFUSED, 400) if next(numbers) == 1 else answer(made)

    channel = replace(CHANNEL, adapter="xai", models={"m": "grok-imagine-image"}, prices=PER_PICTURE)
    async with site(tmp_path, script, channels=(channel,)) as (gateway, _):
        most = gateway.plan(wish(image())).choices[0].served.card.capabilities.most_n
        job = await gateway.create_and_wait(wish(image(n=2 * most)))
        assert job.status is JobStatus.COMPLETED
        assert job.reserved == 2 * most * 40_000
        assert job.cost == len(job.outputs) * 40_000
        (reserve, settle) = await lines(gateway, job.id)
        assert reserve == ("reserve", -job.reserved)
        assert settle == ("settle", job.reserved - job.cost)
        assert await account(gateway) == (0, job.cost)


async def test_hold_released_on_panic_in_every_handler_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.engine import submission

    for stage in ("exchange", "advance", "_ended"):
        async with site(tmp_path / stage, vendor_that(answer(ACCEPTED))) as (gateway, _):
            with monkeypatch.context() as patch:

                def broken(*_: object, **__: object) -> None:
                    raise RuntimeError("a bug")

                patch.setattr(submission, stage, broken)
                with pytest.raises(RuntimeError):
                    await gateway.create(wish(video()))
            (job,) = await stored(gateway)
            job = await ended(gateway, job.id)
            assert job.cost == (250_000 if job.status is JobStatus.COMPLETED else 0)  # what was accepted is not given up
            assert sum(micros for _, micros in await lines(gateway, job.id)) == -job.cost, stage
            assert await account(gateway) == (0, job.cost)


async def test_a_model_without_a_price_is_free_and_closed_to_keys_with_a_budget(tmp_path: Path) -> None:
    async with site(tmp_path, vendor_that(answer(ACCEPTED)), channels=(CHANNEL,), budget=1_000_000) as (gateway, vendor):
        with pytest.raises(NotAllowed) as caught:
            await gateway.create(mine(gateway, video()))
        assert caught.value.code == "model_not_allowed"
        assert vendor.creates() == 0
        open_key = replace(KEY, budget=1_000_000, allow_unpriced=True)
        job = await gateway.create(wish(video(), key=open_key))
        assert job.terms is not None
        assert (job.reserved, job.terms.price) == (0, None)
        await ended(gateway, job.id)
        assert await lines(gateway, job.id) == []


async def test_a_change_of_prices_does_not_touch_a_job_that_is_under_way(tmp_path: Path) -> None:
    async with site(tmp_path, vendor_that(answer(ACCEPTED))) as (gateway, _):
        job = await gateway.create(wish(video()))
        dearer = {"m": {"unit": "job", "usd": "99"}}
        async with gateway.database.write() as connection:
            await connection.execute(update(tables.channels).values(prices=dearer))
            await connection.execute(update(tables.revision).values(value=tables.revision.c.value + 1))
        await gateway.configuration.refresh()
        assert (await ended(gateway, job.id)).cost == 250_000


async def test_a_failure_that_its_vendor_bills_is_charged_as_the_vendor_says(tmp_path: Path) -> None:
    charged = {
        "code": "Client specified an invalid argument",
        "error": "Generated video rejected by content moderation.",
        "usage": {"cost_in_usd_ticks": 1_200_000_000},
    }

    def script(request: httpx.Request) -> Answer:
        return answer({"request_id": "up-1"}) if request.method == "POST" else answer(charged, 400)

    channel = replace(CHANNEL, adapter="xai", base_url="https://api.x.ai", models={"m": "grok-imagine-video"}, prices=PER_JOB)
    async with site(tmp_path, script, channels=(channel,)) as (gateway, _):
        job = await gateway.create(wish(video()))
        job = await ended(gateway, job.id)
        assert (job.status, job.failure and job.failure.code) == (JobStatus.FAILED, "content_policy_violation")
        assert job.cost == 120_000
        assert await lines(gateway, job.id) == [("reserve", -250_000), ("settle", 130_000)]


async def test_an_error_before_anything_starts_costs_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, vendor_that(answer(ACCEPTED))) as (gateway, _):
        with pytest.raises(GatewayError):
            await gateway.create(wish(image(model="unknown"), key=replace(KEY, models=frozenset({"m"}))))
        assert await account(gateway) == (0, 0)
