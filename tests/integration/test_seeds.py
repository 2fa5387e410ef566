"""Every request of the four documents from which this gateway began, as it stands there, and what each promises of the answers.

Document 0 and 1 describe Seedance and Seedream behind two relays, document 2 the older and document 3 the newer pages of
new-api. Only the hosts of media are others.
"""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from app.domain.channels import Channel
from tests.fakes.ark import FakeArk
from tests.fakes.ark_media import tiny_jpeg, tiny_mp4, tiny_png
from tests.fakes.newapi import FakeNewApi
from tests.fakes.openai_images import FakeImages
from tests.fakes.openai_videos import FakeVideos
from tests.gateways import KEY_TEXT
from tests.integration.gates import SANDBOX, Gate, bearer, channel_at, client_at, error_of, gate_on
from tests.integration.seed_requests import (
    ASTRONAUT,
    CUP,
    EARTH,
    FIELDS,
    FROM_FILM,
    FROM_PICTURE,
    JIMENG,
    KLING,
    KLING_NAMES,
    MOON,
    MOTION,
    OTHER_NAMES,
    PROMPT,
    REQUESTS,
    SEEDANCE_NAMES,
    TEA_FILM,
    TEA_PICTURE,
    TEA_POSTER,
    VIDU,
    WATCH,
    WATCH_ADVANCED,
    WATCH_FILM,
    WATCH_FROM_PICTURE,
    A,
    Body,
    image_item,
    kling,
    video_item,
)
from tests.servers import serve

pytestmark = pytest.mark.anyio

GENERATIONS, VIDEOS, IMAGES = "/v1/video/generations", "/v1/videos", "/v1/images/generations"
STATUSES = {"queued", "in_progress", "completed", "failed"}


@dataclass(slots=True)
class Site:
    """The gateway and the vendors behind it; each group of keys sees another of them."""

    gate: Gate
    ark: FakeArk
    byteplus: FakeArk
    relay: FakeNewApi
    plain: FakeVideos
    keys: dict[str, str]

    def as_group(self, group: str) -> httpx.AsyncClient:
        """A client whose key belongs to this group."""
        return client_at(self.gate.url, bearer(self.keys[group]))


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    ark, byteplus, relay, plain, images = FakeArk(), FakeArk(), FakeNewApi(), FakeVideos(), FakeImages()
    async with (
        serve(ark.app) as ark_url,
        serve(byteplus.app) as byteplus_url,
        serve(relay.app) as relay_url,
        serve(Starlette(routes=[*plain.routes(), *images.routes()])) as plain_url,
    ):
        channels = (
            channel_at("ark", "ark", f"{ark_url}/api/v3", groups=frozenset({"default"})),
            channel_at("relay", "newapi", relay_url, groups=frozenset({"default"})),
            channel_at("byteplus", "byteplus", f"{byteplus_url}/api/v3", groups=frozenset({"official"})),
            channel_at("plain", "openai", plain_url, groups=frozenset({"stable"})),
            _trial_channel(),
        )
        async with gate_on(tmp_path_factory.mktemp("gate"), *channels) as gate:
            groups = ("official", "stable", "trial")
            keys = {group: await gate.key(name=group, groups=frozenset({group})) for group in groups}
            yield Site(gate, ark, byteplus, relay, plain, {**keys, "default": KEY_TEXT})


def _trial_channel() -> Channel:
    return Channel(
        id="ch_trial",
        name="trial",
        adapter="sandbox",
        base_url=SANDBOX.base_url,
        models={"kling-video": "sandbox-video"},
        groups=frozenset({"trial"}),
    )


# --- document 0: pictures and films of two models behind one relay

DEPLOYMENTS = pytest.mark.parametrize(
    ("group", "seedance", "seedream"),
    [
        ("default", "doubao-seedance-2-0-260128", "doubao-seedream-5-0-260128"),
        ("official", "dreamina-seedance-2-0-260128", "seedream-5-0-260128"),
    ],
    ids=["ark", "byteplus"],
)


def ark_of(site: Site, group: str) -> FakeArk:
    """The vendor that this group's keys reach."""
    return site.byteplus if group == "official" else site.ark


@DEPLOYMENTS
@pytest.mark.parametrize("body", [TEA_PICTURE, TEA_POSTER], ids=["text", "two references"])
async def test_document_0_a_picture_is_made_at_the_nearest_size(
    site: Site, group: str, seedance: str, seedream: str, body: Body
) -> None:
    async with site.as_group(group) as client:
        answer = await client.post(IMAGES, json=body)

    assert answer.status_code == 200, answer.text
    sent = ark_of(site, group).pictures[-1]
    # this model makes no picture of less than 3.7 megapixels
    assert sent == {
        "model": seedream,
        "prompt": body["prompt"],
        "size": "2048x2048",
        "watermark": False,
        **({"image": body["image"]} if "image" in body else {}),
    }
    assert "adjusted:" in answer.headers["x-filmgate-warnings"]
    assert len(answer.json()["data"]) == 1
    assert (await site.gate.browser.get(answer.json()["data"][0]["url"])).content == tiny_jpeg()


async def test_document_0_one_reference_is_the_bare_string(site: Site) -> None:
    answer = await site.gate.http.post(IMAGES, json={**TEA_POSTER, "image": CUP})

    assert answer.status_code == 200, answer.text
    assert site.ark.pictures[-1]["image"] == CUP


@DEPLOYMENTS
@pytest.mark.parametrize(
    ("body", "content"),
    [
        (TEA_FILM, [{"type": "text", "text": TEA_FILM["prompt"]}]),
        (FROM_PICTURE, FROM_PICTURE["content"]),
        (FROM_FILM, [FROM_FILM["content"][0], {**FROM_FILM["content"][1], "role": "reference_video"}]),
    ],
    ids=["text", "picture", "film"],
)
async def test_document_0_a_film_is_ordered_and_queried(
    site: Site, group: str, seedance: str, seedream: str, body: Body, content: list[Body]
) -> None:
    async with site.as_group(group) as client:
        created = await client.post(GENERATIONS, json=body)
        assert created.status_code == 200, created.text
        job = created.json()
        assert job["id"] == job["task_id"]
        await site.gate.ended(job["task_id"], client=client)
        found = (await client.get(f"{GENERATIONS}/{job['task_id']}")).json()

    assert "x-filmgate-warnings" not in created.headers
    assert ark_of(site, group).created[-1] == {
        "model": seedance,
        "content": content,
        "resolution": "720p",
        "ratio": "16:9",
        "duration": 5,
        "watermark": False,
        "generate_audio": True,
    }
    assert (found["status"], found["data"]["status"]) == ("completed", "SUCCESS")
    for link in (found["url"], found["video_url"], found["data"]["result_url"], found["data"]["data"]["content"]["video_url"]):
        assert (await site.gate.browser.get(link)).content == tiny_mp4()


async def test_document_0_a_failed_film_says_why_and_has_a_request_id(site: Site) -> None:
    body = {**TEA_FILM, "prompt": "茶 [[fail:OutputVideoSensitiveContentDetected]]"}
    job = await site.gate.made(GENERATIONS, **body)

    answer = await site.gate.http.get(f"{GENERATIONS}/{job['task_id']}")

    found = answer.json()
    assert (found["status"], found["error"]["code"]) == ("failed", "content_policy_violation")
    assert found["error"]["message"] == found["data"]["fail_reason"] == "It failed."
    assert answer.headers["x-request-id"].startswith("req_")


async def test_document_0_a_refused_film_says_why_and_has_a_request_id(site: Site) -> None:
    body = {**TEA_FILM, "prompt": "茶 [[refuse:400:InputTextSensitiveContentDetected]]"}

    refusal = error_of(await site.gate.http.post(GENERATIONS, json=body), 400)

    assert refusal["code"] == "content_policy_violation"
    assert refusal["message"] == "Refused for account as asked."
    assert refusal["request_id"].startswith("req_")


# --- document 1: Seedance by size and seconds

FAST, FULL = "doubao-seedance-2-0-fast-260128", "doubao-seedance-2-0-260128"


def ordered(model: str, prompt: str, *media: Body, **fields: Any) -> Body:
    """What the vendor must have got for a film of this document."""
    content = [{"type": "text", "text": prompt}, *media]
    return {"model": model, "content": content, "watermark": False, "generate_audio": True, **fields}


@pytest.mark.parametrize(
    ("body", "sent", "size", "warnings"),
    [
        # this model's 480p upright is a few pixels larger
        (WATCH_FILM, ordered(FAST, WATCH_FILM["prompt"], resolution="480p", ratio="9:16", duration=5), "496x864", None),
        (
            WATCH_FROM_PICTURE,
            ordered(
                FULL,
                WATCH_FROM_PICTURE["prompt"],
                image_item(WATCH, "first_frame"),
                resolution="720p",
                ratio="9:16",
                duration=5,
            ),
            "720x1280",
            None,
        ),
        (
            # the vendor takes no first frame beside a film, so that the picture goes as a reference, and the answer says so
            WATCH_ADVANCED,
            ordered(
                FULL,
                WATCH_ADVANCED["prompt"],
                image_item(WATCH, "reference_image"),
                video_item(MOTION),
                resolution="1080p",
                ratio="9:16",
                duration=6,
            ),
            "1080x1920",
            "adjusted:media",
        ),
    ],
    ids=["text", "picture", "advanced"],
)
async def test_document_1_a_film_is_ordered(site: Site, body: Body, sent: Body, size: str, warnings: str | None) -> None:
    created = await site.gate.http.post(GENERATIONS, json=body)

    assert created.status_code == 200, created.text
    job = created.json()
    assert (job["status"], job["model"]) == ("queued", body["model"])
    assert job["id"] == job["task_id"]
    assert (job["seconds"], job["size"]) == (body["seconds"], size)
    assert created.headers.get("x-filmgate-warnings") == warnings
    assert site.ark.created[-1] == sent
    assert (await site.gate.ended(job["task_id"]))["status"] == "completed"


PNG, JPEG = base64.b64encode(tiny_png()).decode(), base64.b64encode(tiny_jpeg()).decode()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"duration": 7}, {"duration": 7}),
        ({"seconds": "5", "duration": 5}, {"duration": 5}),
        ({"size": "1080x1920"}, {"resolution": "1080p", "ratio": "9:16"}),
        ({"size": "720x1280"}, {"resolution": "720p", "ratio": "9:16"}),
        ({"metadata": {"resolution": "1080p", "ratio": "1:1", "seed": 11}}, {"resolution": "1080p", "ratio": "1:1", "seed": 11}),
        ({"metadata": {"frames": 121}}, {"duration": 5}),
    ],
    ids=["duration", "both lengths", "1080x1920", "720x1280", "metadata", "frames"],
)
async def test_document_1_every_parameter_is_read(site: Site, fields: Body, expected: Body) -> None:
    await site.gate.created(GENERATIONS, model="doubao-seedance-2-0", prompt="手表", **fields)

    assert {name: site.ark.created[-1].get(name) for name in expected} == expected


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"], ids=["bare", "data URI"])
async def test_document_1_first_and_last_frame_are_base64(site: Site, prefix: str) -> None:
    fields = {"first_frame_image": prefix + PNG, "last_frame_image": JPEG}
    await site.gate.created(GENERATIONS, model="doubao-seedance-2-0", prompt="手表", **fields)

    assert site.ark.created[-1]["content"][1:] == [
        image_item(f"data:image/png;base64,{PNG}", "first_frame"),
        image_item(f"data:image/jpeg;base64,{JPEG}", "last_frame"),
    ]


# --- document 2: the older page of new-api


@pytest.mark.parametrize(
    ("body", "top", "metadata"),
    [
        (
            KLING,
            {"model": "kling-v1", "image": MOON, "images": [MOON, EARTH], "duration": 5, "seconds": "5", "size": "1920x1080"},
            {"seed": 20231234, "negative_prompt": "模糊", "image_tail": EARTH},
        ),
        (
            JIMENG,
            {"model": "jimeng_vgfm_t2v_l20", "image": MOON, "aspect_ratio": "16:9"},
            {"req_key": "jimeng_vgfm_i2v_l20", "aspect_ratio": "16:9"},
        ),
        (
            VIDU,
            {"model": "viduq1", "image": VIDU["image"], "duration": 5, "resolution": "1080p", "seed": 0, "size": "1920x1080"},
            {"seed": 0, "resolution": "1080p", "movement_amplitude": "auto", "bgm": False},
        ),
    ],
    ids=["kling", "jimeng", "vidu"],
)
async def test_document_2_the_examples_reach_a_relay_whole(site: Site, body: Body, top: Body, metadata: Body) -> None:
    job = await site.gate.made(GENERATIONS, **body)

    sent = site.relay.created[-1]
    assert {name: sent.get(name) for name in top} == top
    assert {name: sent["metadata"].get(name) for name in metadata} == metadata
    # who is called back is this gateway's affair
    assert "example.com/webhook" not in str(sent)
    assert (job["status"], job["model"]) == ("completed", body["model"])
    assert (await site.gate.browser.get(job["url"])).content == tiny_mp4()


async def test_document_2_every_parameter_of_the_table_is_read(site: Site) -> None:
    style = {"negative_prompt": "模糊", "style": "ink", "quality_level": 2}
    table = {
        "duration": 5.0,
        "fps": 30,
        "height": 512,
        "width": 512,
        "image": MOON,
        "metadata": style,
        "n": 1,
        "response_format": "url",
        "seed": 20231234,
        "user": "user-1234",
    }
    await site.gate.created(GENERATIONS, model="kling-v1", prompt=ASTRONAUT, **table)

    sent = site.relay.created[-1]
    expected = {"duration": 5, "fps": 30, "size": "512x512", "image": MOON, "seed": 20231234, "user": "user-1234"}
    assert {name: sent.get(name) for name in expected} == expected
    assert {name: sent["metadata"].get(name) for name in style} == style


@pytest.mark.parametrize("header", [f"Bearer: {KEY_TEXT}", f"Bearer {KEY_TEXT}", KEY_TEXT])
async def test_document_2_the_key_may_be_shown_with_a_colon_or_bare(site: Site, header: str) -> None:
    async with client_at(site.gate.url, {"authorization": header}) as client:
        answer = await client.post(GENERATIONS, json=JIMENG)

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [
        (KEY_TEXT, {**KLING, "duration": "soon"}, 400),
        (KEY_TEXT, {**KLING, "model": ""}, 400),
        ("", KLING, 401),
        ("sk-none", KLING, 401),
        ("narrow", KLING, 403),
    ],
)
async def test_document_2_errors_are_flat(site: Site, key: str, body: Body, status: int) -> None:
    if key == "narrow":
        key = await site.gate.key(name="narrow", models=frozenset({"viduq1"}))
    async with client_at(site.gate.url, {"authorization": f"Bearer: {key}".strip()}) as client:
        found = error_of(await client.post(GENERATIONS, json=body), status)

    assert {"code", "message", "param", "type"} <= set(found)
    assert isinstance(found["message"], str)
    assert isinstance(found["type"], str)
    assert isinstance(found["code"], str)
    assert isinstance(found["param"], str) is (status != 401)


# --- document 3: `/v1/videos` of new-api, its models and its fields


@pytest.mark.parametrize("name", REQUESTS)
async def test_document_3_every_kind_of_request_reaches_a_relay_and_ends_well(site: Site, name: str) -> None:
    body, expected = REQUESTS[name]
    created = await site.gate.http.post(VIDEOS, json=body)

    assert created.status_code == 200, created.text
    sent = site.relay.created[-1]
    assert {key: sent.get(key) for key in expected} == expected
    assert (sent["model"], sent["prompt"]) == (body["model"], body["prompt"])
    await assert_document_3_answers(site, created.json(), body["model"])


async def assert_document_3_answers(site: Site, created: Body, model: str) -> None:
    """The words and keys that the document names, from the create to the bytes."""
    assert (created["status"], created["model"], created["video_url"]) == ("queued", model, None)
    seen = (await site.gate.http.get(f"{VIDEOS}/{created['id']}")).json()
    assert seen["status"] in STATUSES
    done = await site.gate.ended(created["id"])
    assert (done["status"], done["progress"]) == ("completed", 100)
    assert "code" not in done
    assert done["url"] == done["video_url"]
    assert isinstance(done["completed_at"], int)
    content = await site.gate.http.get(f"{VIDEOS}/{created['id']}/content")
    linked = await site.gate.browser.get(done["video_url"])
    assert content.content == linked.content == tiny_mp4()


async def test_document_3_a_failed_film_is_failed(site: Site) -> None:
    job = await site.gate.made(VIDEOS, model="veo3.1", prompt="海边 [[fail:moderation_blocked]]")

    assert (job["status"], job["video_url"], job["error"]["code"]) == ("failed", None, "content_policy_violation")


@pytest.mark.parametrize("model", OTHER_NAMES)
async def test_document_3_every_name_that_is_not_arks_goes_to_the_relay(site: Site, model: str) -> None:
    job = await site.gate.created(VIDEOS, model=model, **PROMPT)

    assert site.relay.created[-1]["model"] == job["model"] == model


@pytest.mark.parametrize("model", SEEDANCE_NAMES)
async def test_document_3_every_seedance_name_goes_to_ark(site: Site, model: str) -> None:
    more = {"content": [{"type": "image_url", "image_url": {"url": A}}]} if "i2v" in model else {}
    job = await site.gate.made(VIDEOS, model=model, **PROMPT, **more)

    assert site.ark.created[-1]["model"] == job["model"] == model
    assert job["status"] == "completed"
    listed = (await site.gate.http.get("/v1/models")).json()["data"]
    assert model in {entry["id"] for entry in listed}


@pytest.mark.parametrize("name", KLING_NAMES)
async def test_document_3_kling_has_one_model_and_many_variants(site: Site, name: str) -> None:
    job = await site.gate.created(VIDEOS, **kling(name, **PROMPT, mode="t2v"))

    assert (site.relay.created[-1]["model"], site.relay.created[-1]["model_name"]) == ("kling-video", name)
    assert job["model"] == "kling-video"


async def test_document_3_kling_extends_without_a_prompt(site: Site) -> None:
    async with site.as_group("trial") as client:
        extended = await client.post(VIDEOS, json=kling(mode="extend", video_id="863012345678901234", size="128x72", seconds=1))

    assert extended.status_code == 200, extended.text
    assert extended.json()["status"] == "queued"


async def test_document_3_a_relay_that_wants_a_prompt_is_heard(site: Site) -> None:
    made = site.relay.creates
    answer = await site.gate.http.post(VIDEOS, json=kling(mode="extend", video_id="863012345678901234"))

    assert "prompt" in error_of(answer, 400)["message"]
    assert site.relay.creates == made


async def test_document_3_the_key_chooses_the_group_and_the_name_stays_bare(site: Site) -> None:
    relayed, plain = site.relay.creates, site.plain.creates
    async with site.as_group("stable") as client:
        stable = await client.post(VIDEOS, json={"model": "sora-2", **PROMPT, "seconds": 8})
    usual = await site.gate.http.post(VIDEOS, json={"model": "sora-2", **PROMPT, "seconds": 8})

    assert (stable.status_code, usual.status_code) == (200, 200), stable.text
    assert stable.json()["model"] == usual.json()["model"] == "sora-2"
    assert site.plain.created[plain:] == [{"model": "sora-2", "prompt": PROMPT["prompt"], "seconds": "8", "size": "720x1280"}]
    assert [sent["model"] for sent in site.relay.created[relayed:]] == ["sora-2"]


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"model": "sora-2", "seconds": 8}, {"seconds": "8", "size": "720x1280"}),
        ({"model": "sora-2", "seconds": "12", "size": "1280x720"}, {"seconds": "12", "size": "1280x720"}),
        ({"model": "sora-2", "duration": 5}, {"seconds": "4"}),
        ({"model": "sora-2-pro", "size": "1792x1024"}, {"size": "1792x1024", "seconds": "4"}),
        ({"model": "veo3.1", "aspect_ratio": "9:16", "resolution": "1080p"}, {"size": "1080x1920"}),
        (
            {"model": "veo3.1", "input_reference": {"image_url": A}, "mode": "i2v"},
            {"input_reference": {"image_url": A}},
        ),
    ],
)
async def test_document_3_a_plain_sora_server_gets_plain_fields(site: Site, fields: Body, sent: Body) -> None:
    async with site.as_group("stable") as client:
        created = await client.post(VIDEOS, json={**PROMPT, **fields})
        assert created.status_code == 200, created.text
        done = await site.gate.ended(created.json()["id"], client=client)

    assert {name: site.plain.created[-1].get(name) for name in sent} == sent
    assert done["status"] == "completed"


async def test_document_3_a_reference_may_be_a_multipart_file(site: Site) -> None:
    parts = {"model": "sora-2", "prompt": "海边", "seconds": "4", "size": "720x1280"}
    async with site.as_group("stable") as client:
        created = await client.post(VIDEOS, data=parts, files={"input_reference": ("a.png", tiny_png(), "image/png")})

    assert created.status_code == 200, created.text
    assert site.plain.created[-1]["input_reference"].data == tiny_png()


@pytest.mark.parametrize("name", FIELDS)
async def test_document_3_every_field_reaches_the_relay(site: Site, name: str) -> None:
    fields, top, metadata = FIELDS[name]
    await site.gate.created(VIDEOS, **kling(**PROMPT, **fields))

    sent = site.relay.created[-1]
    assert {key: sent.get(key) for key in top} == top
    assert {key: sent.get("metadata", {}).get(key) for key in metadata} == metadata


async def test_document_3_the_clients_own_id_and_callback_stay_here(site: Site) -> None:
    mine = {"external_task_id": "order-1", "callback_url": "https://example.com/hook"}
    first = await site.gate.created(VIDEOS, **kling(**PROMPT, **mine))
    made = site.relay.creates

    again = await site.gate.created(VIDEOS, **kling(**PROMPT, **mine))

    assert (first["external_task_id"], again["id"], site.relay.creates) == ("order-1", first["id"], made)
    assert "order-1" not in str(site.relay.created[-1])
    assert "example.com/hook" not in str(site.relay.created[-1])
