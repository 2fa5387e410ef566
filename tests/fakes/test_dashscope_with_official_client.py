"""Drives the fake with the vendor's own Python client over a real socket: what satisfies the client is shaped like the vendor.

`dashscope` holds three clients: the classes (`VideoSynthesis` ...), their asynchronous twins (`Aio...`) and `dashscope.Client`.
What they cannot do:

- The classes raise nothing for a refusal: they hand out its HTTP status and code. They lose the code of an error that comes with
  HTTP 200, so only `Client` is asked about that. A failed task is HTTP 200 to both; `Client` raises it.
- The classes' `wait` sleeps a second after each unfinished answer, so here it waits for tasks that have ended; the states before
  are seen by `fetch`, and by the `wait` of `Client`, whose interval can be set.
- `Client` makes old pictures by `text2image` alone, knows the `messages` style for `wan2.6` alone, has no way to the path of first
  and last frames, and finds no tasks in the list, for it looks under another name than the vendor's pages give.
- `ImageSynthesis.sync_call` leaves out the header of tasks, which its path wants; Qwen-Image is asked at once by
  `MultiModalConversation`.
- The asynchronous classes end the addresses of tasks with a slash, which the fake answers with a redirect that they follow.
- Files on disk would go to the vendor's storage first, which the fake does not play.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import anyio.to_thread
import dashscope
import httpx
import pytest
from dashscope.aigc.image_generation import ImageGeneration
from dashscope.aigc.image_synthesis import ImageSynthesis
from dashscope.aigc.multimodal_conversation import MultiModalConversation
from dashscope.aigc.video_synthesis import AioVideoSynthesis, VideoSynthesis
from dashscope.api_entities.aio_session import close_shared_aio_session
from dashscope.v2 import errors

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.dashscope import FakeDashScope
from tests.servers import serve

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("address")]

HORSE = "happyhorse-1.0-t2v"
FRAME = "https://example.com/a.png"
SERVICES = "/api/v1/services/aigc"
T = TypeVar("T")


@pytest.fixture
def fake() -> FakeDashScope:
    return FakeDashScope()


@pytest.fixture
def quick_fake(fake: FakeDashScope) -> FakeDashScope:
    """The same fake, whose tasks have ended when first asked about."""
    fake.pending_polls = fake.running_polls = 0
    return fake


@pytest.fixture
async def address(fake: FakeDashScope, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The fake's root, which the classes read from a global of their package; what they pooled is closed."""
    async with serve(fake.app) as base_url:
        monkeypatch.setattr(dashscope, "base_http_api_url", f"{base_url}/api/v1")
        yield f"{base_url}/api/v1"
        dashscope.close_shared_sync_session()
        await close_shared_aio_session()


@pytest.fixture
def client(address: str) -> Iterator[dashscope.Client]:
    with _client(address) as made:
        yield made


def _client(address: str, key: str = "test-key") -> dashscope.Client:
    return dashscope.Client(base_url=address, api_key=key, max_retries=0, timeout=10)


async def _off_loop(call: Callable[[], T]) -> T:
    """The client blocks; the server needs the loop."""
    return await anyio.to_thread.run_sync(call)


async def _call(method: Callable[..., T], *values: Any, **fields: Any) -> T:
    return await _off_loop(lambda: method(*values, **{"api_key": "test-key", **fields}))


async def _create(prompt: str, **fields: Any) -> str:
    made: Any = await _call(VideoSynthesis.async_call, HORSE, prompt, **fields)
    assert made.status_code == 200, made
    return str(made.output.task_id)


async def _fetch(task_id: str) -> Any:
    return await _call(VideoSynthesis.fetch, task_id)


async def _polled(task_id: str, times: int) -> list[str]:
    return [(await _fetch(task_id)).output.task_status for _ in range(times)]


async def _file(url: str) -> bytes:
    async with httpx.AsyncClient() as browser:
        return (await browser.get(url)).raise_for_status().content


def _message(*parts: dict[str, str]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def _pictures(answer: Any) -> list[str]:
    return [part["image"] for choice in answer.output.choices for part in choice.message.content]


async def test_a_video_goes_out_as_the_vendor_writes_it(fake: FakeDashScope) -> None:
    made: Any = await _call(VideoSynthesis.async_call, HORSE, "a paper boat", duration=5, resolution="720P", seed=7)

    assert (made.status_code, made.output.task_status) == (200, "PENDING")
    assert fake.requests == [("POST", f"{SERVICES}/video-generation/video-synthesis")]
    assert fake.created == [
        {
            "model": HORSE,
            "input": {"prompt": "a paper boat", "extend_prompt": True, "function": "video-synthesis"},
            "parameters": {"duration": 5, "resolution": "720P", "seed": 7},
        }
    ]
    sent = fake.headers[0]
    assert (sent["x-dashscope-async"], sent["authorization"]) == ("enable", "Bearer test-key")
    assert sent["x-dashscope-sdk-client"].startswith("python-sdk/")
    assert "x-dashscope-ossresourceresolve" not in sent


async def test_a_task_goes_through_its_states(fake: FakeDashScope) -> None:
    task_id = await _create("a paper boat")

    first, second, third = [await _fetch(task_id) for _ in range(3)]

    assert [answer.output.task_status for answer in (first, second, third)] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert (first.output.video_url, first.usage) == ("", None)
    assert "end_time" not in second.output
    assert third.output.submit_time < third.output.scheduled_time
    assert fake.requests[1:] == [("GET", f"/api/v1/tasks/{task_id}")] * 3


async def test_a_finished_clip_is_waited_for_and_fetched(quick_fake: FakeDashScope) -> None:
    made: Any = await _call(VideoSynthesis.async_call, HORSE, "a paper boat", duration=7, resolution="1080P", ratio="9:16")
    done: Any = await _call(VideoSynthesis.wait, made)

    assert (done.status_code, done.code, done.output.task_status) == (200, None, "SUCCEEDED")
    assert (done.usage.duration, done.usage.output_video_duration, done.usage.SR, done.usage.ratio) == (7, 7, 1080, "9:16")
    assert await _file(done.output.video_url) == tiny_mp4()


async def test_the_older_usage_fills_the_clients_own_fields(quick_fake: FakeDashScope) -> None:
    done: Any = await _call(VideoSynthesis.call, "wan2.5-t2v-preview", "x [[older]]", size="832*480", duration=10)

    assert (done.usage.video_count, done.usage.video_duration, done.usage.video_ratio) == (1, 10, "832*480")
    assert done.output.actual_prompt == "rewritten"


async def test_a_failed_task_is_http_200_with_its_code_inside(quick_fake: FakeDashScope) -> None:
    failed: Any = await _call(VideoSynthesis.wait, await _create("x [[fail:DataInspectionFailed]]"))

    assert (failed.status_code, failed.code, failed.usage) == (200, None, None)
    assert (failed.output.task_status, failed.output.code) == ("FAILED", "DataInspectionFailed")
    assert failed.output.message
    assert failed.output.end_time


async def test_an_unknown_task_ends_the_wait() -> None:
    answer: Any = await _call(VideoSynthesis.wait, "not-ours")
    assert (answer.status_code, answer.output.task_id, answer.output.task_status) == (200, "not-ours", "UNKNOWN")


async def test_a_proxys_page_ends_the_wait() -> None:
    task_id = await _create("x [[html:1]]")

    broken: Any = await _call(VideoSynthesis.wait, task_id)

    assert (broken.status_code, broken.code, broken.output) == (502, "Unknown", None)
    assert await _polled(task_id, 1) == ["PENDING"]


async def test_a_pending_task_is_cancelled_and_a_running_one_is_not(fake: FakeDashScope) -> None:
    pending, running = await _create("one"), await _create("two")
    await _polled(running, 2)

    taken: Any = await _call(VideoSynthesis.cancel, pending)
    late: Any = await _call(VideoSynthesis.cancel, running)
    ended: Any = await _call(VideoSynthesis.wait, pending)

    assert (taken.status_code, bool(taken.request_id)) == (200, True)
    assert (late.status_code, late.code) == (400, "UnsupportedOperation")
    assert ended.output.task_status == "CANCELED"
    assert ("POST", f"/api/v1/tasks/{pending}/cancel") in fake.requests


async def test_tasks_are_listed_by_page() -> None:
    ids = [await _create(f"boat {number}") for number in range(3)]

    listed: Any = await _call(VideoSynthesis.list, page_no=2, page_size=2)

    assert (listed.status_code, listed.output["total"], listed.output["total_page"]) == (200, 3, 2)
    assert [(task["task_id"], task["status"]) for task in listed.output["data"]] == [(ids[2], "PENDING")]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"api_key": "another-key"}, 401, "InvalidApiKey"),
        ({"model": "happyhorse-9"}, 404, "ModelNotFound"),
        ({"resolution": "720p"}, 400, "InvalidParameter"),
        ({"duration": 2}, 400, "InvalidParameter"),
        ({"size": "1280*720"}, 400, "InvalidParameter"),
        ({"media": [{"type": "first_frame", "url": FRAME}]}, 400, "InvalidParameter"),
        ({"prompt": ""}, 400, "InvalidParameter"),
        ({"prompt": "[[429:1]]"}, 429, "Throttling.RateQuota"),
        ({"prompt": "[[refuse:400:Arrearage]]"}, 400, "Arrearage"),
        ({"prompt": "[[refuse:403:AccessDenied.Unpurchased]]"}, 403, "AccessDenied.Unpurchased"),
        ({"prompt": "[[refuse:500:InternalError.Timeout]]"}, 500, "InternalError.Timeout"),
    ],
    ids=str,
)
async def test_a_refusal_is_handed_out_with_its_status_and_code(
    fake: FakeDashScope, fields: dict[str, Any], status: int, code: str
) -> None:
    answer: Any = await _call(VideoSynthesis.async_call, **{"model": HORSE, "prompt": "a boat", **fields})

    assert (answer.status_code, answer.code, answer.output) == (status, code, None)
    assert answer.message
    assert answer.request_id == answer.headers["x-request-id"]
    assert fake.creates == 0


async def test_first_and_last_frames_have_a_path_of_their_own(quick_fake: FakeDashScope) -> None:
    frames = {"first_frame_url": FRAME, "last_frame_url": "https://example.com/b.png"}
    done: Any = await _call(VideoSynthesis.call, "wan2.2-kf2v-flash", "a boat", resolution="480P", **frames)

    assert done.output.task_status == "SUCCEEDED"
    assert quick_fake.requests[0] == ("POST", f"{SERVICES}/image2video/video-synthesis")


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("happyhorse-1.1-i2v", {"media": [{"type": "first_frame", "url": FRAME}]}),
        ("wan2.6-i2v", {"img_url": FRAME, "audio_url": "https://example.com/a.mp3", "resolution": "720P"}),
        ("wan2.6-r2v", {"reference_urls": ["https://example.com/a.mp4", FRAME], "size": "1280*720", "shot_type": "multi"}),
        ("wan2.7-r2v", {"media": [{"type": "reference_image", "url": FRAME, "reference_voice": "https://example.com/a.mp3"}]}),
        ("wan2.7-t2v", {"negative_prompt": "blur", "ratio": "1:1", "prompt_extend": False, "watermark": False}),
        ("wan3.0-video", {"media": [{"type": "reference_audio", "url": "https://example.com/a.mp3"}], "enable_thinking": True}),
        ("wan2.1-vace-plus", {"extra_input": {"function": "image_reference", "ref_images_url": [FRAME]}}),
    ],
)
async def test_every_family_of_inputs_is_taken(fake: FakeDashScope, model: str, fields: dict[str, Any]) -> None:
    made: Any = await _call(VideoSynthesis.async_call, model, "a boat", **fields)
    assert (made.status_code, made.output.task_status, fake.creates) == (200, "PENDING", 1), made.message


async def test_a_file_at_the_vendor_is_asked_for_by_header(fake: FakeDashScope) -> None:
    made: Any = await _call(VideoSynthesis.async_call, "wan2.6-i2v", "a boat", img_url="oss://bucket/a.png")

    assert made.status_code == 200
    assert fake.headers[0]["x-dashscope-ossresourceresolve"] == "enable"


async def test_pictures_in_the_old_style_come_as_a_task(quick_fake: FakeDashScope) -> None:
    made: Any = await _call(ImageSynthesis.async_call, "wan2.2-t2i-flash", "a cup", negative_prompt="blur", n=2, size="1024*1024")
    done: Any = await _call(ImageSynthesis.wait, made)

    assert (made.output.task_status, made.output.results) == ("PENDING", [])
    assert (done.output.task_status, done.usage.image_count, len(done.output.results)) == ("SUCCEEDED", 2, 2)
    assert await _file(done.output.results[0].url) == tiny_png()
    assert quick_fake.requests[0] == ("POST", f"{SERVICES}/text2image/image-synthesis")
    assert quick_fake.headers[0]["x-dashscope-async"] == "enable"


async def test_one_of_several_pictures_may_fail(quick_fake: FakeDashScope) -> None:
    done: Any = await _call(ImageSynthesis.call, "wan2.5-t2i-preview", "cups [[mixed]]", n=3)

    assert done.output.task_status == "SUCCEEDED"
    assert [bool(result.url) for result in done.output.results] == [True, False, True]
    assert (done.output.results[1].code, done.usage.image_count) == ("InternalError.Timeout", 2)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("wanx2.1-imageedit", {"function": "description_edit_with_mask", "base_image_url": FRAME, "mask_image_url": FRAME}),
        ("wan2.5-i2i-preview", {"images": [FRAME, FRAME]}),
    ],
)
async def test_edits_in_the_old_style_have_a_path_of_their_own(
    quick_fake: FakeDashScope, model: str, fields: dict[str, Any]
) -> None:
    done: Any = await _call(ImageSynthesis.call, model, "on a table", n=1, **fields)

    assert len(done.output.results) == 1, done.message
    assert quick_fake.requests[0] == ("POST", f"{SERVICES}/image2image/image-synthesis")


async def test_a_pending_picture_is_cancelled() -> None:
    made: Any = await _call(ImageSynthesis.async_call, "qwen-image", "a cup", n=1)
    taken: Any = await _call(ImageSynthesis.cancel, made)
    ended: Any = await _call(ImageSynthesis.fetch, made)

    assert (taken.status_code, ended.output.task_status, ended.output.results) == (200, "CANCELED", [])


async def test_an_old_picture_at_once_is_refused() -> None:
    answer: Any = await _call(ImageSynthesis.sync_call, "wan2.2-t2i-flash", "a cup")

    assert (answer.status_code, answer.code) == (403, "AccessDenied")
    assert answer.message == "current user api does not support synchronous calls."


async def test_qwen_pictures_come_at_once(fake: FakeDashScope) -> None:
    text, cup = {"text": "on a table"}, {"image": FRAME}
    made: Any = await _call(
        MultiModalConversation.call, "qwen-image", _message(text), n=1, size="1664*928", watermark=False, negative_prompt="blur"
    )
    edited: Any = await _call(MultiModalConversation.call, "qwen-image-edit-plus", _message(cup, text), n=2, seed=7)

    assert (made.status_code, made.output.choices[0].finish_reason, made.usage["image_count"]) == (200, "stop", 1)
    assert await _file(_pictures(made)[0]) == tiny_png()
    assert (len(_pictures(edited)), edited.usage["image_count"]) == (2, 2)
    assert fake.requests == [("POST", f"{SERVICES}/multimodal-generation/generation")] * 2
    assert all("x-dashscope-async" not in headers for headers in fake.headers)
    assert fake.created[1]["input"] == {"messages": _message(cup, text)}


@pytest.mark.parametrize(
    ("prompt", "fields", "status", "code"),
    [
        ("a cup", {"headers": {"X-DashScope-Async": "enable"}}, 403, "AccessDenied"),
        ("a cup", {"size": "1024x1024"}, 400, "InvalidParameter"),
        ("a cup", {"api_key": "another-key"}, 401, "InvalidApiKey"),
        ("[[fail:DataInspectionFailed]]", {}, 400, "DataInspectionFailed"),
        ("[[429:1]]", {}, 429, "Throttling.RateQuota"),
    ],
)
async def test_a_picture_at_once_is_refused_at_once(prompt: str, fields: dict[str, Any], status: int, code: str) -> None:
    answer: Any = await _call(MultiModalConversation.call, "qwen-image", _message({"text": prompt}), **fields)
    assert (answer.status_code, answer.code, answer.output) == (status, code, None)


async def test_newer_pictures_come_at_once_or_as_a_task(quick_fake: FakeDashScope) -> None:
    ask = {"model": "wan2.6-t2i", "messages": _message({"text": "a cup"}), "n": 2}
    at_once: Any = await _call(ImageGeneration.call, **ask)
    task: Any = await _call(ImageGeneration.async_call, **ask)
    done: Any = await _call(ImageGeneration.wait, task)

    assert len(_pictures(at_once)) == len(_pictures(done)) == 2
    assert (task.output.task_status, done.output.task_status, done.output.finished) == ("PENDING", "SUCCEEDED", True)
    assert (done.usage.image_count, bool(done.output.end_time)) == (2, True)
    assert [path.split("/")[-2] for _, path in quick_fake.requests[:2]] == ["multimodal-generation", "image-generation"]
    assert [headers.get("x-dashscope-async") for headers in quick_fake.headers] == [None, "enable"]


async def test_a_clip_is_made_and_another_cancelled_by_the_asynchronous_classes(quick_fake: FakeDashScope) -> None:
    made, other = [await AioVideoSynthesis.async_call(HORSE, prompt, api_key="test-key") for prompt in ("one", "two")]
    taken = await AioVideoSynthesis.cancel(other, api_key="test-key")
    done = await AioVideoSynthesis.wait(made, api_key="test-key")
    late = await AioVideoSynthesis.cancel(made, api_key="test-key")

    assert (done.output.task_status, await _file(done.output.video_url)) == ("SUCCEEDED", tiny_mp4())
    assert (taken.status_code, late.status_code, late.code) == (200, 400, "UnsupportedOperation")
    assert quick_fake.status(quick_fake.tasks[other.output.task_id]) == "CANCELED"
    assert all(headers["x-dashscope-async"] == "enable" for headers in quick_fake.headers)


async def test_a_clip_is_generated(client: dashscope.Client, fake: FakeDashScope) -> None:
    job = await _off_loop(
        lambda: client.videos.generate(model=HORSE, prompt="a boat", duration=5, resolution="720P", poll_interval=0)
    )

    assert (job.succeeded, job.usage is not None, await _file(str(job.video_url))) == (True, True, tiny_mp4())
    assert (bool(job.submitted_at), bool(job.scheduled_at), bool(job.finished_at)) == (True, True, True)
    assert fake.created == [{"model": HORSE, "input": {"prompt": "a boat"}, "parameters": {"duration": 5, "resolution": "720P"}}]
    assert fake.headers[0]["x-dashscope-async"] == "enable"
    assert fake.requests[1:] == [("GET", f"/api/v1/tasks/{job.task_id}")] * 3


async def test_frames_go_as_media(client: dashscope.Client, fake: FakeDashScope) -> None:
    await _off_loop(lambda: client.videos.jobs.create(model="wan2.7-i2v", image_url=FRAME))
    assert fake.created[0]["input"] == {"media": [{"type": "first_frame", "url": FRAME}]}


@pytest.mark.parametrize(
    ("prompt", "kind", "status"),
    [
        ("[[refuse:400:DataInspectionFailed]]", errors.ContentFilterError, 400),
        ("[[refuse:400:InvalidParameter]]", errors.BadRequestError, 400),
        ("[[refuse:403:AccessDenied.Unpurchased]]", errors.PermissionDeniedError, 403),
        ("[[refuse:404:Model.NotExist]]", errors.NotFoundError, 404),
        ("[[429:1]]", errors.RateLimitError, 429),
        ("[[200:Throttling.RateQuota]]", errors.RateLimitError, 200),
        ("[[refuse:500:InternalError]]", errors.InternalServerError, 500),
        ("[[refuse:503:ServiceUnavailable]]", errors.ServiceUnavailableError, 503),
        ("[[refuse:504:RequestTimeOut]]", errors.GatewayTimeoutError, 504),
    ],
)
async def test_a_refusal_is_raised_by_its_class(
    client: dashscope.Client, prompt: str, kind: type[errors.DashScopeError], status: int
) -> None:
    with pytest.raises(kind) as refusal:
        await _off_loop(lambda: client.videos.jobs.create(model=HORSE, prompt=prompt))

    assert type(refusal.value) is kind
    assert (refusal.value.status_code, bool(refusal.value.code), bool(refusal.value.request_id)) == (status, True, True)


async def test_a_wrong_key_is_unauthorized(address: str) -> None:
    with _client(address, "another-key") as stranger, pytest.raises(errors.AuthenticationError) as refusal:
        await _off_loop(lambda: stranger.videos.jobs.create(model=HORSE, prompt="a boat"))

    assert (refusal.value.code, refusal.value.status_code) == ("InvalidApiKey", 401)


async def test_a_failed_task_is_raised(client: dashscope.Client) -> None:
    with pytest.raises(errors.ContentFilterError) as failure:
        await _off_loop(lambda: client.videos.generate(model=HORSE, prompt="x [[fail:DataInspectionFailed]]", poll_interval=0))

    assert (failure.value.code, failure.value.status_code) == ("DataInspectionFailed", 200)


async def test_a_cancelled_task_ends_the_wait_and_an_unknown_one_too(client: dashscope.Client) -> None:
    jobs = client.videos.jobs
    job = await _off_loop(lambda: jobs.create(model=HORSE, prompt="a boat"))
    await _off_loop(lambda: jobs.cancel(job.task_id))

    with pytest.raises(errors.DashScopeError, match="canceled"):
        await _off_loop(lambda: jobs.wait(job.task_id))
    with pytest.raises(errors.BadRequestError) as again:
        await _off_loop(lambda: jobs.cancel(job.task_id))
    assert again.value.code == "UnsupportedOperation"
    assert (await _off_loop(lambda: jobs.wait("not-ours"))).status == "UNKNOWN"


async def test_old_pictures_are_generated(client: dashscope.Client, fake: FakeDashScope) -> None:
    job = await _off_loop(
        lambda: client.images.generate(model="qwen-image", prompt="a cup", n=1, size="1328x1328", poll_interval=0)
    )

    assert (await _file(job.image_urls[0]), bool(job.finished_at)) == (tiny_png(), True)
    assert fake.requests[0] == ("POST", f"{SERVICES}/text2image/image-synthesis")


async def test_newer_pictures_are_generated_with_the_text_first(client: dashscope.Client, fake: FakeDashScope) -> None:
    ask: dict[str, Any] = {"model": "wan2.6-image", "prompt": "on a table", "image_urls": [FRAME], "n": 1}
    at_once = await _off_loop(lambda: client.images.generate(**ask))
    job = await _off_loop(lambda: client.images.jobs.create(**ask))
    done = await _off_loop(lambda: client.images.jobs.wait(job, poll_interval=0))

    assert (at_once.succeeded, len(at_once.image_urls), len(done.image_urls)) == (True, 1, 1)
    assert [body["input"] for body in fake.created] == [{"messages": _message({"text": "on a table"}, {"image": FRAME})}] * 2
    assert [headers.get("x-dashscope-async") for headers in fake.headers] == [None, "enable"]
