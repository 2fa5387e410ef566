"""Links that die after an hour, on films that are kept longer: MiniMax's, through a whole gateway."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.ark_media import tiny_mp4
from tests.fakes.minimax import FakeMiniMax
from tests.integration.gates import Gate, channel_at, error_of, gate_on
from tests.servers import serve

pytestmark = pytest.mark.anyio

MODELS = ("MiniMax-Hailuo-2.3", "MiniMax-H3")


@dataclass(slots=True)
class Site:
    """A gateway and the vendor behind it, whose clock the test moves."""

    gate: Gate
    vendor: FakeMiniMax
    clock: list[float]

    async def content(self, job_id: str, index: int = 0) -> bytes:
        answer = await self.gate.http.get(f"/v1/videos/{job_id}/content", params={"index": index})
        assert answer.status_code == 200, answer.text
        return answer.content


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    clock = [1_795_300_000.0]
    vendor = FakeMiniMax(now=lambda: clock[0])
    async with serve(vendor.app) as url, gate_on(tmp_path, channel_at("minimax", "minimax", url)) as gate:
        yield Site(gate, vendor, clock)


@pytest.mark.parametrize("model", MODELS)
async def test_a_dead_link_is_renewed_on_every_download(site: Site, model: str) -> None:
    job = await site.gate.made(model=model, prompt="a paper boat")
    assert job["status"] == "completed", job
    for _ in range(2):
        site.clock[0] += 3_601
        assert await site.content(job["id"]) == tiny_mp4()
    assert site.vendor.creates == 1


async def test_a_living_link_asks_nobody(site: Site) -> None:
    job = await site.gate.made(model="MiniMax-H3", prompt="a paper boat")
    asked = len(site.vendor.requests)

    assert await site.content(job["id"]) == tiny_mp4()
    assert len(site.vendor.requests) == asked


async def test_each_film_of_a_split_job_is_renewed_from_its_own_task(site: Site) -> None:
    job = await site.gate.made(model="MiniMax-Hailuo-2.3", prompt="a paper boat", n=2)
    site.clock[0] += 3_601

    assert [await site.content(job["id"], index) for index in (0, 1)] == [tiny_mp4()] * 2


@pytest.mark.parametrize("model", MODELS)
async def test_what_the_vendor_forgot_is_expired(site: Site, model: str) -> None:
    job = await site.gate.made(model=model, prompt="a paper boat")
    site.clock[0] += 8 * 86_400
    site.vendor.works.clear()

    refusal = error_of(await site.gate.http.get(f"/v1/videos/{job['id']}/content"), 404)
    assert refusal["code"] == "video_expired"


async def test_a_vendor_that_has_no_result_any_more_gives_no_link(site: Site) -> None:
    job = await site.gate.made(model="MiniMax-H3", prompt="a paper boat")
    site.clock[0] += 3_601
    next(iter(site.vendor.works.values())).cancelled = True

    refusal = error_of(await site.gate.http.get(f"/v1/videos/{job['id']}/content"), 404)
    assert refusal["code"] == "video_expired"


async def test_a_picture_has_no_task_to_ask_about(site: Site) -> None:
    made = await site.gate.http.post("/v1/images/generations", json={"model": "image-01", "prompt": "a kite"})
    link = made.json()["data"][0]["url"]
    asked = len(site.vendor.requests)
    site.clock[0] += 90_000

    assert (await site.gate.browser.get(link)).status_code == 404
    assert len(site.vendor.requests) == asked


async def test_pictures_of_both_families_come_through_the_gateway(site: Site) -> None:
    for model in ("image-01", "MiniMax-H3-Image"):
        answer = await site.gate.http.post("/v1/images/generations", json={"model": model, "prompt": "a kite", "n": 2})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["data"]) == 2
    assert [body["n"] for body in site.vendor.pictures] == [2, 2]


async def test_the_family_name_is_served_in_every_mode_that_clients_name(site: Site) -> None:
    picture, other = "https://media.example.com/a.png", "https://media.example.com/b.png"
    wishes = (
        {"mode": "t2v"},
        {"mode": "i2v", "image_url": picture},
        {"mode": "i2v_first_last", "image_url": picture, "end_image_url": other},
        {"mode": "reference_images", "reference_images": [picture]},
        {"mode": "reference_material", "image_urls": [picture]},
        {"model_name": "MiniMax-H3", "mode": "reference_material", "image_urls": [picture, other]},
    )
    for wish in wishes:
        await site.gate.created(model="hailuo-video", prompt="a paper boat", **wish)

    assert [body["model"] for body in site.vendor.created] == [
        *("MiniMax-Hailuo-2.3", "MiniMax-Hailuo-2.3", "MiniMax-Hailuo-02", "S2V-01", "S2V-01", "MiniMax-H3")
    ]


async def test_a_withheld_film_and_a_refusal_reach_the_client(site: Site) -> None:
    job = await site.gate.made(model="MiniMax-Hailuo-2.3", prompt="[[fail:1027]]")
    refused = await site.gate.http.post("/v1/videos", json={"model": "MiniMax-Hailuo-2.3", "prompt": "[[refuse:422:1026]]"})

    assert job["error"]["code"] == "content_policy_violation"
    assert error_of(refused, 400)["code"] == "content_policy_violation"


async def test_a_file_that_is_late_only_delays_the_film(site: Site) -> None:
    job = await site.gate.made(model="MiniMax-Hailuo-2.3", prompt="[[nofile:2]] a boat")

    assert job["status"] == "completed"
    assert await site.content(job["id"]) == tiny_mp4()
