"""The gateway in front of Ark, over real sockets: every kind of film and picture, every way in which they end."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import anyio.to_thread
import pytest
import volcenginesdkarkruntime as sdk

from app.engine.channels import ChannelDesk
from app.engine.environment_channels import ensure_environment_channels
from tests.fakes.ark import FakeArk
from tests.fakes.ark_media import tiny_jpeg, tiny_mp4, tiny_png
from tests.gateways import stored
from tests.integration.gates import Gate, bearer, channel_at, client_at, error_of, gate_on
from tests.servers import serve

pytestmark = pytest.mark.anyio

SEEDANCE, SEEDREAM = "doubao-seedance-2-0", "doubao-seedream-4-5"
FILM: dict[str, Any] = {"model": SEEDANCE, "prompt": "a paper boat"}
PICTURE: dict[str, Any] = {"model": SEEDREAM, "prompt": "a kite", "size": "2048x2048"}
A, B, C = (f"https://example.com/{name}.png" for name in "abc")
CLIP, SOUND = "https://example.com/clip.mp4", "https://example.com/sound.mp3"
VARIABLES = {"ARK_API_KEY": "key-of-the-environment"}


@dataclass(slots=True)
class Site:
    """The gateway, the vendor of its environment's channel, and a second account that is asked after that one."""

    gate: Gate
    ark: FakeArk
    second: FakeArk
    ark_url: str
    second_url: str


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    ark, second = FakeArk(key=VARIABLES["ARK_API_KEY"]), FakeArk()
    async with serve(ark.app) as ark_url, serve(second.app) as second_url:
        fallback = channel_at("second", "ark", f"{second_url}/api/v3", priority=-1)
        async with gate_on(tmp_path_factory.mktemp("gate"), fallback) as gate:
            await _add_environment_channel(gate, ark_url)
            yield Site(gate, ark, second, ark_url, second_url)


async def _add_environment_channel(gate: Gate, ark_url: str) -> None:
    """As a start with ARK_API_KEY does it, and an operator who then points the channel at another host."""
    gateway = gate.gateway
    desk = ChannelDesk(gateway.database, gateway.vault, gateway.now)
    await ensure_environment_channels(gateway.database, gateway.vault, VARIABLES, gateway.now())
    made = await desk.find("env-ark")
    await desk.change(made.id, lambda held: replace(held, base_url=f"{ark_url}/api/v3"))
    await gateway.configuration.refresh()


async def test_an_environment_variable_makes_a_channel_that_keeps_what_operators_set(site: Site) -> None:
    gateway = site.gate.gateway
    desk = ChannelDesk(gateway.database, gateway.vault, gateway.now)
    before = await desk.find("env-ark")

    await ensure_environment_channels(gateway.database, gateway.vault, VARIABLES, gateway.now())

    assert await desk.find("env-ark") == before
    assert before.base_url == f"{site.ark_url}/api/v3"
    assert (await site.gate.made(**FILM))["status"] == "completed"
    assert site.ark.creates > 0


def item(kind: str, url: str, role: str) -> dict[str, Any]:
    """A medium in the vendor's list."""
    return {"type": kind, kind: {"url": url}, "role": role}


@pytest.mark.parametrize(
    ("fields", "media"),
    [
        ({}, []),
        ({"image": A}, [item("image_url", A, "first_frame")]),
        ({"image": A, "end_image_url": B}, [item("image_url", A, "first_frame"), item("image_url", B, "last_frame")]),
        (
            {"reference_images": [A, B, C]},
            [
                item("image_url", A, "reference_image"),
                item("image_url", B, "reference_image"),
                item("image_url", C, "reference_image"),
            ],
        ),
        (
            {"reference_images": [A], "video_urls": [CLIP], "audio_urls": [SOUND]},
            [
                item("image_url", A, "reference_image"),
                item("video_url", CLIP, "reference_video"),
                item("audio_url", SOUND, "reference_audio"),
            ],
        ),
    ],
    ids=["text", "first frame", "first and last frame", "references", "references of every kind"],
)
async def test_every_kind_of_film_is_made(site: Site, fields: dict[str, Any], media: list[dict[str, Any]]) -> None:
    job = await site.gate.made(**FILM, **fields, seconds=5, size="1280x720", seed=7)

    assert site.ark.created[-1] == {
        "model": "doubao-seedance-2-0-260128",
        "content": [{"type": "text", "text": "a paper boat"}, *media],
        "resolution": "720p",
        "ratio": "16:9",
        "duration": 5,
        "seed": 7,
        "watermark": False,
        "generate_audio": True,
    }
    assert (job["status"], job["seconds"], job["size"], job["resolution"]) == ("completed", "5", "1280x720", "720p")
    assert job["usage"] == {"completion_tokens": 108_900, "total_tokens": 108_900, "seconds": 5}
    assert job["metadata"]["seed"] == 7


async def test_an_uploaded_first_frame_goes_as_a_data_uri(site: Site) -> None:
    answer = await site.gate.http.post("/v1/videos", data=FILM, files={"input_reference": ("a.png", tiny_png(), "image/png")})

    assert answer.status_code == 200, answer.text
    uri = f"data:image/png;base64,{base64.b64encode(tiny_png()).decode()}"
    assert site.ark.created[-1]["content"][1] == item("image_url", uri, "first_frame")


async def test_the_film_is_fetched_from_the_vendors_signed_link_byte_for_byte(site: Site) -> None:
    job = await site.gate.made(**FILM)
    site.ark.downloads.clear()

    whole = await site.gate.http.get(f"/v1/videos/{job['id']}/content")
    part = await site.gate.browser.get(job["url"], headers={"range": "bytes=4-7"})

    assert whole.content == tiny_mp4()
    # this vendor's files know no ranges, so the part is cut out on the way
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert len(site.ark.downloads) == 2
    assert site.ark_url not in str(job)
    assert VARIABLES["ARK_API_KEY"] not in str(job)


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("[[fail:OutputVideoSensitiveContentDetected]]", "content_policy_violation"),
        ("[[fail:InputImageSensitiveContentDetected.PrivacyInformation]]", "content_policy_violation"),
        ("[[fail:InternalServiceError]]", "generation_failed"),
        ("[[expire]]", "expired"),
    ],
)
async def test_a_film_that_ends_badly_says_how(site: Site, word: str, code: str) -> None:
    job = await site.gate.made(**{**FILM, "prompt": f"a boat {word}"})

    assert (job["status"], job["error"]["code"], job["url"]) == ("failed", code, None)
    assert job["error"]["message"]
    assert "Request id" not in job["error"]["message"]
    assert "cgt-" not in str(job)
    refusal = error_of(await site.gate.http.get(f"/v1/videos/{job['id']}/content"), 400)
    assert refusal["code"] == code


async def test_a_queued_film_is_cancelled_at_the_vendor_and_a_running_one_is_not(site: Site) -> None:
    queued = await site.gate.created(**FILM)
    running = await site.gate.created(**{**FILM, "prompt": "[[hang]]"})
    while (await site.gate.http.get(f"/v1/videos/{running['id']}")).json()["status"] != "in_progress":
        site.gate.gateway.poller.hurry(running["id"])
        await site.gate.gateway.watching.changed(running["id"], 0.02)

    cancelled = await site.gate.http.delete(f"/v1/videos/{queued['id']}")
    refused = await site.gate.http.post(f"/v1/videos/{running['id']}/cancel")

    assert cancelled.json() == {"id": queued["id"], "object": "video.deleted", "deleted": True}
    assert (await site.gate.http.get(f"/v1/videos/{queued['id']}")).status_code == 404
    assert error_of(refused, 400)["code"] == "cannot_cancel"
    assert (await site.gate.http.get(f"/v1/videos/{running['id']}")).json()["status"] == "in_progress"


async def test_pages_of_a_proxy_between_polls_change_nothing(site: Site) -> None:
    job = await site.gate.created(**{**FILM, "prompt": "a boat [[html:3]]"})
    task = list(site.ark.tasks.values())[-1]
    while task.html_left:
        site.gate.gateway.poller.hurry(job["id"])
        shown = await site.gate.http.get(f"/v1/videos/{job['id']}")
        assert (shown.status_code, shown.json()["status"], shown.json()["error"]) == (200, "queued", None)

    assert (await site.gate.ended(job["id"]))["status"] == "completed"


def posts(ark: FakeArk) -> int:
    """How often something was ordered, taken or not."""
    return sum(1 for method, _ in ark.requests if method == "POST")


async def test_a_rate_limit_sends_the_film_to_the_second_account(site: Site) -> None:
    prompt = "a boat [[429:1]]"
    await _used_up(site, prompt)
    first, second = site.ark.creates, site.second.creates

    job = await site.gate.made(**{**FILM, "prompt": prompt})

    assert job["status"] == "completed"
    assert (site.ark.creates - first, site.second.creates - second) == (0, 1)
    assert (await stored(site.gate.gateway))[0].channel_id == "ch_second"
    assert (await site.gate.http.get(f"/v1/videos/{job['id']}/content")).content == tiny_mp4()


async def test_a_rate_limit_of_every_account_reaches_the_client(site: Site) -> None:
    answer = await site.gate.http.post("/v1/videos", json={**FILM, "prompt": "[[429:1]] nowhere"})

    refusal = error_of(answer, 429)
    assert refusal["code"] == "rate_limit_exceeded"
    assert answer.headers["retry-after"] == "1"
    assert "x-should-retry" not in answer.headers
    assert "2100000001" not in answer.text


@pytest.mark.parametrize(
    ("status", "code", "elsewhere"),
    [
        (400, "InvalidParameter", False),
        (400, "InputTextSensitiveContentDetected", False),
        (403, "AccountOverdueError", True),
        (404, "ModelNotOpen", True),
        (429, "QuotaExceeded", True),
        (429, "ServerOverloaded", True),
    ],
)
async def test_a_refusal_is_tried_elsewhere_only_where_that_can_help(site: Site, status: int, code: str, elsewhere: bool) -> None:
    first, second = posts(site.ark), posts(site.second)

    answer = await site.gate.http.post("/v1/videos", json={**FILM, "prompt": f"a boat [[refuse:{status}:{code}]]"})

    assert answer.status_code in (400, 429, 502)
    assert "2100000001" not in answer.text
    assert posts(site.ark) == first + 1
    assert posts(site.second) == second + elsewhere


async def test_an_unexplained_error_of_the_vendor_is_never_repeated(site: Site) -> None:
    first, second = posts(site.ark), posts(site.second)

    answer = await site.gate.http.post("/v1/videos", json={**FILM, "prompt": "a boat [[refuse:500:SomethingElse]]"})

    assert error_of(answer, 502)["code"] == "upstream_outcome_unknown"
    assert answer.headers["x-should-retry"] == "false"
    assert (posts(site.ark), posts(site.second)) == (first + 1, second)


async def test_several_pictures_are_several_calls_and_one_answer(site: Site) -> None:
    before = len(site.ark.pictures)

    answer = await site.gate.http.post("/v1/images/generations", json={**PICTURE, "n": 3})

    assert answer.status_code == 200, answer.text
    sent = {"model": "doubao-seedream-4-5-251128", "prompt": "a kite", "size": "2048x2048", "watermark": False}
    assert site.ark.pictures[before:] == [sent] * 3
    links = [entry["url"] for entry in answer.json()["data"]]
    assert len(set(links)) == 3
    assert answer.json()["usage"]["images"] == 3
    assert [(await site.gate.browser.get(link)).content for link in links] == [tiny_jpeg()] * 3


async def test_a_picture_comes_as_base64_although_the_vendor_gave_a_link(site: Site) -> None:
    plain = channel_at(
        "plain",
        "ark",
        f"{site.second_url}/api/v3",
        models={"linked": "doubao-seedream-4-5-251128"},
        drop_fields=("response_format",),
    )
    gateway = site.gate.gateway
    await ChannelDesk(gateway.database, gateway.vault, gateway.now).add(plain)
    await gateway.configuration.refresh()

    answer = await site.gate.http.post("/v1/images/generations", json={**PICTURE, "model": "linked", "response_format": "b64_json"})

    assert answer.status_code == 200, answer.text
    assert "response_format" not in site.second.pictures[-1]
    assert [list(entry) for entry in answer.json()["data"]] == [["b64_json"]]
    assert base64.b64decode(answer.json()["data"][0]["b64_json"]) == tiny_jpeg()


async def test_a_picture_that_the_vendor_inlines_comes_as_a_link_on_request(site: Site) -> None:
    inlined = channel_at(
        "inlined",
        "ark",
        f"{site.second_url}/api/v3",
        models={"inlined": "doubao-seedream-4-5-251128"},
        set_fields={"response_format": "b64_json"},
    )
    gateway = site.gate.gateway
    await ChannelDesk(gateway.database, gateway.vault, gateway.now).add(inlined)
    await gateway.configuration.refresh()

    answer = await site.gate.http.post("/v1/images/generations", json={**PICTURE, "model": "inlined", "response_format": "url"})

    assert answer.status_code == 200, answer.text
    assert (await site.gate.browser.get(answer.json()["data"][0]["url"])).content == tiny_jpeg()


async def test_one_withheld_picture_of_a_group_does_not_spoil_the_rest(site: Site) -> None:
    group = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 3}}

    answer = await site.gate.http.post("/v1/images/generations", json={**PICTURE, "prompt": "[[mixed]] kites", "metadata": group})

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 2
    assert [error["code"] for error in answer.json()["errors"]] == ["content_policy_violation"]


async def test_a_withheld_picture_is_a_refusal(site: Site) -> None:
    body = {**PICTURE, "prompt": "[[fail:OutputImageSensitiveContentDetected]]"}

    refusal = error_of(await site.gate.http.post("/v1/images/generations", json=body), 400)

    assert refusal["code"] == "content_policy_violation"
    assert refusal["id"].startswith("image_")


async def test_uploaded_pictures_are_edited_as_data_uris(site: Site) -> None:
    files = [("image[]", ("a.png", tiny_png(), "image/png")), ("image[]", ("b.jpg", tiny_jpeg(), "image/jpeg"))]

    answer = await site.gate.http.post("/v1/images/edits", data=PICTURE, files=files)

    assert answer.status_code == 200, answer.text
    heads = [uri.partition(",")[0] for uri in site.ark.pictures[-1]["image"]]
    assert heads == ["data:image/png;base64", "data:image/jpeg;base64"]


async def test_pictures_of_a_group_stream_one_by_one(site: Site) -> None:
    group = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 2}}
    body = {**PICTURE, "stream": True, "metadata": group}

    async with site.gate.http.stream("POST", "/v1/images/generations", json=body) as answer:
        lines = [line async for line in answer.aiter_lines() if line]

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [line for line in lines if line.startswith("event:")] == ["event: image_generation.completed"] * 2
    assert site.ark.pictures[-1]["stream"] is True


async def test_what_the_gateway_sends_is_what_the_vendors_own_client_sends(site: Site) -> None:
    await site.gate.created(**FILM, reference_images=[A], seconds=5, resolution="720p", ratio="16:9")
    ours = site.second.created, site.ark.created[-1]

    def order() -> None:
        with sdk.Ark(base_url=f"{site.second_url}/api/v3", api_key="test-key", max_retries=0, timeout=10) as client:
            content: Any = ours[1]["content"]
            client.content_generation.tasks.create(
                model="doubao-seedance-2-0-260128",
                content=content,
                resolution="720p",
                ratio="16:9",
                duration=5,
                watermark=False,
                generate_audio=True,
            )

    await anyio.to_thread.run_sync(order)

    assert ours[0][-1] == ours[1]


async def _used_up(site: Site, prompt: str) -> None:
    """The second account has turned this prompt away before, so that it will take it now."""
    async with client_at(site.second_url, bearer("test-key")) as client:
        body = {"model": "doubao-seedance-2-0-260128", "content": [{"type": "text", "text": prompt}]}
        answer = await client.post("/api/v3/contents/generations/tasks", json=body)
    assert answer.status_code == 429
