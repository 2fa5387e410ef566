"""What the stories of Ark and BytePlus cannot say: names, addresses, streams, and what a strict server thinks of our bodies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters._ark_bodies import LARGEST_BODY
from app.adapters._ark_errors import scrubbed
from app.adapters.ark import Ark
from app.adapters.base import Adapter, Reply
from app.adapters.byteplus import BytePlus
from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel
from app.domain.errors import InputRefused, UpstreamError
from app.domain.fit import fit
from app.domain.jobs import Job, JobStatus, Snapshot, advance
from app.domain.json import JsonObject
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest
from tests.adapters.stories import NOW, Story, fitted, job_of, stories
from tests.fakes.ark import FakeArk
from tests.fakes.ark_media import tiny_mp4

pytestmark = pytest.mark.anyio

ADAPTERS: Mapping[str, Adapter] = {"ark": Ark(), "byteplus": BytePlus()}
SENT = [
    story
    for story in stories()
    if story.adapter in ADAPTERS and "steps" in story.content and not story.content["job"].get("upstream_model")
]
PLAIN: Mapping[Mode, tuple[tuple[MediaType, Role], ...]] = {
    Mode.T2V: (),
    Mode.I2V: ((MediaType.IMAGE, Role.FIRST_FRAME),),
    Mode.FLF2V: ((MediaType.IMAGE, Role.FIRST_FRAME), (MediaType.IMAGE, Role.LAST_FRAME)),
    Mode.R2V: ((MediaType.IMAGE, Role.REFERENCE_IMAGE),),
    Mode.EDIT: ((MediaType.VIDEO, Role.SOURCE_VIDEO),),
    Mode.EXTEND: ((MediaType.VIDEO, Role.SOURCE_VIDEO),),
    Mode.T2I: (),
    Mode.I2I: ((MediaType.IMAGE, Role.IMAGE),),
}
SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"resolution": "2160p", "aspect_ratio": "16:9"},
    {"resolution": "360p", "aspect_ratio": "2:3"},
    {"resolution": "1080p", "aspect_ratio": "auto"},
)
IMAGE_SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"width": 1024, "height": 1024},
    {"width": 512, "height": 512},
    {"width": 3840, "height": 2160},
    {"width": 16_384, "height": 64},
    {"resolution": "1K"},
    {"resolution": "4K", "aspect_ratio": "21:9"},
    {"aspect_ratio": "5:4"},
    {"aspect_ratio": "auto"},
)


def _job(adapter: str, card: ModelCard, request: Request) -> Job:
    return Job(
        id="task_1",
        key_id="key_1",
        model=card.name,
        asked=request,
        request=request,
        adapter=adapter,
        upstream_model=card.upstream,
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW,
    )


def _media(mode: Mode) -> tuple[Media, ...]:
    return tuple(Media(kind, role, "https://example.com/a", "input", Form.URL) for kind, role in PLAIN[mode])


def _video(model: str, **fields: Any) -> VideoRequest:
    return VideoRequest(**{"model": model, "mode": Mode.T2V, "prompt": "a paper boat", **fields})


async def _post(fake: FakeArk, adapter: Adapter, job: Job) -> httpx.Response:
    call = adapter.build_request(job)
    headers = {"Authorization": f"Bearer {fake.key}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://ark.invalid/api/v3") as client:
        return await client.request(call.method, call.path.removeprefix("/"), json=call.json, headers=headers)


@pytest.mark.parametrize("story", SENT, ids=str)
async def test_a_strict_server_takes_the_body_of_each_story(story: Story) -> None:
    answer = await _post(FakeArk(), ADAPTERS[story.adapter], job_of(story, fitted(story).request))

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("adapter", "card", "mode"),
    [
        pytest.param(name, card, mode, id=f"{name}-{card.name}-{mode}")
        for name in ADAPTERS
        for card in catalogue(name).cards
        if card.capabilities.op == "video"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_video_model(
    adapter: str, card: ModelCard, mode: Mode, size: Mapping[str, Any]
) -> None:
    asked = _video(
        card.name, mode=mode, media=_media(mode), duration=60, fps=30, seed=1, camera_fixed=True, generate_audio=True, **size
    )
    vendor: JsonObject = {"service_tier": "default", "draft": False, "priority": 1, "output_format": "mp4"}
    request = fit(replace(asked, vendor=vendor), card.capabilities).request

    answer = await _post(FakeArk(), ADAPTERS[adapter], _job(adapter, card, request))

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("size", IMAGE_SIZES, ids=str)
@pytest.mark.parametrize(
    ("adapter", "card", "mode"),
    [
        pytest.param(name, card, mode, id=f"{name}-{card.name}-{mode}")
        for name in ADAPTERS
        for card in catalogue(name).cards
        if card.capabilities.op == "image"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_image_model(
    adapter: str, card: ModelCard, mode: Mode, size: Mapping[str, Any]
) -> None:
    asked = ImageRequest(
        model=card.name, mode=mode, prompt="a kite", media=_media(mode), seed=1, output_format="png", quality="hd", n=3, **size
    )
    vendor: JsonObject = {"sequential_image_generation": "disabled", "guidance_scale": 3}
    request = fit(replace(asked, vendor=vendor), card.capabilities).request

    answer = await _post(FakeArk(), ADAPTERS[adapter], _job(adapter, card, request))

    assert answer.status_code == 200, answer.text


async def test_a_job_is_made_watched_and_fetched() -> None:
    fake, adapter = FakeArk(), ADAPTERS["ark"]
    card = catalogue("ark").find("doubao-seedance-2-0")
    assert card is not None
    job = _job("ark", card, _video(card.name))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://ark.invalid/api/v3/") as client:
        client.headers["Authorization"] = f"Bearer {fake.key}"
        job = advance(job, adapter.parse_submit(job, _reply(await _post(fake, adapter, job))), NOW)
        for status in (JobStatus.QUEUED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED):
            answer = await client.get(adapter.build_status(job).path.removeprefix("/"))
            snapshot = adapter.parse_status(job, _reply(answer))
            assert isinstance(snapshot, Snapshot)
            job = advance(job, snapshot, NOW)
            assert job.status is status
        file = await client.get(adapter.build_download(job, job.outputs[0]).path)

    assert file.content == tiny_mp4()
    assert fake.creates == 1


def _reply(answer: httpx.Response) -> Reply:
    return Reply(answer.status_code, dict(answer.headers), answer.json(), answer.content)


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=lambda adapter: adapter.name)
@pytest.mark.parametrize(
    "ending",
    ["", "/", "/api", "/api/v3", "/api/v3/", "/api/v3/contents/generations/tasks", "/api/v3/images/generations/"],
)
def test_a_base_url_may_end_as_operators_write_it(adapter: Adapter, ending: str) -> None:
    assert adapter.base_url(f" http://relay.example.com:8080{ending} ") == "http://relay.example.com:8080/api/v3"


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=lambda adapter: adapter.name)
def test_no_base_url_is_the_vendors_own(adapter: Adapter) -> None:
    assert adapter.base_url("") == adapter.default_base_url
    assert adapter.base_url("https://relay.example.com/ark") == "https://relay.example.com/ark/api/v3"


@pytest.mark.parametrize(
    ("name", "ark", "byteplus"),
    [
        ("Seedance-2.0-overseas-1", "doubao-seedance-2-0-260128", "dreamina-seedance-2-0-260128"),
        ("Seedream-5.0-overseas-1", "doubao-seedream-5-0-260128", "seedream-5-0-260128"),
        ("doubao-seedance-2-0", "doubao-seedance-2-0-260128", "dreamina-seedance-2-0-260128"),
        ("doubao-seedance-2-0-fast", "doubao-seedance-2-0-fast-260128", "dreamina-seedance-2-0-fast-260128"),
        ("doubao-seedance-2-0-fast-260128", "doubao-seedance-2-0-fast-260128", "dreamina-seedance-2-0-fast-260128"),
        ("doubao-seedance-1-0-lite-t2v-250428", "doubao-seedance-1-0-lite-t2v-250428", "seedance-1-0-lite-t2v-250428"),
        ("doubao-seedance-1-0-lite-i2v-250428", "doubao-seedance-1-0-lite-i2v-250428", "seedance-1-0-lite-i2v-250428"),
        ("doubao-seedance-1-0-pro-250528", "doubao-seedance-1-0-pro-250528", "seedance-1-0-pro-250528"),
        ("doubao-seedance-1-0-pro-fast-251015", "doubao-seedance-1-0-pro-fast-251015", "seedance-1-0-pro-fast-251015"),
        ("doubao-seedance-1-5-pro-251215", "doubao-seedance-1-5-pro-251215", "seedance-1-5-pro-251215"),
    ],
)
def test_the_public_names_lead_to_the_ids_of_both_deployments(name: str, ark: str, byteplus: str) -> None:
    assert [card and card.upstream for card in (catalogue("ark").find(name), catalogue("byteplus").find(name))] == [ark, byteplus]


@pytest.mark.parametrize("model", ["doubao-seedance-2-0", "doubao-seedance-2-5", "doubao-seedance-1-0-lite-i2v"])
def test_two_pictures_without_roles_are_references_where_a_model_has_them(model: str) -> None:
    card = catalogue("ark").find(model)
    assert card is not None
    request = fit(_video(model, mode=Mode.FLF2V, media=_media(Mode.FLF2V)), card.capabilities, roles_guessed=True).request

    assert [item.role for item in request.media] == [Role.REFERENCE_IMAGE, Role.REFERENCE_IMAGE]


@pytest.mark.parametrize(
    ("model", "streams"),
    [
        ("doubao-seedream-3-0-t2i", False),
        ("doubao-seedream-4-0", True),
        ("doubao-seedream-4-5", True),
        ("doubao-seedream-5-0", True),
        ("doubao-seedream-5-0-pro", False),
        ("doubao-seedream-5-0-flash", False),
    ],
)
def test_only_some_image_models_stream(model: str, streams: bool) -> None:
    card = catalogue("ark").find(model)
    assert card is not None
    call = Ark().build_stream(_job("ark", card, ImageRequest(model=model, mode=Mode.T2I, prompt="a kite", stream=True)))

    assert (call is not None and call.json is not None and call.json.get("stream") is True) is streams


def test_videos_and_endpoint_ids_do_not_stream() -> None:
    card = catalogue("ark").find("doubao-seedance-2-0")
    assert card is not None
    video = _job("ark", card, _video(card.name))
    unknown = replace(video, model="house", upstream_model="ep-20261120201500-abcde")

    assert Ark().build_stream(video) is None
    assert Ark().build_stream(replace(unknown, request=ImageRequest(model="house", mode=Mode.T2I, prompt="x"))) is None


def test_an_inline_body_over_the_vendors_limit_is_refused_before_it_leaves() -> None:
    card = catalogue("ark").find("doubao-seedance-2-0")
    assert card is not None
    half = Media(MediaType.IMAGE, Role.REFERENCE_IMAGE, "data:", "images", Form.DATA_URI, "image/png", bytes(LARGEST_BODY // 2))

    with pytest.raises(InputRefused) as refusal:
        Ark().build_request(_job("ark", card, _video(card.name, mode=Mode.R2V, media=(half, half))))

    assert refusal.value.param == "images"


def test_a_channel_is_tested_by_the_shortest_list() -> None:
    call = Ark().build_test(Channel(id="c", name="c", adapter="ark", base_url=""))

    assert (call.method, call.path, list(call.query)) == (
        "GET",
        "/contents/generations/tasks",
        [("page_num", "1"), ("page_size", "1")],
    )


def test_a_lost_create_cannot_be_looked_up() -> None:
    card = catalogue("ark").find("doubao-seedance-2-0")
    assert card is not None
    assert Ark().build_lookup(_job("ark", card, _video(card.name))) is None


def test_an_upstream_id_cannot_leave_its_path() -> None:
    card = catalogue("ark").find("doubao-seedance-2-0")
    assert card is not None
    job = replace(_job("ark", card, _video(card.name)), upstream_id="../../images?x=1#y")

    assert Ark().build_status(job).path == "/contents/generations/tasks/..%2F..%2Fimages%3Fx%3D1%23y"


@pytest.mark.parametrize(
    ("message", "clean", "request_id"),
    [
        ("Bad size. Request id: 0217951769000ab", "Bad size.", "0217951769000ab"),
        ("Bad size (request_id=0217951769000ab).", "Bad size", "0217951769000ab"),
        ("Your account [2100000001] is over its limit.", "Your account is over its limit.", None),
        ("Account ID: 2100000001 is closed.", "account is closed.", None),
        ("The endpoint ep-20261120201500-abcde has 3686400 pixels.", "The endpoint [id] has 3686400 pixels.", None),
        ("", "", None),
    ],
)
def test_a_message_loses_the_vendors_handles(message: str, clean: str, request_id: str | None) -> None:
    assert scrubbed(message) == (clean, request_id)


_KEYS = ("id", "status", "error", "content", "video_url", "usage", "duration", "frames", "seed", "data", "url", "b64_json", "size")
_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["succeeded", "failed"])
_JSON = st.recursive(
    _VALUES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*_KEYS, "code", "message", "param")), inner, max_size=6)
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_JSON, st.sampled_from([200, 400, 404, 500, 503]))
def test_no_answer_raises_anything_but_an_upstream_error(body: Any, status: int) -> None:
    card = catalogue("ark").find("doubao-seedance-2-0")
    assert card is not None
    video = _job("ark", card, _video(card.name))
    image = replace(video, request=ImageRequest(model="m", mode=Mode.T2I, prompt="x"))
    reply, adapter = Reply(status, json=body), Ark()

    assert isinstance(adapter.parse_error(video, reply), UpstreamError)
    for job, read in ((video, adapter.parse_submit), (image, adapter.parse_submit), (video, adapter.parse_status)):
        assert isinstance(_outcome(job, read, reply), Snapshot | UpstreamError)


def _outcome(job: Job, read: Any, reply: Reply) -> object:
    try:
        return read(job, reply)
    except UpstreamError as error:
        return error
