"""Drives the fake with the vendor's own Python SDK over a real socket: what satisfies the SDK is shaped like the vendor."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import anyio.to_thread
import httpx
import pytest
import volcenginesdkarkruntime as sdk
from volcenginesdkarkruntime import _exceptions as errors
from volcenginesdkarkruntime.types.images import SequentialImageGenerationOptions

from tests.fakes.ark import FakeArk
from tests.fakes.ark_media import tiny_jpeg, tiny_mp4, tiny_png
from tests.servers import serve

pytestmark = pytest.mark.anyio

SEEDANCE = "doubao-seedance-2-0-260128"
SEEDREAM = "doubao-seedream-4-5-251128"
T = TypeVar("T")


@pytest.fixture
def fake() -> FakeArk:
    return FakeArk()


@pytest.fixture
async def address(fake: FakeArk) -> AsyncIterator[str]:
    async with serve(fake.app) as base_url:
        yield base_url


@pytest.fixture
def client(address: str) -> Iterator[sdk.Ark]:
    with _client(address, "test-key") as ark:
        yield ark


def _client(address: str, key: str) -> sdk.Ark:
    return sdk.Ark(base_url=f"{address}/api/v3", api_key=key, max_retries=0, timeout=10)


async def _off_loop(call: Callable[[], T]) -> T:
    """The SDK blocks; the server needs the loop."""
    return await anyio.to_thread.run_sync(call)


async def _create(client: sdk.Ark, prompt: str, **fields: Any) -> str:
    content: Any = [{"type": "text", "text": prompt}]
    task = await _off_loop(lambda: client.content_generation.tasks.create(model=SEEDANCE, content=content, **fields))
    return str(task.id)


async def _get(client: sdk.Ark, task_id: str) -> Any:
    return await _off_loop(lambda: client.content_generation.tasks.get(task_id=task_id))


async def _polled(client: sdk.Ark, task_id: str, times: int) -> list[str]:
    return [(await _get(client, task_id)).status for _ in range(times)]


async def test_a_task_goes_from_queued_to_succeeded_and_its_files_can_be_fetched(client: sdk.Ark, fake: FakeArk) -> None:
    task_id = await _create(client, "a paper boat", duration=5, ratio="16:9", return_last_frame=True)

    assert await _polled(client, task_id, 2) == ["queued", "running"]
    task = await _get(client, task_id)

    assert (task.status, task.duration, task.ratio, task.resolution) == ("succeeded", 5, "16:9", "720p")
    assert task.usage.completion_tokens == 108_900
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(task.content.video_url)).content == tiny_mp4()
        assert (await browser.get(task.content.last_frame_url)).content == tiny_png()
    assert fake.creates == 1


async def test_a_failed_task_carries_the_code_asked_for(client: sdk.Ark) -> None:
    task_id = await _create(client, "x [[fail:OutputVideoSensitiveContentDetected]]")

    assert (await _polled(client, task_id, 3))[-1] == "failed"
    task = await _get(client, task_id)

    assert task.error.code == "OutputVideoSensitiveContentDetected"


async def test_a_task_may_hang_or_expire(client: sdk.Ark) -> None:
    hanging, expiring = await _create(client, "x [[hang]]"), await _create(client, "x [[expire]]")

    assert (await _polled(client, hanging, 6))[-1] == "running"
    assert (await _polled(client, expiring, 3))[-1] == "expired"


async def test_tasks_are_listed_by_status_and_id_and_in_pages(client: sdk.Ark) -> None:
    ids = [await _create(client, f"boat {number}") for number in range(3)]
    await _polled(client, ids[0], 3)
    tasks = client.content_generation.tasks

    queued = await _off_loop(lambda: tasks.list(page_num=1, page_size=10, status="queued"))
    named = await _off_loop(lambda: tasks.list(task_ids=[ids[0], ids[2]]))
    second = await _off_loop(lambda: tasks.list(page_num=2, page_size=2))
    by_name = await _off_loop(lambda: tasks.list(model=SEEDANCE))

    assert (queued.total, {task.id for task in queued.items}) == (2, {ids[1], ids[2]})
    assert {task.id for task in named.items} == {ids[0], ids[2]}
    assert (second.total, len(second.items)) == (3, 1)
    assert by_name.total == 0  # the filter takes endpoint ids only


async def test_a_queued_task_is_cancelled_and_a_running_one_is_not(client: sdk.Ark) -> None:
    queued, running = await _create(client, "one"), await _create(client, "two")
    await _polled(client, running, 2)

    await _off_loop(lambda: client.content_generation.tasks.delete(queued))
    with pytest.raises(errors.ArkConflictError) as conflict:
        await _off_loop(lambda: client.content_generation.tasks.delete(running))
    with pytest.raises(errors.ArkConflictError):
        await _off_loop(lambda: client.content_generation.tasks.delete(queued))

    assert conflict.value.code == "InvalidAction.RunningTaskDeletion"
    assert await _polled(client, queued, 1) == ["cancelled"]
    assert await _polled(client, running, 1) == ["succeeded"]


async def test_a_finished_task_is_erased(client: sdk.Ark) -> None:
    task_id = await _create(client, "a boat")
    await _polled(client, task_id, 3)

    await _off_loop(lambda: client.content_generation.tasks.delete(task_id))

    with pytest.raises(errors.ArkNotFoundError):
        await _get(client, task_id)


async def test_pictures_come_at_once(client: sdk.Ark, fake: FakeArk) -> None:
    made = await _off_loop(lambda: client.images.generate(model=SEEDREAM, prompt="a boat", size="2K", watermark=False))

    assert made.data[0].size == "2048x2048"
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(made.data[0].url)).content == tiny_jpeg()
    assert len(fake.pictures) == 1


async def test_a_group_may_hold_a_refusal(client: sdk.Ark) -> None:
    options = SequentialImageGenerationOptions(max_images=3)
    made = await _off_loop(
        lambda: client.images.generate(
            model=SEEDREAM,
            prompt="three boats [[mixed]]",
            response_format="b64_json",
            sequential_image_generation="auto",
            sequential_image_generation_options=options,
        )
    )

    assert made.data[0].error["code"] == "OutputImageSensitiveContentDetected"
    assert [bool(entry.b64_json) for entry in made.data] == [False, True, True]
    assert made.usage.generated_images == 2


async def test_pictures_are_streamed(client: sdk.Ark) -> None:
    events = await _off_loop(lambda: list(client.images.generate(model=SEEDREAM, prompt="a boat", stream=True)))

    assert [event.type for event in events] == ["image_generation.partial_succeeded", "image_generation.completed"]
    assert events[0].url


async def test_a_wrong_key_is_unauthorized(address: str) -> None:
    with _client(address, "another-key") as stranger, pytest.raises(errors.ArkAuthenticationError) as refusal:
        await _create(stranger, "a boat")

    assert refusal.value.code == "AuthenticationError"


async def test_an_unknown_model_is_not_found(client: sdk.Ark) -> None:
    content: Any = [{"type": "text", "text": "a boat"}]
    with pytest.raises(errors.ArkNotFoundError) as refusal:
        await _off_loop(lambda: client.content_generation.tasks.create(model="doubao-seedance-9", content=content))

    assert refusal.value.code == "InvalidEndpointOrModel.NotFound"


@pytest.mark.parametrize(
    ("field", "value"),
    [("duration", 16), ("ratio", "3:2"), ("resolution", "8k"), ("camera_fixed", True), ("priority", 10), ("frames", 29)],
)
async def test_a_bad_field_is_named(client: sdk.Ark, fake: FakeArk, field: str, value: object) -> None:
    with pytest.raises(errors.ArkBadRequestError) as refusal:
        await _create(client, "a boat", **{field: value})

    assert refusal.value.param == field
    assert fake.creates == 0


async def test_the_first_creates_are_turned_away_when_asked_for(client: sdk.Ark, fake: FakeArk) -> None:
    for _ in range(2):
        with pytest.raises(errors.ArkRateLimitError):
            await _create(client, "x [[429:2]]")

    assert await _create(client, "x [[429:2]]")
    assert fake.creates == 1


async def test_the_first_polls_meet_a_proxys_page_when_asked_for(client: sdk.Ark) -> None:
    task_id = await _create(client, "x [[html:1]]")

    with pytest.raises(errors.ArkInternalServerError):
        await _get(client, task_id)
    assert await _polled(client, task_id, 1) == ["queued"]


async def test_links_die_after_a_day_and_tasks_after_a_week() -> None:
    clock = [1_795_176_900.0]
    fake = FakeArk(now=lambda: clock[0])
    async with serve(fake.app) as base_url, httpx.AsyncClient() as browser:
        with _client(base_url, "test-key") as client:
            task_id = await _create(client, "a boat")
            await _polled(client, task_id, 2)
            url = (await _get(client, task_id)).content.video_url
            assert (await browser.get(url)).status_code == 200
            clock[0] += 86_401
            assert (await browser.get(url)).status_code == 403
            clock[0] += 6 * 86_400
            with pytest.raises(errors.ArkNotFoundError):
                await _get(client, task_id)
