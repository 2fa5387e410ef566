"""What the stories of DashScope cannot say: names, addresses, hostile answers, and what a strict server thinks of our bodies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.base import Reply
from app.adapters.dashscope import DashScope
from app.adapters.registry import adapters, catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, InputRefused, UpstreamError, UpstreamMaybeSent, UpstreamRefused
from app.domain.fit import fit
from app.domain.jobs import Job, JobStatus, Snapshot
from app.domain.json import Json, JsonObject
from app.domain.media import Form, Media, MediaType, Role
from app.domain.normalise import normalise
from app.domain.requests import Mode, Request, codes
from tests.adapters.exchange import finish, poll, send, submit
from tests.adapters.stories import Story, fitted, job_of, stories
from tests.domain.builders import NOW, image, job, picture, video
from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.dashscope import FakeDashScope

pytestmark = pytest.mark.anyio

ADAPTER, MODELS = adapters()["dashscope"], catalogue("dashscope")
SENT = [story for story in stories() if story.adapter == "dashscope" and "steps" in story.content]
NONE: Mapping[str, Json] = {}
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
    {"resolution": "720p", "aspect_ratio": "9:16", "width": 720, "height": 1280},
    {"aspect_ratio": "4:3"},
)
IMAGE_SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"width": 1024, "height": 1024},
    {"width": 1536, "height": 1024},
    {"width": 512, "height": 512},
    {"width": 2560, "height": 1440},
    {"width": 3840, "height": 2160},
    {"width": 16_384, "height": 64},
    {"resolution": "1K"},
    {"resolution": "4K", "aspect_ratio": "21:9"},
    {"resolution": "2K", "aspect_ratio": "16:9"},
    {"aspect_ratio": "5:4"},
    {"aspect_ratio": "auto"},
)
FIELDS: JsonObject = dict.fromkeys(("prompt_extend", "enable_thinking", "thinking_mode"), True)


def _card(name: str) -> ModelCard:
    card = MODELS.find(name)
    assert card is not None
    return card


def _order(card: ModelCard, request: Request, settings: Mapping[str, Json] = NONE) -> Job:
    upstream = card.by_mode.get(request.mode, card.upstream)
    return job(request=request, upstream_model=upstream, settings=settings, adapter="dashscope")


def _media(mode: Mode) -> tuple[Media, ...]:
    return tuple(Media(kind, role, "https://example.com/a", "input", Form.URL) for kind, role in PLAIN[mode])


def _combinations(op: str) -> list[Any]:
    cards = [card for card in MODELS.cards if card.capabilities.op == op]
    return [pytest.param(card, mode, id=f"{card.name}-{mode}") for card in cards for mode in sorted(card.capabilities.modes or ())]


@pytest.mark.parametrize("story", SENT, ids=str)
async def test_a_strict_server_takes_the_body_of_each_story(story: Story) -> None:
    fake = FakeDashScope()
    reply = await send(fake.app, ADAPTER, ADAPTER.build_request(job_of(story, fitted(story).request)))

    assert reply.ok, reply.excerpt()
    assert fake.creates == 1


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("card", "mode"), _combinations("video"))
async def test_a_strict_server_takes_every_mode_of_every_video_model(card: ModelCard, mode: Mode, size: Mapping[str, Any]) -> None:
    wish = video(
        model=card.name, mode=mode, media=_media(mode), duration=60, fps=25, seed=1, camera_fixed=True, generate_audio=True, **size
    )
    wish = replace(wish, negative_prompt="blur", quality="high", vendor={**FIELDS, "audio_setting": "auto", "shot_type": "multi"})

    reply = await send(FakeDashScope().app, ADAPTER, ADAPTER.build_request(_order(card, fit(wish, card.capabilities).request)))

    assert reply.ok, reply.excerpt()


@pytest.mark.parametrize("size", IMAGE_SIZES, ids=str)
@pytest.mark.parametrize(("card", "mode"), _combinations("image"))
async def test_a_strict_server_takes_every_mode_of_every_image_model(card: ModelCard, mode: Mode, size: Mapping[str, Any]) -> None:
    wish = image(model=card.name, mode=mode, media=_media(mode), seed=1, n=card.capabilities.most_n, style="vivid", **size)
    wish = replace(wish, negative_prompt="blur", quality="high", output_format="gif", vendor=FIELDS)

    reply = await send(FakeDashScope().app, ADAPTER, ADAPTER.build_request(_order(card, fit(wish, card.capabilities).request)))

    assert reply.ok, reply.excerpt()


@pytest.mark.parametrize("wait", ["sync", "async"])
@pytest.mark.parametrize(("card", "mode"), _combinations("image"))
async def test_a_strict_server_takes_image_models_in_whichever_way_they_wait(card: ModelCard, mode: Mode, wait: str) -> None:
    wish = fit(image(model=card.name, mode=mode, media=_media(mode), negative_prompt="blur"), card.capabilities).request

    reply = await send(FakeDashScope().app, ADAPTER, ADAPTER.build_request(_order(card, wish, {"image_calls": wait})))

    assert reply.ok, reply.excerpt()


# what clients write for the names of HappyHorse, and which of the vendor's models they get
@pytest.mark.parametrize(
    ("body", "upstream"),
    [
        ({"model": "happyhorse-1.0"}, "happyhorse-1.0-t2v"),
        ({"model": "happyhorse-1.0", "mode": "t2v"}, "happyhorse-1.0-t2v"),
        ({"model": "happyhorse-1.0-t2v", "mode": "t2v"}, "happyhorse-1.0-t2v"),
        ({"model": "happyhorse-1.0", "image": "https://example.com/a.png"}, "happyhorse-1.0-i2v"),
        ({"model": "happyhorse-1.0", "mode": "i2v", "image_url": "https://example.com/a.png"}, "happyhorse-1.0-i2v"),
        ({"model": "happyhorse-1.0-i2v", "input_reference": "https://example.com/a.png"}, "happyhorse-1.0-i2v"),
        ({"model": "happyhorse-1.0", "images": ["https://example.com/a.png", "https://example.com/b.png"]}, "happyhorse-1.0-r2v"),
        ({"model": "happyhorse-1.0", "reference_images": ["https://example.com/a.png"]}, "happyhorse-1.0-r2v"),
        (
            {"model": "happyhorse-1.0", "mode": "reference_material", "image_urls": ["https://example.com/a.png"]},
            "happyhorse-1.0-r2v",
        ),
        ({"model": "happyhorse-1.0", "mode": "r2v", "images": ["https://example.com/a.png"]}, "happyhorse-1.0-r2v"),
        ({"model": "happyhorse-1.0-r2v", "images": ["https://example.com/a.png"]}, "happyhorse-1.0-r2v"),
        ({"model": "happyhorse-1.0", "video_url": "https://example.com/a.mp4"}, "happyhorse-1.0-video-edit"),
        (
            {"model": "happyhorse-1.0", "video": "https://example.com/a.mp4", "image": "https://example.com/a.png"},
            "happyhorse-1.0-video-edit",
        ),
        ({"model": "happyhorse-1.0", "mode": "edit", "video_urls": ["https://example.com/a.mp4"]}, "happyhorse-1.0-video-edit"),
        ({"model": "happyhorse-1.0-video-edit", "video_url": "https://example.com/a.mp4"}, "happyhorse-1.0-video-edit"),
        ({"model": "happyhorse-1.1"}, "happyhorse-1.1-t2v"),
        ({"model": "happyhorse-1.1", "image": "https://example.com/a.png"}, "happyhorse-1.1-i2v"),
        ({"model": "happyhorse-1.1", "reference_images": ["https://example.com/a.png"]}, "happyhorse-1.1-r2v"),
        ({"model": "wan2.6-r2v", "image": "https://example.com/a.png", "video_url": "https://example.com/a.mp4"}, "wan2.6-r2v"),
        (
            {"model": "wan2.7-videoedit", "image": "https://example.com/a.png", "video": "https://example.com/a.mp4"},
            "wan2.7-videoedit",
        ),
        ({"model": "wan2.7-t2v", "audio_url": "https://example.com/a.mp3"}, "wan2.7-t2v"),
    ],
    ids=str,
)
async def test_the_mode_picks_the_model_behind_a_bare_name(body: dict[str, Json], upstream: str) -> None:
    request, notices = normalise("/v1/videos", {"prompt": "[Image 1] on a pond", **body})
    card = _card(request.model)
    guessed = "roles_guessed" in codes(notices)
    fake = FakeDashScope()

    await submit(fake.app, ADAPTER, _order(card, fit(request, card.capabilities, roles_guessed=guessed).request))

    assert [accepted["model"] for accepted in fake.created] == [upstream]


async def test_a_video_is_made_watched_and_fetched() -> None:
    fake = FakeDashScope()
    card = _card("happyhorse-1.0")
    waiting = await submit(fake.app, ADAPTER, _order(card, fit(video(model=card.name), card.capabilities).request))
    words = []
    for _ in range(3):
        waiting = await poll(fake.app, ADAPTER, waiting)
        words.append(waiting.status)

    assert words == [JobStatus.QUEUED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED]
    assert (waiting.seconds, waiting.resolution, waiting.aspect_ratio, waiting.fps) == (5, "1080p", "16:9", 24)
    assert fake.headers[0]["x-dashscope-async"] == "enable"
    assert ADAPTER.build_download(waiting, waiting.outputs[0]).path.endswith(
        "?Expires=1795312961&OSSAccessKeyId=fake&Signature=a%2Fb%3D"
    )


@pytest.mark.parametrize(
    ("model", "wait", "made"), [("qwen-image-2.0", "auto", 3), ("wan2.7-image", "auto", 3), ("wan2.7-image", "sync", 3)]
)
async def test_pictures_are_made_at_once_or_as_a_task(model: str, wait: str, made: int) -> None:
    fake, card = FakeDashScope(), _card(model)
    request = fit(image(model=model, n=made), card.capabilities).request

    done = await finish(fake.app, ADAPTER, _order(card, request, {"image_calls": wait}))

    assert (done.status, len(done.outputs)) == (JobStatus.COMPLETED, made)
    assert (done.outputs[0].width, done.usage and done.usage.images) == (1328, made)


async def test_one_picture_of_a_group_may_fail() -> None:
    card = _card("wan2.2-t2i-plus")
    wish = fit(image(model=card.name, n=2, prompt="[[mixed]]"), card.capabilities).request
    done = await finish(FakeDashScope().app, ADAPTER, _order(card, wish))

    assert len(done.outputs) == 1
    assert [failure.upstream_code for failure in done.partial_failures] == ["InternalError.Timeout"]


async def _made(prompt: str, fake: FakeDashScope) -> Job:
    card = _card("wan2.6-t2v")
    return await submit(fake.app, ADAPTER, _order(card, fit(video(model=card.name, prompt=prompt), card.capabilities).request))


async def test_the_older_way_to_report_a_clip_is_read() -> None:
    fake = FakeDashScope(pending_polls=0, running_polls=0)
    done = await poll(fake.app, ADAPTER, await _made("[[older]]", fake))

    assert (done.seconds, done.resolution, done.aspect_ratio) == (5, "1080p", "16:9")
    assert (done.outputs[0].width, done.outputs[0].height, done.outputs[0].revised_prompt) == (1920, 1080, "rewritten")


async def test_a_failed_task_says_why() -> None:
    fake = FakeDashScope(pending_polls=0, running_polls=0)
    failed = await poll(fake.app, ADAPTER, await _made("[[fail:DataInspectionFailed]]", fake))

    assert failed.failure is not None
    assert (failed.failure.code, failed.failure.upstream_code) == ("content_policy_violation", "DataInspectionFailed")


async def test_a_task_that_is_not_visible_yet_is_asked_for_again() -> None:
    fake = FakeDashScope()
    waiting = await _made("[[unknown:2]]", fake)
    for _ in range(2):
        with pytest.raises(UpstreamRefused) as gone:
            await poll(fake.app, ADAPTER, waiting)
        assert gone.value.fault is Fault.NOT_FOUND

    assert (await poll(fake.app, ADAPTER, waiting)).status is JobStatus.QUEUED


async def test_a_task_is_gone_after_a_day() -> None:
    hours = [0.0]
    fake = FakeDashScope(now=lambda: hours[0] * 3600)
    waiting = await _made("a paper boat", fake)
    hours[0] = 25

    with pytest.raises(UpstreamRefused) as gone:
        await poll(fake.app, ADAPTER, waiting)
    assert gone.value.fault is Fault.NOT_FOUND


async def test_an_error_page_while_polling_is_no_verdict() -> None:
    fake = FakeDashScope()
    waiting = await _made("[[html:1]]", fake)
    with pytest.raises(UpstreamMaybeSent):
        await poll(fake.app, ADAPTER, waiting)

    assert (await poll(fake.app, ADAPTER, waiting)).status is JobStatus.QUEUED


async def test_only_a_waiting_task_can_be_cancelled() -> None:
    fake = FakeDashScope()
    waiting, running = await _made("a paper boat", fake), await _made("[[hang]]", fake)
    for _ in range(2):
        running = await poll(fake.app, ADAPTER, running)
    answers = [await send(fake.app, ADAPTER, call) for one in (waiting, running) if (call := ADAPTER.build_cancel(one))]

    assert [answer.status for answer in answers] == [200, 400]
    assert ADAPTER.parse_error(running, answers[1]).upstream_code == "UnsupportedOperation"
    stopped = await poll(fake.app, ADAPTER, waiting)
    assert stopped.failure is not None
    assert stopped.failure.code == "cancelled"


@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("[[429:1]]", Fault.RATE),
        ("[[refuse:400:Arrearage]]", Fault.BALANCE),
        ("[[refuse:400:IPInfringementSuspect]]", Fault.CONTENT),
        ("[[refuse:403:AccessDenied.Unpurchased]]", Fault.MODEL),
        ("[[refuse:503:ServiceUnavailable]]", Fault.OVERLOADED),
        ("[[200:DataInspectionFailed]]", Fault.CONTENT),
    ],
)
async def test_a_refused_create_says_whose_fault_it_is(prompt: str, fault: Fault) -> None:
    fake = FakeDashScope()
    with pytest.raises(UpstreamRefused) as refusal:
        await _made(prompt, fake)

    assert refusal.value.fault is fault
    assert fake.creates == 0


@pytest.mark.parametrize("code", ["504:GatewayTimeout", "504:RequestTimeOut", "500:InternalError", "500:SomethingNew"])
async def test_a_create_that_broke_inside_the_vendor_is_never_repeated(code: str) -> None:
    with pytest.raises(UpstreamMaybeSent):
        await _made(f"[[refuse:{code}]]", FakeDashScope())


async def test_a_wrong_credential_is_the_channels_fault() -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        await _made("a paper boat", FakeDashScope(key="another"))
    assert refusal.value.fault is Fault.CREDENTIAL


async def test_a_channel_is_tested_by_the_shortest_list() -> None:
    call = ADAPTER.build_test(Channel(id="c", name="c", adapter="dashscope", base_url=""))
    assert call is not None

    assert (await send(FakeDashScope().app, ADAPTER, call)).ok
    assert list(call.query) == [("page_no", "1"), ("page_size", "1")]


@pytest.mark.parametrize("ending", ["", "/", "/api", "/api/v1", "/api/v1/", "/compatible-mode/v1"])
@pytest.mark.parametrize(
    "host",
    ["https://dashscope.aliyuncs.com", "https://dashscope-intl.aliyuncs.com", "https://ws-1.cn-beijing.maas.aliyuncs.com/proxy"],
)
def test_a_base_url_may_end_as_operators_write_it(host: str, ending: str) -> None:
    assert ADAPTER.base_url(f" {host}{ending} ") == host


def test_no_base_url_is_the_vendors_own() -> None:
    assert ADAPTER.base_url("") == "https://dashscope.aliyuncs.com"


def test_a_workspace_is_named_beside_the_key() -> None:
    call = ADAPTER.build_status(job(upstream_id="t"))
    plain = ADAPTER.authorize(call, Credential("c", {"api_key": "sk-1"}), NOW)
    named = ADAPTER.authorize(call, Credential("c", {"api_key": "sk-1", "workspace": "ws-1"}), NOW)

    assert dict(plain.headers) == {"Authorization": "Bearer sk-1"}
    assert dict(named.headers) == {"Authorization": "Bearer sk-1", "X-DashScope-WorkSpace": "ws-1"}


def test_a_lost_create_cannot_be_looked_up() -> None:
    assert ADAPTER.build_lookup(_order(_card("wan2.7-t2v"), video(model="wan2.7-t2v"))) is None


def test_an_upstream_id_cannot_leave_its_path() -> None:
    assert ADAPTER.build_status(job(upstream_id="../x?y=1#z")).path == "/api/v1/tasks/..%2Fx%3Fy%3D1%23z"


def test_an_inline_picture_goes_as_a_data_uri() -> None:
    inline = replace(picture(), form=Form.DATA_URI, mime="image/png", data=tiny_png())
    card = _card("happyhorse-1.0-i2v")
    body = ADAPTER.build_request(_order(card, video(model=card.name, mode=Mode.I2V, media=(inline,)))).json or {}

    assert str(body["input"]).count("data:image/png;base64,") == 1


def test_a_reference_clip_is_no_edit_when_the_client_said_what_it_wants() -> None:
    clip = Media(MediaType.VIDEO, Role.REFERENCE_VIDEO, "https://example.com/a.mp4", "video_urls")
    wish = video(model="happyhorse-1.0", mode=Mode.R2V, media=(clip,), named={"mode": "mode"})

    with pytest.raises(InputRefused) as refusal:
        fit(wish, _card("happyhorse-1.0").capabilities)
    assert refusal.value.param == "video_urls"


def test_a_last_frame_beside_references_is_refused_by_its_name() -> None:
    media = (picture(Role.REFERENCE_IMAGE), picture(Role.LAST_FRAME, "last_frame_image"))

    with pytest.raises(InputRefused) as refusal:
        fit(video(model="happyhorse-1.0", mode=Mode.R2V, media=media), _card("happyhorse-1.0").capabilities)
    assert refusal.value.param == "last_frame_image"


_WORDS = ("SUCCEEDED", "FAILED", "UNKNOWN", "PENDING", "CANCELED")
_KEYS = (
    *("output", "usage", "task_id", "task_status", "code", "message", "video_url", "results", "url", "choices", "content", "image"),
    *("duration", "SR", "ratio", "size", "video_ratio", "width", "image_count", "output_image_type", "fps", "request_id"),
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from((*_WORDS, "https://[a", "https://e.com/a.jpg", "1280*720", "16:9", "720P", "1e999"))
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=6),
    max_leaves=20,
)
_ANSWERS = _JSON | st.fixed_dictionaries(
    {
        "output": st.fixed_dictionaries(
            {"task_status": st.sampled_from(_WORDS)},
            optional=dict.fromkeys(("task_id", "video_url", "results", "choices", "code"), _JSON),
        ),
        "usage": st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=8),
    }
)


@settings(max_examples=300, deadline=None)
@given(_ANSWERS, st.sampled_from([200, 400, 404, 500, 503]))
def test_no_answer_raises_anything_but_an_upstream_error(body: Any, status: int) -> None:
    clip = _order(_card("wan2.7-t2v"), video(model="wan2.7-t2v"))
    still = _order(_card("qwen-image"), image(model="qwen-image"))
    reply, adapter = Reply(status, json=body), DashScope()

    assert isinstance(adapter.parse_error(clip, reply), UpstreamError)
    assert isinstance(adapter.parse_error(None, reply), UpstreamError)
    for order in (clip, still):
        for read in (adapter.parse_submit, adapter.parse_status):
            assert isinstance(_outcome(order, read, reply), Snapshot | UpstreamError)


def _outcome(order: Job, read: Any, reply: Reply) -> object:
    try:
        return read(order, reply)
    except UpstreamError as error:
        return error


def test_a_link_that_is_none_does_not_stop_the_others() -> None:
    links: Json = [{"url": "https://[a"}, {"url": "ftp://example.com/a.png"}, {"url": "https://example.com/a.jpg?x=1"}]
    snapshot = ADAPTER.parse_status(
        job(request=image()), Reply(200, json={"output": {"task_status": "SUCCEEDED", "results": links}})
    )

    assert isinstance(snapshot, Snapshot)
    assert [output.mime for output in snapshot.outputs] == ["image/png", "image/jpeg"]


async def test_a_result_is_fetched_without_the_credential() -> None:
    fake = FakeDashScope(pending_polls=0, running_polls=0)
    done = await poll(fake.app, ADAPTER, await _made("a paper boat", fake))

    answer = await send(fake.app, ADAPTER, ADAPTER.build_download(done, done.outputs[0]))

    assert (answer.status, answer.body) == (200, tiny_mp4())
