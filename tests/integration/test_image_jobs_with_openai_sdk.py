"""OpenAI's own Python SDK asks for pictures in the background and follows jobs: by its raw answers, and by its event reader."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from tests.gateways import KEY_TEXT
from tests.integration.gates import PICTURE, SANDBOX, TINY, Gate, gate_on, picture_size

pytestmark = [
    pytest.mark.anyio,
    # OpenAI marks every video method as deprecated, since its own service has ended; the shape lives on at other servers
    pytest.mark.filterwarnings("ignore:The Sora API is scheduled to permanently shut down:DeprecationWarning"),
]


@pytest.fixture(scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    async with gate_on(tmp_path_factory.mktemp("gate"), SANDBOX) as gate:
        yield gate


@pytest.fixture(scope="module")
async def sdk(gate: Gate) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=KEY_TEXT, max_retries=0, timeout=20) as sdk:
        yield sdk


@pytest.mark.parametrize("asked", [{"extra_body": {"background": True}}, {"extra_headers": {"Prefer": "respond-async"}}])
async def test_a_picture_is_made_in_the_background(gate: Gate, sdk: openai.AsyncOpenAI, asked: dict[str, Any]) -> None:
    raw = await sdk.images.with_raw_response.generate(**PICTURE, **asked)
    job = raw.http_response.json()
    assert (raw.http_response.status_code, job["object"]) == (202, "image.job")

    while job["status"] not in ("completed", "failed"):
        job = (await sdk.get(f"/images/{job['id']}?wait=20", cast_to=httpx.Response)).json()

    assert job["error"] is None
    assert picture_size((await gate.browser.get(job["data"][0]["url"])).content) == ("PNG", (128, 72))


async def test_an_edit_with_a_file_is_made_in_the_background(gate: Gate, sdk: openai.AsyncOpenAI) -> None:
    source = await sdk.images.generate(**PICTURE)
    assert source.data is not None
    picture = (await gate.browser.get(source.data[0].url or "")).content

    raw = await sdk.images.with_raw_response.edit(
        **PICTURE, image=("kite.png", picture, "image/png"), extra_body={"background": True}
    )

    job = raw.http_response.json()
    assert raw.http_response.status_code == 202
    shown = (await sdk.get(f"/images/{job['id']}?wait=20", cast_to=httpx.Response)).json()
    assert shown["status"] == "completed"


async def test_a_film_is_followed_by_its_events(gate: Gate, sdk: openai.AsyncOpenAI) -> None:
    film = await sdk.videos.create(**TINY)
    gate.gateway.poller.hurry(film.id)

    events: list[Any] = []
    stream = await sdk.get(
        f"/videos/{film.id}/events", cast_to=openai.types.Video, stream=True, stream_cls=openai.AsyncStream[openai.types.Video]
    )
    async for video in stream:
        events.append(video)
        gate.gateway.poller.hurry(film.id)

    assert [event.id for event in events] == [film.id] * len(events)
    assert events[-1].status == "completed"
    assert events[-1].to_dict() == (await sdk.videos.retrieve(film.id)).to_dict()


async def test_a_wait_out_of_bounds_is_the_sdks_own_exception(sdk: openai.AsyncOpenAI) -> None:
    film = await sdk.videos.create(**TINY)
    with pytest.raises(openai.BadRequestError) as refusal:
        await sdk.videos.retrieve(film.id, extra_query={"wait": 61})
    assert refusal.value.param == "wait"
    shown = await sdk.videos.retrieve(film.id, extra_query={"wait": 0.1})
    assert shown.id == film.id
