"""What a strict server thinks of the bodies that the Vidu adapter writes, and the adapter of its answers."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.errors import Fault, UpstreamMaybeSent, UpstreamRefused
from app.domain.jobs import JobStatus
from app.domain.json import JsonObject
from app.domain.media import Form, Media, MediaType, Origin, Role
from app.domain.requests import Mode
from tests.adapters.exchange import finish, poll, send, submit
from tests.adapters.stories import Story, fitted, stories
from tests.adapters.stories import job_of as told
from tests.adapters.vidu_jobs import ADAPTER, card_of, image, job_of, media_for, video
from tests.fakes.vidu import FakeVidu

pytestmark = pytest.mark.anyio

SENT = [
    story
    for story in stories()
    if story.adapter == "vidu"
    and story.content.get("steps", [{}])[0].get("call")
    and "viduq9" not in str(story.content)
    and story.name != "an_extension_by_id"  # a creation that the server never made
]
SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"resolution": "2160p", "aspect_ratio": "16:9", "duration": 60},
    {"resolution": "360p", "aspect_ratio": "2:3", "duration": 1},
    {"resolution": "1080p", "aspect_ratio": "auto", "duration": 8},
    {"resolution": "540p", "aspect_ratio": "4:3", "duration": 2.5},
    {"width": 1920, "height": 1080, "resolution": "1080p", "aspect_ratio": "16:9", "duration_auto": True},
)
IMAGE_SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"width": 1024, "height": 1792, "resolution": "1K", "aspect_ratio": "4:7"},
    {"resolution": "4K", "aspect_ratio": "21:9"},
    {"resolution": "2K"},
    {"aspect_ratio": "5:4"},
    {"aspect_ratio": "auto"},
)
EXTRAS: JsonObject = {
    "movement_amplitude": "small",
    "bgm": True,
    "style": "anime",
    "audio_type": "all",
    "voice_id": "calm_voice",
    "is_rec": False,
    "off_peak": False,
    "wm_position": 2,
    "meta_data": "{}",
    "payload": "mine",
    "strange": [1],
}


@pytest.mark.parametrize("story", SENT, ids=str)
async def test_a_strict_server_takes_the_body_of_each_story(story: Story) -> None:
    call = ADAPTER.build_request(told(story, fitted(story).request))

    reply = await send(FakeVidu().app, ADAPTER, call)

    assert reply.ok, reply.body


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("card", "mode"),
    [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in catalogue("vidu").cards
        if card.capabilities.op == "video"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_video_model(card: ModelCard, mode: Mode, size: Mapping[str, Any]) -> None:
    asked = video(card.name, mode, fps=30, seed=1, watermark=True, generate_audio=True, quality="hd", vendor=EXTRAS, **size)
    job = job_of(card, asked, callback="https://gw.example/callbacks/t")

    reply = await send(FakeVidu().app, ADAPTER, ADAPTER.build_request(job))

    assert reply.ok, reply.body


@pytest.mark.parametrize("size", IMAGE_SIZES, ids=str)
@pytest.mark.parametrize(("name", "mode"), [("viduq2", Mode.T2I), ("viduq2", Mode.I2I), ("viduq1", Mode.I2I)])
async def test_a_strict_server_takes_every_mode_of_every_picture_model(name: str, mode: Mode, size: Mapping[str, Any]) -> None:
    asked = image(model=name, mode=mode, media=media_for(mode), seed=1, quality="hd", watermark=True, vendor=EXTRAS, **size)

    reply = await send(FakeVidu().app, ADAPTER, ADAPTER.build_request(job_of(card_of(name, "image"), asked)))

    assert reply.ok, reply.body


async def test_a_job_is_made_watched_and_fetched() -> None:
    fake = FakeVidu()
    job = await finish(fake.app, ADAPTER, job_of(card_of("viduq3-turbo"), video("viduq3-turbo")))

    assert job.status is JobStatus.COMPLETED
    assert (job.seconds, job.resolution, job.facts["credits"]) == (5, "720p", "40")
    reply = await send(fake.app, ADAPTER, ADAPTER.build_download(job, job.outputs[0]))
    assert reply.ok
    assert fake.creates == 1


async def test_a_marked_video_is_the_one_that_was_asked_for() -> None:
    job = await finish(FakeVidu().app, ADAPTER, job_of(card_of("viduq1"), video("viduq1", watermark=True)))

    assert "-marked.mp4" in (job.outputs[0].url or "")


async def test_a_result_is_lengthened_by_the_vendors_own_id_of_it() -> None:
    fake = FakeVidu()
    made = await finish(fake.app, ADAPTER, job_of(card_of("viduq2-pro"), video("viduq2-pro")))
    origin = Origin(made.id, "channel_1", "credential_1", made.upstream_id or "", made.facts)
    source = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, made.upstream_id or "", "video_id", Form.TASK, origin=origin)

    job = await finish(fake.app, ADAPTER, job_of(card_of("viduq2-pro"), video("viduq2-pro", Mode.EXTEND, media=(source,))))

    assert job.status is JobStatus.COMPLETED
    assert fake.created[-1]["video_creation_id"] == made.facts["creation_id"] != made.upstream_id
    assert job.seconds is None


async def test_a_waiting_task_is_taken_back_and_then_reads_as_cancelled() -> None:
    fake = FakeVidu()
    job = await submit(fake.app, ADAPTER, job_of(card_of("viduq2"), video("viduq2")))

    assert (await send(fake.app, ADAPTER, ADAPTER.build_cancel(job))).ok
    job = await poll(fake.app, ADAPTER, job)

    assert job.failure is not None
    assert job.failure.code == "cancelled"
    late = await send(fake.app, ADAPTER, ADAPTER.build_cancel(job))
    refusal = ADAPTER.parse_error(job, late)
    assert isinstance(refusal, UpstreamRefused)
    assert refusal.message == "task state is failed, can not cancel"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("[[refuse:400:TaskPromptPolicyViolation]]", Fault.CONTENT),
        ("[[refuse:400:CreditInsufficient]]", Fault.BALANCE),
        ("[[429:1]]", Fault.RATE),
    ],
)
async def test_a_refusal_of_the_fake_is_certain(words: str, fault: Fault) -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(FakeVidu().app, ADAPTER, job_of(card_of("viduq2"), video("viduq2", prompt=words)))

    assert (refusal.value.fault, refusal.value.request_id) == (fault, "7b0c5d1e9a3f4c2b")


async def test_a_create_that_was_answered_with_a_fault_of_the_server_may_have_been_taken() -> None:
    fake = FakeVidu()
    with pytest.raises(UpstreamMaybeSent):
        await submit(fake.app, ADAPTER, job_of(card_of("viduq2"), video("viduq2", prompt="x [[lost]]")))

    assert fake.creates == 1
