"""The official Ark SDK with only its base URL and key changed, against models that are none of Ark's."""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import anyio.to_thread
import pytest
import volcenginesdkarkruntime as sdk
from volcenginesdkarkruntime.types.images.images import SequentialImageGenerationOptions as GroupOptions

from tests.gateways import KEY_TEXT
from tests.integration.gates import SANDBOX, Gate, film_facts, gate_on, picture_size

pytestmark = pytest.mark.anyio
Found = TypeVar("Found")

WORDS = [{"type": "text", "text": "a paper boat"}]
TINY: dict[str, Any] = {"model": "sandbox-video", "content": WORDS, "duration": 1, "resolution": "360p", "ratio": "16:9"}
SLOW: dict[str, Any] = {**TINY, "extra_body": {"metadata": {"sandbox": {"delay": 60}}}}


@pytest.fixture(scope="module")
async def gate(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    async with gate_on(tmp_path_factory.mktemp("gate"), SANDBOX) as running:
        yield running


async def told(call: Callable[[], Found]) -> Found:
    """What the SDK answers, which blocks its thread."""
    return await anyio.to_thread.run_sync(call)


def ark(gate: Gate, key: str = KEY_TEXT) -> Any:
    """The SDK as its users have it; one that failed says so at once."""
    return sdk.Ark(base_url=f"{gate.url}/api/v3", api_key=key, max_retries=0)


async def test_a_film_is_made_read_and_removed(gate: Gate) -> None:
    tasks = ark(gate).content_generation.tasks
    made = await told(lambda: tasks.create(**TINY, seed=7, watermark=False))
    await gate.ended(made.id)

    task = await told(lambda: tasks.get(task_id=made.id))
    film = await gate.browser.get(task.content.video_url)
    await told(lambda: tasks.delete(made.id))

    assert (task.id, task.model, task.status, task.error) == (made.id, "sandbox-video", "succeeded", None)
    assert (task.duration, task.ratio, task.resolution, task.seed) == (1, "16:9", "360p", 7)
    assert (task.usage.completion_tokens, task.usage.total_tokens) == (0, 0)
    assert task.updated_at >= task.created_at
    assert film_facts(film.content)[:3] == ("h264", 640, 360)
    with pytest.raises(sdk._exceptions.ArkNotFoundError) as gone:
        await told(lambda: tasks.get(task_id=made.id))
    assert gone.value.code == "task_not_exist"


async def test_a_task_that_has_not_ended_is_cancelled_by_its_deletion_and_then_removed_by_another(gate: Gate) -> None:
    tasks = ark(gate).content_generation.tasks
    made = await told(lambda: tasks.create(**SLOW))

    await told(lambda: tasks.delete(made.id))
    cancelled = await told(lambda: tasks.get(task_id=made.id))
    await told(lambda: tasks.delete(made.id))

    assert (cancelled.status, cancelled.error.code, cancelled.content) == ("cancelled", "cancelled", None)
    assert made.id not in [task.id for task in (await told(tasks.list)).items]


async def test_tasks_are_listed_by_page_status_id_and_model(gate: Gate) -> None:
    client = ark(gate, await gate.key())
    tasks = client.content_generation.tasks
    waiting = [(await told(lambda: tasks.create(**SLOW))).id for _ in range(3)]
    await told(lambda: tasks.delete(waiting[1]))

    first = await told(lambda: tasks.list(page_num=1, page_size=2))
    second = await told(lambda: tasks.list(page_num=2, page_size=2))
    cancelled = await told(lambda: tasks.list(status="cancelled"))
    chosen = await told(lambda: tasks.list(task_ids=[waiting[0], waiting[2], "cgt-of-somebody-else"]))
    others = await told(lambda: tasks.list(model="another-model"))

    assert (first.total, [task.id for task in first.items]) == (3, [waiting[2], waiting[1]])
    assert (second.total, [task.id for task in second.items]) == (3, [waiting[0]])
    assert [task.id for task in cancelled.items] == [waiting[1]]
    assert [task.id for task in chosen.items] == [waiting[2], waiting[0]]
    assert (others.total, others.items) == (0, [])


async def test_a_first_frame_and_a_reference_go_as_the_sdk_writes_them(gate: Gate) -> None:
    pixels = f"data:image/png;base64,{base64.b64encode(await picture(gate)).decode()}"
    frame = {"type": "image_url", "image_url": {"url": pixels}, "role": "first_frame"}

    made = await told(lambda: ark(gate).content_generation.tasks.create(**{**TINY, "content": [*WORDS, frame]}))

    assert (await gate.ended(made.id))["status"] == "completed"


async def test_a_film_that_fails_says_why(gate: Gate) -> None:
    tasks = ark(gate).content_generation.tasks
    body = {**TINY, "extra_body": {"metadata": {"sandbox": {"fail": "content_policy_violation"}}}}
    made = await told(lambda: tasks.create(**body))
    await gate.ended(made.id)

    task = await told(lambda: tasks.get(task_id=made.id))

    assert (task.status, task.error.code) == ("failed", "content_policy_violation")
    assert task.error.message


async def test_refusals_reach_the_sdk_with_code_and_param(gate: Gate) -> None:
    tasks = ark(gate).content_generation.tasks
    with pytest.raises(sdk._exceptions.ArkBadRequestError) as refused:
        await told(lambda: tasks.create(**{**TINY, "duration": 0}))
    assert (refused.value.code, refused.value.param) == ("invalid_value", "duration")
    with pytest.raises(sdk._exceptions.ArkBadRequestError) as empty:
        await told(lambda: tasks.create(**{**TINY, "content": []}))
    assert (empty.value.code, empty.value.param) == ("missing_required_parameter", "content")
    with pytest.raises(sdk._exceptions.ArkAuthenticationError):
        await told(lambda: ark(gate, "sk-unknown").content_generation.tasks.list())


async def test_a_key_sees_no_task_of_another(gate: Gate) -> None:
    made = await told(lambda: ark(gate).content_generation.tasks.create(**SLOW))
    strange = ark(gate, await gate.key()).content_generation.tasks
    for call in (lambda: strange.get(task_id=made.id), lambda: strange.delete(made.id)):
        with pytest.raises(sdk._exceptions.ArkNotFoundError):
            await told(call)
    assert (await told(lambda: strange.list(task_ids=[made.id]))).total == 0
    await told(lambda: ark(gate).content_generation.tasks.delete(made.id))


async def test_a_lost_answer_is_given_again_by_its_idempotency_key(gate: Gate) -> None:
    tasks = ark(gate).content_generation.tasks
    headers = {"Idempotency-Key": "a-boat"}
    first = await told(lambda: tasks.create(**SLOW, extra_headers=headers))
    again = await told(lambda: tasks.create(**SLOW, extra_headers=headers))
    assert first.id == again.id
    await told(lambda: tasks.delete(first.id))


async def picture(gate: Gate) -> bytes:
    """A picture that the gateway made for the SDK."""
    made = await told(lambda: ark(gate).images.generate(model="sandbox-image", prompt="a kite", size="128x72"))
    return (await gate.browser.get(made.data[0].url)).content


async def test_pictures_come_as_links_unless_bytes_are_asked_for(gate: Gate) -> None:
    images = ark(gate).images
    group = {"sequential_image_generation": "auto", "sequential_image_generation_options": GroupOptions(max_images=2)}

    inline = await told(
        lambda: images.generate(model="sandbox-image", prompt="a kite", size="128x72", response_format="b64_json", **group)
    )

    assert picture_size(await picture(gate))[1] == (128, 72)
    assert (inline.model, inline.usage.generated_images, [one.size for one in inline.data]) == ("sandbox-image", 2, ["128x72"] * 2)
    assert picture_size(base64.b64decode(inline.data[0].b64_json))[1] == (128, 72)


async def test_a_stream_brings_each_picture_and_ends(gate: Gate) -> None:
    def streamed() -> list[Any]:
        return list(ark(gate).images.generate(model="sandbox-image", prompt="a kite", size="128x72", stream=True))

    events = await told(streamed)

    assert [event.type for event in events] == ["image_generation.partial_succeeded", "image_generation.completed"]
    assert (events[0].image_index, events[0].size) == (0, "128x72")
    assert picture_size((await gate.browser.get(events[0].url)).content)[1] == (128, 72)
    assert events[1].usage["generated_images"] == 1


async def test_a_stream_that_fails_raises_with_the_reason(gate: Gate) -> None:
    fails = {"metadata": {"sandbox": {"fail": "content_policy_violation"}}}

    def streamed() -> list[Any]:
        return list(ark(gate).images.generate(model="sandbox-image", prompt="a kite", stream=True, extra_body=fails))

    with pytest.raises(sdk._exceptions.ArkAPIError) as refused:
        await told(streamed)
    assert refused.value.code == "content_policy_violation"
