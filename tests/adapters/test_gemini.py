"""The adapter `gemini`: what it builds is taken by a strict server, what comes back is understood."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.base import Adapter, Call, Reply
from app.adapters.gemini import Gemini
from app.adapters.registry import adapters, catalogue
from app.domain.capabilities import ModelCard
from app.domain.channels import Channel
from app.domain.errors import Fault, InputRefused, UpstreamError, UpstreamMaybeSent, UpstreamRefused
from app.domain.fit import fit
from app.domain.jobs import Job, JobStatus, Output, Snapshot, advance
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Origin, Role
from app.domain.requests import ImageRequest, Mode, Request, VideoRequest, codes
from tests.adapters.exchange import send, submit
from tests.adapters.stories import Story, fitted, job_of, stories
from tests.domain.builders import NOW, image, job, video
from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.gemini import FakeGemini

pytestmark = pytest.mark.anyio

GEMINI = adapters()["gemini"]
NONE: Mapping[str, Json] = {}
SENT = [story for story in stories() if story.adapter == "gemini" and "call" in (story.content.get("steps") or [{}])[0]]
# the fake knows no id that was made elsewhere, nor what the vendor's field `task` makes of a prompt alone
ELSEWHERE = {"omni_remix_by_id", "omni_vendor_fields"}
KINDS = {
    Role.FIRST_FRAME: MediaType.IMAGE,
    Role.LAST_FRAME: MediaType.IMAGE,
    Role.REFERENCE_IMAGE: MediaType.IMAGE,
    Role.IMAGE: MediaType.IMAGE,
    Role.SOURCE_VIDEO: MediaType.VIDEO,
}
MEDIA: Mapping[Mode, tuple[Role, ...]] = {
    Mode.T2V: (),
    Mode.I2V: (Role.FIRST_FRAME,),
    Mode.FLF2V: (Role.FIRST_FRAME, Role.LAST_FRAME),
    Mode.R2V: (Role.REFERENCE_IMAGE, Role.REFERENCE_IMAGE),
    Mode.EDIT: (Role.SOURCE_VIDEO, Role.REFERENCE_IMAGE),
    Mode.REMIX: (Role.SOURCE_VIDEO,),
    Mode.EXTEND: (Role.SOURCE_VIDEO,),
    Mode.T2I: (),
    Mode.I2I: (Role.IMAGE, Role.IMAGE),
}
SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"resolution": "480p", "aspect_ratio": "1:1", "duration": 1},
    {"resolution": "2160p", "aspect_ratio": "9:16", "duration": 60},
    {"resolution": "1080p", "aspect_ratio": "auto", "duration_auto": True},
)
IMAGE_SIZES: tuple[Mapping[str, Any], ...] = (
    {},
    {"width": 1024, "height": 1024, "resolution": "1K", "aspect_ratio": "1:1"},
    {"width": 1536, "height": 1024, "resolution": "1K", "aspect_ratio": "3:2"},
    {"resolution": "4K", "aspect_ratio": "21:9"},
    {"aspect_ratio": "7:5"},
    {"aspect_ratio": "auto"},
)
SEED_NAMES = (
    *("veo3", "veo3-fast", "veo3-fast-frames", "veo3-frames", "veo3-pro", "veo3-pro-frames"),
    *("veo3.1", "veo3.1-4k", "veo3.1-components", "veo3.1-fast", "veo3.1-pro", "veo3.1-pro-4k"),
)


def medium(role: Role) -> Media:
    kind = KINDS[role]
    mime, data = ("image/png", tiny_png()) if kind is MediaType.IMAGE else ("video/mp4", tiny_mp4())
    return Media(kind, role, f"data:{mime}", "input", Form.BASE64, mime, data)


def order(model: str, request: Request, adapter: str = "gemini", **values: Any) -> Job:
    """A job for this model as the engine would hand it over."""
    card = catalogue(adapter).find(model)
    assert card is not None
    request = fit(replace(request, model=model), card.capabilities).request
    return job(request=request, model=model, adapter=adapter, upstream_model=card.upstream, **values)


async def finish(app: Any, adapter: Adapter, job: Job) -> Job:
    """The job with its outcome, every further question asked."""
    job = await submit(app, adapter, job)
    for _ in range(8):
        if job.status.final:
            return job
        answer: Snapshot | Call = adapter.build_status(job)
        read = adapter.parse_status
        while isinstance(answer, Call):
            reply = await send(app, adapter, answer)
            if not reply.ok:
                raise adapter.parse_error(job, reply)
            answer, read = read(job, reply), adapter.parse_result
        job = advance(job, answer, NOW)
    raise AssertionError(f"{job.status} after eight rounds")


@pytest.mark.parametrize("story", [story for story in SENT if story.name not in ELSEWHERE], ids=str)
async def test_a_strict_server_takes_the_body_of_each_story(story: Story) -> None:
    fake = FakeGemini(bearer=story.content["job"].get("settings", {}).get("auth") == "bearer")

    reply = await send(fake.app, GEMINI, GEMINI.build_request(job_of(story, fitted(story).request)))

    assert reply.ok, reply.body


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("card", "mode"),
    [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in catalogue("gemini").cards
        if card.capabilities.op == "video"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_video_model(card: ModelCard, mode: Mode, size: Mapping[str, Any]) -> None:
    media = tuple(medium(role) for role in MEDIA[mode])
    if mode is Mode.EXTEND and "veo" in card.upstream:
        origin = Origin("task_0", "channel_1", "credential_1", "x", {"uri": "https://files.example.com/v1beta/files/a"})
        media = (replace(media[0], form=Form.TASK, origin=origin, data=None),)
    wish = video(
        mode=mode, media=media, fps=30, seed=1, generate_audio=False, negative_prompt="rain", vendor={"task": "", "seed": 1}, **size
    )

    reply = await send(FakeGemini().app, GEMINI, GEMINI.build_request(order(card.name, wish)))

    assert reply.ok, reply.body


@pytest.mark.parametrize("size", IMAGE_SIZES, ids=str)
@pytest.mark.parametrize(
    ("card", "mode"),
    [
        pytest.param(card, mode, id=f"{card.name}-{mode}")
        for card in catalogue("gemini").cards
        if card.capabilities.op == "image"
        for mode in sorted(card.capabilities.modes or ())
    ],
)
async def test_a_strict_server_takes_every_mode_of_every_image_model(card: ModelCard, mode: Mode, size: Mapping[str, Any]) -> None:
    wish = image(mode=mode, media=tuple(medium(role) for role in MEDIA[mode]), seed=1, quality="hd", output_format="png", **size)

    made = await submit(FakeGemini().app, GEMINI, order(card.name, wish))

    assert made.status is JobStatus.COMPLETED
    assert [output.data for output in made.outputs] == [tiny_png()]


@pytest.mark.parametrize("model", ["gemini-omni", "veo-3.1-generate-preview"])
async def test_a_film_is_made_watched_and_fetched(model: str) -> None:
    fake = FakeGemini(file_polls=1)

    made = await finish(fake.app, GEMINI, order(model, video()))
    file = await send(fake.app, GEMINI, GEMINI.build_download(made, made.outputs[0]))

    assert made.status is JobStatus.COMPLETED
    assert file.body == tiny_mp4()
    assert fake.creates == 1


async def test_a_film_of_omni_keeps_its_usage_though_the_file_came_later() -> None:
    made = await finish(FakeGemini(file_polls=2).app, GEMINI, order("gemini-omni", video()))

    assert made.usage is not None
    assert made.usage.output_tokens == 34_752


async def test_a_film_of_omni_is_edited_by_its_id() -> None:
    fake = FakeGemini()
    first = await finish(fake.app, GEMINI, order("gemini-omni", video()))
    source = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, first.upstream_id or "", "video", Form.TASK)

    made = await finish(fake.app, GEMINI, order("gemini-omni", video(mode=Mode.EDIT, media=(source,))))

    assert made.status is JobStatus.COMPLETED
    assert fake.created[1]["previous_interaction_id"] == first.upstream_id


async def test_a_film_of_veo_is_extended_by_its_file() -> None:
    fake = FakeGemini()
    first = await finish(fake.app, GEMINI, order("veo3.1", video()))
    origin = Origin(first.id, "channel_1", "credential_1", first.upstream_id or "", first.facts)
    source = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, origin.upstream_id, "video", Form.TASK, origin=origin)

    made = await finish(fake.app, GEMINI, order("veo3.1", video(mode=Mode.EXTEND, media=(source,))))

    assert made.status is JobStatus.COMPLETED
    assert fake.created[1]["instances"][0]["video"] == {"uri": first.facts["uri"]}


@pytest.mark.parametrize(
    ("model", "prompt", "code"),
    [
        ("gemini-omni", "[[words]]", "content_policy_violation"),
        ("gemini-omni", "[[fail:13]]", "upstream_error"),
        ("veo3", "[[filter]]", "content_policy_violation"),
        ("veo3", "[[fail:8]]", "upstream_error"),
    ],
)
async def test_a_film_that_was_not_made_says_why(model: str, prompt: str, code: str) -> None:
    made = await finish(FakeGemini().app, GEMINI, order(model, video(prompt=prompt)))

    assert made.status is JobStatus.FAILED
    assert made.failure is not None
    assert made.failure.code == code


@pytest.mark.parametrize("model", ["gemini-3.1-flash-image", "imagen-4.0-generate-001"])
async def test_a_filtered_picture_is_no_open_outcome(model: str) -> None:
    made = await submit(FakeGemini().app, GEMINI, order(model, image(prompt="[[filter]]")))

    assert made.failure is not None
    assert made.failure.code == "content_policy_violation"


@pytest.mark.parametrize(
    ("prompt", "kind", "fault"),
    [
        ("[[429:1]]", UpstreamRefused, Fault.RATE),
        ("[[refuse:503:UNAVAILABLE]]", UpstreamRefused, Fault.OVERLOADED),
        ("[[refuse:400:SAFETY]]", UpstreamRefused, Fault.CONTENT),
        ("[[refuse:500:INTERNAL]]", UpstreamMaybeSent, None),
    ],
)
@pytest.mark.parametrize("model", ["gemini-omni", "veo3", "gemini-3-pro-image"])
async def test_a_create_that_is_turned_away_says_whose_fault_it_was(
    model: str, prompt: str, kind: type[UpstreamError], fault: Fault | None
) -> None:
    wish: Request = image(prompt=prompt) if "image" in model else video(prompt=prompt)

    with pytest.raises(kind) as caught:
        await submit(FakeGemini().app, GEMINI, order(model, wish))

    assert getattr(caught.value, "fault", None) is fault
    assert "123456789012" not in caught.value.message


async def test_a_proxys_page_ends_nothing() -> None:
    fake = FakeGemini()
    made = await submit(fake.app, GEMINI, order("gemini-omni", video(prompt="[[html:1]]")))

    reply = await send(fake.app, GEMINI, GEMINI.build_status(made))

    assert isinstance(GEMINI.parse_error(made, reply), UpstreamMaybeSent)


async def test_a_wrong_key_is_the_channels_fault() -> None:
    fake = FakeGemini(keys=("another",))

    with pytest.raises(UpstreamRefused) as caught:
        await submit(fake.app, GEMINI, order("gemini-omni", video()))

    assert caught.value.fault is Fault.CREDENTIAL


async def test_a_retired_model_is_the_models_fault() -> None:
    fake = FakeGemini(retired=frozenset({"veo-3.1-generate-preview"}))

    with pytest.raises(UpstreamRefused) as caught:
        await submit(fake.app, GEMINI, order("veo3", video()))

    assert caught.value.fault is Fault.MODEL


async def test_a_running_interaction_can_be_cancelled_and_an_operation_cannot() -> None:
    fake = FakeGemini()
    made = await submit(fake.app, GEMINI, order("gemini-omni", video(prompt="[[hang]]")))
    call = GEMINI.build_cancel(made)
    assert call is not None

    assert (await send(fake.app, GEMINI, call)).ok
    ended = await send(fake.app, GEMINI, GEMINI.build_status(made))

    snapshot = GEMINI.parse_status(made, ended)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.failure is not None
    assert snapshot.failure.code == "cancelled"
    assert GEMINI.build_cancel(order("veo3", video())) is None
    assert GEMINI.build_cancel(order("gemini-3-pro-image", image())) is None


@pytest.mark.parametrize("auth", ["key", "bearer"])
async def test_a_channel_is_tested_by_the_shortest_list(auth: str) -> None:
    channel = Channel(id="c", name="c", adapter="gemini", base_url="", settings={"auth": auth})
    call = GEMINI.build_test(channel)
    assert call is not None

    reply = await send(FakeGemini(bearer=auth == "bearer").app, GEMINI, call)

    assert reply.ok


async def test_a_relay_that_wants_a_bearer_gets_one_on_every_call() -> None:
    fake = FakeGemini(bearer=True)

    made = await finish(fake.app, GEMINI, order("gemini-omni", video(), settings={"auth": "bearer"}))
    file = await send(fake.app, GEMINI, GEMINI.build_download(made, made.outputs[0]))

    assert file.body == tiny_mp4()


def test_a_channel_may_say_which_protocol_a_relays_name_speaks() -> None:
    wish = job(request=video(), upstream_model="film-1", adapter="gemini")

    assert GEMINI.build_request(wish).path == "/v1beta/interactions"
    told = replace(wish, settings={"video_api": "operations"})
    assert GEMINI.build_request(told).path == "/v1beta/models/film-1:predictLongRunning"


@pytest.mark.parametrize("ending", ["", "/", "/v1beta", "/v1beta/", "/v1"])
def test_a_base_url_may_end_as_operators_write_it(ending: str) -> None:
    assert Gemini().base_url(f" https://relay.example.com/gemini{ending} ") == "https://relay.example.com/gemini"
    assert Gemini().base_url("") == "https://generativelanguage.googleapis.com"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("models/veo/operations/a1", "/v1beta/models/veo/operations/a1"),
        ("v1beta/operations/a1", "/v1beta/operations/a1"),
        ("../../upload?x=1#y", "/v1beta/upload%3Fx%3D1%23y"),
    ],
)
def test_an_operations_name_cannot_leave_its_path(name: str, path: str) -> None:
    assert GEMINI.build_status(order("veo3", video(), upstream_id=name)).path == path


def test_an_interactions_name_cannot_leave_its_path() -> None:
    assert GEMINI.build_status(order("gemini-omni", video(), upstream_id="../x?y")).path == "/v1beta/interactions/..%2Fx%3Fy"


@pytest.mark.parametrize("link", ["https://cdn.example.com/files/a.mp4", "https://cdn.example.com/v1beta/files/a/b:download"])
def test_a_link_that_is_no_file_of_the_api_is_fetched_as_it_is(link: str) -> None:
    made = order("veo3", video())
    answer: Json = {"name": "models/veo/operations/a", "done": "true", "response": {"video": {"uri": link}}}

    snapshot = GEMINI.parse_status(made, Reply(200, json=answer))

    assert isinstance(snapshot, Snapshot)
    assert GEMINI.build_download(made, snapshot.outputs[0]).path == link


@pytest.mark.parametrize("name", SEED_NAMES)
def test_the_public_names_of_veo_are_retired_here_and_lead_to_what_relays_serve(name: str) -> None:
    card = catalogue("gemini").find(name)

    assert card is not None
    assert card.upstream == f"veo-3.1-{'fast-' if 'fast' in name else ''}generate-preview"
    assert card.retired is not None
    assert card.successor == "gemini-omni-1.1-flash"


@pytest.mark.parametrize(("asked", "made"), [(1, 4), (5, 6), (7, 8), (9, 10), (10, 10), (15, 10)])
def test_the_lengths_of_gemini_omni_snap_to_the_four_of_its_public_contract(asked: int, made: int) -> None:
    wish = order("gemini-omni", video(duration=asked))

    assert isinstance(wish.request, VideoRequest)
    assert wish.request.duration == made


def test_silence_cannot_be_had_and_that_is_reported() -> None:
    card = catalogue("gemini").find("gemini-omni")
    assert card is not None

    asked = [codes(fit(video(generate_audio=wish), card.capabilities).notices) for wish in (False, True, None)]

    assert asked == [("adjusted:generate_audio",), (), ()]


def test_every_retired_model_names_a_living_successor() -> None:
    for name in ("gemini", "vertex"):
        models = catalogue(name)
        for card in models.cards:
            successor = models.find(card.successor or "")
            assert card.retired is None or (successor is not None and successor.retired is None), card.name


def test_a_scheme_that_is_not_googles_is_refused_by_the_clients_name() -> None:
    foreign = Media(MediaType.IMAGE, Role.REFERENCE_IMAGE, "asset://a", "images", Form.VERBATIM)

    with pytest.raises(InputRefused) as refusal:
        GEMINI.build_request(job(request=video(mode=Mode.R2V, media=(foreign,)), upstream_model="gemini-omni-1.2-flash"))

    assert refusal.value.param == "images"


def test_an_error_about_a_picture_names_the_clients_field() -> None:
    wish = order("gemini-omni", video(mode=Mode.I2V, media=(medium(Role.FIRST_FRAME),)))
    answer: Json = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "Unsupported `mimeType`."}}

    assert GEMINI.parse_error(wish, Reply(400, json=answer)).param == "input"
    assert GEMINI.parse_error(None, Reply(400, json=answer)).param is None


_KEYS = (
    *("id", "name", "status", "done", "error", "errors", "code", "message", "details", "reason", "retryDelay", "response", "steps"),
    *("type", "content", "uri", "data", "video", "videos", "generateVideoResponse", "generatedSamples", "raiMediaFilteredCount"),
    *("raiMediaFilteredReasons", "raiErrorMessage", "predictions", "candidates", "parts", "inlineData", "finishReason", "usage"),
    *("promptFeedback", "blockReason", "usageMetadata", "total_tokens", "state", "fieldViolations", "field", "access_token"),
    *("expires_in", "bytesBase64Encoded", "gcsUri", "mimeType", "raiFilteredReason", "output_video", "text"),
)
_WORDS = [
    "completed",
    "failed",
    "model_output",
    "video",
    "true",
    "https://example.com/a",
    "gs://b/o",
    "ACTIVE",
    "1e400",
    "API_KEY_INVALID",
]
_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(_WORDS)
HOSTILE = st.recursive(
    _VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=6),
    max_leaves=24,
)
JOBS: tuple[Request, ...] = (video(), image())
MODELS = ("gemini-omni-1.2-flash", "veo-3.1-generate-001", "gemini-3-pro-image", "imagen-4.0-generate-001")


def outcomes(adapter: Adapter, body: Any, status: int) -> list[object]:
    """What each reader makes of an answer."""
    reply = Reply(status, json=body)
    made: list[object] = []
    for request in JOBS:
        for model in MODELS:
            wish = job(request=request, upstream_model=model, adapter=adapter.name, upstream_id="x")
            made.append(adapter.parse_error(wish, reply))
            for read in (adapter.parse_submit, adapter.parse_status, adapter.parse_result):
                try:
                    made.append(read(wish, reply))
                except UpstreamError as error:
                    made.append(error)
    return made


@settings(max_examples=150, deadline=None)
@given(HOSTILE, st.sampled_from([200, 400, 404, 429, 499, 500, 503]))
def test_no_answer_raises_anything_but_an_upstream_error(body: Any, status: int) -> None:
    for outcome in outcomes(GEMINI, body, status):
        assert isinstance(outcome, Snapshot | Call | UpstreamError)


def test_an_image_request_is_never_taken_for_a_film() -> None:
    wish = job(request=image(), upstream_model="veo-picture", adapter="gemini")

    assert isinstance(wish.request, ImageRequest)
    assert GEMINI.build_request(wish).path.endswith(":generateContent")
    assert Output(url="/x").url == GEMINI.build_download(wish, Output(url="/x")).path
