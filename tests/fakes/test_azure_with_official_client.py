"""Drives the fake resource with OpenAI's own Python SDK: what satisfies the SDK's Azure side is shaped like the vendor.

The jobs API has no client in the SDK, and for pictures it only knows the older path: there the vendor's published calls are
written out, or `test_azure` holds the adapter to the fake.
"""

import json
from collections.abc import AsyncIterator

import httpx
import openai
import pytest

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.azure import FakeAzure
from tests.servers import serve

# OpenAI marks its own video methods as deprecated; their shape lives on at Azure
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

PICTURE = ("a.png", tiny_png(), "image/png")


@pytest.fixture
def azure() -> FakeAzure:
    return FakeAzure()


@pytest.fixture
async def address(azure: FakeAzure) -> AsyncIterator[str]:
    async with serve(azure.app) as base_url:
        yield base_url


def v1_client(address: str, key: str) -> openai.AsyncAzureOpenAI:
    """The SDK's Azure client turned to the v1 API."""
    return openai.AsyncAzureOpenAI(base_url=f"{address}/openai/v1", api_key=key, api_version="preview", max_retries=0, timeout=10)


@pytest.fixture
async def v1(address: str) -> AsyncIterator[openai.AsyncAzureOpenAI]:
    async with v1_client(address, "test-key") as sdk:
        yield sdk


@pytest.fixture
async def older(address: str) -> AsyncIterator[openai.AsyncAzureOpenAI]:
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=address, api_key="test-key", api_version="2025-04-01-preview", max_retries=0, timeout=10
    ) as sdk:
        yield sdk


async def test_a_v1_video_is_created_polled_and_downloaded(v1: openai.AsyncAzureOpenAI, azure: FakeAzure) -> None:
    video = await v1.videos.create_and_poll(prompt="p", model="sora-2", seconds="8", size="1280x720", input_reference=PICTURE)

    assert video.status == "completed"
    assert (await v1.videos.download_content(video.id)).content == tiny_mp4()
    remix = await v1.videos.remix(video.id, prompt="at night")
    assert remix.remixed_from_video_id == video.id
    assert {path.partition("/videos")[0] for _, path in azure.requests} == {"/openai/v1"}


async def test_the_sdks_azure_client_finds_pictures_at_the_older_path(older: openai.AsyncAzureOpenAI, azure: FakeAzure) -> None:
    made = await older.images.generate(prompt="p", model="gpt-image-1.5")
    edited = await older.images.edit(prompt="p", model="gpt-image-1.5", image=PICTURE)

    assert all(answer.data and answer.data[0].b64_json for answer in (made, edited))
    root = "/openai/deployments/gpt-image-1.5/images"
    assert azure.requests == [("POST", f"{root}/generations"), ("POST", f"{root}/edits")]
    assert set(azure.versions) == {"2025-04-01-preview"}


async def test_another_key_and_another_header_are_turned_away(address: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{address}/openai/v1", api_key="test-key", max_retries=0) as sdk:
        with pytest.raises(openai.AuthenticationError):
            await sdk.videos.create(prompt="p", model="sora-2")
    async with v1_client(address, "another") as sdk:
        with pytest.raises(openai.AuthenticationError):
            await sdk.videos.create(prompt="p", model="sora-2")


async def test_a_job_goes_its_published_way(address: str) -> None:
    query = {"api-version": "preview"}
    root = f"{address}/openai/v1/video/generations"
    async with httpx.AsyncClient(headers={"api-key": "test-key"}, params=query) as client:
        body = {"model": "sora", "prompt": "p", "width": "480", "height": 480, "n_seconds": 5, "n_variants": 2}
        job = (await client.post(f"{root}/jobs", json=body)).json()
        words = [job["status"]]
        while job["status"] not in ("succeeded", "failed", "cancelled"):
            job = (await client.get(f"{root}/jobs/{job['id']}")).json()
            words.append(job["status"])
        content = await client.get(f"{root}/{job['generations'][1]['id']}/content/video")
        assert (await client.get(f"{root}/{job['id']}/content/video")).status_code == 404

    assert words == ["preprocessing", "queued", "running", "processing", "succeeded"]
    assert content.content == tiny_mp4()


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"width": 500}, "width"),
        ({"n_seconds": 21}, "n_seconds"),
        ({"n_seconds": True}, "n_seconds"),
        ({"width": 1080, "height": 1080, "n_seconds": 11}, "n_seconds"),
        ({"n_variants": 5}, "n_variants"),
        ({"seconds": "4"}, "seconds"),
        ({"inpaint_items": json.dumps([{"file_name": "a.png"}])}, "inpaint_items"),
        ({"inpaint_items": "x"}, "inpaint_items"),
    ],
    ids=str,
)
async def test_a_wrong_job_is_refused_with_its_field(address: str, change: dict[str, object], param: str) -> None:
    body = {"model": "sora", "prompt": "p", "width": 480, "height": 480, "n_seconds": 5, **change}
    async with httpx.AsyncClient(headers={"api-key": "test-key"}, params={"api-version": "preview"}) as client:
        answer = await client.post(f"{address}/openai/v1/video/generations/jobs", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_a_file_without_its_place_is_refused(address: str) -> None:
    body = {"model": "sora", "prompt": "p", "width": "480", "height": "480"}
    place = {"frame_index": 0, "type": "video", "file_name": "a.png", "crop_bounds": {}}
    async with httpx.AsyncClient(headers={"api-key": "test-key"}, params={"api-version": "preview"}) as client:
        for places in ([], [place]):
            data = {**body, "inpaint_items": json.dumps(places)}
            answer = await client.post(f"{address}/openai/v1/video/generations/jobs", data=data, files={"files": PICTURE})
            assert answer.status_code == 400


async def test_nothing_of_the_jobs_api_works_without_a_version(address: str) -> None:
    async with httpx.AsyncClient(headers={"api-key": "test-key"}) as client:
        answer = await client.get(f"{address}/openai/v1/video/generations/jobs/task_1")
    assert answer.status_code == 404
