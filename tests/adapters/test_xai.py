"""What the stories of xAI cannot say: names, addresses, keys, and what a strict server thinks of our bodies."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.base import Call, Reply
from app.adapters.registry import adapters, catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Credential
from app.domain.errors import Fault, UpstreamError, UpstreamMaybeSent, UpstreamRefused
from app.domain.fit import fit
from app.domain.jobs import Job, JobStatus, Snapshot
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Role
from app.domain.money import quote
from app.domain.prices import Terms
from app.domain.requests import Mode, Request
from app.engine.configuration import serves
from tests.adapters.exchange import finish, poll, send, submit
from tests.adapters.stories import NOW, Story, fitted, job_of, stories
from tests.domain.builders import channel, image, job, video
from tests.fakes.ark_media import tiny_jpeg, tiny_mp4
from tests.fakes.xai import FakeXai

pytestmark = pytest.mark.anyio

XAI = adapters()["xai"]
KEY = Credential("credential_1", {"api_key": "test-key"})
SENT = [
    story
    for story in stories()
    if story.adapter == "xai" and "steps" in story.content and catalogue("xai").find(story.content["job"]["model"])
]
PLAIN: Mapping[Mode, tuple[tuple[MediaType, Role], ...]] = {
    Mode.I2V: ((MediaType.IMAGE, Role.FIRST_FRAME),),
    Mode.FLF2V: ((MediaType.IMAGE, Role.FIRST_FRAME), (MediaType.IMAGE, Role.LAST_FRAME)),
    Mode.R2V: ((MediaType.IMAGE, Role.REFERENCE_IMAGE),),
    Mode.EDIT: ((MediaType.VIDEO, Role.SOURCE_VIDEO),),
    Mode.EXTEND: ((MediaType.VIDEO, Role.SOURCE_VIDEO),),
    Mode.I2I: ((MediaType.IMAGE, Role.IMAGE),),
}
SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"resolution": "2160p", "aspect_ratio": "21:9"},
    {"resolution": "360p", "aspect_ratio": "auto", "width": 480, "height": 360},
)
IMAGE_SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"width": 1024, "height": 1024, "resolution": "1K", "aspect_ratio": "1:1"},
    {"resolution": "4K", "aspect_ratio": "5:4"},
    {"aspect_ratio": "auto"},
)


def modes_of(op: str) -> list[Any]:
    return [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in catalogue("xai").cards
        if card.capabilities.op == op
        for mode in sorted(card.capabilities.modes or ())
    ]


def media_of(mode: Mode) -> tuple[Media, ...]:
    return tuple(Media(kind, role, "https://example.com/a", "input", Form.URL) for kind, role in PLAIN.get(mode, ()))


def order(card: ModelCard, request: Request) -> Job:
    """The job as the engine plans it: fitted, and with the vendor's name for this mode."""
    upstream = card.by_mode.get(request.mode, card.upstream)
    fitted_request = fit(request, card.capabilities).request
    return job(asked=request, request=fitted_request, upstream_model=upstream, adapter="xai")


def wish(prompt: str = "a lantern", **values: Any) -> Job:
    card = catalogue("xai").find("grok-imagine-video")
    assert card is not None
    return order(card, video(prompt=prompt, **values))


@pytest.mark.parametrize("story", SENT, ids=str)
async def test_a_strict_server_takes_the_body_of_each_story(story: Story) -> None:
    reply = await send(FakeXai().app, XAI, XAI.build_request(job_of(story, fitted(story).request)))
    assert reply.status == 200, reply.body


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("card", "mode"), modes_of("video"))
async def test_a_strict_server_takes_every_mode_of_every_video_model(card: ModelCard, mode: Mode, size: Mapping[str, Any]) -> None:
    asked = video(mode=mode, media=media_of(mode), duration=60, fps=30, seed=1, generate_audio=True, user="u", **size)
    vendor: dict[str, Json] = {
        "storage_options": {"filename": "a.mp4"},
        "voice_ids": ["eve"],
        "keyframes": [{"image": "https://example.com/k", "timestamp_s": 1}],
    }
    done = await finish(FakeXai().app, XAI, order(card, replace(asked, vendor=vendor)))
    assert done.status is JobStatus.COMPLETED


@pytest.mark.parametrize("size", IMAGE_SIZES, ids=str)
@pytest.mark.parametrize(("card", "mode"), modes_of("image"))
async def test_a_strict_server_takes_every_mode_of_every_picture_model(
    card: ModelCard, mode: Mode, size: Mapping[str, Any]
) -> None:
    asked = image(mode=mode, media=media_of(mode), seed=1, output_format="png", quality="medium", n=3, user="u", **size)
    done = await submit(FakeXai().app, XAI, order(card, asked))
    assert (done.status, len(done.outputs)) == (JobStatus.COMPLETED, 3)


async def test_a_video_is_made_watched_and_fetched_without_showing_the_key() -> None:
    fake = FakeXai()
    running = await submit(fake.app, XAI, wish(duration=6))
    seen = []
    while not running.status.final:
        running = await poll(fake.app, XAI, running)
        seen.append((running.status, running.progress))
    file = await send(fake.app, XAI, XAI.build_download(running, running.outputs[0]))

    # the second and fourth answers are empty
    assert seen == [
        (JobStatus.IN_PROGRESS, 20),
        (JobStatus.IN_PROGRESS, 20),
        (JobStatus.IN_PROGRESS, 60),
        (JobStatus.COMPLETED, 100),
    ]
    assert file.body == tiny_mp4()
    assert (fake.creates, running.seconds, running.facts) == (1, 6, {"cost_in_usd_ticks": "3000000000"})


async def test_pictures_come_inline_where_that_is_asked_for() -> None:
    card = catalogue("xai").find("grok-imagine-image")
    assert card is not None
    done = await submit(FakeXai().app, XAI, order(card, image(response_format="b64_json")))
    assert done.outputs[0].data == tiny_jpeg()


async def test_a_withheld_picture_stands_beside_the_others_or_is_the_reason() -> None:
    card = catalogue("xai").find("grok-imagine-image")
    assert card is not None
    some = await submit(FakeXai().app, XAI, order(card, image(prompt="[[withhold]]", n=3)))
    none = await submit(FakeXai().app, XAI, order(card, image(prompt="[[withhold]]")))
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(FakeXai().app, XAI, order(card, image(prompt="[[moderate:out]]")))

    assert (len(some.outputs), [failure.code for failure in some.partial_failures]) == (2, ["content_policy_violation"])
    assert none.failure is not None
    assert none.failure.code == refusal.value.code == "content_policy_violation"


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("[[moderate:out]]", "content_policy_violation"),
        ("[[withhold]]", "content_policy_violation"),
        ("[[fail:internal_error]]", "generation_failed"),
        ("[[expire]]", "expired"),
    ],
)
async def test_a_video_that_ends_badly_says_why(prompt: str, code: str) -> None:
    failed = await finish(FakeXai().app, XAI, wish(prompt))
    assert failed.failure is not None
    assert (failed.status, failed.failure.code) == (JobStatus.FAILED, code)


@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("[[429:1]]", Fault.RATE),
        ("[[moderate:in]]", Fault.CONTENT),
        ("[[refuse:403:permission_denied]]", Fault.CREDENTIAL),
        ("[[refuse:503:service_unavailable]]", Fault.OVERLOADED),
    ],
)
async def test_a_refused_create_says_whose_fault_it_is(prompt: str, fault: Fault) -> None:
    fake = FakeXai()
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(fake.app, XAI, wish(prompt))
    assert (refusal.value.fault, refusal.value.request_id, fake.creates) == (fault, "req-00000001", 0)


async def test_an_unexplained_server_error_leaves_the_outcome_open() -> None:
    with pytest.raises(UpstreamMaybeSent):
        await submit(FakeXai().app, XAI, wish("[[refuse:500:internal_error]]"))


async def test_a_wrong_key_is_the_channels_fault_although_the_vendor_says_400() -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(FakeXai(key="another").app, XAI, wish())
    assert refusal.value.fault is Fault.CREDENTIAL
    assert "***" not in refusal.value.message


async def test_an_error_page_while_polling_is_no_verdict() -> None:
    fake = FakeXai()
    waiting = await submit(fake.app, XAI, wish("[[html:1]] [[hang]]"))
    with pytest.raises(UpstreamMaybeSent):
        await poll(fake.app, XAI, waiting)
    assert (await poll(fake.app, XAI, waiting)).status is JobStatus.IN_PROGRESS


async def test_an_unknown_video_is_not_found() -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        await poll(FakeXai().app, XAI, replace(wish(), upstream_id="gone"))
    assert refusal.value.fault is Fault.NOT_FOUND


async def test_the_channel_test_is_let_in() -> None:
    call = XAI.build_test(channel(adapter="xai"))
    assert call is not None
    assert (await send(FakeXai().app, XAI, call)).ok


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
def test_a_base_url_may_end_in_v1(ending: str) -> None:
    assert XAI.base_url(f" http://relay.example.com:8080{ending} ") == "http://relay.example.com:8080"
    assert XAI.base_url("") == "https://api.x.ai"


def test_a_link_is_never_shown_the_key() -> None:
    assert XAI.authorize(Call(path="https://api.x.ai/v.mp4"), KEY, NOW).headers == {}
    assert XAI.authorize(Call(path="/v1/models"), KEY, NOW).headers == {"Authorization": "Bearer test-key"}


@pytest.mark.parametrize(
    ("name", "upstream"),
    [
        ("grok-imagine-1.0-video", "grok-imagine-video"),
        ("grok-imagine-video-beta", "grok-imagine-video"),
        ("grok-imagine-video-1.5-preview", "grok-imagine-video-1.5"),
        ("grok-imagine-video-1.5-2026-05-30", "grok-imagine-video-1.5"),
        ("grok-imagine-video-1.5-lite", "grok-imagine-video-1.5-lite"),
        ("grok-video-3", "grok-imagine-video-1.5"),
        ("grok-imagine-image-2026-03-02", "grok-imagine-image"),
        ("grok-imagine-image-quality", "grok-imagine-image-quality"),
        ("grok-imagine-image-pro", "grok-imagine-image-2.0"),
    ],
)
def test_every_public_name_stands_for_a_model_of_the_vendor(name: str, upstream: str) -> None:
    found = serves(channel(adapter="xai", base_url="https://api.x.ai"), name, "image" if "-image" in name else "video")
    assert found is not None
    assert found.upstream_model == upstream


def test_a_name_that_only_relays_sell_says_so() -> None:
    card = catalogue("xai").find("grok-video-3")
    assert card is not None
    assert "relays" in (card.note or "")


@pytest.mark.parametrize(
    ("name", "mode", "fields", "usd"),
    [
        ("grok-imagine-video", Mode.T2V, {}, "0.400000"),
        ("grok-imagine-video", Mode.EDIT, {"duration": 5}, "0.609000"),
        ("grok-imagine-video-1.5", Mode.T2V, {"duration": 10, "resolution": "1080p"}, "2.500000"),
        ("grok-imagine-video-1.5", Mode.EXTEND, {}, "0.420000"),
        ("grok-video-3", Mode.T2V, {"duration": 10}, "1.400000"),
    ],
)
def test_a_reservation_covers_what_the_vendor_bills(name: str, mode: Mode, fields: Mapping[str, Any], usd: str) -> None:
    card = catalogue("xai").find(name)
    assert card is not None
    request = fit(video(mode=mode, media=media_of(mode), **fields), card.capabilities).request
    assert quote(request, Terms(price=card.price)).usd == usd


def test_without_a_job_an_error_names_no_field() -> None:
    body: Json = {"error": {"message": "bad", "param": "prompt"}}
    error = XAI.parse_error(None, Reply(400, {}, body, json.dumps(body).encode()))
    assert (error.message, error.param) == ("bad", None)


KEYS = st.sampled_from(
    [
        *("request_id", "id", "status", "progress", "video", "url", "duration", "respect_moderation", "file_output", "public_url"),
        *("storage_error", "usage", "cost_in_usd_ticks", "error", "code", "message", "param", "type", "block_reason", "data"),
        *("b64_json", "mime_type", "revised_prompt"),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["done", "pending", "failed", "expired", "https://cdn.example.com/v.mp4", "AAAA", "moderation", "1e999"]),
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)), max_leaves=20
)


def understood(wanted: Job, reply: Reply) -> object:
    """Everything that is done with one answer; an UpstreamError is an answer too."""
    try:
        if wanted.upstream_id:
            return XAI.parse_status(wanted, reply) if XAI.reads_status(reply) else XAI.parse_error(wanted, reply)
        return XAI.parse_submit(wanted, reply) if reply.ok else XAI.parse_error(wanted, reply)
    except UpstreamError as error:
        return error


@given(BODIES, st.sampled_from([200, 202, 400, 403, 404, 422, 429, 500, 503]))
@settings(max_examples=400, deadline=None)
def test_no_answer_raises_anything_but_an_upstream_error(body: Json, status: int) -> None:
    reply = Reply(status, {}, body, json.dumps(body).encode())
    for wanted in (job(), job(upstream_id="r-1"), job(request=image())):
        found = understood(wanted, reply)
        assert isinstance(found, Snapshot | UpstreamError)
        if isinstance(found, Snapshot):
            assert isinstance(found.status, JobStatus)
            assert found.progress is None or 0 <= found.progress <= 100
