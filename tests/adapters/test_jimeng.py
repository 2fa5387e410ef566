"""What Jimeng's stories cannot say: signatures on the wire, what a strict server thinks of our bodies, hostile answers."""

import base64
from collections import UserList
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters._jimeng_errors import scrubbed
from app.adapters.base import Call, Reply
from app.adapters.jimeng import Jimeng
from app.adapters.registry import catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel, Credential
from app.domain.errors import Fault, UpstreamError, UpstreamRefused
from app.domain.fit import fit
from app.domain.jobs import Job, JobStatus, Snapshot, advance
from app.domain.json import JsonObject
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest
from tests.adapters.stories import NOW, Story, fitted, job_of, stories
from tests.fakes.ark_media import tiny_jpeg, tiny_mp4, tiny_png
from tests.fakes.jimeng import FakeJimeng

pytestmark = pytest.mark.anyio

ADAPTER, BASE = Jimeng(), "http://jimeng.example.com:8080"
CREDENTIAL = Credential(
    "credential_1", {"access_key": "AKLTEXAMPLEACCESSKEY0001", "secret_key": "ExampleSecretKeyForUnitTestsOnly0001=="}
)
CARDS = catalogue("jimeng").cards
SENT = [
    story
    for story in stories()
    if story.adapter == "jimeng" and "steps" in story.content and not story.content["job"]["model"].endswith("_v99")
]
ROLES: Mapping[Mode, tuple[Role, ...]] = {
    Mode.T2V: (),
    Mode.I2V: (Role.FIRST_FRAME,),
    Mode.FLF2V: (Role.FIRST_FRAME, Role.LAST_FRAME),
    Mode.T2I: (),
    Mode.I2I: (Role.IMAGE,),
}
SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"resolution": "1080p", "aspect_ratio": "2:3"},
    {"resolution": "360p", "aspect_ratio": "auto"},
    {"resolution": "2160p", "width": 3840, "height": 2160, "aspect_ratio": "16:9"},
)
PICTURE_SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"width": 1024, "height": 1024},
    {"width": 64, "height": 64},
    {"width": 16_384, "height": 64},
    {"width": 3840, "height": 2160},
    {"width": 1448, "height": 2896},
    {"resolution": "1K"},
    {"resolution": "4K", "aspect_ratio": "21:9"},
    {"resolution": "2K", "aspect_ratio": "9:16"},
    {"aspect_ratio": "5:4"},
    {"aspect_ratio": "auto"},
)


def job(card: ModelCard, request: Request) -> Job:
    return Job(
        id="task_1",
        key_id="key_1",
        model=card.name,
        asked=request,
        request=request,
        adapter="jimeng",
        upstream_model=card.by_mode.get(request.mode, card.upstream),
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW,
    )


def card_named(name: str) -> ModelCard:
    card = catalogue("jimeng").find(name)
    assert card is not None
    return card


def film(model: str = "jimeng_t2v_v30", **fields: Any) -> VideoRequest:
    return VideoRequest(**{"model": model, "mode": Mode.T2V, "prompt": "a paper boat", **fields})


def picture(model: str = "jimeng_t2i_v40", **fields: Any) -> ImageRequest:
    return ImageRequest(**{"model": model, "mode": Mode.T2I, "prompt": "a kite", **fields})


def fitted_job(request: Request) -> Job:
    card = card_named(request.model)
    return job(card, fit(request, card.capabilities).request)


def media(card: ModelCard, mode: Mode) -> tuple[Media, ...]:
    """Inline where the model takes that, else links."""
    rules = card.capabilities.inputs or {}
    wanted = [*ROLES[mode], *([Role.MASK] if Role.MASK in rules else [])]
    return tuple(
        Media(MediaType.IMAGE, role, "data:image/png", "image", Form.BASE64, "image/png", tiny_png())
        if Form.BASE64 in rules[role].forms
        else Media(MediaType.IMAGE, role, "https://media.example.com/a.png", "image", Form.URL)
        for role in wanted
    )


def signed(call: Call) -> Call:
    return ADAPTER.sign(ADAPTER.authorize(call, CREDENTIAL, NOW), BASE, CREDENTIAL, NOW)


async def send(fake: FakeJimeng, call: Call) -> Reply:
    """The fake's answer to the signed call, byte for byte as the adapter wrote it."""
    ready = signed(call)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url=BASE) as client:
        answer = await client.request(
            ready.method, ready.path, params=list(ready.query) or None, content=ready.raw, headers=dict(ready.headers)
        )
    kind = answer.headers.get("content-type", "")
    return Reply(answer.status_code, dict(answer.headers), answer.json() if "json" in kind else None, answer.content)


def fake_at_now(**values: Any) -> FakeJimeng:
    return FakeJimeng(now=NOW.timestamp, **values)


async def started(fake: FakeJimeng, request: Request) -> Job:
    made = fitted_job(request)
    reply = await send(fake, ADAPTER.build_request(made))
    if not reply.ok:
        raise ADAPTER.parse_error(made, reply)
    return advance(made, ADAPTER.parse_submit(made, reply), NOW)


async def asked_once(fake: FakeJimeng, made: Job) -> Job:
    reply = await send(fake, ADAPTER.build_status(made))
    if not ADAPTER.reads_status(reply):
        raise ADAPTER.parse_error(made, reply)
    return advance(made, ADAPTER.parse_status(made, reply), NOW)


@pytest.mark.parametrize("story", SENT, ids=str)
async def test_a_strict_server_takes_the_body_of_each_story(story: Story) -> None:
    answer = await send(fake_at_now(), ADAPTER.build_request(job_of(story, fitted(story).request)))

    assert answer.status == 200, answer.excerpt()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("card", "mode"),
    [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in CARDS
        if card.capabilities.op == "video"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_film_model(card: ModelCard, mode: Mode, size: Mapping[str, Any]) -> None:
    vendor = {"template_id": "handheld"} if "recamera" in card.name else {}
    asked = film(card.name, mode=mode, media=media(card, mode), duration=60, fps=30, seed=1, vendor=vendor, **size)
    fake = fake_at_now()

    reply = await send(fake, ADAPTER.build_request(job(card, fit(asked, card.capabilities).request)))

    assert reply.status == 200, reply.excerpt()
    assert fake.created[0]["req_key"] in {one.name for one in CARDS}


@pytest.mark.parametrize("size", PICTURE_SIZES, ids=str)
@pytest.mark.parametrize(
    ("card", "mode"),
    [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in CARDS
        if card.capabilities.op == "image"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_picture_model(
    card: ModelCard, mode: Mode, size: Mapping[str, Any]
) -> None:
    asked = picture(card.name, mode=mode, media=media(card, mode), seed=1, quality="hd", output_format="webp", **size)

    reply = await send(fake_at_now(), ADAPTER.build_request(job(card, fit(asked, card.capabilities).request)))

    assert reply.status == 200, reply.excerpt()


async def test_a_film_is_made_watched_and_fetched_without_a_second_signature() -> None:
    fake = fake_at_now()
    made = await started(fake, film(prompt="纸船漂在池塘上"))
    states = []
    while not made.status.final:
        made = await asked_once(fake, made)
        states.append(made.status)

    file = await send(fake, ADAPTER.build_download(made, made.outputs[0]))

    assert states == [JobStatus.QUEUED, JobStatus.IN_PROGRESS, JobStatus.COMPLETED]
    assert file.body == tiny_mp4()
    assert fake.created[0]["prompt"] == "纸船漂在池塘上"


async def test_a_task_is_asked_about_by_the_name_that_made_it() -> None:
    fake = fake_at_now()
    frames = media(card_named("jimeng_v30"), Mode.FLF2V)

    made = await asked_once(fake, await started(fake, film("jimeng_v30", mode=Mode.FLF2V, media=frames, resolution="1080p")))

    assert fake.questions[0]["req_key"] == "jimeng_i2v_first_tail_v30_1080"
    assert "not_found" not in made.facts


async def test_what_a_later_version_would_choose_does_not_change_what_is_asked() -> None:
    made = replace(fitted_job(film()), upstream_id="7600000000000000001", facts={"req_key": "jimeng_t2v_v29"})

    assert (ADAPTER.build_status(made).json or {})["req_key"] == "jimeng_t2v_v29"


async def test_a_moderated_film_is_a_failure_found_out_by_asking() -> None:
    fake = fake_at_now(queued_polls=0, running_polls=0)

    made = await asked_once(fake, await started(fake, film(prompt="x [[fail:50511]]")))

    assert made.failure is not None
    assert (made.status, made.failure.code) == (JobStatus.FAILED, "content_policy_violation")


async def test_a_hidden_task_is_waited_for_and_then_given_up() -> None:
    fake = fake_at_now()
    made = await started(fake, film(prompt="x [[hidden:21]]"))
    for _ in range(20):
        made = await asked_once(fake, made)

    with pytest.raises(UpstreamRefused) as gone:
        await asked_once(fake, made)

    assert made.status is JobStatus.QUEUED
    assert gone.value.fault is Fault.NOT_FOUND


async def test_a_full_account_is_said_to_be_so() -> None:
    fake = fake_at_now()

    with pytest.raises(UpstreamRefused) as refusal:
        await started(fake, film(prompt="x [[429:1]]"))

    assert (refusal.value.fault, refusal.value.upstream_code) == (Fault.RATE, "50430")
    assert (await started(fake, film(prompt="x [[429:1]]"))).upstream_id


async def test_a_wrong_secret_is_the_channels_fault() -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        await started(FakeJimeng(now=NOW.timestamp, secret_key="another"), film())

    assert (refusal.value.fault, refusal.value.upstream_code) == (Fault.CREDENTIAL, "SignatureDoesNotMatch")
    assert "AKLT" not in refusal.value.message


async def test_a_channel_is_tested_by_asking_for_a_task_that_nobody_has() -> None:
    fake = fake_at_now()
    call = ADAPTER.build_test(Channel(id="c", name="c", adapter="jimeng", base_url=""))

    assert (await send(fake, call)).ok
    assert fake.creates == 0


async def test_only_one_picture_is_made_unless_the_client_wants_what_the_prompt_says() -> None:
    fake = fake_at_now(queued_polls=0, running_polls=0)
    one = await asked_once(fake, await started(fake, picture(prompt="x [[many]]")))
    all_of_them = await asked_once(fake, await started(fake, picture(prompt="x [[many]]", vendor={"force_single": False})))

    assert (len(one.outputs), len(all_of_them.outputs)) == (1, 2)
    assert all_of_them.usage is not None
    assert all_of_them.usage.images == 2


@pytest.mark.parametrize(
    ("request_", "offered"),
    [
        (picture("jimeng_t2i_v40"), True),
        (picture("jimeng_seedream46_cvtob"), True),
        (picture("jimeng_t2i_v31"), False),
        (picture("jimeng_t2i_s20pro"), False),
        (film(), False),
    ],
)
async def test_only_the_models_that_call_back_are_told_where(request_: Request, offered: bool) -> None:
    waiting = replace(fitted_job(request_), callback="https://gate.example.com/callbacks/secret")
    call = ADAPTER.build_request(waiting)

    assert ((call.json or {}).get("callback_url") == waiting.callback) is offered
    assert (await send(fake_at_now(), call)).ok


def test_what_is_signed_are_the_bytes_that_leave() -> None:
    odd: JsonObject = MappingProxyType(
        {"req_key": "x", "logo_info": MappingProxyType({"language": 0}), "image_urls": UserList(["纸"])}
    )

    ready = signed(Call(method="POST", path="/", json=odd))

    assert ready.json is None
    assert ready.raw == '{"req_key":"x","logo_info":{"language":0},"image_urls":["纸"]}'.encode()
    assert ready.headers["Host"] == "jimeng.example.com:8080"


def test_what_json_lacks_is_not_sent() -> None:
    with pytest.raises(TypeError):
        signed(Call(method="POST", path="/", json={"a": object()}))  # type: ignore[dict-item]


def test_a_temporary_credential_shows_its_token() -> None:
    temporary = Credential("c", {**CREDENTIAL.fields, "session_token": "STSEXAMPLETOKEN"})

    ready = ADAPTER.sign(ADAPTER.build_request(fitted_job(film())), BASE, temporary, NOW)

    assert ready.headers["X-Security-Token"] == "STSEXAMPLETOKEN"
    assert "x-security-token" in ready.headers["Authorization"]


@pytest.mark.parametrize("given", ["", "https://visual.volcengineapi.com/", " https://visual.volcengineapi.com?Action=CVProcess "])
def test_a_base_url_may_end_as_operators_write_it(given: str) -> None:
    assert ADAPTER.base_url(given) == "https://visual.volcengineapi.com"


@pytest.mark.parametrize("name", ["jimeng_v30", "jimeng_v30_1080p", "jimeng_v30_pro", "jimeng_vgfm", "jimeng_vgfm_t2v_l20"])
def test_the_names_of_the_relays_are_known(name: str) -> None:
    assert {Mode.T2V, Mode.I2V} <= (card_named(name).capabilities.modes or frozenset())


def test_a_lost_create_cannot_be_looked_up_nor_a_task_taken_back() -> None:
    assert ADAPTER.build_lookup(fitted_job(film())) is None
    assert ADAPTER.build_cancel(fitted_job(film())) is None


@pytest.mark.parametrize(
    ("message", "clean"),
    [
        ("Post Text Risk Not Pass", "Post Text Risk Not Pass"),
        ("Unknown key AKLTExampleExample01. (request id: 20261120201504AA09)", "Unknown key ."),
        ("", ""),
    ],
)
def test_a_message_loses_keys_and_request_ids(message: str, clean: str) -> None:
    assert scrubbed(message) == clean


_KEYS = ("code", "data", "message", "status", "task_id", "video_url", "image_urls", "binary_data_base64", "ResponseMetadata")
_VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10_000, "10000", 50_413, "50500", "done", "not_found", "expired", "https://[", "http://a.example.com/x.png"])
)
_JSON = st.recursive(
    _VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from((*_KEYS, "Error", "Code", "CodeN", "Message", "RequestId")), inner, max_size=6)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(_JSON, st.sampled_from([200, 400, 401, 404, 429, 500, 503]), st.booleans())
def test_no_answer_raises_anything_but_an_upstream_error(body: Any, status: int, succeeded: bool) -> None:
    film_job = replace(fitted_job(film()), upstream_id="7600000000000000001")
    picture_job = replace(fitted_job(picture()), upstream_id="7600000000000000002")
    at_once = fitted_job(picture("jimeng_t2i_s20pro"))
    reply = Reply(status, json={**body, "code": 10_000} if succeeded and isinstance(body, dict) else body)

    assert isinstance(ADAPTER.parse_error(film_job, reply), UpstreamError)
    assert ADAPTER.reads_status(reply) in (True, False)
    for read in (ADAPTER.parse_submit, ADAPTER.parse_status):
        for one in (film_job, picture_job, at_once):
            assert isinstance(_outcome(one, read, reply), Snapshot | UpstreamError)


def _outcome(one: Job, read: Any, reply: Reply) -> object:
    try:
        return read(one, reply)
    except UpstreamError as error:
        return error


def test_links_that_are_none_and_files_without_an_ending_have_no_type() -> None:
    done: JsonObject = {"code": 10_000, "data": {"status": "done", "image_urls": ["http://[", "https://a.example.com/x"]}}

    outcome = ADAPTER.parse_status(fitted_job(picture()), Reply(200, json=done))

    assert [output.mime for output in outcome.outputs] == [None, None]


def test_the_bytes_say_what_they_are() -> None:
    done: JsonObject = {
        "code": 10_000,
        "data": {"status": "done", "binary_data_base64": [_base64(tiny_png()), _base64(tiny_jpeg())]},
    }

    outcome = ADAPTER.parse_status(fitted_job(picture()), Reply(200, json=done))

    assert [output.mime for output in outcome.outputs] == ["image/png", "image/jpeg"]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
