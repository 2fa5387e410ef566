"""What the stories of MiniMax cannot say: names, addresses, hostile answers, and what a strict server thinks of our bodies."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters._minimax_videos import LARGEST_BODY
from app.adapters.base import Call, Reply
from app.adapters.minimax import MiniMax
from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel, Key
from app.domain.errors import Fault, InputRefused, InvalidRequest, UpstreamError, UpstreamMaybeSent, UpstreamRefused
from app.domain.fit import fit
from app.domain.jobs import Job, JobStatus, Snapshot, advance
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest
from app.engine.plan import Planned, make_plan
from tests.adapters.exchange import poll, send, submit
from tests.adapters.stories import NOW, Story, fitted, job_of, stories
from tests.domain.builders import image, job, video
from tests.fakes.ark_media import tiny_jpeg, tiny_mp4, tiny_png
from tests.fakes.minimax import FakeMiniMax
from tests.gateways import KEY

pytestmark = pytest.mark.anyio

ADAPTER = MiniMax()
CARDS = catalogue("minimax").cards
SENT = [
    story
    for story in stories()
    if story.adapter == "minimax" and "steps" in story.content and not story.content["job"].get("upstream_model")
]
PLAIN: Mapping[Mode, tuple[tuple[MediaType, Role], ...]] = {
    Mode.T2V: (),
    Mode.I2V: ((MediaType.IMAGE, Role.FIRST_FRAME),),
    Mode.FLF2V: ((MediaType.IMAGE, Role.FIRST_FRAME), (MediaType.IMAGE, Role.LAST_FRAME)),
    Mode.R2V: ((MediaType.IMAGE, Role.REFERENCE_IMAGE),),
    Mode.T2I: (),
    Mode.I2I: ((MediaType.IMAGE, Role.IMAGE),),
}
WISHES: tuple[Mapping[str, Any], ...] = (
    {},
    {"resolution": "2160p", "aspect_ratio": "16:9", "duration": 60},
    {"resolution": "360p", "aspect_ratio": "2:3", "duration": 1, "fps": 30, "seed": 1, "generate_audio": True},
    {"resolution": "1080p", "aspect_ratio": "auto", "duration": 10},
    {"resolution": "1080p", "duration": 18, "camera_fixed": True, "negative_prompt": "blur"},
    {"width": 480, "height": 854, "resolution": "480p", "aspect_ratio": "9:16", "duration": 9.5},
)
IMAGE_WISHES: tuple[Mapping[str, Any], ...] = (
    {},
    {"width": 1024, "height": 1024, "n": 9},
    {"width": 512, "height": 512, "response_format": "b64_json"},
    {"width": 3840, "height": 2160},
    {"width": 16_384, "height": 64},
    {"width": 1001, "height": 777},
    {"resolution": "4K", "aspect_ratio": "21:9"},
    {"aspect_ratio": "5:4", "seed": 3, "output_format": "png", "style": "水彩"},
    {"aspect_ratio": "auto"},
)
SWITCHES: Mapping[str, Any] = {"prompt_optimizer": True, "fast_pretreatment": False, "prompt_expansion_mode": "quality", "foo": 1}


def _job(card: ModelCard, request: Request) -> Job:
    upstream = card.by_mode.get(request.mode, card.upstream)
    return job(request=request, model=card.name, adapter="minimax", upstream_model=upstream)


def _media(card: ModelCard, mode: Mode) -> tuple[Media, ...]:
    """What the engine would hand over: links where the model takes them, else files."""
    rules = card.capabilities.inputs or {}
    return tuple(
        Media(kind, role, "https://media.example.com/a", "input", Form.URL)
        if Form.URL in rules[role].forms
        else Media(kind, role, "upload:image#0:a.png", "input", Form.UPLOAD, "image/png", tiny_png())
        for kind, role in PLAIN[mode]
    )


def _modes(op: str) -> list[Any]:
    return [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in CARDS
        if card.capabilities.op == op and not card.retired
        for mode in sorted(card.capabilities.modes or ())
    ]


@pytest.mark.parametrize("story", SENT, ids=str)
async def test_a_strict_server_takes_the_body_of_each_story(story: Story) -> None:
    answer = await send(FakeMiniMax(china=True).app, ADAPTER, ADAPTER.build_request(job_of(story, fitted(story).request)))

    assert answer.status == 200, answer.body
    assert b"invalid params" not in answer.body


@pytest.mark.parametrize("wish", WISHES, ids=str)
@pytest.mark.parametrize(("card", "mode"), _modes("video"))
async def test_a_strict_server_takes_every_mode_of_every_film_model(card: ModelCard, mode: Mode, wish: Mapping[str, Any]) -> None:
    asked = video(model=card.name, mode=mode, media=_media(card, mode), vendor=SWITCHES, **wish)

    made = await submit(FakeMiniMax().app, ADAPTER, _job(card, fit(asked, card.capabilities).request))

    assert (made.status, bool(made.upstream_id)) == (JobStatus.QUEUED, True)


@pytest.mark.parametrize("wish", IMAGE_WISHES, ids=str)
@pytest.mark.parametrize(("card", "mode"), _modes("image"))
async def test_a_strict_server_takes_every_mode_of_every_picture_model(
    card: ModelCard, mode: Mode, wish: Mapping[str, Any]
) -> None:
    asked = image(model=card.name, mode=mode, media=_media(card, mode), vendor=SWITCHES, **wish)

    made = await submit(FakeMiniMax(china=True).app, ADAPTER, _job(card, fit(asked, card.capabilities).request))

    assert (made.status, len(made.outputs)) == (JobStatus.COMPLETED, asked.n)


def film(model: str = "MiniMax-Hailuo-2.3", **fields: Any) -> Job:
    """A job that a strict server would take."""
    card = catalogue("minimax").find(model)
    assert card is not None
    settings = fields.pop("settings", {})
    return replace(_job(card, fit(video(model=model, **fields), card.capabilities).request), settings=settings)


async def step(fake: FakeMiniMax, job: Job) -> Job:
    """One question, with the further one that a finished film needs."""
    answer = ADAPTER.parse_status(job, await send(fake.app, ADAPTER, ADAPTER.build_status(job)))
    if isinstance(answer, Call):
        answer = ADAPTER.parse_result(job, await send(fake.app, ADAPTER, answer))
    assert isinstance(answer, Snapshot)
    return advance(job, answer, NOW)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("MiniMax-Hailuo-2.3", ["queued", "queued", "in_progress", "completed"]),
        ("MiniMax-H3", ["queued", "in_progress", "completed"]),
    ],
)
async def test_a_film_is_made_watched_and_fetched(model: str, words: list[str]) -> None:
    fake, seen = FakeMiniMax(), []
    made = await submit(fake.app, ADAPTER, film(model))
    for _ in words:
        made = await step(fake, made)
        seen.append(str(made.status))
    file = await send(fake.app, ADAPTER, ADAPTER.build_download(made, made.outputs[0]))

    assert seen == words
    assert file.body == tiny_mp4()
    assert fake.creates == 1


async def test_the_files_number_is_kept_to_its_last_digit() -> None:
    fake = FakeMiniMax()
    made = await submit(fake.app, ADAPTER, film())
    for _ in range(4):
        made = await step(fake, made)

    assert made.facts == {"file_id": "9007199254740993"}


@pytest.mark.parametrize("model", ["MiniMax-Hailuo-2.3", "MiniMax-H3"])
async def test_a_withheld_film_says_why(model: str) -> None:
    fake = FakeMiniMax()
    made = await submit(fake.app, ADAPTER, film(model, prompt="[[fail:1027]]"))
    for _ in range(4):
        made = await step(fake, made)

    assert made.failure is not None
    assert (made.failure.code, made.failure.upstream_code) == ("content_policy_violation", "1027")


async def test_a_finished_film_without_its_file_is_asked_for_again() -> None:
    fake = FakeMiniMax()
    made = await submit(fake.app, ADAPTER, film(prompt="[[nofile:1]]"))
    for _ in range(3):
        made = await step(fake, made)
    with pytest.raises(UpstreamError):
        await step(fake, made)

    assert (await step(fake, made)).status is JobStatus.COMPLETED


@pytest.mark.parametrize("model", ["MiniMax-Hailuo-2.3", "MiniMax-H3"])
async def test_a_proxys_page_while_polling_is_no_verdict(model: str) -> None:
    fake = FakeMiniMax()
    made = await submit(fake.app, ADAPTER, film(model, prompt="[[html:1]]"))
    with pytest.raises(UpstreamError):
        await poll(fake.app, ADAPTER, made)

    assert (await poll(fake.app, ADAPTER, made)).status is JobStatus.QUEUED


@pytest.mark.parametrize("model", ["MiniMax-Hailuo-2.3", "MiniMax-H3"])
async def test_an_unknown_job_is_not_found(model: str) -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        await poll(FakeMiniMax().app, ADAPTER, replace(film(model), upstream_id="268014477129999"))

    assert refusal.value.fault is Fault.NOT_FOUND


@pytest.mark.parametrize("model", ["MiniMax-Hailuo-2.3", "MiniMax-H3"])
@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("[[429:1]]", Fault.RATE),
        ("[[refuse:402:1008]]", Fault.BALANCE),
        ("[[refuse:422:1026]]", Fault.CONTENT),
        ("[[refuse:401:2049]]", Fault.CREDENTIAL),
        ("[[refuse:400:2013]]", Fault.REQUEST),
    ],
)
async def test_a_refused_create_says_whose_fault_it_is(model: str, prompt: str, fault: Fault) -> None:
    fake = FakeMiniMax()
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(fake.app, ADAPTER, film(model, prompt=prompt))

    assert (refusal.value.fault, refusal.value.request_id) == (fault, "04f1a5c9e0d7b3a2")
    assert fake.creates == 0


@pytest.mark.parametrize("model", ["MiniMax-Hailuo-2.3", "MiniMax-H3"])
async def test_what_broke_inside_leaves_the_outcome_open(model: str) -> None:
    with pytest.raises(UpstreamMaybeSent):
        await submit(FakeMiniMax().app, ADAPTER, film(model, prompt="[[refuse:500:1000]]"))


@pytest.mark.parametrize("model", ["MiniMax-Hailuo-2.3", "MiniMax-H3"])
async def test_a_credential_of_the_other_site_is_wrong_here(model: str) -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(FakeMiniMax(key="another").app, ADAPTER, film(model))

    assert refusal.value.fault is Fault.CREDENTIAL


@pytest.mark.parametrize("name", ["group_id", "GroupId"])
async def test_a_group_stands_on_every_call_where_the_channel_names_one(name: str) -> None:
    fake = FakeMiniMax(group="1900000000000000001")
    made = await submit(fake.app, ADAPTER, film(settings={name: "1900000000000000001"}))
    for _ in range(4):
        made = await step(fake, made)

    assert made.status is JobStatus.COMPLETED


async def test_a_queued_task_is_cancelled_and_a_running_one_is_not() -> None:
    fake = FakeMiniMax()
    queued = await submit(fake.app, ADAPTER, film("MiniMax-H3"))
    running = await submit(fake.app, ADAPTER, film("MiniMax-H3", prompt="[[hang]]"))
    for _ in range(2):
        running = await step(fake, running)
    answers = []
    for one in (queued, running):
        call = ADAPTER.build_cancel(one)
        assert call is not None
        answers.append((await send(fake.app, ADAPTER, call)).status)

    assert answers == [200, 400]
    assert (await step(fake, queued)).failure is not None


@pytest.mark.parametrize("model", ["MiniMax-Hailuo-2.3", "S2V-01"])
def test_the_first_protocol_cannot_cancel(model: str) -> None:
    assert ADAPTER.build_cancel(job(upstream_model=model, upstream_id="1")) is None
    assert ADAPTER.build_cancel(job(request=image(), upstream_model="MiniMax-H3-Image")) is None


async def test_pictures_are_streamed_by_h3_alone() -> None:
    wish = job(request=image(n=2), upstream_model="MiniMax-H3-Image")
    call = ADAPTER.build_stream(wish)
    assert call is not None
    reply = await send(FakeMiniMax().app, ADAPTER, call)
    events = [ADAPTER.parse_event(wish, json.loads(line[6:])) for line in reply.body.splitlines() if line]

    assert [event and (event.kind, event.output and event.output.data) for event in events] == [("completed", tiny_jpeg())] * 2
    assert ADAPTER.build_stream(job(request=image(), upstream_model="image-01")) is None
    assert ADAPTER.build_stream(film("MiniMax-H3")) is None


async def test_a_channel_is_tested_by_a_call_that_tells_a_bad_credential_apart() -> None:
    call = ADAPTER.build_test(Channel(id="c", name="c", adapter="minimax", base_url="", settings={"group_id": "19"}))

    assert list(call.query) == [("page_num", "1"), ("page_size", "1"), ("GroupId", "19")]
    assert (await send(FakeMiniMax().app, ADAPTER, call)).status == 200
    assert (await send(FakeMiniMax(key="another").app, ADAPTER, call)).status == 401


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v2"])
def test_a_base_url_may_end_as_operators_write_it(ending: str) -> None:
    assert ADAPTER.base_url(f" https://api.minimaxi.com{ending} ") == "https://api.minimaxi.com"
    assert ADAPTER.base_url("") == "https://api.minimax.io"


def test_an_upstream_id_cannot_leave_its_path() -> None:
    strange = replace(film("MiniMax-H3"), upstream_id="../../v1/files?x=1#y")

    assert ADAPTER.build_status(strange).path == "/v2/query/video_generation/..%2F..%2Fv1%2Ffiles%3Fx%3D1%23y"


def test_an_inline_body_over_the_vendors_limit_is_refused_before_it_leaves() -> None:
    half = Media(MediaType.IMAGE, Role.REFERENCE_IMAGE, "data:", "images", Form.DATA_URI, "image/png", bytes(LARGEST_BODY // 2))
    with pytest.raises(InputRefused) as refusal:
        ADAPTER.build_request(film("MiniMax-H3", mode=Mode.R2V, media=(half, half)))

    assert refusal.value.param == "images"


@pytest.mark.parametrize(
    ("name", "upstream"),
    [
        ("hailuo-2.3", "MiniMax-Hailuo-2.3"),
        ("hailuo-2.3-fast", "MiniMax-Hailuo-2.3-Fast"),
        ("hailuo-02", "MiniMax-Hailuo-02"),
        ("hailuo-video", "MiniMax-Hailuo-2.3"),
        ("S2V-01", "S2V-01"),
        ("MiniMax-H3-Max", "MiniMax-H3-Max"),
        ("image-01", "image-01"),
    ],
)
def test_the_public_names_lead_to_the_vendors(name: str, upstream: str) -> None:
    card = catalogue("minimax").find(name)
    assert card is not None
    assert card.upstream == upstream


CHANNEL = Channel(id="c", name="c", adapter="minimax", base_url="https://api.minimax.io")


def _planned(request: VideoRequest, key: Key = KEY) -> Planned:
    return make_plan(request, (), key, [CHANNEL], random.Random(1), strict=False).choices[0]


@pytest.mark.parametrize(
    ("mode", "variant", "upstream"),
    [
        (Mode.T2V, None, "MiniMax-Hailuo-2.3"),
        (Mode.I2V, None, "MiniMax-Hailuo-2.3"),
        (Mode.FLF2V, None, "MiniMax-Hailuo-02"),
        (Mode.R2V, None, "S2V-01"),
        (Mode.T2V, "MiniMax-Hailuo-02", "MiniMax-Hailuo-02"),
        (Mode.I2V, "hailuo-2.3-fast", "MiniMax-Hailuo-2.3-Fast"),
        (Mode.R2V, "MiniMax-H3", "MiniMax-H3"),
    ],
)
async def test_the_family_name_needs_no_variant_and_takes_one(mode: Mode, variant: str | None, upstream: str) -> None:
    umbrella = catalogue("minimax").find("hailuo-video")
    assert umbrella is not None
    asked = video(model="hailuo-video", model_variant=variant, mode=mode, media=_media(umbrella, mode), duration=10)

    planned = _planned(asked)
    sent = job(request=planned.request, upstream_model=planned.served.upstream_model)

    assert planned.served.upstream_model == upstream
    assert (await submit(FakeMiniMax().app, ADAPTER, sent)).upstream_id


def test_a_variant_that_nobody_knows_is_refused_by_its_field() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        _planned(video(model="hailuo-video", model_variant="hailuo-99"))

    assert refusal.value.param == "model_name"


_KEYS = ("task_id", "task", "id", "status", "error", "content", "url", "usage", "duration", "file", "file_id", "download_url")
_MORE = ("base_resp", "status_code", "status_msg", "data", "image_urls", "image_base64", "metadata", "failed_count", "message")
_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["Success", "fail", "2013"])
)
_JSON = st.recursive(
    _VALUES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*_KEYS, *_MORE, "code", "type", "param")), inner, max_size=7)
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_JSON, st.sampled_from([200, 400, 404, 500, 503]))
def test_no_answer_raises_anything_but_an_upstream_error(body: Any, status: int) -> None:
    reply = Reply(status, json=body)
    hailuo, h3 = (job(upstream_model=name, upstream_id="1") for name in ("MiniMax-Hailuo-2.3", "MiniMax-H3"))
    pictures = [
        job(request=ImageRequest(model="m", mode=Mode.T2I, prompt="x"), upstream_model=name)
        for name in ("image-01", "MiniMax-H3-Image")
    ]
    for one in (hailuo, h3, *pictures):
        assert isinstance(ADAPTER.parse_error(one, reply), UpstreamError)
        assert isinstance(_outcome(one, ADAPTER.parse_submit, reply), Snapshot | UpstreamError)
    for one in (hailuo, h3):
        assert isinstance(_outcome(one, ADAPTER.parse_status, reply), Snapshot | Call | UpstreamError)
    assert isinstance(_outcome(hailuo, ADAPTER.parse_result, reply), Snapshot | UpstreamError)


def _outcome(job: Job, read: Any, reply: Reply) -> object:
    try:
        return read(job, reply)
    except UpstreamError as error:
        return error
