"""What the stories of Kling cannot say: credentials, names, sources of our own, and what a strict server thinks of our bodies."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters._kling_errors import failure_of
from app.adapters._kling_jwt import signed_token
from app.adapters.base import Call, Reply
from app.adapters.kling import Kling
from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, InputRefused, UpstreamError, UpstreamMaybeSent, UpstreamRefused
from app.domain.fit import fit
from app.domain.jobs import Job, JobStatus, Snapshot, advance
from app.domain.json import JsonObject
from app.domain.media import Form, Media, MediaType, Origin, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest, codes
from tests.adapters.exchange import finish, poll, send, submit
from tests.adapters.stories import Story, fitted, job_of, stories
from tests.domain.builders import NOW
from tests.fakes.ark_media import tiny_mp4
from tests.fakes.kling import FakeKling

pytestmark = pytest.mark.anyio

KLING = Kling()
CATALOGUE = catalogue("kling")
SENT = [story for story in stories() if story.adapter == "kling" and "steps" in story.content]
UMBRELLA_NAMES = (
    *("kling-v1", "kling-v1-5", "kling-v1-6", "kling-v2-master", "kling-v2-1", "kling-v2-1-master"),
    *("kling-v2-5-turbo", "kling-v2-6", "kling-v3", "kling-video-o1", "kling-v3-omni"),
)
INPUTS: Mapping[Mode, tuple[Role, ...]] = {
    Mode.T2V: (),
    Mode.I2V: (Role.FIRST_FRAME,),
    Mode.FLF2V: (Role.FIRST_FRAME, Role.LAST_FRAME),
    Mode.R2V: (Role.REFERENCE_IMAGE, Role.REFERENCE_IMAGE),
    Mode.EDIT: (Role.SOURCE_VIDEO, Role.REFERENCE_IMAGE),
    Mode.T2I: (),
    Mode.I2I: (Role.IMAGE,),
}
WISHES: tuple[Mapping[str, Any], ...] = (
    {},
    {"quality": "std", "duration": 7},
    {"quality": "pro", "generate_audio": True, "duration": 3},
    {"resolution": "480p", "aspect_ratio": "9:21", "generate_audio": True},
    {"resolution": "2160p", "aspect_ratio": "auto", "generate_audio": False, "duration": 60},
    {"quality": "hd", "generate_audio": True, "negative_prompt": "blur", "watermark": True, "seed": 3, "fps": 24},
)
PICTURE_WISHES: tuple[Mapping[str, Any], ...] = (
    {},
    {"width": 1000, "height": 700, "resolution": "1K", "aspect_ratio": "10:7"},
    {"resolution": "4K", "aspect_ratio": "21:9", "n": 9, "negative_prompt": "blur"},
    {"aspect_ratio": "auto", "watermark": False, "seed": 1, "quality": "hd"},
)
PAIR = Credential("credential_2", {"access_key": "AKdemo0123456789abcdef", "secret_key": "SKdemo-secret-0123456789abcdefghij"})


def _card(name: str) -> ModelCard:
    card = CATALOGUE.find(name)
    assert card is not None
    return card


def _job(card: ModelCard, request: Request, identifier: str = "task_1") -> Job:
    return Job(
        id=identifier,
        key_id="key_1",
        model=card.name,
        asked=request,
        request=request,
        adapter="kling",
        upstream_model=card.upstream,
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW + timedelta(hours=1),
    )


def _video(model: str, **fields: Any) -> VideoRequest:
    return VideoRequest(**{"model": model, "mode": Mode.T2V, "prompt": "a paper boat", **fields})


def _media(*roles: Role) -> tuple[Media, ...]:
    kinds = {Role.SOURCE_VIDEO: MediaType.VIDEO, Role.REFERENCE_VIDEO: MediaType.VIDEO}
    return tuple(
        Media(kinds.get(role, MediaType.IMAGE), role, f"https://example.com/{number}", role.value, Form.URL)
        for number, role in enumerate(roles)
    )


def _made(model: str, **fields: Any) -> Job:
    card = _card(model)
    return _job(card, fit(_video(model, **fields), card.capabilities).request)


@pytest.mark.parametrize("story", [one for one in SENT if "video-extend" not in str(one.content)], ids=str)
async def test_a_strict_server_takes_the_body_of_each_story(story: Story) -> None:
    job = job_of(story, fitted(story).request)
    if any("dynamic_masks" in str(step) or "'x'" in str(step) for step in story.content["steps"]):
        # what the vendor checks inside of its own fields is passed on as the client wrote it
        job = replace(job, request=replace(job.request, vendor={}))
    accepted = await submit(FakeKling().app, KLING, job)

    assert accepted.status is JobStatus.QUEUED


@pytest.mark.parametrize("wish", WISHES, ids=str)
@pytest.mark.parametrize(
    ("card", "mode"),
    [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in CATALOGUE.cards
        if card.capabilities.op == "video" and not card.by_variant
        for mode in sorted(card.capabilities.modes or ())
        if mode is not Mode.EXTEND
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_video_model(card: ModelCard, mode: Mode, wish: Mapping[str, Any]) -> None:
    asked = _video(
        card.name, mode=mode, media=_media(*INPUTS[mode]), vendor={"cfg_scale": 0.5, "keep_original_sound": "no"}, **wish
    )
    job = _job(card, fit(asked, card.capabilities).request)
    job = replace(job, asked=asked, callback="https://gateway.example.com/callbacks/token")
    if mode is Mode.FLF2V and wish.get("quality") == "std" and "pro" in (card.note or ""):
        with pytest.raises(InputRefused):
            KLING.build_request(job)
        return
    fake = FakeKling()

    await submit(fake.app, KLING, job)

    options = fake.created[-1].get("options", fake.created[-1])
    assert options["external_task_id"] == job.id
    assert options["callback_url"] == job.callback


@pytest.mark.parametrize("wish", PICTURE_WISHES, ids=str)
@pytest.mark.parametrize(
    ("card", "mode"),
    [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in CATALOGUE.cards
        if card.capabilities.op == "image"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_picture_model(
    card: ModelCard, mode: Mode, wish: Mapping[str, Any]
) -> None:
    asked = ImageRequest(**{"model": card.name, "mode": mode, "prompt": "a kite", "media": _media(*INPUTS[mode]), **wish})
    job = _job(card, fit(asked, card.capabilities).request)

    done = await finish(FakeKling().app, KLING, job)

    assert done.status is JobStatus.COMPLETED
    assert len(done.outputs) == asked.n


def test_pixels_become_a_tier_and_a_shape_with_a_word_about_it() -> None:
    request = ImageRequest(
        model="m", mode=Mode.T2I, prompt="a kite", width=1000, height=700, resolution="1K", aspect_ratio="10:7", named={}
    )
    card = _card("kling-image-v2-1")
    result = fit(request, card.capabilities)
    body = KLING.build_request(_job(card, result.request)).json or {}

    assert codes(result.notices) == ("adjusted:aspect_ratio",)
    assert (body["resolution"], body["aspect_ratio"]) == ("1k", "3:2")


@pytest.mark.parametrize("model", ["kling-v2-6", "kling-3.0"])
async def test_a_job_is_made_watched_and_fetched(model: str) -> None:
    fake = FakeKling()
    job = await submit(fake.app, KLING, _made(model))
    for status in (JobStatus.QUEUED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED):
        job = await poll(fake.app, KLING, job)
        assert job.status is status
    file = await send(fake.app, KLING, KLING.build_download(job, job.outputs[0]))

    assert file.body == tiny_mp4()
    assert fake.creates == 1
    assert job.facts["video_id"] == fake.tasks[job.upstream_id or ""].video_id


async def test_a_job_is_asked_about_on_the_path_that_made_it() -> None:
    fake = FakeKling()
    job = await submit(fake.app, KLING, _made("kling-v2-6", mode=Mode.I2V, media=_media(Role.FIRST_FRAME)))
    # even if a later version would make such a job elsewhere
    moved = replace(job, request=replace(job.request, mode=Mode.T2V))

    assert (await poll(fake.app, KLING, moved)).status is JobStatus.QUEUED


@pytest.mark.parametrize("model", ["kling-v1-6", "kling-3.0"])
async def test_a_lost_answer_is_found_by_our_own_id(model: str) -> None:
    fake = FakeKling()
    job = _made(model, prompt="a boat [[lost]]")
    with pytest.raises(UpstreamMaybeSent):
        await submit(fake.app, KLING, job)
    found = KLING.parse_lookup(job, await send(fake.app, KLING, KLING.build_lookup(job)))
    assert found is not None
    job = advance(job, found, NOW)

    assert (job.upstream_id, job.facts["path"]) == (next(iter(fake.tasks)), KLING.build_request(job).path)
    assert (await poll(fake.app, KLING, job)).status is not JobStatus.QUEUED


async def test_the_newer_api_says_that_it_has_no_such_job() -> None:
    job = _made("kling-3.0")

    assert KLING.parse_lookup(job, await send(FakeKling().app, KLING, KLING.build_lookup(job))) is None


async def test_the_older_api_says_that_it_has_no_such_job() -> None:
    job = _made("kling-v1-6")
    reply = await send(FakeKling().app, KLING, KLING.build_lookup(job))

    assert reply.status == 404
    assert KLING.parse_lookup(job, replace(reply, status=200)) is None


async def test_an_id_of_ours_is_never_paid_twice() -> None:
    fake, job = FakeKling(), _made("kling-v1-6")
    await submit(fake.app, KLING, job)
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(fake.app, KLING, job)

    assert refusal.value.fault is Fault.REQUEST
    assert fake.creates == 1


async def test_a_full_account_and_a_failed_task_say_so() -> None:
    fake = FakeKling(limit=1)
    failed = _made("kling-v1-6", prompt="a boat [[fail:Failure to pass the risk control system]]")
    job = await submit(fake.app, KLING, failed)
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(fake.app, KLING, replace(_made("kling-v1-6"), id="task_2"))
    while not job.status.final:
        job = await poll(fake.app, KLING, job)

    assert refusal.value.fault is Fault.RATE
    assert job.failure is not None
    assert job.failure.code == "content_policy_violation"


async def test_our_own_job_is_extended_by_its_video() -> None:
    fake = FakeKling()
    made = await finish(fake.app, KLING, _made("kling-v1-6"))
    longer = await finish(fake.app, KLING, _extension(made, "kling-v2-6"))
    again = await submit(fake.app, KLING, replace(_extension(longer, "kling-v1"), id="task_3"))

    assert [body.get("video_id") for body in fake.created] == [None, made.facts["video_id"], longer.facts["video_id"]]
    assert longer.facts["model"] == again.facts["model"] == "kling-v1-6"


@pytest.mark.parametrize("facts", [{"video_id": "870000000000000999", "model": "kling-v2-6"}, {"model": "kling-v1"}, {}])
def test_a_video_that_cannot_be_extended_is_refused_before_it_costs_anything(facts: Mapping[str, str]) -> None:
    with pytest.raises(InputRefused) as refusal:
        KLING.build_request(_extension(replace(_made("kling-v1"), upstream_id="1", facts=facts), "kling-v1"))

    assert refusal.value.param == "video_id"


def test_an_extension_without_a_source_is_refused() -> None:
    with pytest.raises(InputRefused):
        KLING.build_request(_made("kling-v1", mode=Mode.EXTEND))


def _extension(source: Job, model: str) -> Job:
    origin = Origin(source.id, "channel_1", "credential_1", source.upstream_id or "", source.facts)
    media = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, origin.upstream_id, "video_id", Form.TASK, origin=origin)
    return replace(_made(model, mode=Mode.EXTEND, media=(media,), prompt=None), id="task_2")


def test_a_token_is_signed_as_the_vendors_sample_does_it() -> None:
    now = NOW.replace(year=2026, month=1, day=1, hour=0)
    token = signed_token("AKdemo0123456789abcdef", "SKdemo-secret-0123456789abcdefghij", now)

    assert token == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
        "eyJpc3MiOiJBS2RlbW8wMTIzNDU2Nzg5YWJjZGVmIiwiZXhwIjoxNzY3MjI3NDAwLCJuYmYiOjE3NjcyMjU1OTV9."
        "gj-klpxjD86ikBHFVgeEF_heHLpEH0QXNj0pGQcll3Q"
    )


@pytest.mark.parametrize(
    ("model", "late", "code"),
    [
        ("kling-v1", 0, None),
        ("kling-v1", 1799, None),
        ("kling-v1", 1800, "1004"),
        ("kling-v1", -6, "1003"),
        ("kling-3.0", 0, "1002"),
    ],
)
async def test_a_key_pair_is_shown_as_a_token_that_ends(model: str, late: int, code: str | None) -> None:
    fake = FakeKling(pairs={PAIR.text("access_key"): PAIR.text("secret_key")}, now=lambda: NOW.timestamp() + late)
    job = _made(model)
    reply = await _sent(fake, KLING.authorize(KLING.build_request(job), PAIR, NOW))

    assert (KLING.parse_error(job, reply).upstream_code if not reply.ok else None) == code


async def test_an_api_key_is_shown_as_it_is() -> None:
    call = KLING.authorize(KLING.build_request(_made("kling-3.0")), Credential("c", {"api_key": "test-key"}), NOW)

    assert call.headers["Authorization"] == "Bearer test-key"
    assert (await _sent(FakeKling(), call)).ok


@pytest.mark.parametrize(("header", "code"), [("", 1001), ("test-key", 1002), ("Bearer other", 1002), ("Bearer a.b.c", 1002)])
async def test_a_wrong_credential_is_the_channels_fault(header: str, code: int) -> None:
    call = KLING.build_request(_made("kling-v1")).with_headers(Authorization=header)
    error = KLING.parse_error(None, await _sent(FakeKling(), call))

    assert isinstance(error, UpstreamRefused)
    assert (error.fault, error.upstream_code) == (Fault.CREDENTIAL, str(code))


async def _sent(fake: FakeKling, call: Call) -> Reply:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://kling.invalid") as client:
        answer = await client.request(call.method, call.path, params=list(call.query), json=call.json, headers=dict(call.headers))
    return Reply(answer.status_code, dict(answer.headers), answer.json(), answer.content)


async def test_a_channel_is_tested_by_the_shortest_list() -> None:
    call = KLING.build_test(Channel(id="c", name="c", adapter="kling", base_url=""))
    reply = await send(FakeKling().app, KLING, call)

    assert reply.ok
    assert list(call.query) == [("pageNum", "1"), ("pageSize", "1")]


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
def test_a_base_url_may_end_as_operators_write_it(ending: str) -> None:
    assert KLING.base_url(f" http://relay.example.com:8080/kling{ending} ") == "http://relay.example.com:8080/kling"
    assert KLING.base_url("") == KLING.default_base_url


@pytest.mark.parametrize("name", UMBRELLA_NAMES)
def test_the_umbrella_stands_for_every_public_name(name: str) -> None:
    assert _card("kling-video").by_variant
    assert CATALOGUE.find(name, "video") is _card(name)
    assert _card(name).upstream == name


@pytest.mark.parametrize("name", ["kling-v1", "kling-v1-5", "kling-v2", "kling-v2-new", "kling-v2-1", "kling-v3", "kling-v3-omni"])
def test_a_picture_is_made_by_the_picture_model_of_that_name(name: str) -> None:
    card = CATALOGUE.find(name, "image")
    assert card is not None
    assert (card.capabilities.op, card.upstream) == ("image", name)


@pytest.mark.parametrize(
    ("model", "mode", "path"),
    [
        ("kling-v4", Mode.T2V, "/v1/videos/text2video"),
        ("kling-v4", Mode.R2V, "/v1/videos/multi-image2video"),
        ("kling-v4-omni", Mode.R2V, "/v1/videos/omni-video"),
        ("kling-v4", Mode.EDIT, "/v1/videos/omni-video"),
        ("kling-4.0", Mode.T2V, "/text-to-video/kling-4.0"),
        ("kling-4.0-omni", Mode.I2V, "/omni-video/kling-4.0-omni"),
        ("kling-4.0", Mode.R2V, "/omni-video/kling-4.0"),
        ("kling-4.0", Mode.EXTEND, "/v1/videos/video-extend"),
    ],
)
def test_a_model_to_come_goes_where_its_name_says(model: str, mode: Mode, path: str) -> None:
    source = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, "870000000000000999", "video_id", Form.TASK)
    media = (source,) if mode is Mode.EXTEND else _media(*INPUTS[mode])
    request = fit(_video(model, mode=mode, media=media, quality="pro"), CATALOGUE.open_card("video").capabilities).request
    call = KLING.build_request(replace(_job(_card("kling-v1"), request), upstream_model=model))

    assert call.path == path
    assert "1080p" in str(call.json) or "pro" in str(call.json) or mode is Mode.EXTEND


def test_an_upstream_id_cannot_leave_its_path() -> None:
    job = replace(_made("kling-v1"), upstream_id="../../images?x=1#y")

    assert KLING.build_status(job).path == "/v1/videos/text2video/..%2F..%2Fimages%3Fx%3D1%23y"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Failure to pass the risk control system", "content_policy_violation"),
        ("内容包含敏感信息", "content_policy_violation"),
        ("It violates our Policy", "content_policy_violation"),
        ("Image pixel is invalid", "generation_failed"),
        (17, "generation_failed"),
        (None, "generation_failed"),
    ],
)
def test_the_words_of_a_failure_tell_moderation(message: str | int | None, code: str) -> None:
    assert failure_of(message).code == code


_KEYS = ("code", "message", "data", "task_id", "id", "task_status", "status", "task_result", "videos", "images", "outputs", "url")
_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["succeed", "failed", "1"])
)
_JSON = st.recursive(
    _VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from((*_KEYS, "duration", "index", "type", "task_info", "external_id")), inner, max_size=6)
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_JSON, st.booleans(), st.sampled_from([200, 400, 404, 500, 503]))
def test_no_answer_raises_anything_but_an_upstream_error(body: Any, enveloped: bool, status: int) -> None:
    answer: JsonObject = {"code": 0, "data": body}
    reply = Reply(status, json=answer if enveloped else body)
    image = _job(_card("kling-v2"), ImageRequest(model="m", mode=Mode.T2I, prompt="x"))

    for job in (_made("kling-v1"), replace(_made("kling-3.0"), upstream_id="1"), image):
        assert isinstance(KLING.parse_error(job, reply), UpstreamError)
        for read in (KLING.parse_submit, KLING.parse_status, KLING.parse_lookup):
            assert isinstance(_outcome(job, read, reply), Snapshot | UpstreamError | None)


def _outcome(job: Job, read: Any, reply: Reply) -> object:
    try:
        return read(job, reply)
    except UpstreamError as error:
        return error
