"""The fakes of Google's two hosts against what its pages print: example bodies are taken, documented mistakes are not.

The official client has a test of its own; these are the exchanges that were seen with it.
"""

import base64
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from tests.fakes.ark_media import tiny_mp4
from tests.fakes.gemini import FakeGemini
from tests.fakes.vertex import FakeVertex

pytestmark = pytest.mark.anyio

KEY = {"x-goog-api-key": "test-key"}
TOKEN = {"Authorization": "Bearer ya29.demo"}
PIXEL = {"bytesBase64Encoded": "aW1n", "mimeType": "image/png"}
VEO = "/v1beta/models/veo-3.1-generate-preview:predictLongRunning"
HOME = "/v1/projects/demo-p/locations/us-central1/publishers/google/models/veo-3.1-generate-001"
GLOBAL = "/v1beta1/projects/demo-p/locations/global"


def vertex() -> FakeVertex:
    return FakeVertex(tokens={"ya29.demo": 2_000_000_000.0}, now=lambda: 1_800_000_000.0)


async def ask(app: ASGIApp, method: str, path: str, body: Any = None, headers: dict[str, str] = KEY) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://google.invalid") as client:
        return await client.request(method, path, json=body, headers=headers)


def veo(instance: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    return {"instances": [{"prompt": "x", **(instance or {})}], "parameters": parameters}


def omni(**fields: Any) -> dict[str, Any]:
    return {"model": "gemini-omni-1.2-flash", "input": "x", "response_format": {"type": "video"}, **fields}


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_an_operation_says_nothing_while_it_runs_and_brings_a_file_of_googles_host(version: str) -> None:
    fake = FakeGemini()
    name = (await ask(fake.app, "POST", VEO.replace("v1beta", version), veo(durationSeconds=8, aspectRatio="16:9"))).json()["name"]

    running = (await ask(fake.app, "GET", f"/{version}/{name}")).json()
    done = (await ask(fake.app, "GET", f"/{version}/{name}")).json()

    assert name.startswith("models/veo-3.1-generate-preview/operations/")
    assert "done" not in running
    uri = done["response"]["generateVideoResponse"]["generatedSamples"][0]["video"]["uri"]
    assert done["done"] is True
    assert uri.startswith("https://generativelanguage.googleapis.com/v1beta/files/")
    path = uri.partition("googleapis.com")[2]
    assert (await ask(fake.app, "GET", path)).content == tiny_mp4()


@pytest.mark.parametrize(
    "instance",
    [
        {"image": PIXEL},
        {"image": PIXEL, "lastFrame": PIXEL},
        {"referenceImages": [{"image": PIXEL, "referenceType": "ASSET"}]},
        {"video": {"uri": "https://generativelanguage.googleapis.com/v1beta/files/a:download?alt=media"}},
    ],
)
async def test_each_documented_input_of_veo_is_taken(instance: dict[str, Any]) -> None:
    assert (await ask(FakeGemini().app, "POST", VEO, veo(instance))).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        veo(durationSeconds="8"),
        veo(durationSeconds=5),
        veo(durationSeconds=4, resolution="1080p"),
        veo(resolution="1080P"),
        veo(aspectRatio="1:1"),
        veo(sampleCount=2),
        veo(seed=7),
        veo(generateAudio=True),
        veo({"lastFrame": PIXEL}),
        veo({"image": {"gcsUri": "gs://b/a.png", "mimeType": "image/png"}}),
        veo({"image": PIXEL, "referenceImages": [{"image": PIXEL, "referenceType": "asset"}]}),
        veo({"referenceImages": [{"image": PIXEL, "referenceType": "style"}]}),
        veo({"referenceImages": [{"image": PIXEL, "referenceType": "asset"}]}, durationSeconds=4),
        veo({"video": {"uri": "https://www.example.com/a.mp4"}}),
        veo({"colour": "red"}),
        {"instances": [{}]},
        {"instances": []},
        [],
    ],
    ids=str,
)
async def test_each_documented_mistake_with_veo_is_a_400(body: Any) -> None:
    fake = FakeGemini()
    answer = await ask(fake.app, "POST", VEO, body)

    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert fake.creates == 0


@pytest.mark.parametrize(
    "given",
    [
        "x",
        [{"type": "text", "text": "x"}],
        [
            {
                "type": "user_input",
                "content": [{"type": "image", "data": "aW1n", "mime_type": "image/heic"}, {"type": "text", "text": "x"}],
            }
        ],
    ],
)
async def test_an_interaction_takes_all_three_shapes_of_input(given: Any) -> None:
    assert (await ask(FakeGemini().app, "POST", "/v1/interactions", omni(input=given))).json()["object"] == "interaction"


async def test_an_interaction_in_the_background_is_polled_and_others_are_answered_at_once() -> None:
    fake = FakeGemini()

    at_once = (await ask(fake.app, "POST", "/v1beta/interactions", omni())).json()
    later = (await ask(fake.app, "POST", "/v1beta/interactions", omni(background=True))).json()

    assert (at_once["status"], later["status"]) == ("completed", "in_progress")
    assert base64.b64decode(at_once["steps"][-1]["content"][0]["data"]) == tiny_mp4()


@pytest.mark.parametrize(
    "body",
    [
        omni(response_format={"type": "video", "duration": 6}),
        omni(response_format={"type": "video", "duration": "2s"}),
        omni(response_format={"type": "video", "duration": "16s"}),
        omni(response_format={"type": "video", "resolution": "480p"}),
        omni(response_format={"type": "video", "gcs_uri": "gs://b/"}),
        omni(input=[{"type": "image", "uri": "https://www.example.com/a.png", "mime_type": "image/png"}]),
        omni(input=[{"type": "audio", "data": "aW1n", "mime_type": "audio/mpeg"}]),
        omni(input=[{"type": "image", "data": "%", "mime_type": "image/png"}]),
        omni(input=[]),
        omni(generation_config={"video_config": {"task": "edit"}}),
        omni(generation_config={"video_config": {"task": "paint"}}),
        omni(background=True, store=False),
        omni(previous_interaction_id="v1_elsewhere"),
        omni(seed=7),
    ],
    ids=str,
)
async def test_each_documented_mistake_with_omni_is_a_400_with_a_word(body: Any) -> None:
    answer = await ask(FakeGemini().app, "POST", "/v1beta/interactions", body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"


async def test_an_unknown_interaction_is_a_400_and_an_unknown_operation_a_404() -> None:
    fake = FakeGemini()

    interaction = await ask(fake.app, "GET", "/v1beta/interactions/v1_x")
    operation = await ask(fake.app, "GET", "/v1beta/models/veo-3.1-generate-preview/operations/x")

    assert (interaction.status_code, interaction.json()["error"]["message"]) == (400, "Invalid interaction name.")
    assert operation.status_code == 404


async def test_what_one_key_made_another_cannot_see() -> None:
    fake = FakeGemini(keys=("test-key", "other-key"))
    made = (await ask(fake.app, "POST", "/v1beta/interactions", omni(background=True))).json()["id"]

    assert (await ask(fake.app, "GET", f"/v1beta/interactions/{made}", headers={"x-goog-api-key": "other-key"})).status_code == 400
    assert (await ask(fake.app, "DELETE", f"/v1beta/interactions/{made}")).status_code == 200
    assert (await ask(fake.app, "GET", f"/v1beta/interactions/{made}")).status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"), [({"x-goog-api-key": "wrong"}, 400), ({}, 403), ({"Authorization": "Bearer test-key"}, 403)]
)
async def test_the_key_goes_in_its_own_header(headers: dict[str, str], status: int) -> None:
    assert (await ask(FakeGemini().app, "GET", "/v1beta/models", headers=headers)).status_code == status


@pytest.mark.parametrize("model", ["gemini-1.0-none", "veo-9"])
async def test_a_model_that_is_not_served_is_a_404(model: str) -> None:
    for verb in ("predictLongRunning", "predict"):
        answer = await ask(FakeGemini().app, "POST", f"/v1beta/models/{model}:{verb}", veo())
        assert answer.status_code == 404
        assert "no longer available" in answer.json()["error"]["message"]


async def test_a_picture_comes_after_a_draft() -> None:
    config = {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"}}
    body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}], "generationConfig": config}

    parts = (await ask(FakeGemini().app, "POST", "/v1beta/models/gemini-3-pro-image:generateContent", body)).json()["candidates"][0]

    assert [part.get("thought", False) for part in parts["content"]["parts"]] == [True, False, False]
    lower = {**body, "generationConfig": {"imageConfig": {"imageSize": "2k"}}}
    assert (await ask(FakeGemini().app, "POST", "/v1beta/models/gemini-3-pro-image:generateContent", lower)).status_code == 400


async def test_vertex_is_asked_by_post_and_answers_with_the_bytes() -> None:
    fake = vertex()
    body = veo({"image": PIXEL}, sampleCount=2, durationSeconds=8, seed=7, generateAudio=True, resizeMode="PAD", resolution="1080p")
    name = (await ask(fake.app, "POST", f"{HOME}:predictLongRunning", body, TOKEN)).json()["name"]
    question = {"operationName": name}

    running = (await ask(fake.app, "POST", f"{HOME}:fetchPredictOperation", question, TOKEN)).json()
    done = (await ask(fake.app, "POST", f"{HOME}:fetchPredictOperation", question, TOKEN)).json()

    assert running == {"name": name}
    assert [base64.b64decode(film["bytesBase64Encoded"]) for film in done["response"]["videos"]] == [tiny_mp4()] * 2
    assert (await ask(fake.app, "GET", f"/v1/{name}", None, TOKEN)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        veo(sampleCount=5),
        veo(gcsOutputDirectory="gs://b/o/"),
        veo(storageUri="https://b.example.com"),
        veo({"image": {"bytesBase64Encoded": "aW1n", "mimeType": "image/webp"}}),
        veo({"video": {"gcsUri": "gs://b/a.mov", "mimeType": "video/quicktime"}}),
        {**veo(), "labels": {"end_user": "A. User"}},
        {**veo(), "webhookConfig": {"uris": []}},
    ],
    ids=str,
)
async def test_each_documented_mistake_with_vertex_is_a_400(body: Any) -> None:
    assert (await ask(vertex().app, "POST", f"{HOME}:predictLongRunning", body, TOKEN)).status_code == 400


async def test_vertex_wants_a_living_token_of_its_project() -> None:
    fake, other = vertex(), HOME.replace("demo-p", "other-p")

    assert (await ask(fake.app, "POST", f"{HOME}:predictLongRunning", veo(), KEY)).status_code == 401
    assert (await ask(fake.app, "POST", f"{other}:predictLongRunning", veo(), TOKEN)).status_code == 403


async def test_omni_on_vertex_lives_in_global_and_wants_a_bucket_for_links() -> None:
    fake = vertex()
    linked = omni(response_format={"type": "video", "delivery": "uri"})

    assert (await ask(fake.app, "POST", f"{GLOBAL}/interactions", omni(), TOKEN)).status_code == 200
    assert (await ask(fake.app, "POST", f"{GLOBAL}/interactions", linked, TOKEN)).status_code == 400
    assert (
        await ask(fake.app, "POST", f"{GLOBAL.replace('global', 'us-central1')}/interactions", omni(), TOKEN)
    ).status_code == 404


async def test_imagen_answers_an_empty_object_when_all_is_filtered() -> None:
    path = HOME.replace("veo-3.1-generate-001", "imagen-4.0-generate-001") + ":predict"

    made = await ask(vertex().app, "POST", path, {"instances": [{"prompt": "x"}], "parameters": {"sampleCount": 2}}, TOKEN)
    none = await ask(vertex().app, "POST", path, {"instances": [{"prompt": "[[filter]]"}], "parameters": {}}, TOKEN)
    seeded = await ask(vertex().app, "POST", path, {"instances": [{"prompt": "x"}], "parameters": {"seed": 7}}, TOKEN)

    assert len(made.json()["predictions"]) == 2
    assert none.json() == {}
    assert seeded.status_code == 400


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"grant_type": "password"}, "Invalid grant_type."),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "e30.e30.AAAA"}, "Invalid JWT Signature."),
    ],
)
async def test_a_wrong_grant_is_refused_in_the_words_of_oauth(form: dict[str, str], problem: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(vertex().app), base_url="http://google.invalid") as client:
        answer = await client.post("/token", data=form)

    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_grant", "error_description": problem}
