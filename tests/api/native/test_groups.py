"""A group of pictures holds the money of the largest one that may come, and costs what came; either API it is asked by."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.channels import Channel
from app.domain.jobs import Job
from app.store import ledger
from tests.api.conftest import SANDBOX, Site, error_of, site_on
from tests.gateways import CHANNEL, KEY, stored

pytestmark = pytest.mark.anyio

MODEL = "doubao-seedream-4-0-250828"
SEEDREAM = replace(
    CHANNEL, id="channel_ark", name="ark", adapter="ark", models={MODEL: MODEL}, prices={MODEL: {"unit": "image", "usd": "0.03"}}
)
PRICED_SANDBOX = replace(SANDBOX, prices={"sandbox-image": {"unit": "image", "usd": "0.03"}})
PATHS = ["/api/v3/images/generations", "/v1/images/generations"]
AUTO: dict[str, Any] = {"model": MODEL, "prompt": "four boats", "sequential_image_generation": "auto"}


def most(count: int) -> dict[str, Any]:
    return {"sequential_image_generation_options": {"max_images": count}}


def three_pictures(request: httpx.Request) -> httpx.Response:
    """What the vendor makes of any group."""
    pictures = [{"url": f"https://media.example.com/{number}.jpeg", "size": "1024x1024"} for number in range(3)]
    body = {"model": MODEL, "created": 1, "data": pictures, "usage": {"generated_images": 3, "output_tokens": 12_288}}
    return httpx.Response(200, json=body)


async def site_with(folder: Path, channel: Channel, **key: Any) -> AsyncIterator[Site]:
    async with site_on(folder, three_pictures, channels=[channel], keys=[replace(KEY, **key)]) as running:
        yield running


@pytest.fixture
async def ark(tmp_path: Path) -> AsyncIterator[Site]:
    """A gateway before a model that makes groups by itself."""
    async for running in site_with(tmp_path, SEEDREAM):
        yield running


@pytest.fixture
async def poor(tmp_path: Path) -> AsyncIterator[Site]:
    """The same for a key that can pay for four pictures."""
    async for running in site_with(tmp_path, SEEDREAM, budget=120_000):
        yield running


async def only_job(site: Site) -> tuple[Job, list[tuple[str, int]]]:
    """The one job there is, and its lines in the ledger."""
    (job,) = await stored(site.gateway)
    async with site.gateway.database.read() as connection:
        return job, [(line.kind, line.micros) for line in await ledger.of_job(connection, job.id)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("options", "reserved"), [({}, 450_000), (most(4), 120_000)])
async def test_the_largest_group_is_held_and_what_was_made_is_paid(
    ark: Site, path: str, options: dict[str, Any], reserved: int
) -> None:
    answer = await ark.client.post(path, json={**AUTO, **options})
    job, lines = await only_job(ark)
    assert (answer.status_code, len(answer.json()["data"])) == (200, 3)
    assert (job.reserved, job.cost) == (reserved, 90_000)
    assert lines == [("reserve", -reserved), ("settle", reserved - 90_000)]
    assert ark.vendor.bodies[0]["sequential_image_generation"] == "auto"


@pytest.mark.parametrize("path", PATHS)
async def test_options_inside_metadata_hold_the_same(ark: Site, path: str) -> None:
    fields = {"model": MODEL, "prompt": "boats", "metadata": {"sequential_image_generation": "auto", **most(5)}}
    assert (await ark.client.post(path, json=fields)).status_code == 200
    assert (await only_job(ark))[0].reserved == 150_000


async def test_several_calls_hold_a_group_each(ark: Site) -> None:
    answer = await ark.client.post("/v1/images/generations", json={**AUTO, **most(4), "n": 2})
    jobs = await stored(ark.gateway)
    (parent,) = [job for job in jobs if job.parent_id is None]
    assert (answer.status_code, len(answer.json()["data"])) == (200, 6)
    assert (parent.reserved, parent.cost, ark.vendor.creates()) == (240_000, 180_000, 2)


@pytest.mark.parametrize("path", PATHS)
async def test_a_budget_that_the_largest_group_would_break_is_not_spent_from(poor: Site, path: str) -> None:
    refused = await poor.client.post(path, json={**AUTO, **most(5)})
    assert (refused.status_code, error_of(refused)["code"]) == (403, "insufficient_quota")
    assert (poor.vendor.creates(), await stored(poor.gateway)) == (0, [])
    assert (await poor.client.post(path, json={**AUTO, **most(4)})).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_a_group_that_is_switched_off_holds_one_picture(ark: Site, path: str) -> None:
    await ark.client.post(path, json={**AUTO, "sequential_image_generation": "disabled", **most(4)})
    assert (await only_job(ark))[0].reserved == 30_000


async def test_a_group_that_is_larger_than_there_are_is_reported_or_strictly_refused(ark: Site) -> None:
    warned = await ark.client.post(PATHS[0], json={**AUTO, **most(20)})
    strict = await ark.client.post(PATHS[0], json={**AUTO, **most(20)}, headers={"x-filmgate-strict": "true"})
    assert warned.headers["x-filmgate-warnings"] == "adjusted:vendor.sequential_image_generation_options"
    assert ark.vendor.bodies[0]["sequential_image_generation_options"] == {"max_images": 15}
    assert (strict.status_code, error_of(strict)["param"]) == (400, "sequential_image_generation_options")
    assert ark.vendor.creates() == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_without_groups_makes_single_pictures_and_says_so(tmp_path: Path, stream: bool) -> None:
    body = {**AUTO, "model": "sandbox-image", "size": "128x72", **most(12), "stream": stream}
    async for site in site_with(tmp_path, PRICED_SANDBOX):
        answer = await site.client.post(PATHS[0], json=body)
        strict = await site.client.post(PATHS[0], json=body, headers={"x-filmgate-strict": "true"})
        (job,) = await stored(site.gateway)
        assert answer.headers["x-filmgate-warnings"] == "dropped:vendor.sequential_image_generation, adjusted:n"
        assert (job.request.n, job.reserved, job.cost) == (10, 300_000, 300_000)
        assert (strict.status_code, error_of(strict)["param"]) == (400, "sequential_image_generation")
