"""What the stories of Vidu cannot say: names, addresses, ids of ours, and answers that nobody expects."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters._vidu_bodies import MOST_INLINE, image_body
from app.adapters._vidu_modes import wish_of
from app.adapters.base import Call, Reply
from app.domain.channels import Channel, Credential
from app.domain.errors import InputRefused, InvalidRequest, UpstreamError
from app.domain.fit import fit
from app.domain.jobs import Job, Snapshot
from app.domain.json import JsonObject
from app.domain.media import Form, Media, MediaType, Origin, Role
from app.domain.normalise import normalise
from app.domain.requests import ImageRequest, Mode, codes
from app.engine.configuration import serves
from app.engine.plan import make_plan
from tests.adapters.exchange import send, submit
from tests.adapters.stories import NOW
from tests.adapters.vidu_jobs import ADAPTER, CHANNEL_HERE, A, B, body_of, card_of, image, job_of, media_for, video
from tests.fakes.vidu import FakeVidu
from tests.gateways import KEY, answer, gateway_on, wish

pytestmark = pytest.mark.anyio


def test_a_job_whose_result_has_no_id_cannot_be_lengthened() -> None:
    source = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, "17", "video_id", Form.TASK, origin=Origin("task_0", "c", "k", "17"))

    with pytest.raises(InputRefused) as refusal:
        ADAPTER.build_request(job_of(card_of("viduq2-pro"), video("viduq2-pro", Mode.EXTEND, media=(source,))))

    assert refusal.value.param == "video_id"


async def test_a_relay_may_have_a_prefix_and_another_word_for_the_key() -> None:
    fake = FakeVidu(scheme="Bearer", prefix="/vidu")
    call = ADAPTER.build_request(job_of(card_of("viduq2"), video("viduq2")))
    call = ADAPTER.authorize(call, Credential("c", {"api_key": "test-key", "auth_scheme": " Bearer "}), NOW)
    base = ADAPTER.base_url("http://relay.example.com/vidu/ent/v2")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app)) as client:
        made = await client.post(base + call.path, json=call.json, headers=dict(call.headers))

    assert made.status_code == 200


@pytest.mark.parametrize("ending", ["", "/", "/ent/v2", "/ent/v2/", "/ent", "/ent/v2/text2video", "/ent/v2/tasks/1/creations"])
def test_a_base_url_may_end_as_operators_write_it(ending: str) -> None:
    assert ADAPTER.base_url(f" https://api.vidu.cn{ending} ") == "https://api.vidu.cn"


def test_no_base_url_is_the_vendors_own() -> None:
    assert ADAPTER.base_url("") == "https://api.vidu.com"
    assert ADAPTER.base_url("https://relay.example.com/talent/v2") == "https://relay.example.com/talent/v2"


def test_the_key_goes_behind_the_vendors_own_word() -> None:
    call = ADAPTER.authorize(Call(path="/ent/v2/tasks"), Credential("c", {"api_key": "vda_x"}), NOW)

    assert call.headers == {"Authorization": "Token vda_x"}
    assert ADAPTER.environment == {"api_key": "VIDU_API_KEY"}


async def test_a_channel_is_tested_by_the_shortest_list() -> None:
    call = ADAPTER.build_test(Channel(id="c", name="c", adapter="vidu", base_url=""))

    assert (call.method, call.path, list(call.query)) == ("GET", "/ent/v2/tasks", [("pager.pagesz", "1")])
    assert (await send(FakeVidu().app, ADAPTER, call)).ok


def test_a_callback_of_ours_is_handed_over_and_nobody_elses() -> None:
    request = video("viduq1", callback_url="https://client.example.com/hook", vendor={"callback_url": "https://x.example.com"})
    assert ADAPTER.takes_callback
    assert body_of(job_of(card_of("viduq1"), request, callback="https://gw.example/callbacks/t"))["callback_url"].endswith("/t")  # type: ignore[union-attr]  # a missing one fails as well
    assert "callback_url" not in body_of(job_of(card_of("viduq1"), request))


def test_a_lost_create_cannot_be_looked_up() -> None:
    assert ADAPTER.build_lookup(job_of(card_of("viduq1"), video("viduq1"))) is None


def test_an_upstream_id_cannot_leave_its_path() -> None:
    job = job_of(card_of("viduq1"), video("viduq1"), upstream_id="../../credits?x=1#y")

    assert ADAPTER.build_status(job).path == "/ent/v2/tasks/..%2F..%2Fcredits%3Fx%3D1%23y/creations"


def test_inline_media_over_the_vendors_limit_are_refused_before_they_leave() -> None:
    half = Media(MediaType.IMAGE, Role.REFERENCE_IMAGE, "data:", "images", Form.DATA_URI, "image/png", bytes(MOST_INLINE // 2))
    for job in (
        job_of(card_of("viduq1"), video("viduq1", Mode.R2V, media=(half, half))),
        job_of(card_of("viduq2", "image"), image(mode=Mode.I2I, media=(replace(half, role=Role.IMAGE),) * 2)),
    ):
        with pytest.raises(InputRefused) as refusal:
            ADAPTER.build_request(job)
        assert refusal.value.param == "images"


@pytest.mark.parametrize(
    ("asked", "mode", "upstream"),
    [
        ("viduq2", Mode.T2V, "viduq2"),
        ("viduq2", Mode.I2V, "viduq2-turbo"),
        ("viduq2", Mode.FLF2V, "viduq2-turbo"),
        ("viduq2", Mode.R2V, "viduq2"),
        ("viduq2-pro", Mode.T2V, "viduq2"),
        ("viduq2-turbo", Mode.T2V, "viduq2"),
        ("viduq2-pro-fast", Mode.T2V, "viduq2"),
        ("viduq2-pro", Mode.R2V, "viduq2-pro"),
        ("viduq2-turbo", Mode.R2V, "viduq2"),
        ("viduq2-pro-fast", Mode.R2V, "viduq2"),
        ("viduq3", Mode.T2V, "viduq3-turbo"),
        ("viduq3", Mode.I2V, "viduq3-turbo"),
        ("viduq3", Mode.FLF2V, "viduq3-turbo"),
        ("viduq3", Mode.R2V, "viduq3"),
        ("viduq3-pro", Mode.R2V, "viduq3"),
        ("viduq3-pro-fast", Mode.R2V, "viduq3"),
        ("viduq3-turbo", Mode.R2V, "viduq3-turbo"),
        ("viduq1", Mode.R2V, "viduq1"),
    ],
)
def test_a_name_lends_itself_to_the_sister_that_can(asked: str, mode: Mode, upstream: str) -> None:
    assert body_of(job_of(card_of(asked), video(asked, mode)))["model"] == upstream


def test_a_channel_may_want_the_very_model_that_was_asked_for() -> None:
    exact = job_of(card_of("viduq3"), video("viduq3"), settings={"exact_models": True})
    native = job_of(card_of("viduq3-turbo"), video("viduq3-turbo"), settings={"exact_models": True})

    with pytest.raises(InputRefused, match="'viduq3-turbo' can") as refusal:
        ADAPTER.build_request(exact)
    assert refusal.value.code == "unsupported_mode"
    assert body_of(native)["model"] == "viduq3-turbo"


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        ({}, "text2video"),
        ({"mode": "t2v"}, "text2video"),
        ({"mode": "i2v", "image": A}, "img2video"),
        ({"input_reference": A}, "img2video"),
        ({"mode": "i2v_first_last", "image_url": A, "end_image_url": B}, "start-end2video"),
        ({"images": [A, B]}, "start-end2video"),
        ({"images": [f"https://example.com/{n}.png" for n in range(3)]}, "reference2video"),
        ({"mode": "reference_images", "reference_images": [A]}, "reference2video"),
        ({"mode": "reference_material", "image_urls": [A]}, "reference2video"),
        ({"metadata": {"subjects": [{"name": "ann", "images": [A]}]}}, "reference2video"),
        ({"metadata": {"auto_subjects": True}}, "reference2video"),
        ({"image": A, "metadata": {"action": "referenceGenerate"}}, "reference2video"),
        ({"image": A, "metadata": {"action": "generate"}}, "img2video"),
    ],
)  # fmt: skip
async def test_each_public_spelling_finds_its_way_in(fields: Mapping[str, Any], endpoint: str) -> None:
    request, notices = normalise("/v1/videos", {"model": "viduq3-turbo", "prompt": "a paper boat", **fields})
    plan = make_plan(request, notices, KEY, [CHANNEL_HERE], _no_dice(), strict=False)
    planned = plan.choices[0]
    media = tuple(replace(item, form=Form.URL) for item in planned.request.media)
    job = replace(
        job_of(card_of("viduq3-turbo"), request),
        request=replace(planned.request, media=media),
        upstream_model=planned.served.upstream_model,
    )
    fake = FakeVidu()

    await submit(fake.app, ADAPTER, job)

    assert fake.ways == [endpoint]


def test_the_second_documents_example_arrives_as_it_was_meant() -> None:
    request, _ = normalise(
        "/v1/video/generations",
        {
            "model": "viduq1",
            "prompt": "an astronaut",
            "size": "1920x1080",
            "image": "https://example.com/image2video.png",
            "duration": 5,
            "metadata": {
                "duration": 5,
                "seed": 0,
                "resolution": "1080p",
                "movement_amplitude": "auto",
                "bgm": False,
                "payload": "",
                "callback_url": "https://client.example.com/webhook",
            },
        },
    )
    call = ADAPTER.build_request(job_of(card_of("viduq1"), request))

    assert call.path == "/ent/v2/img2video"
    assert call.json == {
        "model": "viduq1",
        "prompt": "an astronaut",
        "images": ["https://example.com/image2video.png"],
        "duration": 5,
        "seed": 0,
        "resolution": "1080p",
        "movement_amplitude": "auto",
        "bgm": False,
        "payload": "task_1",
    }


def test_one_name_of_the_vendors_serves_pictures_and_videos() -> None:
    video, picture = serves(CHANNEL_HERE, "viduq2", "video"), serves(CHANNEL_HERE, "viduq2", "image")

    assert video is not None
    assert picture is not None
    assert (video.card.name, picture.card.name, picture.upstream_model) == ("viduq2", "viduq2-image", "viduq2")


def test_a_retired_model_is_for_relays_alone() -> None:
    assert serves(replace(CHANNEL_HERE, base_url="https://api.vidu.com"), "vidu1.5", "video") is None
    assert serves(CHANNEL_HERE, "vidu1.5", "video") is not None
    assert card_of("vidu1.5").successor == "vidu2.0"


def test_the_default_sound_is_said_and_a_wish_for_silence_kept() -> None:
    said = [
        body_of(job_of(card_of("viduq3-turbo"), video("viduq3-turbo", generate_audio=wanted)))["audio"]
        for wanted in (None, True, False)
    ]

    assert said == [True, True, False]
    assert "audio" not in body_of(job_of(card_of("viduq2"), video("viduq2")))


def test_pictures_of_a_model_to_come_may_take_the_shape_of_the_first() -> None:
    job = replace(
        job_of(card_of("viduq2", "image"), image(mode=Mode.I2I, media=media_for(Mode.I2I), aspect_ratio="auto")),
        upstream_model="viduq9",
    )
    assert isinstance(job.request, ImageRequest)

    assert image_body(job, job.request, None)["aspect_ratio"] == "auto"
    assert "aspect_ratio" not in image_body(job, replace(job.request, media=()), None)


@pytest.mark.parametrize("mode", [Mode.EDIT, Mode.REMIX])
def test_a_way_that_the_vendor_lacks_is_refused_for_models_to_come(mode: Mode) -> None:
    job = job_of(card_of("viduq2"), video("viduq2"))

    with pytest.raises(InvalidRequest) as refusal:
        wish_of(job, replace(video("viduq9"), mode=mode, named={"mode": "function_mode"}), None)

    assert refusal.value.param == "function_mode"


def test_an_extension_of_nothing_is_refused() -> None:
    job = job_of(card_of("viduq2-pro"), video("viduq2-pro", Mode.EXTEND, media=()))

    with pytest.raises(InvalidRequest) as refusal:
        ADAPTER.build_request(job)

    assert refusal.value.code == "missing_required_parameter"


def test_what_the_first_fitting_reported_is_no_reason_to_refuse_references() -> None:
    subjects: JsonObject = {"subjects": [{"name": "ann", "images": [A]}]}
    job = job_of(card_of("viduq3-turbo"), video("viduq3-turbo", duration=60, fps=30, vendor=subjects))

    assert codes(fit(job.asked, card_of("viduq3-turbo").capabilities).notices) == ("adjusted:duration", "dropped:fps")
    assert body_of(job)["duration"] == 16


async def test_work_for_the_night_outlives_the_usual_deadline(tmp_path: Path) -> None:
    def accept(_: httpx.Request) -> httpx.Response:
        return answer({"task_id": "17", "state": "created"})

    channel = replace(CHANNEL_HERE, base_url="https://vendor.example.com")
    async with gateway_on(tmp_path, accept, channels=(channel,)) as (gateway, _):
        night = await gateway.create(wish(video("viduq2", vendor={"off_peak": True})))
        day = await gateway.create(wish(video("viduq2", vendor={"off_peak": False})))

    assert night.deadline_at - night.created_at >= timedelta(hours=48)
    assert day.deadline_at - day.created_at == timedelta(hours=24)


def _no_dice() -> Any:
    return None  # one channel needs no dice


_KEYS = ("id", "task_id", "state", "status", "err_code", "credits", "progress", "creations", "url", "cover_url", "watermarked_url")
_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["success", "failed"])
_VALUES |= st.sampled_from(["http://[", "https://store.example.com/v.mp4", "1e999", "invalid field: images"])
_JSON = st.recursive(
    _VALUES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from((*_KEYS, "code", "reason", "message", "metadata", "trace_id", "duration", "seed", "resolution")),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_JSON, st.sampled_from([200, 400, 404, 499, 500, 503]))
def test_no_answer_raises_anything_but_an_upstream_error(body: Any, status: int) -> None:
    clip = job_of(card_of("viduq3-turbo"), video("viduq3-turbo", Mode.I2V, watermark=True))
    picture = job_of(card_of("viduq2", "image"), image())
    reply = Reply(status, json=body)

    for job in (clip, picture, replace(clip, upstream_id="17")):
        assert isinstance(ADAPTER.parse_error(job, reply), UpstreamError)
        for read in (ADAPTER.parse_submit, ADAPTER.parse_status):
            assert isinstance(_outcome(job, read, reply), Snapshot | UpstreamError)
    assert isinstance(ADAPTER.parse_error(None, reply), UpstreamError)


def _outcome(job: Job, read: Any, reply: Reply) -> object:
    try:
        return read(job, reply)
    except UpstreamError as error:
        return error
