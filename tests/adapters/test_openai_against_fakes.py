"""The adapters `openai` and `newapi` against strict servers: what they build is accepted, what comes back is understood."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from app.adapters.registry import adapters
from app.domain.errors import Fault, UpstreamError, UpstreamMaybeSent, UpstreamRefused
from app.domain.jobs import Job, JobStatus
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import Mode, Request
from tests.adapters.exchange import finish, poll, send, submit
from tests.domain.builders import image, job, picture, video
from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.newapi import FakeNewApi
from tests.fakes.openai_images import FakeImages
from tests.fakes.openai_videos import FakeVideos
from tests.fakes.openai_wire import File

pytestmark = pytest.mark.anyio

NONE: Mapping[str, Json] = {}
OPENAI, NEWAPI = adapters()["openai"], adapters()["newapi"]
FILE = replace(picture(), form=Form.UPLOAD, mime="image/png", data=tiny_png())
LINK = replace(picture(), form=Form.URL)
CLIP = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, "upload:video#0:v.mp4", form=Form.UPLOAD, mime="video/mp4", data=tiny_mp4())


def order(request: Request, upstream_model: str = "m", settings: Mapping[str, Json] = NONE) -> Job:
    return job(request=request, upstream_model=upstream_model, settings=settings)


def by_id(job: Job) -> Media:
    return Media(MediaType.VIDEO, Role.SOURCE_VIDEO, f"task:{job.upstream_id}", form=Form.VERBATIM)


@pytest.mark.parametrize(
    "settings", [{}, {"video_body": "multipart"}, {"video_body": "json"}, {"input_reference": "object"}], ids=str
)
async def test_a_video_with_every_wish_is_made_by_a_strict_server(settings: Mapping[str, Json]) -> None:
    fake = FakeVideos()
    last = replace(FILE, role=Role.LAST_FRAME)
    wish = video(
        media=(FILE, last, replace(LINK, role=Role.REFERENCE_IMAGE)),
        mode=Mode.R2V,
        duration=8,
        width=1280,
        height=720,
        seed=7,
        fps=24,
        frames=192,
        negative_prompt="blur",
        generate_audio=True,
        watermark=False,
        camera_fixed=True,
        quality="high",
    )
    done = await finish(fake.app, OPENAI, order(wish, settings=settings))

    assert (done.status, done.progress, done.seconds) == (JobStatus.COMPLETED, 100, 8)
    assert fake.creates == 1
    content = await send(fake.app, OPENAI, OPENAI.build_download(done, done.outputs[0]))
    assert content.body == tiny_mp4()


async def test_bytes_arrive_as_they_were() -> None:
    fake = FakeVideos()
    await submit(fake.app, OPENAI, order(video(media=(FILE,), mode=Mode.I2V)))
    assert fake.created[0]["input_reference"] == File("first_frame_0.png", "image/png", tiny_png())


async def test_a_finished_video_is_remixed_edited_and_extended() -> None:
    fake = FakeVideos()
    source = await finish(fake.app, OPENAI, order(video()))
    media = (by_id(source),)
    for mode, seconds in ((Mode.REMIX, None), (Mode.EDIT, None), (Mode.EXTEND, 16)):
        await finish(fake.app, OPENAI, order(video(mode=mode, media=media, duration=seconds)))
    await finish(fake.app, OPENAI, order(video(mode=Mode.EDIT, media=(CLIP,))))

    assert fake.creates == 5
    assert isinstance(fake.created[4]["video"], File)


@pytest.mark.parametrize("failed_status", [200, 400, 500])
async def test_a_failed_job_is_known_under_any_http_status(failed_status: int) -> None:
    fake = FakeVideos(failed_status=failed_status)
    failed = await finish(fake.app, OPENAI, order(video(prompt="[[fail:moderation_blocked]]")))
    assert failed.failure is not None
    assert (failed.failure.code, failed.failure.upstream_code) == ("content_policy_violation", "moderation_blocked")


async def test_an_error_page_while_polling_is_no_verdict() -> None:
    fake = FakeVideos()
    waiting = await submit(fake.app, OPENAI, order(video(prompt="[[html:1]]")))
    with pytest.raises(UpstreamError):
        await poll(fake.app, OPENAI, waiting)
    assert (await poll(fake.app, OPENAI, waiting)).status is JobStatus.QUEUED


async def test_a_running_video_is_cancelled_where_the_channel_says_so() -> None:
    fake = FakeVideos()
    running = await submit(fake.app, OPENAI, order(video(prompt="[[hang]]"), settings={"cancel": "post"}))
    call = OPENAI.build_cancel(running)
    assert call is not None
    assert (await send(fake.app, OPENAI, call)).ok
    stopped = await poll(fake.app, OPENAI, running)
    assert stopped.failure is not None
    assert stopped.failure.code == "cancelled"


@pytest.mark.parametrize("name", ["openai", "newapi"])
@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("[[429:1]]", Fault.RATE),
        ("[[refuse:503:model_not_found]]", Fault.MODEL),
        ("[[refuse:400:content_policy_violation]]", Fault.CONTENT),
        ("[[refuse:403:insufficient_user_quota]]", Fault.BALANCE),
        ("[[refuse:500:engine_overloaded]]", Fault.OVERLOADED),
    ],
)
async def test_a_refused_create_says_whose_fault_it_is(name: str, prompt: str, fault: Fault) -> None:
    fake = FakeVideos() if name == "openai" else FakeNewApi()
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(fake.app, adapters()[name], order(video(prompt=prompt)))
    assert refusal.value.fault is fault
    assert fake.creates == 0


async def test_an_unexplained_server_error_leaves_the_outcome_open() -> None:
    with pytest.raises(UpstreamMaybeSent):
        await submit(FakeVideos().app, OPENAI, order(video(prompt="[[refuse:500:server_error]]")))


async def test_an_unknown_job_is_not_found() -> None:
    lost = replace(order(video()), upstream_id="video_404")
    for adapter, fake in ((OPENAI, FakeVideos()), (NEWAPI, FakeNewApi()), (NEWAPI, FakeNewApi(unknown_task=404))):
        with pytest.raises(UpstreamRefused) as refusal:
            await poll(fake.app, adapter, lost)
        assert refusal.value.fault is Fault.NOT_FOUND


@pytest.mark.parametrize("model", ["gpt-image-1.5", "gpt-image-2", "flux-dev"])
async def test_pictures_are_made_and_edited_by_a_strict_server(model: str) -> None:
    fake = FakeImages()
    inputs = (replace(FILE, role=Role.IMAGE), replace(FILE, role=Role.IMAGE), replace(FILE, role=Role.MASK))
    for wish in (
        image(n=2, response_format="b64_json", user="u"),
        image(mode=Mode.I2I, media=inputs, n=2, response_format="b64_json"),
    ):
        done = await submit(fake.app, OPENAI, order(wish, model))
        assert [output.data for output in done.outputs] == [tiny_png()] * 2
    assert len(fake.created[1]["image"]) == 2


@pytest.mark.parametrize("media", [(), (replace(FILE, role=Role.IMAGE),)], ids=["generations", "edits"])
async def test_a_stream_is_heard_picture_by_picture(media: tuple[Media, ...]) -> None:
    wish = order(image(mode=Mode.I2I if media else Mode.T2I, media=media, partial_images=1, n=2), "gpt-image-2")
    call = OPENAI.build_stream(wish)
    assert call is not None
    reply = await send(FakeImages().app, OPENAI, call)
    lines = [line.removeprefix(b"data: ") for line in reply.body.splitlines() if line.startswith(b"data: ")]
    events = [OPENAI.parse_event(wish, json.loads(line)) for line in lines]

    heard = [(event.kind, event.output and event.output.data) for event in events if event]
    assert heard == [("partial", tiny_png()), ("completed", tiny_png())] * 2
    last = events[-1]
    assert last is not None
    assert last.usage is not None
    assert last.usage.total_tokens == 12 + 2 * 1056


async def test_linked_pictures_are_edited_through_json() -> None:
    fake = FakeImages()
    wish = image(mode=Mode.I2I, media=(replace(LINK, role=Role.IMAGE),))
    done = await submit(fake.app, OPENAI, order(wish, "flux-dev"))
    assert fake.created[0]["images"] == [{"image_url": LINK.src}]
    assert done.outputs[0].url


async def test_a_withheld_picture_stands_beside_the_others() -> None:
    done = await submit(FakeImages().app, OPENAI, order(image(prompt="[[mixed]]", n=3), "gpt-image-2"))
    assert (len(done.outputs), [failure.code for failure in done.partial_failures]) == (2, ["content_policy_violation"])


async def test_a_refused_size_names_the_clients_field() -> None:
    wish = image(width=1000, height=1000, named={"width": "size", "height": "size"})
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(FakeImages().app, OPENAI, order(wish, "gpt-image-2"))
    assert (refusal.value.fault, refusal.value.param) == (Fault.REQUEST, "size")


@pytest.mark.parametrize("route", ["videos", "generations"])
@pytest.mark.parametrize("result", ["result_url", "fail_reason", "raw", "nowhere"])
async def test_a_relays_result_is_found_wherever_it_stands(route: str, result: str) -> None:
    fake = FakeNewApi(result=result)
    done = await finish(fake.app, NEWAPI, order(video(duration=5, media=(LINK,), mode=Mode.I2V), settings={"route": route}))

    assert (done.status, done.upstream_id) == (JobStatus.COMPLETED, "task_00000000000000000000000000000001")
    content = await send(fake.app, NEWAPI, NEWAPI.build_download(done, done.outputs[0]))
    assert content.body == tiny_mp4()
    assert next(path for method, path in fake.door.requests if method == "POST") == (
        "/v1/videos" if route == "videos" else "/v1/video/generations"
    )


@pytest.mark.parametrize("route", ["videos", "generations"])
async def test_a_relays_failure_is_understood_on_either_route(route: str) -> None:
    failed = await finish(FakeNewApi().app, NEWAPI, order(video(prompt="[[fail:bad]]"), settings={"route": route}))
    assert failed.failure is not None
    assert "as asked" in failed.failure.message


async def test_what_new_api_itself_reads_of_a_body_is_all_there() -> None:
    fake = FakeNewApi()
    frames = (LINK, replace(picture(Role.LAST_FRAME, src="https://img.example.com/b.png"), form=Form.URL))
    wish = video(mode=Mode.FLF2V, media=frames, duration=10, width=1920, height=1080, quality="pro", seed=0, negative_prompt="blur")
    made = await submit(fake.app, NEWAPI, order(wish, "kling-v1"))
    read = fake.tasks[made.upstream_id or ""].read

    assert (read["model"], read["seconds"], read["duration"], read["size"], read["mode"]) == (
        "kling-v1",
        "10",
        10,
        "1920x1080",
        "pro",
    )
    assert (read["image"], read["images"]) == (frames[0].src, [frames[0].src, frames[1].src])
    assert {"image_tail": frames[1].src, "seed": 0, "negative_prompt": "blur"}.items() <= read["metadata"].items()


async def test_a_relays_video_is_remixed() -> None:
    fake = FakeNewApi()
    source = await finish(fake.app, NEWAPI, order(video()))
    remix = await finish(fake.app, NEWAPI, order(video(mode=Mode.REMIX, media=(by_id(source),), prompt="at night")))
    assert remix.status is JobStatus.COMPLETED
    assert ("POST", f"/v1/videos/{source.upstream_id}/remix") in fake.door.requests


async def test_a_relay_without_a_channel_for_the_model_did_not_accept() -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(FakeNewApi(models=frozenset({"a"})).app, NEWAPI, order(video(), "grok-video-3"))
    assert (refusal.value.fault, refusal.value.status, refusal.value.request_id) == (
        Fault.MODEL,
        503,
        "20261120201500000000000AbCdEfGh",
    )


async def test_a_relays_pictures_come_over_the_same_door() -> None:
    fake = FakeNewApi()
    done = await submit(fake.app, NEWAPI, order(image(), "seedream-x"))
    assert done.outputs[0].url
    edited = await submit(fake.app, NEWAPI, order(image(mode=Mode.I2I, media=(replace(LINK, role=Role.IMAGE),)), "seedream-x"))
    assert edited.status is JobStatus.COMPLETED
    assert fake.images.created[1]["image"] == LINK.src
