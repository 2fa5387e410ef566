"""What the stories of Azure cannot say: addresses, keys, hostile answers, and what a strict resource thinks of our calls."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.base import Call, Reply
from app.adapters.registry import adapters, catalogue
from app.domain.channels import Credential
from app.domain.errors import Fault, UpstreamError, UpstreamMaybeSent, UpstreamRefused
from app.domain.fit import fit
from app.domain.jobs import Job, JobStatus, Output, Snapshot
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import Mode, Request
from app.engine.configuration import serves
from tests.adapters.exchange import finish, poll, send, submit
from tests.adapters.stories import NOW
from tests.domain.builders import channel, image, job, picture, video
from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.azure import FakeAzure
from tests.fakes.openai_wire import File

pytestmark = pytest.mark.anyio

NONE: Mapping[str, Json] = {}
AZURE = adapters()["azure"]
FRAME = replace(picture(), form=Form.UPLOAD, mime="image/png", data=tiny_png())
PICTURE = replace(FRAME, role=Role.IMAGE)
CLIP = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, "upload:video#0:v.mp4", form=Form.UPLOAD, mime="video/mp4", data=tiny_mp4())


def order(request: Request, model: str, settings: Mapping[str, Json] = NONE) -> Job:
    """The job as the engine plans it for a deployment that bears the model's name."""
    card = catalogue("azure").find(model, request.op) or catalogue("azure").open_card(request.op)
    fitted = fit(request, card.capabilities).request
    return job(model=model, asked=request, request=fitted, upstream_model=model, adapter="azure", settings=settings)


async def test_a_v1_video_is_made_watched_remixed_and_fetched() -> None:
    fake = FakeAzure()
    done = await finish(fake.app, AZURE, order(video(duration=8, media=(FRAME,), mode=Mode.I2V), "sora-2"))
    file = await send(fake.app, AZURE, AZURE.build_download(done, done.outputs[0]))
    source = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, done.upstream_id or "", form=Form.TASK)
    remix = await finish(fake.app, AZURE, order(video(mode=Mode.REMIX, media=(source,), prompt="at night"), "sora-2"))

    assert (done.status, remix.status, file.body) == (JobStatus.COMPLETED, JobStatus.COMPLETED, tiny_mp4())
    assert fake.videos.created[0]["input_reference"] == File("first_frame_0.png", "image/png", tiny_png())
    assert set(fake.versions) == {None}


@pytest.mark.parametrize("media", [(), (FRAME,), (CLIP,)], ids=["text", "picture", "clip"])
async def test_a_job_of_sora_1_is_made_watched_and_fetched(media: tuple[Media, ...]) -> None:
    fake = FakeAzure()
    mode = Mode.T2V if not media else Mode.I2V if media[0] is FRAME else Mode.EDIT
    done = await finish(fake.app, AZURE, order(video(mode=mode, media=media, resolution="1080p", aspect_ratio="9:16"), "sora"))
    output = done.outputs[0]
    thumbnail = Output(url=output.thumbnail_url)
    files = [await send(fake.app, AZURE, AZURE.build_download(done, one)) for one in (output, thumbnail)]

    assert (done.status, done.seconds, (output.width, output.height)) == (JobStatus.COMPLETED, 5, (1080, 1920))
    assert [file.body for file in files] == [tiny_mp4(), tiny_png()]
    assert done.facts == {"api": "jobs", "generation_ids": f"gen_{done.upstream_id}_0"}
    assert (len(fake.jobs_created), set(fake.versions)) == (1, {"preview"})


@pytest.mark.parametrize("tier", [None, "480p", "720p", "1080p"])
@pytest.mark.parametrize("ratio", [None, "16:9", "9:16", "1:1", "21:9"])
async def test_every_size_of_sora_1_is_taken(tier: str | None, ratio: str | None) -> None:
    fake = FakeAzure()
    made = await submit(fake.app, AZURE, order(video(resolution=tier, aspect_ratio=ratio, duration=60), "sora"))
    assert made.status is JobStatus.QUEUED


async def test_a_job_stays_where_it_was_made_when_the_channel_changes() -> None:
    fake = FakeAzure()
    made = await submit(fake.app, AZURE, order(video(), "movies", {"api": "jobs"}))
    done = replace(made, settings={"api": "v1"})
    while not done.status.final:
        done = await poll(fake.app, AZURE, done)
    assert done.status is JobStatus.COMPLETED
    assert fake.videos.creates == 0


async def test_a_failed_job_is_understood_and_an_error_page_is_no_verdict() -> None:
    fake = FakeAzure()
    waiting = await submit(fake.app, AZURE, order(video(prompt="[[fail:output_moderation]] [[html:1]]"), "sora"))
    with pytest.raises(UpstreamMaybeSent):
        await poll(fake.app, AZURE, waiting)
    while not waiting.status.final:
        waiting = await poll(fake.app, AZURE, waiting)
    assert waiting.failure is not None
    assert (waiting.failure.code, waiting.failure.upstream_code) == ("content_policy_violation", "output_moderation")


async def test_a_job_is_deleted_where_the_channel_says_so() -> None:
    fake = FakeAzure()
    running = await submit(fake.app, AZURE, order(video(prompt="[[hang]]"), "sora", {"cancel": "delete"}))
    call = AZURE.build_cancel(running)
    assert call is not None
    assert (await send(fake.app, AZURE, call)).status == 204
    with pytest.raises(UpstreamRefused) as refusal:
        await poll(fake.app, AZURE, running)
    assert refusal.value.fault is Fault.NOT_FOUND
    assert AZURE.build_cancel(replace(running, settings={})) is None


@pytest.mark.parametrize(
    "settings_", [{}, {"images": "deployments"}, {"images": "deployments", "api_version": "2026-01-01"}], ids=str
)
@pytest.mark.parametrize("media", [(), (PICTURE,), (PICTURE, PICTURE, replace(PICTURE, role=Role.MASK))], ids=len)
async def test_pictures_are_made_and_edited(settings_: Mapping[str, Json], media: tuple[Media, ...]) -> None:
    fake = FakeAzure()
    wish = image(mode=Mode.I2I if media else Mode.T2I, media=media, n=2, resolution="1K", response_format="url", seed=1)
    done = await submit(fake.app, AZURE, order(wish, "gpt-image-1.5", settings_))
    assert [output.data for output in done.outputs] == [tiny_png()] * 2
    root = "/openai/deployments/gpt-image-1.5" if settings_ else "/openai/v1"
    assert fake.requests == [("POST", f"{root}/images/{'edits' if media else 'generations'}")]


@pytest.mark.parametrize("settings_", [{}, {"images": "deployments"}], ids=str)
async def test_a_stream_is_heard(settings_: Mapping[str, Json]) -> None:
    wish = order(image(partial_images=1), "gpt-image-1.5", settings_)
    call = AZURE.build_stream(wish)
    assert call is not None
    reply = await send(FakeAzure().app, AZURE, call)
    lines = [line.removeprefix(b"data: ") for line in reply.body.splitlines() if line.startswith(b"data: ")]
    events = [AZURE.parse_event(wish, json.loads(line)) for line in lines]
    assert [event.kind for event in events if event] == ["partial", "completed"]
    assert AZURE.build_stream(order(video(), "sora-2")) is None


@pytest.mark.parametrize("model", ["sora", "sora-2", "gpt-image-1.5"])
@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("[[429:1]]", Fault.RATE),
        ("[[refuse:404:DeploymentNotFound]]", Fault.MODEL),
        ("[[refuse:400:contentFilter]]", Fault.CONTENT),
        ("[[refuse:400:content_policy_violation]]", Fault.CONTENT),
        ("[[refuse:503:ServiceUnavailable]]", Fault.OVERLOADED),
    ],
)
async def test_a_refused_create_says_whose_fault_it_is(model: str, prompt: str, fault: Fault) -> None:
    request = image(prompt=prompt) if "image" in model else video(prompt=prompt)
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(FakeAzure().app, AZURE, order(request, model))
    assert refusal.value.fault is fault


async def test_a_wrong_key_is_the_channels_fault() -> None:
    with pytest.raises(UpstreamRefused) as refusal:
        await submit(FakeAzure(key="another").app, AZURE, order(video(), "sora-2"))
    assert refusal.value.fault is Fault.CREDENTIAL


@pytest.mark.parametrize("settings_", [{}, {"api_version": "preview"}], ids=str)
async def test_the_channel_test_is_let_in(settings_: Mapping[str, Json]) -> None:
    fake = FakeAzure()
    call = AZURE.build_test(channel(adapter="azure", settings=settings_))
    assert call is not None
    assert (await send(fake.app, AZURE, call)).ok
    assert (fake.requests, fake.versions) == ([("GET", "/openai/v1/models")], [settings_.get("api_version")])


@pytest.mark.parametrize("ending", ["", "/", "/openai", "/openai/", "/openai/v1", "/openai/v1/"])
def test_a_base_url_may_end_as_portals_show_it(ending: str) -> None:
    assert AZURE.base_url(f" https://resource.example.com{ending} ") == "https://resource.example.com"


def test_the_key_goes_in_azures_own_header() -> None:
    credential = Credential("credential_1", {"api_key": "test-key"})
    assert AZURE.authorize(Call(path="/openai/v1/models"), credential, NOW).headers == {"api-key": "test-key"}


def test_a_foreign_link_is_fetched_as_it_is() -> None:
    link = "https://cdn.example.com/v.mp4?x=1"
    assert AZURE.build_download(order(video(), "sora-2", {"api_version": "preview"}), Output(url=link)) == Call(path=link)


def test_a_deployment_of_any_name_is_served() -> None:
    own = channel(adapter="azure", base_url="https://resource.example.com")
    served = serves(own, "our-pictures", "image")
    assert served is not None
    assert served.upstream_model == "our-pictures"
    mapped = serves(replace(own, models={"gpt-image-1.5": "our-pictures"}), "gpt-image-1.5", "image")
    assert mapped is not None
    assert (mapped.upstream_model, mapped.card.name) == ("our-pictures", "gpt-image-1.5")


@pytest.mark.parametrize(
    "words",
    [{"aspect_ratio": "auto"}, {"width": 640}, {"resolution": "720p", "aspect_ratio": "auto"}, {"aspect_ratio": "1:1"}],
    ids=str,
)
async def test_a_size_of_an_open_name_is_pixels_or_nothing(words: Mapping[str, Json]) -> None:
    fake = FakeAzure()
    wish = video(**words)
    await submit(fake.app, AZURE, job(request=wish, upstream_model="movies"))
    assert set(fake.videos.created[0]) <= {"model", "prompt", "size"}


KEYS = st.sampled_from(
    [
        *("id", "status", "generations", "failure_reason", "n_seconds", "width", "height", "error", "code", "message", "param"),
        *("inner_error", "innererror", "data", "b64_json", "url", "usage", "progress", "seconds", "size"),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["succeeded", "running", "failed", "cancelled", "completed", "output_moderation", "AAAA", "1e999"]),
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)), max_leaves=20
)


def understood(wanted: Job, reply: Reply) -> object:
    """Everything that is done with one answer; an UpstreamError is an answer too."""
    try:
        if wanted.upstream_id:
            return AZURE.parse_status(wanted, reply) if AZURE.reads_status(reply) else AZURE.parse_error(wanted, reply)
        return AZURE.parse_submit(wanted, reply) if reply.ok else AZURE.parse_error(wanted, reply)
    except UpstreamError as error:
        return error


@given(BODIES, st.sampled_from([200, 201, 400, 401, 404, 429, 500, 503]))
@settings(max_examples=400, deadline=None)
def test_no_answer_raises_anything_but_an_upstream_error(body: Json, status: int) -> None:
    reply = Reply(status, {}, body, json.dumps(body).encode())
    waiting = job(upstream_id="task_1", facts={"api": "jobs"})
    for wanted in (waiting, replace(waiting, facts={}), job(), job(settings={"api": "jobs"}), job(request=image())):
        found = understood(wanted, reply)
        assert isinstance(found, Snapshot | UpstreamError)
        if isinstance(found, Snapshot):
            assert isinstance(found.status, JobStatus)
