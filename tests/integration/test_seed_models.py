"""Every model of the four documents, in each of its modes, from the create to the bytes through its own vendor's fake."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from PIL import Image

from app.adapters.registry import catalogue
from tests.fakes.ark_media import tiny_mp4
from tests.integration.gates import bearer, error_of, picture_size
from tests.integration.seed_models import (
    ADMIN,
    IMAGE_NAME,
    LEAST,
    MODELS,
    PUBLIC,
    VIDEO_NAMES,
    WORDS,
    Site,
    carried,
    media_of,
    site_on,
)
from tests.integration.seed_requests import (
    GROK,
    JIMENG,
    KLING,
    KLING_NAMES,
    KLING_SEA,
    OTHER_NAMES,
    SEEDANCE_NAMES,
    TEA_FILM,
    VIDU,
    WATCH_FILM,
    Body,
    kling,
)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:The Sora API is scheduled to permanently shut down:DeprecationWarning"),
]

PROMPT = "海边日落镜头,电影感"
# names under which their vendor has a picture model, too
ALSO_PICTURES = ("kling-v1", "kling-v1-5", "kling-v2-1", "kling-v3", "viduq1")
EVERY = [(adapter, model) for adapter, models in MODELS.items() for model in models]


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with site_on(tmp_path_factory.mktemp("gate")) as whole:
        yield whole


# --- the names


def test_the_table_has_every_name_of_the_documents() -> None:
    ours = {model for _, model in EVERY}

    assert ours == VIDEO_NAMES
    assert {*SEEDANCE_NAMES, *OTHER_NAMES} <= ours
    # document 3's enumeration has 34 names and nine Kling variants
    assert (len({*SEEDANCE_NAMES, *OTHER_NAMES}), len(KLING_NAMES)) == (33, 9)


@pytest.mark.parametrize(("adapter", "model"), [*EVERY, ("ark", IMAGE_NAME), ("byteplus", IMAGE_NAME)])
async def test_a_name_is_listed_and_says_what_it_can_do(site: Site, adapter: str, model: str) -> None:
    client = site.clients[adapter]
    listed = {entry["id"]: entry for entry in (await client.get("/v1/models")).json()["data"]}
    shown = (await client.get(f"/v1/models/{model}")).json()
    able = (await client.get(f"/v1/models/{model}/capabilities")).json()

    assert listed[model] == shown
    modes = "t2i i2i" if model == IMAGE_NAME else MODELS[adapter][model]
    assert set(able["modes"]) == set(modes.split())
    assert able["op"] == shown["op"] == (None if model in ALSO_PICTURES else "image" if model == IMAGE_NAME else "video")
    assert (able["retired"], able["successor"]) == (shown.get("retired"), shown.get("successor"))


@pytest.mark.parametrize("model", sorted({*VIDEO_NAMES, IMAGE_NAME}))
async def test_a_name_is_known_where_every_vendor_is_configured(site: Site, model: str) -> None:
    found = await site.clients["all"].get(f"/v1/models/{model}")

    assert found.json()["id"] == model


@pytest.mark.parametrize(
    ("adapter", "model", "day", "successor"),
    [
        *(("gemini", model, "2026-10-22", "gemini-omni-1.1-flash") for model in MODELS["gemini"] if model.startswith("veo")),
        *(("openai", model, "2026-09-24", None) for model in MODELS["openai"]),
    ],
)
async def test_a_model_that_its_vendor_retired_says_when(
    site: Site, adapter: str, model: str, day: str, successor: str | None
) -> None:
    shown = (await site.clients[adapter].get(f"/v1/models/{model}")).json()

    assert (shown["retired"], shown["successor"]) == (day, successor)
    note = (await site.clients[adapter].get(f"/v1/models/{model}/capabilities")).json()["note"]
    assert "only" in note


def test_a_name_that_no_vendor_has_says_that_relays_sell_it() -> None:
    card = catalogue("xai").find("grok-video-3")

    assert card is not None
    assert "relays" in (card.note or "")


@pytest.mark.parametrize("relay", ["newapi", "openai"])
@pytest.mark.parametrize("model", sorted(VIDEO_NAMES))
async def test_every_name_goes_through_a_relay(site: Site, relay: str, model: str) -> None:
    client = site.clients[relay]
    word = "t2v"
    done = await site.film(relay, {"model": model, "prompt": PROMPT, "mode": word})

    assert site.created(relay)[-1]["model"] == done["model"] == model
    assert (await client.get(f"/v1/models/{model}")).json()["id"] == model


# --- every mode of every model


def variants(adapter: str, model: str) -> list[Body]:
    """How the documents name this model: Kling's stand under one public name as well."""
    if adapter != "kling" or model == "kling-video":
        return [{"model": model}]
    return [{"model": "kling-video", "model_name": model}, *([{"model": model}] if model == "kling-v1" else [])]


def words_for(adapter: str, mode: str, model: str) -> tuple[str, ...]:
    """The words of document 3 for this mode of this model."""
    if mode != "r2v":
        return WORDS.get(mode, ())
    if adapter == "kling":
        return ("multi_i2v",)
    return ("r2v", "reference_images") if model == "gemini-omni" else ("reference_images", "reference_material")


# these make longer films of their own clips alone, which are below
OWN_CLIPS_ONLY = ("kling", "gemini")
POSSIBLE = [
    pytest.param(adapter, name, word, id=f"{adapter}-{'-'.join(name.values())}-{word}")
    for adapter, model in EVERY
    for name in variants(adapter, model)
    if model != "kling-video"
    for mode in MODELS[adapter][model].split()
    if not (mode == "extend" and adapter in OWN_CLIPS_ONLY and model != "gemini-omni")
    for word in words_for(adapter, mode, model)
]


@pytest.mark.parametrize(("adapter", "name", "word"), POSSIBLE)
async def test_a_mode_goes_from_the_create_to_the_bytes(site: Site, adapter: str, name: Body, word: str) -> None:
    before = len(site.created(adapter))

    done = await site.film(adapter, {**name, "prompt": PROMPT, "mode": word, **site.given(LEAST[word])})

    (sent,) = site.created(adapter)[before:]
    assert done["model"] == name["model"]
    assert "metadata" not in sent
    for file, times in media_of(LEAST[word]).items():
        assert carried(site, sent, file) == times, sent


@pytest.mark.parametrize("path", ["/v1/video/generations", "/v1/videos"])
@pytest.mark.parametrize("adapter", MODELS)
async def test_a_film_from_text_has_the_same_form_on_both_routes(site: Site, adapter: str, path: str) -> None:
    model = next(model for model, modes in MODELS[adapter].items() if "t2v" in modes and model != "kling-video")

    done = await site.film(adapter, {"model": model, "prompt": PROMPT, "duration": 5, "size": "1280x720"}, path)

    assert done["id"] == done["task_id"]
    assert done["url"] == done["video_url"]
    assert done["url"].startswith(f"{PUBLIC}/files/")
    linked = await site.gate.browser.get(done["url"].replace(PUBLIC, site.gate.url))
    assert linked.content == tiny_mp4()


@pytest.mark.parametrize(
    ("adapter", "path", "body", "sent"),
    [
        ("ark", "/v1/video/generations", TEA_FILM, {"model": "doubao-seedance-2-0-260128", "ratio": "16:9", "duration": 5}),
        ("ark", "/v1/video/generations", WATCH_FILM, {"model": "doubao-seedance-2-0-fast-260128", "ratio": "9:16"}),
        (
            "kling",
            "/v1/video/generations",
            KLING,
            {"model_name": "kling-v1", "image_tail": KLING["metadata"]["image_tail"], "mode": "pro", "negative_prompt": "模糊"},
        ),
        ("jimeng", "/v1/video/generations", JIMENG, {"req_key": "jimeng_vgfm_i2v_l20", "aspect_ratio": "16:9"}),
        (
            "vidu",
            "/v1/video/generations",
            VIDU,
            {"model": "viduq1", "resolution": "1080p", "movement_amplitude": "auto", "bgm": False, "seed": 0},
        ),
        ("xai", "/v1/videos", GROK, {"model": "grok-imagine-video", "duration": 10, "resolution": "720p"}),
        ("kling", "/v1/videos", KLING_SEA, {"model_name": "kling-v2-6", "duration": "5", "aspect_ratio": "16:9"}),
    ],
    ids=["tea", "watch", "kling", "jimeng", "vidu", "grok", "kling at sea"],
)
async def test_the_documents_own_examples_are_made_by_their_vendors(
    site: Site, adapter: str, path: str, body: Body, sent: Body
) -> None:
    await site.film(adapter, body, path)

    got = site.created(adapter)[-1]
    assert {name: got.get(name) for name in sent} == sent


@pytest.mark.parametrize("field", ["image", "image_url", "images", "image_urls", "reference_images", "input_reference", "content"])
async def test_omni_takes_a_reference_from_every_field(site: Site, field: str) -> None:
    content = [{"type": "image_url", "image_url": {"url": site.link("a.jpg")}}]
    given = {"content": content} if field == "content" else site.given({field: "a.jpg"})

    await site.film("gemini", {"model": "gemini-omni", "prompt": PROMPT, "mode": "r2v", **given})

    assert carried(site, site.created("gemini")[-1], "a.jpg") == 1


@pytest.mark.parametrize("field", ["video", "video_url", "videos", "content"])
async def test_omni_edits_a_clip_from_every_field_with_a_picture(site: Site, field: str) -> None:
    content = [{"type": "video_url", "video_url": {"url": site.link("clip.mp4")}}]
    given = {"content": content} if field == "content" else site.given({field: "clip.mp4"})
    picture = site.given({"reference_images": "a.jpg"})

    await site.film("gemini", {"model": "gemini-omni", "prompt": PROMPT, "mode": "edit", **given, **picture})

    sent = site.created("gemini")[-1]
    assert [carried(site, sent, name) for name in ("clip.mp4", "a.jpg")] == [1, 1]


@pytest.mark.parametrize(("seconds", "made"), [(2, 4), ("5", 6), (7, 8), ("10", 10), (30, 10)])
@pytest.mark.parametrize("field", ["seconds", "duration"])
async def test_omni_is_asked_for_one_of_four_lengths(site: Site, field: str, seconds: int | str, made: int) -> None:
    done = await site.film("gemini", {"model": "gemini-omni", "prompt": PROMPT, field: seconds})

    assert done["seconds"] == str(made)


MATERIAL = [
    *(("ark", model) for model in ("doubao-seedance-2-0-260128", "doubao-seedance-2-0-fast-260128", "Seedance-2.0-overseas-1")),
    ("byteplus", "Seedance-2.0-overseas-1"),
    ("gemini", "gemini-omni"),
    ("vertex", "gemini-omni"),
]


@pytest.mark.parametrize(("adapter", "model"), MATERIAL)
async def test_a_reference_may_be_a_clip(site: Site, adapter: str, model: str) -> None:
    inputs = {"image_urls": "a.jpg", "video_urls": "clip.mp4"}

    await site.film(adapter, {"model": model, "prompt": PROMPT, "mode": "reference_material", **site.given(inputs)})
    await site.film(
        adapter, {"model": model, "prompt": PROMPT, "mode": "reference_material", **site.given({"video_urls": "clip.mp4"})}
    )

    both, clip = site.created(adapter)[-2:]
    assert [carried(site, both, name) for name in inputs.values()] == [1, 1]
    assert carried(site, clip, "clip.mp4") == 1


@pytest.mark.parametrize(("adapter", "model"), [pair for pair in MATERIAL if pair[1] != "gemini-omni"])
async def test_a_reference_may_be_a_sound_beside_a_picture(site: Site, adapter: str, model: str) -> None:
    body = {"model": model, "prompt": PROMPT, "mode": "reference_material"}
    inputs = {"image_urls": "a.jpg", "audio_urls": "sound.mp3"}

    await site.film(adapter, {**body, **site.given(inputs)})
    alone = await site.clients[adapter].post("/v1/videos", json={**body, **site.given({"audio_urls": "sound.mp3"})})

    assert carried(site, site.created(adapter)[-1], "sound.mp3") == 1
    assert error_of(alone, 400)["param"] == "audio_urls[0]"


@pytest.mark.parametrize("adapter", MODELS)
async def test_openais_client_makes_a_film_through_every_vendor(site: Site, adapter: str) -> None:
    model, modes = next((model, modes) for model, modes in MODELS[adapter].items() if model not in ("kling-video", "kling-v1"))
    word = "i2v" if "i2v" in modes else "t2v"
    name = {"model": "kling-video", "model_name": model} if adapter == "kling" else {"model": model}
    options: dict[str, Any] = {"api_key": site.keys[adapter], "max_retries": 0, "timeout": 20}
    async with openai.AsyncOpenAI(base_url=f"{site.gate.url}/v1", **options) as sdk:
        extra = {**name, "mode": word, **site.given(LEAST[word])}
        made = await sdk.videos.create(prompt=PROMPT, model=name["model"], seconds="8", extra_body=extra)
        await site.gate.ended(made.id, client=site.clients[adapter])
        done = await sdk.videos.retrieve(made.id)
        content = await sdk.videos.download_content(made.id)

    assert (done.status, done.model, done.error) == ("completed", name["model"], None)
    assert content.content == tiny_mp4()


# --- what a model cannot do

REFUSALS = ("t2v", "i2v", "i2v_first_last", "reference_images", "edit", "extend")
MODE_OF = {word: mode for mode, words in WORDS.items() for word in words}
IMPOSSIBLE = [
    pytest.param(adapter, name, word, id=f"{adapter}-{'-'.join(name.values())}-{word}")
    for adapter, model in EVERY
    for name in variants(adapter, model)
    for word in REFUSALS
    if MODE_OF[word] not in MODELS[adapter][model].split()
]


@pytest.mark.parametrize(("adapter", "name", "word"), IMPOSSIBLE)
async def test_a_mode_that_a_model_lacks_is_refused_with_the_models_that_have_it(
    site: Site, adapter: str, name: Body, word: str
) -> None:
    posted = site.posts()
    body = {**name, "prompt": PROMPT, "mode": word, **site.given(LEAST[word])}

    alone = error_of(await site.clients[adapter].post("/v1/videos", json=body), 400)

    assert site.posts() == posted
    assert (alone["code"], alone["param"]) == ("unsupported_mode", "mode")
    assert f"Models that can do {MODE_OF[word]}: " in alone["message"]


async def test_a_refusal_names_the_variant_and_its_likes_first(site: Site) -> None:
    body = kling("kling-v2-1", prompt=PROMPT, mode="t2v")

    message = error_of(await site.clients["all"].post("/v1/videos", json=body), 400)["message"]

    assert message.startswith("The model 'kling-video' (kling-v2-1) cannot do t2v; it can do: extend, flf2v, i2v.")
    assert "Models that can do t2v: kling-v2-1-master, " in message


@pytest.mark.parametrize(
    ("word", "model"), [("extend", "viduq1"), ("edit", "kling-v1"), ("reference_images", "happyhorse-1.0-t2v")]
)
async def test_the_models_that_a_refusal_names_can_do_it(site: Site, word: str, model: str) -> None:
    client = site.clients["all"]
    body = {"model": model, "prompt": PROMPT, "mode": word, **site.given(LEAST[word])}

    message = error_of(await client.post("/v1/videos", json=body), 400)["message"]

    named = message.partition("Models that can do ")[2].partition(": ")[2].rstrip(".").partition(" and ")[0].split(", ")
    assert len(named) > 3
    assert named[0][:4] == model[:4]
    for other in named:
        able = (await client.get(f"/v1/models/{other}/capabilities")).json()
        assert MODE_OF[word] in able["modes"]


@pytest.mark.parametrize(
    ("adapter", "model", "inputs", "param"),
    [
        ("ark", "doubao-seedance-1-0-lite-t2v-250428", {"image_url": "a.jpg"}, "image_url"),
        ("ark", "doubao-seedance-1-0-pro-fast-251015", {"image_url": "a.jpg", "last_image_url": "b.png"}, "image_url"),
        ("jimeng", "jimeng_vgfm_t2v_l20", {"reference_images": "a.jpg"}, "reference_images[0]"),
        ("vidu", "viduq3-turbo", {"video_url": "clip.mp4"}, "video_url"),
        ("dashscope", "happyhorse-1.0-t2v", {"image": "a.jpg"}, "image"),
        ("minimax", "hailuo-video", {"video_urls": "clip.mp4"}, "video_urls[0]"),
        ("openai", "sora-2", {"reference_images": "a.jpg"}, "reference_images[0]"),
        ("xai", "grok-imagine-1.0-video", {"audio_urls": "sound.mp3"}, "audio_urls[0]"),
        ("gemini", "veo3.1", {"video_urls": "clip.mp4"}, "video_urls[0]"),
    ],
)
async def test_an_input_that_a_model_lacks_is_refused_by_its_field(
    site: Site, adapter: str, model: str, inputs: Body, param: str
) -> None:
    posted = site.posts()

    answer = await site.clients[adapter].post("/v1/videos", json={"model": model, "prompt": PROMPT, **site.given(inputs)})

    refusal = error_of(answer, 400)
    assert (refusal["param"], site.posts()) == (param, posted)
    assert model in refusal["message"]


# --- one of our own jobs as the source of another


async def credential_of(site: Site, job_id: str) -> tuple[str, str]:
    """The channel and the credential that made a job."""
    job = await site.gate.gateway.job(job_id, None)
    return job.channel_id, job.credential_id


@pytest.mark.parametrize("variant", ["kling-v1", "kling-v1-6"])
@pytest.mark.parametrize("again", range(3))
async def test_kling_extends_its_own_film_with_the_credential_that_made_it(site: Site, variant: str, again: int) -> None:
    name = {"model": "kling-video", "model_name": variant}
    picture = {} if again else site.given({"image": "a.jpg"})
    source = await site.film("kling", {**name, "prompt": f"{PROMPT} {again}", **picture})
    made = list(site.fakes["kling"].tasks.values())[-1]

    longer = await site.film("kling", {**name, "mode": "extend", "video_id": source["id"]})

    assert site.created("kling")[-1]["video_id"] == made.video_id
    assert await credential_of(site, longer["id"]) == await credential_of(site, source["id"])


@pytest.mark.parametrize("name", KLING_NAMES)
async def test_kling_extends_a_film_that_it_knows_by_its_own_id(site: Site, name: str) -> None:
    await site.film("kling", {"model": "kling-video", "model_name": "kling-v1", "prompt": PROMPT})
    made = list(site.fakes["kling"].tasks.values())[-1]

    await site.film("kling", {"model": "kling-video", "model_name": name, "mode": "extend", "video_id": made.video_id})

    assert site.created("kling")[-1]["video_id"] == made.video_id


async def test_vidu_extends_its_own_film_by_the_id_of_the_creation(site: Site) -> None:
    source = await site.film("vidu", {"model": "viduq2", "prompt": PROMPT})
    made = list(site.fakes["vidu"].tasks.values())[-1]

    longer = await site.film("vidu", {"model": "viduq2", "mode": "extend", "video_id": source["id"], "seconds": 5})

    assert site.created("vidu")[-1]["video_creation_id"] == str(int(made.id) + 500_000)
    assert await credential_of(site, longer["id"]) == await credential_of(site, source["id"])


@pytest.mark.parametrize(("path", "mode"), [("/v1/videos/edits", "edit"), ("/v1/videos/extensions", "extend")])
@pytest.mark.parametrize("model", list(MODELS["xai"]))
async def test_grok_changes_its_own_film_by_a_link(site: Site, model: str, path: str, mode: str) -> None:
    source = await site.film("xai", {"model": model, "prompt": PROMPT, "seconds": 6})

    changed = await site.film("xai", {"video": {"id": source["id"]}, "prompt": f"{PROMPT} {mode}"}, path)

    sent = site.created("xai")[-1]
    assert (changed["model"], sent["model"]) == (model, "grok-imagine-video")
    assert sent["video"]["url"].startswith(f"{PUBLIC}/files/")
    assert (await site.gate.browser.get(sent["video"]["url"].replace(PUBLIC, site.gate.url))).content == tiny_mp4()


@pytest.mark.parametrize("again", range(3))
@pytest.mark.parametrize("way", ["edits", "extensions", "remix"])
async def test_omni_works_on_its_own_film_with_the_credential_that_made_it(site: Site, way: str, again: int) -> None:
    source = await site.film("gemini", {"model": "gemini-omni", "prompt": f"{PROMPT} {again}", "seconds": 4})
    made = list(site.fakes["gemini"].jobs.values())[-1]
    path = f"/v1/videos/{source['id']}/remix" if way == "remix" else f"/v1/videos/{way}"
    given = {} if way == "remix" else {"video": {"id": source["id"]}}

    changed = await site.film("gemini", {**given, "prompt": "nun bei Nacht"}, path)

    assert site.created("gemini")[-1]["previous_interaction_id"] == made.name
    assert await credential_of(site, changed["id"]) == await credential_of(site, source["id"])


@pytest.mark.parametrize("again", range(3))
@pytest.mark.parametrize("model", [model for model, modes in MODELS["gemini"].items() if "extend" in modes and "veo" in model])
async def test_veo_extends_its_own_film_with_the_credential_that_made_it(site: Site, model: str, again: int) -> None:
    source = await site.film("gemini", {"model": model, "prompt": f"{PROMPT} {again}", "resolution": "720p"})

    longer = await site.film("gemini", {"model": model, "prompt": PROMPT, "mode": "extend", "video_id": source["id"]})

    assert "/files/" in site.created("gemini")[-1]["instances"][0]["video"]["uri"]
    assert await credential_of(site, longer["id"]) == await credential_of(site, source["id"])


async def test_veo_of_the_gemini_api_extends_no_film_of_a_stranger(site: Site) -> None:
    posted = site.posts()
    body = {"model": "veo3.1", "prompt": PROMPT, "mode": "extend", **site.given({"video_url": "clip.mp4"})}

    refusal = error_of(await site.clients["gemini"].post("/v1/videos", json=body), 400)

    assert (refusal["param"], site.posts()) == ("video_url", posted)


@pytest.mark.parametrize("again", range(4))
async def test_veo_of_a_vendor_that_can_extends_a_film_of_a_stranger(site: Site, again: int) -> None:
    before = len(site.created("vertex"))
    body = {"model": "veo3.1", "prompt": f"{PROMPT} {again}", "mode": "extend", **site.given({"video_url": "clip.mp4"})}

    answer = await site.clients["all"].post("/v1/videos", json=body)

    assert answer.status_code == 200, answer.text
    assert len(site.created("vertex")) == before + 1


@pytest.mark.parametrize("again", range(4))
async def test_a_picture_of_a_type_that_one_vendor_lacks_goes_to_another(site: Site, again: int) -> None:
    before = len(site.created("gemini"))
    # Vertex takes no WebP
    webp = f"data:image/webp;base64,{base64.b64encode(tiny_webp()).decode()}"

    answer = await site.clients["all"].post("/v1/videos", json={"model": "veo3.1", "prompt": f"{PROMPT} {again}", "image": webp})

    assert answer.status_code == 200, answer.text
    assert len(site.created("gemini")) == before + 1
    asked = {"path": "/v1/videos", "json": {"model": "veo3.1", "prompt": PROMPT, "image": webp}, "group": "all"}
    explained = await site.gate.browser.post(f"{site.gate.url}/admin/explain", json=asked, headers=bearer(ADMIN))
    assert explained.status_code == 200, explained.text
    assert "veo-3.1-generate-preview" in explained.json()["call"]["url"]


def tiny_webp() -> bytes:
    """A one-coloured WebP."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (32, 160, 96)).save(buffer, "WEBP")
    return buffer.getvalue()


@pytest.mark.parametrize("model", ["veo3.1", "gemini-omni"])
async def test_vertex_extends_its_own_film_by_its_bytes(site: Site, model: str) -> None:
    source = await site.film("vertex", {"model": model, "prompt": PROMPT, "resolution": "720p"})

    await site.film("vertex", {"model": model, "prompt": PROMPT, "mode": "extend", "video_id": source["id"]})

    assert carried(site, site.created("vertex")[-1], "clip.mp4") == 1


async def test_happyhorse_edits_its_own_film_by_a_link(site: Site) -> None:
    source = await site.film("dashscope", {"model": "happyhorse-1.0", "prompt": PROMPT})

    await site.film("dashscope", {"video": {"id": source["id"]}, "prompt": "nun bei Nacht"}, "/v1/videos/edits")

    sent = site.created("dashscope")[-1]
    assert sent["model"] == "happyhorse-1.0-video-edit"
    assert f"{PUBLIC}/files/" in str(sent["input"]["media"])


@pytest.mark.parametrize(("adapter", "ways"), [("openai", ("remix", "edits", "extensions")), ("azure", ("remix",))])
async def test_sora_works_on_its_own_film_by_its_id(site: Site, adapter: str, ways: tuple[str, ...]) -> None:
    fake = site.fakes["azure"].videos if adapter == "azure" else site.fakes["openai"]
    for way in ways:
        source = await site.film(adapter, {"model": "sora-2", "prompt": PROMPT})
        made = list(fake.jobs.values())[-1]
        path = f"/v1/videos/{source['id']}/remix" if way == "remix" else f"/v1/videos/{way}"
        given = {} if way == "remix" else {"video": {"id": source["id"]}}

        changed = await site.film(adapter, {**given, "prompt": "now at night"}, path)

        assert list(fake.jobs.values())[-1].remixed_from == made.id
        assert changed["model"] == "sora-2"


async def test_a_film_of_one_vendor_is_edited_by_another(site: Site) -> None:
    client = site.clients["all"]
    made = await client.post("/v1/videos", json={"model": "viduq1", "prompt": PROMPT})
    source = await site.gate.ended(made.json()["id"], client=client)

    body = {"model": "happyhorse-1.0-video-edit", "prompt": "nun bei Nacht", "video": {"id": source["id"]}}
    changed = await client.post("/v1/videos/edits", json=body)

    assert changed.status_code == 200, changed.text
    assert (await site.gate.ended(changed.json()["id"], client=client))["status"] == "completed"
    assert f"{PUBLIC}/files/" in str(site.created("dashscope")[-1]["input"]["media"])


async def test_a_vendor_that_only_works_on_its_own_refuses_anothers_film(site: Site) -> None:
    client = site.clients["all"]
    made = await client.post("/v1/videos", json={"model": "viduq1", "prompt": PROMPT})
    source = await site.gate.ended(made.json()["id"], client=client)
    posted = len(site.created("kling"))

    body = {"model": "kling-video", "model_name": "kling-v1-6", "mode": "extend", "video_id": source["id"]}
    refusal = error_of(await client.post("/v1/videos", json=body), 400)

    assert (refusal["param"], len(site.created("kling"))) == ("video_id", posted)


# --- pictures of vendors that make them as tasks

PAINTERS = [("kling", "kling-v2"), ("vidu", "viduq2-image"), ("jimeng", "jimeng_t2i_v40"), ("dashscope", "wan2.2-t2i-flash")]
AS_TASKS = pytest.mark.parametrize(("adapter", "model"), PAINTERS)
# how many pictures one call of them can make
IN_ONE_CALL = {"kling": 9, "vidu": 1, "jimeng": 1, "dashscope": 4}


async def painted(site: Site, adapter: str, **body: Any) -> Body:
    """The answer to a request for pictures, which waits for its vendor; the vendor is asked without the usual pauses."""
    asked = asyncio.create_task(site.clients[adapter].post("/v1/images/generations", json={"prompt": PROMPT, **body}))
    while not (await asyncio.wait({asked}, timeout=0.03))[0]:
        await site.gate.hurry()
    answer = await asked
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


async def bytes_of(site: Site, entry: Body) -> bytes:
    """The picture that an entry links to."""
    assert list(entry) == ["url"]
    return (await site.gate.browser.get(entry["url"].replace(PUBLIC, site.gate.url))).content


@AS_TASKS
async def test_a_picture_is_waited_for(site: Site, adapter: str, model: str) -> None:
    answer = await painted(site, adapter, model=model)

    (entry,) = answer["data"]
    assert picture_size(await bytes_of(site, entry)) == ("PNG", (16, 16))


@AS_TASKS
async def test_several_pictures_are_as_many_calls_as_the_vendor_needs(site: Site, adapter: str, model: str) -> None:
    before = len(site.created(adapter))

    answer = await painted(site, adapter, model=model, n=3)

    calls = site.created(adapter)[before:]
    assert len(calls) == -(-3 // IN_ONE_CALL[adapter])
    assert len({entry["url"] for entry in answer["data"]}) == 3
    assert answer["usage"]["images"] == 3
    assert "errors" not in answer


@AS_TASKS
async def test_a_picture_comes_inline_on_request(site: Site, adapter: str, model: str) -> None:
    answer = await painted(site, adapter, model=model, response_format="b64_json")

    (entry,) = answer["data"]
    assert list(entry) == ["b64_json"]
    assert picture_size(base64.b64decode(entry["b64_json"]))[0] == "PNG"


@pytest.mark.parametrize("response_format", ["url", "b64_json"])
@pytest.mark.parametrize(
    ("adapter", "model", "wanted"),
    [
        *((adapter, model, "jpeg") for adapter, model in PAINTERS),
        ("kling", "kling-v2", "webp"),
        ("minimax", "image-01", "png"),
        ("xai", "grok-imagine-image", "png"),
    ],
)
async def test_a_format_that_the_vendor_does_not_make_is_made_here(
    site: Site, adapter: str, model: str, wanted: str, response_format: str
) -> None:
    answer = await painted(site, adapter, model=model, output_format=wanted, response_format=response_format)

    (entry,) = answer["data"]
    data = await bytes_of(site, entry) if response_format == "url" else base64.b64decode(entry["b64_json"])
    assert picture_size(data)[0] == wanted.upper()
    assert "warnings" not in answer or not answer["warnings"]


async def test_a_picture_that_failed_among_others_is_reported(site: Site) -> None:
    answer = await painted(site, "dashscope", model="wan2.2-t2i-flash", prompt="Drachen [[mixed]]", n=3)

    assert len(answer["data"]) == 2
    assert len(answer["errors"]) == 1


@pytest.mark.parametrize(("adapter", "model"), [("vidu", "viduq2-image"), ("jimeng", "jimeng_t2i_v40")])
async def test_a_call_that_was_turned_away_among_others_is_reported(site: Site, adapter: str, model: str) -> None:
    answer = await painted(site, adapter, model=model, prompt="Drachen am Himmel [[429:1]]", n=3)

    assert len(answer["data"]) == 2
    assert [error["code"] for error in answer["errors"]] == ["rate_limit_exceeded"]
