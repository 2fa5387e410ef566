"""OpenAI's own Python SDK against a running gateway, over a real socket: what its users do, and what it raises."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import openai
import pytest
from starlette.applications import Starlette

from tests.fakes.ark_media import tiny_png
from tests.fakes.openai_images import FakeImages
from tests.fakes.openai_videos import FakeVideos
from tests.gateways import KEY_TEXT
from tests.integration.gates import PICTURE, SANDBOX, TINY, Gate, channel_at, film_facts, gate_on, picture_size
from tests.servers import read_request, serve, serve_socket

pytestmark = [
    pytest.mark.anyio,
    # OpenAI marks every video method as deprecated, since its own service has ended; the shape lives on at other servers
    pytest.mark.filterwarnings("ignore:The Sora API is scheduled to permanently shut down:DeprecationWarning"),
]

FILE = ("boat.png", tiny_png(), "image/png")
RELAY_MODELS = {"relay-video": "any-video", "relay-image": "any-image", "gpt-image-1.5": "gpt-image-1.5"}


@dataclass(slots=True)
class Deaf:
    """A vendor that reads a request and closes the connection without a word."""

    requests: list[bytes] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        self.requests.append(await read_request(reader))


@dataclass(slots=True)
class Site:
    """The gateway, the SDK at it, and the vendors behind it."""

    gate: Gate
    sdk: openai.AsyncOpenAI
    videos: FakeVideos
    images: FakeImages
    deaf: Deaf

    def as_other(self, key: str, **options: Any) -> openai.AsyncOpenAI:
        """The SDK with another key."""
        return openai.AsyncOpenAI(base_url=f"{self.gate.url}/v1", api_key=key, max_retries=0, timeout=20, **options)


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    videos, images, deaf = FakeVideos(), FakeImages(), Deaf()
    async with serve(Starlette(routes=[*videos.routes(), *images.routes()])) as relay, serve_socket(deaf) as silent:
        channels = (
            SANDBOX,
            channel_at("relay", "openai", relay, models=RELAY_MODELS),
            channel_at("able", "openai", relay, models={"able-video": "any-video"}, settings={"cancel": "post"}),
            channel_at("deaf", "openai", silent, models={"deaf-video": "any-video", "deaf-image": "any-image"}),
        )
        async with (
            gate_on(tmp_path_factory.mktemp("gate"), *channels) as gate,
            openai.AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=KEY_TEXT, max_retries=0, timeout=20) as sdk,
        ):
            yield Site(gate, sdk, videos, images, deaf)


async def test_a_film_is_created_polled_and_downloaded_in_one_go(site: Site) -> None:
    video = await site.sdk.videos.create_and_poll(**TINY)

    assert (video.status, video.progress, video.seconds, video.size, video.error) == ("completed", 100, "1", "128x72", None)
    assert (video.object, video.model, video.prompt, video.remixed_from_video_id) == (
        "video",
        "sandbox-video",
        "a paper boat",
        None,
    )
    assert video.created_at <= (video.completed_at or 0)
    content = await site.sdk.videos.download_content(video.id)
    assert film_facts(content.content) == ("h264", 128, 72, 1.0)


async def test_a_download_may_be_streamed(site: Site) -> None:
    job = await site.gate.made(**TINY)

    async with site.sdk.videos.with_streaming_response.download_content(job["id"], variant="video") as answer:
        streamed = b"".join([chunk async for chunk in answer.iter_bytes(512)])

    assert answer.headers["content-type"] == "video/mp4"
    assert len(streamed) == int(answer.headers["content-length"])
    assert streamed == (await site.sdk.videos.download_content(job["id"])).content


async def test_a_reference_file_and_further_fields_reach_the_model(site: Site) -> None:
    extra = {"metadata": {"seed": 7}, "resolution": "480p"}
    video = await site.sdk.videos.create(prompt="a boat", model="relay-video", seconds="8", input_reference=FILE, extra_body=extra)

    sent = site.videos.created[-1]
    assert (sent["model"], sent["seconds"], sent["seed"]) == ("any-video", "8", "7")
    assert sent["input_reference"].data == tiny_png()
    assert sent["input_reference"].content_type == "image/png"
    assert (video.status, video.model) == ("queued", "relay-video")


async def test_a_reference_object_goes_by_link(site: Site) -> None:
    extra = {"input_reference": {"image_url": "https://img.example.com/a.png"}}
    await site.sdk.videos.create(prompt="a boat", model="relay-video", extra_body=extra)

    assert site.videos.created[-1]["input_reference"] == {"image_url": "https://img.example.com/a.png"}


async def test_the_sandbox_takes_a_reference_file_too(site: Site) -> None:
    video = await site.sdk.videos.create(**TINY, input_reference=FILE)

    done = await site.gate.ended(video.id)
    assert done["status"] == "completed"
    shown = await site.sdk.videos.retrieve(video.id)
    assert shown.to_dict() == done


async def test_a_failed_film_is_no_exception_and_says_why(site: Site) -> None:
    video = await site.sdk.videos.create_and_poll(**TINY, extra_body={"metadata": {"sandbox": {"fail": "moderation_blocked"}}})

    assert video.status == "failed"
    assert video.error is not None
    assert video.error.code == "moderation_blocked"
    assert video.error.message
    with pytest.raises(openai.BadRequestError) as refusal:
        await site.sdk.videos.download_content(video.id)
    assert refusal.value.code == "moderation_blocked"


async def test_films_are_listed_page_by_page_in_both_orders(site: Site) -> None:
    lister = site.as_other(await site.gate.key(name="lister"))
    made = [(await lister.videos.create(prompt=f"boat {number}", model="relay-video")).id for number in range(5)]

    assert [video.id async for video in lister.videos.list(limit=2)] == made[::-1]
    assert [video.id async for video in lister.videos.list(limit=2, order="asc")] == made
    page = await lister.videos.list(limit=2, after=made[3])
    assert [video.id for video in page.data] == [made[2], made[1]]
    assert page.has_next_page()
    await lister.close()


async def test_a_deleted_film_is_gone(site: Site) -> None:
    job = await site.gate.made(**TINY)

    deleted = await site.sdk.videos.delete(job["id"])

    assert (deleted.id, deleted.deleted, deleted.object) == (job["id"], True, "video.deleted")
    for call in (site.sdk.videos.retrieve, site.sdk.videos.delete, site.sdk.videos.download_content):
        with pytest.raises(openai.NotFoundError) as missing:
            await call(job["id"])
        assert missing.value.code == "task_not_exist"
    assert (await site.gate.browser.get(job["url"])).status_code == 404


async def test_a_film_is_remixed_with_the_model_of_its_source(site: Site) -> None:
    job = await site.gate.made(**TINY)

    remix = await site.sdk.videos.remix(job["id"], prompt="at night")

    assert (remix.model, remix.remixed_from_video_id, remix.prompt) == ("sandbox-video", job["id"], "at night")


@pytest.mark.parametrize("path", ["/videos/edits", "/videos/extensions"])
async def test_an_own_film_is_changed_by_its_id(site: Site, path: str) -> None:
    job = await site.gate.made(**TINY)

    body = {"prompt": "at night", "seconds": "4", "video": {"id": job["id"]}}  # the SDK's own method only takes a file
    changed = await site.sdk.post(path, cast_to=openai.types.Video, body=body)

    done = await site.gate.ended(changed.id)
    assert (changed.model, done["status"], done["seconds"]) == ("sandbox-video", "completed", "4")


async def test_a_film_of_ones_own_is_edited_and_extended(site: Site) -> None:
    job = await site.gate.made(**TINY)
    film = ("boat.mp4", (await site.sdk.videos.download_content(job["id"])).content, "video/mp4")
    model = {"model": "sandbox-video"}

    edited = await site.sdk.videos.edit(prompt="at night", video=film, extra_body=model)
    extended = await site.sdk.videos.extend(prompt="it sails on", seconds="4", video=film, extra_body=model)

    assert [(await site.gate.ended(video.id))["status"] for video in (edited, extended)] == ["completed", "completed"]
    with pytest.raises(openai.BadRequestError) as refusal:
        await site.sdk.videos.edit(prompt="at night", video=film)
    assert (refusal.value.code, refusal.value.param) == ("missing_required_parameter", "model")


@pytest.mark.parametrize(
    ("variant", "mime"),
    [("thumbnail", "image/jpeg"), ("spritesheet", "image/jpeg"), ("last_frame", "image/png"), ("preview", "image/webp")],
)
async def test_the_pictures_of_a_film_are_downloaded(site: Site, variant: Any, mime: str) -> None:
    job = await site.gate.made(**TINY)

    content = await site.sdk.videos.download_content(job["id"], variant=variant)

    assert content.response.headers["content-type"] == mime
    assert picture_size(content.content)[0] == mime.removeprefix("image/").upper()


async def test_a_running_film_is_cancelled_or_deleted_where_its_vendor_lets_go_of_it(site: Site) -> None:
    first, second, third = [
        await site.sdk.videos.create(prompt="[[hang]]", model=f"{kind}-video") for kind in ("able", "able", "relay")
    ]

    cancelled = await site.sdk.post(f"/videos/{first.id}/cancel", cast_to=openai.types.Video)
    deleted = await site.sdk.videos.delete(second.id)

    assert (cancelled.status, cancelled.error and cancelled.error.code) == ("failed", "cancelled")
    assert deleted.deleted
    assert [job.cancelled for job in list(site.videos.jobs.values())[-3:]] == [True, True, False]
    with pytest.raises(openai.NotFoundError):
        await site.sdk.videos.retrieve(second.id)
    with pytest.raises(openai.BadRequestError) as refusal:
        await site.sdk.videos.delete(third.id)
    assert refusal.value.code == "cannot_cancel"
    assert (await site.sdk.videos.retrieve(third.id)).status != "failed"


async def test_the_blocking_client_works_as_well(site: Site) -> None:
    def use() -> tuple[Any, bytes]:
        with openai.OpenAI(base_url=f"{site.gate.url}/v1", api_key=KEY_TEXT, max_retries=0, timeout=20) as sdk:
            video = sdk.videos.create_and_poll(**TINY, input_reference=FILE)
            return video, sdk.videos.download_content(video.id).content

    video, content = await anyio.to_thread.run_sync(use)

    assert video.status == "completed"
    assert film_facts(content)[1:3] == (128, 72)


async def test_models_are_listed(site: Site) -> None:
    names = [model.id async for model in site.sdk.models.list()]

    assert {"sandbox-video", "sandbox-image", "relay-video", "deaf-video"} <= set(names)
    assert (await site.sdk.models.retrieve("sandbox-video")).object == "model"


async def test_a_picture_is_a_link_that_needs_no_key(site: Site) -> None:
    result = await site.sdk.images.generate(**PICTURE, n=2)

    assert result.data is not None
    assert len(result.data) == 2
    assert result.created > 1_700_000_000
    answers = [await site.gate.browser.get(image.url or "") for image in result.data]
    assert [answer.headers["content-type"] for answer in answers] == ["image/png"] * 2
    assert [picture_size(answer.content) for answer in answers] == [("PNG", (128, 72))] * 2
    assert answers[0].content != answers[1].content


async def test_a_picture_comes_as_base64_on_request(site: Site) -> None:
    result = await site.sdk.images.generate(**PICTURE, response_format="b64_json", output_format="jpeg")

    assert result.data is not None
    assert result.data[0].url is None
    assert picture_size(base64.b64decode(result.data[0].b64_json or "")) == ("JPEG", (128, 72))
    assert result.output_format == "jpeg"
    assert result.size == "128x72"


@pytest.mark.parametrize("files", [FILE, [FILE], [FILE, FILE, FILE]], ids=["one", "a list of one", "several"])
async def test_pictures_are_edited(site: Site, files: Any) -> None:
    result = await site.sdk.images.edit(prompt="at night", model="sandbox-image", size="128x72", image=files)

    assert result.data is not None
    assert picture_size((await site.gate.browser.get(result.data[0].url or "")).content) == ("PNG", (128, 72))


async def test_every_file_and_the_mask_of_an_edit_reach_the_vendor(site: Site) -> None:
    other, mask = ("other.png", tiny_png(24), "image/png"), ("mask.png", tiny_png(32), "image/png")
    before = site.images.creates
    result = await site.sdk.images.edit(prompt="at night", model="relay-image", image=[FILE, other], mask=mask, n=2)

    assert result.data is not None
    assert len(result.data) == 2
    # nothing is known of this model, so it is asked for one picture at a time
    assert site.images.creates == before + 2
    for sent in site.images.created[before:]:
        assert [file.data for file in sent["image"]] == [tiny_png(), tiny_png(24)]
        assert sent["mask"].data == tiny_png(32)
        assert (sent["model"], sent["prompt"]) == ("any-image", "at night")


async def test_the_sandbox_takes_a_mask_too(site: Site) -> None:
    result = await site.sdk.images.edit(**PICTURE, image=FILE, mask=("mask.png", tiny_png(16), "image/png"))

    assert result.data is not None
    assert picture_size((await site.gate.browser.get(result.data[0].url or "")).content) == ("PNG", (128, 72))


async def test_a_transparent_background_reaches_a_model_that_has_one(site: Site) -> None:
    result = await site.sdk.images.generate(prompt="p", model="gpt-image-1.5", background="transparent", output_format="png")

    assert site.images.created[-1]["background"] == "transparent"
    assert result.background == "transparent"


async def test_a_single_edited_picture_reaches_the_vendor_as_one_part(site: Site) -> None:
    result = await site.sdk.images.edit(prompt="at night", model="relay-image", image=FILE, response_format="b64_json")

    assert site.images.created[-1]["image"].data == tiny_png()
    assert result.data is not None
    assert base64.b64decode(result.data[0].b64_json or "") == tiny_png()


async def test_pictures_stream_from_a_vendor_that_cannot_stream(site: Site) -> None:
    stream = await site.sdk.images.generate(**PICTURE, stream=True)

    events: list[Any] = [event async for event in stream]

    assert [event.type for event in events] == ["image_generation.completed"]
    assert picture_size(base64.b64decode(events[0].b64_json)) == ("PNG", (128, 72))


async def test_previews_and_pictures_stream_as_the_vendor_sends_them(site: Site) -> None:
    stream = await site.sdk.images.generate(prompt="p", model="relay-image", stream=True, partial_images=2)
    events: list[Any] = [event async for event in stream]
    edited = await site.sdk.images.edit(prompt="p", model="relay-image", image=FILE, stream=True)

    partial, completed = "image_generation.partial_image", "image_generation.completed"
    assert [event.type for event in events] == [partial, partial, completed]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert all(base64.b64decode(event.b64_json) == tiny_png() for event in events)
    assert events[2].usage.total_tokens == 12 + 1056
    assert [event.type async for event in edited] == ["image_edit.completed"]


async def test_a_stream_that_is_refused_raises_what_a_plain_answer_raises(site: Site) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        await site.sdk.images.generate(prompt="[[fail:moderation_blocked]]", model="relay-image", stream=True)
    assert refusal.value.code == "content_policy_violation"


Call = Callable[[openai.AsyncOpenAI], Any]


@pytest.mark.parametrize(
    ("call", "kind", "code", "param"),
    [
        (lambda sdk: sdk.videos.create(**{**TINY, "seconds": "soon"}), openai.BadRequestError, "invalid_value", "seconds"),
        (
            lambda sdk: sdk.videos.create(**TINY, extra_body={"mode": "i2v"}),
            openai.BadRequestError,
            "missing_required_parameter",
            "image",
        ),
        (lambda sdk: sdk.images.generate(**{**PICTURE, "n": 11}), openai.BadRequestError, "invalid_value", "n"),
        (lambda sdk: sdk.videos.list(limit=1000), openai.BadRequestError, "invalid_value", "limit"),
        (lambda sdk: sdk.videos.create(prompt="p", model="no-such"), openai.NotFoundError, "model_not_found", "model"),
        (lambda sdk: sdk.images.generate(prompt="p", model="no-such"), openai.NotFoundError, "model_not_found", "model"),
        (lambda sdk: sdk.models.retrieve("no-such"), openai.NotFoundError, "model_not_found", "model"),
        (lambda sdk: sdk.videos.retrieve("task_none"), openai.NotFoundError, "task_not_exist", "id"),
    ],
)
async def test_refusals_are_the_sdks_own_exceptions(
    site: Site, call: Call, kind: type[openai.APIStatusError], code: str, param: str
) -> None:
    with pytest.raises(kind) as refusal:
        await call(site.sdk)
    assert (refusal.value.code, refusal.value.param, refusal.value.type) == (code, param, "invalid_request_error")
    assert (refusal.value.request_id or "").startswith("req_")
    assert refusal.value.response.json()["request_id"] == refusal.value.request_id


async def test_an_unknown_key_is_an_authentication_error(site: Site) -> None:
    async with site.as_other("sk-none") as stranger:
        with pytest.raises(openai.AuthenticationError) as refusal:
            await stranger.videos.create(**TINY)
    assert (refusal.value.code, refusal.value.status_code) == ("invalid_api_key", 401)
    assert (refusal.value.request_id or "").startswith("req_")


async def test_a_model_that_a_key_may_not_use_is_a_permission_error(site: Site) -> None:
    async with site.as_other(await site.gate.key(name="narrow", models=frozenset({"sandbox-image"}))) as narrow:
        with pytest.raises(openai.PermissionDeniedError) as refusal:
            await narrow.videos.create(**TINY)
        assert [model.id async for model in narrow.models.list()] == ["sandbox-image"]
    assert (refusal.value.code, refusal.value.param) == ("model_not_allowed", "model")


async def test_a_vendors_rate_limit_is_a_rate_limit_error(site: Site) -> None:
    with pytest.raises(openai.RateLimitError) as refusal:
        await site.sdk.videos.create(prompt="[[429:1]] once", model="relay-video")
    assert (refusal.value.code, refusal.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert 1 <= int(refusal.value.response.headers["retry-after"]) <= 60
    assert "org-" not in str(refusal.value)


async def test_what_was_certainly_not_accepted_is_tried_again_by_the_sdk(site: Site) -> None:
    made = site.videos.creates

    video = await site.sdk.with_options(max_retries=1).videos.create(prompt="[[429:1]] twice", model="relay-video")

    assert video.status == "queued"
    assert site.videos.creates == made + 1


@pytest.mark.parametrize(
    "fields", [{"model": "deaf-video", "prompt": "a boat"}, {"model": "deaf-image", "prompt": "a kite"}], ids=["video", "image"]
)
async def test_a_lost_create_is_not_sent_again_by_the_sdk(site: Site, fields: Mapping[str, str]) -> None:
    before = len(site.deaf.requests)
    eager = site.sdk.with_options(max_retries=3)
    create: Any = eager.videos.create if fields["model"] == "deaf-video" else eager.images.generate

    with pytest.raises(openai.InternalServerError) as failure:
        await create(**fields)

    assert failure.value.code == "upstream_outcome_unknown"
    assert failure.value.response.headers["x-should-retry"] == "false"
    assert failure.value.request.headers["x-stainless-retry-count"] == "0"
    assert len(site.deaf.requests) == before + 1


async def test_another_keys_film_does_not_exist(site: Site) -> None:
    job = await site.gate.made(**TINY)
    async with site.as_other(await site.gate.key(name="stranger")) as stranger:
        calls: list[Callable[[], Any]] = [
            lambda: stranger.videos.retrieve(job["id"]),
            lambda: stranger.videos.download_content(job["id"]),
            lambda: stranger.videos.delete(job["id"]),
            lambda: stranger.videos.remix(job["id"], prompt="mine"),
            lambda: stranger.videos.poll(job["id"]),
            lambda: stranger.post(f"/videos/{job['id']}/cancel", cast_to=object),
            lambda: stranger.get(f"/video/generations/{job['id']}", cast_to=object),
            lambda: stranger.post("/videos/edits", cast_to=object, body={"prompt": "mine", "video": {"id": job["id"]}}),
        ]
        for call in calls:
            with pytest.raises(openai.NotFoundError) as missing:
                await call()
            assert missing.value.code == "task_not_exist"
        assert [video.id async for video in stranger.videos.list()] == []
        assert (await stranger.videos.list(after=job["id"])).data == []
    assert (await site.sdk.videos.retrieve(job["id"])).status == "completed"
