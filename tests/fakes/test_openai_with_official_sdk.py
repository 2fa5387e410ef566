"""Drives the fakes with OpenAI's own Python SDK over a real socket: what satisfies the SDK is shaped like the vendor."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from starlette.applications import Starlette

from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.openai_images import FakeImages
from tests.fakes.openai_videos import FakeVideos
from tests.fakes.openai_wire import File
from tests.servers import serve

# OpenAI marks its own video methods as deprecated; their shape lives on elsewhere
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

PICTURE = ("a.png", tiny_png(), "image/png")


@pytest.fixture
def videos() -> FakeVideos:
    return FakeVideos()


@pytest.fixture
def images() -> FakeImages:
    return FakeImages()


@pytest.fixture
async def address(videos: FakeVideos, images: FakeImages) -> AsyncIterator[str]:
    async with serve(Starlette(routes=[*videos.routes(), *images.routes()])) as base_url:
        yield base_url


@pytest.fixture
async def client(address: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="test-key", max_retries=0, timeout=10) as sdk:
        yield sdk


async def test_a_video_is_created_polled_and_downloaded(client: openai.AsyncOpenAI, videos: FakeVideos) -> None:
    video = await client.videos.create_and_poll(prompt="a paper boat", model="sora-2", seconds="8", size="1280x720")

    assert (video.status, video.progress, video.seconds, video.size, video.error) == ("completed", 100, "8", "1280x720", None)
    content = await client.videos.download_content(video.id)
    assert content.content == tiny_mp4()
    assert (await client.videos.download_content(video.id, variant="thumbnail")).content == tiny_png()
    assert videos.created == [{"prompt": "a paper boat", "model": "sora-2", "seconds": "8", "size": "1280x720"}]


async def test_a_reference_goes_as_a_file_or_as_an_object(client: openai.AsyncOpenAI, videos: FakeVideos) -> None:
    await client.videos.create(prompt="p", model="m", input_reference=PICTURE)
    await client.videos.create(
        prompt="p", model="m", extra_body={"input_reference": {"image_url": "https://img.example.com/a.png"}}
    )

    assert videos.created[0]["input_reference"] == File(*("a.png", "image/png", tiny_png()))
    assert videos.created[1]["input_reference"] == {"image_url": "https://img.example.com/a.png"}


async def test_a_failed_video_carries_its_error(client: openai.AsyncOpenAI) -> None:
    video = await client.videos.create_and_poll(prompt="[[fail:moderation_blocked]]", model="m")

    assert video.status == "failed"
    assert video.error is not None
    assert video.error.code == "moderation_blocked"


async def test_a_finished_video_is_remixed_edited_and_extended(client: openai.AsyncOpenAI, videos: FakeVideos) -> None:
    source = await client.videos.create_and_poll(prompt="p", model="m")

    remix = await client.videos.remix(source.id, prompt="at night")
    edit: Any = {"video": {"id": source.id}, "prompt": "in snow"}
    await client.post("/videos/edits", cast_to=object, body=edit)
    await client.videos.extend(prompt="on and on", seconds="12", video=("v.mp4", tiny_mp4(), "video/mp4"))

    assert remix.remixed_from_video_id == source.id
    assert [body["prompt"] for body in videos.created] == ["p", "at night", "in snow", "on and on"]
    assert isinstance(videos.created[3]["video"], File)


async def test_videos_are_listed_page_by_page_and_deleted(client: openai.AsyncOpenAI, videos: FakeVideos) -> None:
    made = [(await client.videos.create_and_poll(prompt=f"{number}", model="m")).id for number in range(5)]

    assert [video.id async for video in client.videos.list(limit=2)] == made[::-1]
    assert [video.id async for video in client.videos.list(limit=2, order="asc")] == made
    assert (await client.videos.delete(made[0])).deleted is True
    with pytest.raises(openai.NotFoundError):
        await client.videos.retrieve(made[0])
    assert videos.deleted == [made[0]]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"seconds": 8}, "seconds"),
        ({"size": "16:9"}, "size"),
        ({"input_reference": "https://img.example.com/a.png"}, "input_reference"),
        ({"input_reference": {"image_url": "x", "file_id": "y"}}, "input_reference"),
        ({"callback_url": "https://cb.example.com"}, "callback_url"),
        ({"prompt": ""}, "prompt"),
    ],
)
async def test_a_wrong_create_is_refused_with_its_field(client: openai.AsyncOpenAI, fields: dict[str, Any], param: str) -> None:
    body = {"prompt": "p", "model": "m", **fields}
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.post("/videos", cast_to=object, body=body)
    assert refusal.value.param == param


async def test_errors_arrive_as_the_sdks_own_classes(client: openai.AsyncOpenAI, address: str, videos: FakeVideos) -> None:
    with pytest.raises(openai.RateLimitError) as limited:
        await client.videos.create(prompt="[[429:1]] p", model="m")
    assert limited.value.code == "rate_limit_exceeded"
    assert limited.value.request_id
    await client.videos.create(prompt="[[429:1]] p", model="m")
    with pytest.raises(openai.InternalServerError):
        await client.videos.create(prompt="[[refuse:503:engine_overloaded]]", model="m")
    stranger = openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        await stranger.videos.list()
    await stranger.close()
    assert videos.creates == 1


async def test_a_proxys_page_stands_before_the_first_polls(client: openai.AsyncOpenAI) -> None:
    video = await client.videos.create(prompt="[[html:2]]", model="m")

    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            await client.videos.retrieve(video.id)
    assert (await client.videos.retrieve(video.id)).status == "queued"


async def test_a_hanging_video_runs_for_ever_until_it_is_cancelled(client: openai.AsyncOpenAI) -> None:
    video = await client.videos.create(prompt="[[hang]]", model="m")

    words = [(await client.videos.retrieve(video.id)).status for _ in range(6)]
    assert words == ["queued"] + ["in_progress"] * 5
    with pytest.raises(openai.BadRequestError):
        await client.videos.download_content(video.id)
    cancelled: Any = await client.post(f"/videos/{video.id}/cancel", cast_to=object)
    assert (cancelled["status"], cancelled["error"]["code"]) == ("failed", "cancelled")


async def test_content_knows_ranges(client: openai.AsyncOpenAI, address: str) -> None:
    video = await client.videos.create_and_poll(prompt="p", model="m")
    whole = tiny_mp4()
    async with httpx.AsyncClient(headers={"Authorization": "Bearer test-key"}) as http:
        url = f"{address}/v1/videos/{video.id}/content"
        part = await http.get(url, headers={"Range": "bytes=4-7"})
        tail = await http.get(url, headers={"Range": "bytes=-3"})
        beyond = await http.get(url, headers={"Range": f"bytes={len(whole)}-"})
        stale = await http.get(url, headers={"Range": "bytes=4-7", "If-Range": '"other"'})
        head = await http.head(url)

    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"ftyp", f"bytes 4-7/{len(whole)}")
    assert (tail.status_code, tail.content) == (206, whole[-3:])
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")
    assert (stale.status_code, stale.content) == (200, whole)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(whole)), b"")


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["any-model"]


async def test_pictures_of_openai_are_base64_with_usage(client: openai.AsyncOpenAI, images: FakeImages) -> None:
    result = await client.images.generate(prompt="a kite", model="gpt-image-2", n=2, size="1536x864", quality="high")

    assert result.data is not None
    assert [base64.b64decode(image.b64_json or "") for image in result.data] == [tiny_png()] * 2
    assert (result.size, result.quality, result.output_format) == ("1536x864", "high", "png")
    assert result.usage is not None
    assert result.usage.total_tokens == 12 + 2 * 1056
    assert images.creates == 1


async def test_pictures_of_open_servers_are_links_unless_base64_is_asked_for(client: openai.AsyncOpenAI) -> None:
    links = await client.images.generate(prompt="a kite", model="flux-dev")
    inline = await client.images.generate(prompt="a kite", model="flux-dev", response_format="b64_json")

    assert links.data is not None
    assert inline.data is not None
    async with httpx.AsyncClient() as http:
        assert (await http.get(links.data[0].url or "")).content == tiny_png()
    assert base64.b64decode(inline.data[0].b64_json or "") == tiny_png()


async def test_edits_take_one_picture_several_and_a_mask(client: openai.AsyncOpenAI, images: FakeImages) -> None:
    await client.images.edit(prompt="p", model="gpt-image-1.5", image=PICTURE, mask=PICTURE, n=2, input_fidelity="high")
    await client.images.edit(prompt="p", model="gpt-image-2", image=[PICTURE, PICTURE])

    assert isinstance(images.created[0]["image"], File)
    assert isinstance(images.created[0]["mask"], File)
    assert images.created[0]["n"] == 2
    assert len(images.created[1]["image"]) == 2


async def test_pictures_stream(client: openai.AsyncOpenAI) -> None:
    stream = await client.images.generate(prompt="p", model="gpt-image-2", stream=True, partial_images=2)
    events = [event async for event in stream]

    partial, completed = "image_generation.partial_image", "image_generation.completed"
    assert [event.type for event in events] == [partial, partial, completed]
    edited = await client.images.edit(prompt="p", model="gpt-image-2", image=PICTURE, stream=True)
    assert [event.type async for event in edited] == ["image_edit.completed"]


@pytest.mark.parametrize(
    ("model", "fields", "param"),
    [
        ("gpt-image-2", {"response_format": "url"}, "response_format"),
        ("gpt-image-1.5", {"size": "1920x1080"}, "size"),
        ("gpt-image-2", {"size": "1000x1000"}, "size"),
        ("gpt-image-2", {"size": "3840x1024"}, "size"),
        ("gpt-image-1.5", {"quality": "max"}, "quality"),
        ("gpt-image-2", {"n": 11}, "n"),
        ("gpt-image-2", {"extra_body": {"seed": 7}}, "seed"),
        ("flux-dev", {"extra_body": {"steps": 7}}, "steps"),
    ],
)
async def test_a_wrong_picture_is_refused_with_its_field(
    client: openai.AsyncOpenAI, model: str, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.images.generate(prompt="p", model=model, **fields)
    assert refusal.value.param == param


async def test_moderation_refuses_with_its_code(client: openai.AsyncOpenAI, images: FakeImages) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.images.generate(prompt="[[fail:moderation_blocked]]", model="gpt-image-2")
    assert refusal.value.code == "moderation_blocked"
    assert images.creates == 0
