"""Drives the fakes of Google's two hosts with google-genai 3 and google-auth over a real socket.

What this client cannot do, and `test_google_by_its_pages` therefore covers alone:
- Veo and Imagen by API key: 3.x has removed `generate_videos` and `generate_images` there and raises before it sends; it still
  polls such an operation, so that half is driven here;
- a film in a bucket: the client gives back its `gs://` address and has no storage client of its own.
All of it speaks plain HTTP (no gRPC). Its default versions are `v1` with a key and `v1beta1` with a service account.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import anyio.to_thread
import httpx
import pytest
from google import genai
from google.auth.exceptions import RefreshError
from google.genai import errors, types
from google.genai.interactions import Interaction
from google.oauth2.service_account import Credentials

from app.adapters._google_oauth import SCOPE, token_call
from tests.fakes.ark_media import tiny_mp4, tiny_png
from tests.fakes.gemini import FakeGemini
from tests.fakes.vertex import FakeVertex, service_account
from tests.servers import serve

pytestmark = pytest.mark.anyio

OMNI = "gemini-omni-1.2-flash"
PICTURES = "gemini-3.1-flash-image"
VEO = "veo-3.1-generate-001"
FILM = {"type": "video", "delivery": "uri", "aspect_ratio": "16:9", "resolution": "720p", "duration": "6s"}
PICTURE = types.GenerateContentConfig(
    response_modalities=["IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K"), seed=3
)
REFUSALS = [
    ("x [[refuse:400:INVALID_ARGUMENT]]", 400, "INVALID_ARGUMENT"),
    ("x [[refuse:403:PERMISSION_DENIED]]", 403, "PERMISSION_DENIED"),
    ("x [[refuse:404:NOT_FOUND]]", 404, "NOT_FOUND"),
    ("x [[429:1]]", 429, "RESOURCE_EXHAUSTED"),
]
T = TypeVar("T")


@pytest.fixture
def fake() -> FakeGemini:
    return FakeGemini()


@pytest.fixture
async def gemini(fake: FakeGemini) -> AsyncIterator[genai.Client]:
    async with serve(fake.app) as address:
        with genai.Client(enterprise=False, api_key="test-key", http_options=_at(address)) as client:
            yield client


@pytest.fixture
def cloud() -> FakeVertex:
    return FakeVertex()


@asynccontextmanager
async def _vertex(
    cloud: FakeVertex, location: str = "us-central1", project: str = "demo-p", **changed: str
) -> AsyncIterator[genai.Client]:
    async with serve(cloud.app) as address:
        account = _account({**service_account(f"{address}/token"), **changed})
        options = _at(address)
        with genai.Client(enterprise=True, project=project, location=location, credentials=account, http_options=options) as client:
            yield client


def _at(address: str) -> types.HttpOptions:
    """Where the fake is; interactions would else be sent five times on a 429."""
    return types.HttpOptions(base_url=address, retry_options=types.HttpRetryOptions(attempts=1))


def _account(key: dict[str, Any]) -> Credentials:
    made: Credentials = Credentials.from_service_account_info(key, scopes=[SCOPE])  # type: ignore[no-untyped-call]
    return made


async def _off_loop(call: Callable[[], T]) -> T:
    """The client blocks; the server needs the loop."""
    return await anyio.to_thread.run_sync(call)


async def _draw(client: genai.Client, contents: Any, config: types.GenerateContentConfig | None = PICTURE) -> Any:
    return await _off_loop(lambda: client.models.generate_content(model=PICTURES, contents=contents, config=config))


async def _interact(client: genai.Client, wish: Any, **fields: Any) -> Interaction:
    asked: dict[str, Any] = {"model": OMNI, "input": wish, "response_format": FILM, "background": True, **fields}
    made: Interaction = await _off_loop(lambda: client.interactions.create(**asked))
    return made


async def _look(client: genai.Client, made: Interaction) -> Interaction:
    seen: Interaction = await _off_loop(lambda: client.interactions.get(id=str(made.id)))
    return seen


async def _film(client: genai.Client, prompt: str, model: str = VEO, **config: Any) -> types.GenerateVideosOperation:
    source, wanted = types.GenerateVideosSource(prompt=prompt), types.GenerateVideosConfig(**config)
    return await _off_loop(lambda: client.models.generate_videos(model=model, source=source, config=wanted))


async def _ask(client: genai.Client, operation: types.GenerateVideosOperation) -> types.GenerateVideosOperation:
    return await _off_loop(lambda: client.operations.get(operation))


def _operation(name: str) -> types.GenerateVideosOperation:
    return types.GenerateVideosOperation.model_validate({"name": name})


async def test_a_picture_comes_after_the_draft_and_the_words(gemini: genai.Client, fake: FakeGemini) -> None:
    answer = await _draw(gemini, ["a kite", types.Part.from_bytes(data=tiny_png(), mime_type="image/png")])

    draft, words, picture = answer.candidates[0].content.parts
    assert (draft.thought, words.text, picture.thought) == (True, "Here it is", None)
    assert picture.inline_data.data == tiny_png()
    assert (answer.candidates[0].finish_reason, answer.usage_metadata.total_token_count) == (types.FinishReason.STOP, 1299)
    assert fake.created[0]["generationConfig"] == {
        "responseModalities": ["IMAGE"],
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
        "seed": 3,
    }
    assert fake.requests == [("POST", f"/v1/models/{PICTURES}:generateContent")]


async def test_a_picture_needs_no_settings_and_a_blocked_prompt_brings_none(gemini: genai.Client) -> None:
    assert len((await _draw(gemini, "a kite", None)).candidates) == 1

    blocked = await _draw(gemini, "x [[filter]]")

    assert blocked.candidates is None
    assert blocked.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


@pytest.mark.parametrize(("prompt", "status", "word"), REFUSALS)
async def test_a_refused_picture_carries_its_status(gemini: genai.Client, prompt: str, status: int, word: str) -> None:
    with pytest.raises(errors.ClientError) as refusal:
        await _draw(gemini, prompt)

    assert (refusal.value.code, refusal.value.status) == (status, word)


async def test_a_wrong_key_is_a_bad_request(fake: FakeGemini) -> None:
    async with serve(fake.app) as address:
        with (
            genai.Client(enterprise=False, api_key="another-key", http_options=_at(address)) as stranger,
            pytest.raises(errors.ClientError) as refusal,
        ):
            await _draw(stranger, "a kite")

    assert refusal.value.code == 400
    assert refusal.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


async def test_models_are_listed_to_the_last_page(gemini: genai.Client) -> None:
    names = await _off_loop(lambda: [model.name for model in gemini.models.list()])

    assert names == [f"models/{OMNI}", f"models/{PICTURES}"]


async def test_an_interaction_runs_in_the_background_and_its_file_can_be_fetched(gemini: genai.Client, fake: FakeGemini) -> None:
    frame = {"type": "image", "mime_type": "image/png", "data": base64.b64encode(tiny_png()).decode()}
    task = {"video_config": {"task": "image_to_video"}}
    made = await _interact(gemini, [frame, {"type": "text", "text": "a kite"}], generation_config=task)

    running, done = await _look(gemini, made), await _look(gemini, made)

    assert (made.status, running.status, done.status) == ("in_progress", "in_progress", "completed")
    assert done.usage is not None
    assert done.usage.total_output_tokens == 34_752
    assert done.output_video is not None
    assert done.output_video.mime_type == "video/mp4"
    video = types.Video(uri=done.output_video.uri)
    assert await _off_loop(lambda: gemini.files.download(file=video)) == tiny_mp4()
    assert fake.created[0]["input"][0]["type"] == "user_input"  # the client wraps the list of blocks
    assert ("POST", "/v1/interactions") in fake.requests


async def test_an_interaction_that_is_waited_for_brings_the_film_itself(gemini: genai.Client) -> None:
    done = await _interact(gemini, "a kite", response_format={"type": "video"}, background=False)

    assert done.output_video is not None
    assert done.output_video.data is not None
    assert base64.b64decode(done.output_video.data) == tiny_mp4()


async def test_an_interaction_may_fail_or_answer_in_words(gemini: genai.Client) -> None:
    failed = await _interact(gemini, "x [[fail:13]]", background=False)
    refused = await _interact(gemini, "x [[words]]", background=False)

    assert failed.status == "failed"
    assert failed.errors is not None
    assert failed.errors[0].code == "internal"
    assert (refused.status, refused.output_video, refused.output_text) == ("completed", None, "I can't create that video.")


async def test_an_interaction_follows_another_is_cancelled_and_is_erased(gemini: genai.Client) -> None:
    first, hanging = await _interact(gemini, "a kite"), await _interact(gemini, "x [[hang]]")
    edit = {"video_config": {"task": "edit"}}
    second = await _interact(gemini, "a red one", previous_interaction_id=first.id, generation_config=edit)

    cancelled = await _off_loop(lambda: gemini.interactions.cancel(id=str(hanging.id)))
    await _off_loop(lambda: gemini.interactions.delete(id=str(first.id)))
    third = await _interact(gemini, "a kite")

    assert cancelled.status == "cancelled"
    assert len({first.id, second.id, hanging.id, third.id}) == 4
    with pytest.raises(Exception, match="Invalid interaction name") as gone:
        await _look(gemini, first)
    assert type(gone.value).__name__ == "BadRequestError"


@pytest.mark.parametrize(
    ("prompt", "kind", "code"),
    [
        (REFUSALS[0][0], "BadRequestError", "invalid_request"),
        (REFUSALS[1][0], "PermissionDeniedError", "permission_denied"),
        (REFUSALS[2][0], "NotFoundError", "not_found"),
    ],
)
async def test_a_refused_interaction_carries_a_word(gemini: genai.Client, prompt: str, kind: str, code: str) -> None:
    with pytest.raises(Exception, match="Refused as asked") as refusal:
        await _interact(gemini, prompt)

    assert type(refusal.value).__name__ == kind  # these classes have no public name
    assert refusal.value.body["error"]["code"] == code  # type: ignore[attr-defined]


async def test_the_first_interactions_are_turned_away_when_asked_for(gemini: genai.Client, fake: FakeGemini) -> None:
    with pytest.raises(Exception, match="quota") as refusal:
        await _interact(gemini, "x [[429:1]]")

    assert type(refusal.value).__name__ == "RateLimitError"
    assert (await _interact(gemini, "x [[429:1]]")).status == "in_progress"
    assert fake.creates == 1


async def test_films_by_key_cannot_be_created_but_are_still_asked_about(gemini: genai.Client, fake: FakeGemini) -> None:
    with pytest.raises(ValueError, match="not in Gemini Developer API mode"):
        await _film(gemini, "a kite")
    body = {"instances": [{"prompt": "a kite"}], "parameters": {"durationSeconds": 8}}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://google.invalid") as plain:
        path = "/v1/models/veo-3.1-generate-preview:predictLongRunning"
        name = (await plain.post(path, json=body, headers={"x-goog-api-key": "test-key"})).json()["name"]

    running = await _ask(gemini, _operation(name))
    done = await _ask(gemini, running)

    assert (running.done, done.done) == (None, True)
    assert done.response is not None
    assert done.response.generated_videos is not None
    video = done.response.generated_videos[0].video
    assert video is not None
    assert await _off_loop(lambda: gemini.files.download(file=video)) == tiny_mp4()


async def test_a_service_account_makes_films_with_one_token(cloud: FakeVertex) -> None:
    frame, last = (
        types.Image(image_bytes=tiny_png(), mime_type="image/png"),
        types.Image(gcs_uri="gs://b/x.png", mime_type="image/png"),
    )
    shape = {"duration_seconds": 8, "aspect_ratio": "16:9", "resolution": "1080p", "resize_mode": "PAD", "generate_audio": True}
    more = {"number_of_videos": 2, "seed": 7, "negative_prompt": "rain", "labels": {"team": "a"}, "compression_quality": "LOSSLESS"}
    config = types.GenerateVideosConfig.model_validate({**shape, **more, "last_frame": last})
    source = types.GenerateVideosSource(prompt="a kite", image=frame)
    async with _vertex(cloud) as client:
        operation = await _off_loop(lambda: client.models.generate_videos(model=VEO, source=source, config=config))
        running = await _ask(client, operation)
        done = await _ask(client, running)

    assert (running.done, done.done) == (None, True)
    assert done.response is not None
    assert done.response.generated_videos is not None
    assert [film.video and film.video.video_bytes for film in done.response.generated_videos] == [tiny_mp4()] * 2
    assert len(cloud.tokens) == 1
    home = f"/v1beta1/projects/demo-p/locations/us-central1/publishers/google/models/{VEO}"
    ask = ("POST", f"{home}:fetchPredictOperation")
    assert cloud.requests == [("POST", "/token"), ("POST", f"{home}:predictLongRunning"), ask, ask]


async def test_a_film_goes_to_a_bucket_is_withheld_or_fails(cloud: FakeVertex) -> None:
    cloud.running_polls = 0
    async with _vertex(cloud) as client:
        stored = await _ask(client, await _film(client, "a kite", output_gcs_uri="gs://b/o/"))
        withheld = await _ask(client, await _film(client, "x [[filter]]"))
        failed = await _ask(client, await _film(client, "x [[fail:3]]"))

    assert stored.response is not None
    assert stored.response.generated_videos is not None
    film = stored.response.generated_videos[0].video
    assert film is not None
    assert film.uri == "gs://b/o/sample_0.mp4"
    assert withheld.response is not None
    assert not withheld.response.generated_videos
    assert withheld.response.rai_media_filtered_count == 1
    assert failed.error is not None
    assert (failed.done, failed.error["code"]) == (True, 3)


@pytest.mark.parametrize(("prompt", "status", "word"), REFUSALS)
async def test_a_refused_film_carries_its_status(cloud: FakeVertex, prompt: str, status: int, word: str) -> None:
    async with _vertex(cloud) as client:
        with pytest.raises(errors.ClientError) as refusal:
            await _film(client, prompt)

    assert (refusal.value.code, refusal.value.status) == (status, word)


async def test_another_project_a_bad_length_and_an_unknown_operation_are_refused(cloud: FakeVertex) -> None:
    lost = f"projects/demo-p/locations/us-central1/publishers/google/models/{VEO}/operations/none"
    async with _vertex(cloud, project="other-p") as stranger:
        with pytest.raises(errors.ClientError, match="Permission denied"):
            await _film(stranger, "a kite")
    async with _vertex(cloud) as client:
        with pytest.raises(errors.ClientError, match="durationSeconds"):
            await _film(client, "a kite", duration_seconds=5)
        with pytest.raises(errors.ClientError, match="404"):
            await _ask(client, _operation(lost))

    assert cloud.creates == 0


# deprecated for the next major version of the client, and yet its only way to Imagen
@pytest.mark.filterwarnings("ignore:The generate_images method is deprecated")
async def test_imagen_gives_as_many_pictures_as_asked_for(cloud: FakeVertex) -> None:
    config = types.GenerateImagesConfig(number_of_images=2, aspect_ratio="4:3", image_size="2K", seed=7, add_watermark=False)
    async with _vertex(cloud) as client:
        made = await _off_loop(
            lambda: client.models.generate_images(model="imagen-4.0-generate-001", prompt="a kite", config=config)
        )

    assert made.generated_images is not None
    assert [picture.image and picture.image.image_bytes for picture in made.generated_images] == [tiny_png()] * 2


async def test_pictures_and_interactions_live_in_the_location_global(cloud: FakeVertex) -> None:
    async with _vertex(cloud, "global") as client:
        picture = await _draw(client, "a kite")
        made = await _interact(client, "a kite", response_format={**FILM, "gcs_uri": "gs://b/o/"})
        await _look(client, made)
        done = await _look(client, made)

    assert picture.candidates[0].content.parts[-1].inline_data.data == tiny_png()
    assert done.output_video is not None
    assert done.output_video.uri == "gs://b/o/kite.mp4"


async def test_a_bare_key_draws_without_a_project(cloud: FakeVertex) -> None:
    async with serve(cloud.app) as address:
        with genai.Client(enterprise=True, api_key="test-key", http_options=_at(address)) as client:
            assert (await _draw(client, "a kite")).candidates

    assert cloud.requests == [("POST", f"/v1beta1/publishers/google/models/{PICTURES}:generateContent")]


async def test_a_token_near_its_end_is_renewed(cloud: FakeVertex) -> None:
    cloud.token_life = 100
    async with _vertex(cloud) as client:
        await _ask(client, await _film(client, "a kite"))

    assert len(cloud.tokens) == 2


async def test_an_account_that_google_does_not_know_gets_no_token(cloud: FakeVertex) -> None:
    async with _vertex(cloud, client_email="other@demo-p.example.com") as client:
        with pytest.raises(RefreshError, match="invalid_grant"):
            await _film(client, "a kite")

    assert cloud.tokens == {}


async def test_our_assertion_says_what_googles_own_says(cloud: FakeVertex) -> None:
    async with serve(cloud.app) as address, httpx.AsyncClient() as plain:
        key = service_account(f"{address}/token")
        with genai.Client(
            enterprise=True, project="demo-p", location="us-central1", credentials=_account(key), http_options=_at(address)
        ) as c:
            await _film(c, "a kite")
        call = token_call(key, datetime.now(UTC))
        assert call.raw is not None
        answer = await plain.post(call.path, content=call.raw, headers=dict(call.headers))

    assert answer.status_code == 200
    theirs, ours = cloud.exchanges
    assert {**theirs, "assertion": ""} == {**ours, "assertion": ""}
    (their_head, their_claims), (our_head, our_claims) = _read(theirs["assertion"]), _read(ours["assertion"])
    assert our_head == their_head
    assert 0 <= their_claims["iat"] - our_claims["iat"] <= 300  # ours is used again for five minutes
    assert {**our_claims, "iat": 0, "exp": our_claims["exp"] - our_claims["iat"]} == {
        **their_claims,
        "iat": 0,
        "exp": their_claims["exp"] - their_claims["iat"],
    }


def _read(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims."""
    head, claims, _ = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in assertion.split("."))
    return json.loads(head), json.loads(claims)
