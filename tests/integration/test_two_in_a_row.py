"""One gateway behind another: what the one behind makes, refuses or cannot do now reaches the client of the one in front."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.engine.channels import ChannelDesk
from tests.fakes.ark_media import tiny_png
from tests.fakes.openai_videos import FakeVideos
from tests.gateways import stored
from tests.integration.gates import PICTURE, SANDBOX, TINY, Gate, channel_at, error_of, film_facts, gate_on, picture_size
from tests.servers import read_request, serve, serve_socket

pytestmark = pytest.mark.anyio

SHARED = ("limited-video", "closed-video", "deaf-video", "unknown-video")
ADAPTERS = pytest.mark.parametrize("front", ["newapi", "openai"])


async def _hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """A vendor that reads a request and says nothing."""
    await read_request(reader)


@dataclass(slots=True)
class Row:
    """Two gateways in front, by the adapter with which they speak to the one behind; and that one's own vendor."""

    newapi: Gate
    openai: Gate
    behind: Gate
    vendor: FakeVideos

    def front(self, name: str) -> Gate:
        """The gateway in front that speaks with this adapter."""
        return self.newapi if name == "newapi" else self.openai

    async def made(self, front: str, **body: Any) -> dict[str, Any]:
        """A job of the gateway in front, once it has ended."""
        gate = self.front(front)
        return await gate.ended((await gate.created(**body))["id"], self.behind)


@pytest.fixture(scope="module")
async def row(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Row]:
    async with AsyncExitStack() as stack:
        vendor = FakeVideos()
        vendor_url = await stack.enter_async_context(serve(vendor.app))
        limited = channel_at("limited", "openai", vendor_url, models={"limited-video": "any-video"})
        closed = replace(limited, id="ch_closed", name="closed", models={"closed-video": "any-video"}, enabled=False)
        deaf = replace(limited, id="ch_deaf", name="deaf", base_url=await stack.enter_async_context(serve_socket(_hang_up)))
        deaf = replace(deaf, models={"deaf-video": "any-video"})
        behind = await stack.enter_async_context(gate_on(tmp_path_factory.mktemp("behind"), SANDBOX, limited, closed, deaf))
        key = await behind.key(name="the gateway in front")
        fronts = {}
        for name in ("newapi", "openai"):
            # the last channel makes itself what the others could not get
            own = replace(SANDBOX, models=dict.fromkeys(SHARED, "sandbox-video"), priority=-1)
            first = channel_at("behind", name, behind.url, api_key=key, settings={"cancel": "post"})
            named = channel_at("named", name, behind.url, api_key=key, models={model: model for model in SHARED})
            fronts[name] = await stack.enter_async_context(gate_on(tmp_path_factory.mktemp(name), first, named, own))
        yield Row(fronts["newapi"], fronts["openai"], behind, vendor)


@ADAPTERS
async def test_gateway_behind_gateway_roundtrip(row: Row, front: str) -> None:
    job = await row.made(front, **TINY, seed=7)

    assert (job["status"], job["model"], job["seconds"], job["size"]) == ("completed", "sandbox-video", "1", "128x72")
    assert (job["metadata"]["seed"], job["metadata"]["fps"]) == (7, 24)
    assert job["url"].startswith(row.front(front).url)
    behind = await stored(row.behind.gateway)
    assert job["id"] not in {one.id for one in behind}
    assert behind[0].id not in str(job)
    film = await row.front(front).browser.get(job["url"])
    assert film_facts(film.content) == ("h264", 128, 72, 1.0)


@ADAPTERS
async def test_parts_of_a_film_come_through_both(row: Row, front: str) -> None:
    job, gate = await row.made(front, **TINY), row.front(front)
    path = f"/v1/videos/{job['id']}/content"
    whole = await gate.http.get(path)

    for place in (path, job["url"]):
        part = await gate.http.get(place, headers={"range": "bytes=4-7"})
        tail = await gate.http.get(place, headers={"range": "bytes=-10"})
        beyond = await gate.http.get(place, headers={"range": f"bytes={len(whole.content)}-"})
        head = await gate.http.head(place)
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert part.headers["content-range"] == f"bytes 4-7/{len(whole.content)}"
        assert (tail.status_code, tail.content) == (206, whole.content[-10:])
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole.content)}")
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))


@ADAPTERS
async def test_every_input_arrives_in_its_role(row: Row, front: str) -> None:
    a, b = "https://example.com/a.png", "https://example.com/b.png"
    await row.front(front).created(**TINY, first_frame_image=a, last_frame_image=b)

    asked = (await stored(row.behind.gateway))[0].request
    assert [(item.role.value, item.src) for item in asked.media] == [("first_frame", a), ("last_frame", b)]


@ADAPTERS
async def test_an_uploaded_file_arrives(row: Row, front: str) -> None:
    answer = await row.front(front).http.post(
        "/v1/videos", data=TINY, files={"input_reference": ("a.png", tiny_png(), "image/png")}
    )

    assert answer.status_code == 200, answer.text
    asked = (await stored(row.behind.gateway))[0].request
    assert [item.role.value for item in asked.media] == ["first_frame"]


@ADAPTERS
async def test_a_failure_behind_is_a_failure_in_front(row: Row, front: str) -> None:
    job = await row.made(front, **TINY, metadata={"sandbox": {"fail": "moderation_blocked"}})

    assert (job["status"], job["error"]["code"]) == ("failed", "content_policy_violation")
    assert job["error"]["message"]
    other = await row.made(front, **TINY, metadata={"sandbox": {"fail": "out_of_film"}})
    assert (other["status"], other["error"]["code"]) == ("failed", "generation_failed")


@ADAPTERS
async def test_a_refusal_behind_is_a_refusal_in_front_and_names_the_field(row: Row, front: str) -> None:
    answer = await row.front(front).http.post("/v1/videos", json={**TINY, "metadata": {"sandbox": {"delay": "long"}}})

    refusal = error_of(answer, 400)
    assert "sandbox.delay" in refusal["message"]


@ADAPTERS
async def test_a_cancel_goes_all_the_way(row: Row, front: str) -> None:
    gate = row.front(front)
    job = await gate.created(**TINY, metadata={"sandbox": {"delay": 600}})

    cancelled = await gate.http.post(f"/v1/videos/{job['id']}/cancel")

    assert (cancelled.json()["status"], cancelled.json()["error"]["code"]) == ("failed", "cancelled")
    newest = (await stored(row.behind.gateway))[0]
    assert newest.failure is not None
    assert newest.failure.code == "cancelled"


@ADAPTERS
async def test_pictures_come_through_both(row: Row, front: str) -> None:
    gate = row.front(front)
    links = await gate.http.post("/v1/images/generations", json={**PICTURE, "n": 2})
    inline = await gate.http.post("/v1/images/generations", json={**PICTURE, "response_format": "b64_json"})

    assert links.status_code == inline.status_code == 200, links.text
    for entry in links.json()["data"]:
        assert entry["url"].startswith(gate.url)
        assert picture_size((await row.front(front).browser.get(entry["url"])).content) == ("PNG", (128, 72))
    assert len(links.json()["data"]) == 2
    assert picture_size(base64.b64decode(inline.json()["data"][0]["b64_json"])) == ("PNG", (128, 72))


@ADAPTERS
async def test_a_picture_is_edited_through_both(row: Row, front: str) -> None:
    files = [("image[]", ("a.png", tiny_png(), "image/png")), ("image[]", ("b.png", tiny_png(24), "image/png"))]
    answer = await row.front(front).http.post("/v1/images/edits", data=PICTURE, files=files)

    assert answer.status_code == 200, answer.text
    asked = (await stored(row.behind.gateway))[0].request
    assert [item.role.value for item in asked.media] == ["image", "image"]


@ADAPTERS
async def test_a_failed_picture_behind_is_a_refusal_in_front(row: Row, front: str) -> None:
    body = {**PICTURE, "metadata": {"sandbox": {"fail": "content_policy_violation"}}}
    answer = await row.front(front).http.post("/v1/images/generations", json=body)

    assert error_of(answer, 400)["code"] == "content_policy_violation"


@ADAPTERS
async def test_a_rate_limit_behind_is_no_reason_to_fail_in_front(row: Row, front: str) -> None:
    prompt = f"[[429:1]] {front}"
    job = await row.made(front, **{**TINY, "model": "limited-video", "prompt": prompt})

    # behind, the vendor's 429 stands as the end of a job; in front another channel made the film
    refused = next(one for one in await stored(row.behind.gateway) if one.asked.prompt == prompt)
    assert refused.failure is not None
    assert refused.failure.code == "rate_limit_exceeded"
    assert (job["status"], job["model"], job["size"]) == ("completed", "limited-video", "128x72")
    assert (await stored(row.front(front).gateway))[0].adapter == "sandbox"


@ADAPTERS
async def test_no_channel_behind_is_no_reason_to_fail_in_front(row: Row, front: str) -> None:
    direct = await row.behind.http.post("/v1/videos", json={**TINY, "model": "closed-video"})
    assert error_of(direct, 503)["code"] == "no_available_channel"

    job = await row.made(front, **{**TINY, "model": "closed-video"})

    assert (job["status"], job["model"]) == ("completed", "closed-video")


@ADAPTERS
async def test_a_model_that_is_unknown_behind_is_made_elsewhere(row: Row, front: str) -> None:
    job = await row.made(front, **{**TINY, "model": "unknown-video"})

    assert (job["status"], job["model"]) == ("completed", "unknown-video")


@ADAPTERS
async def test_a_create_that_was_lost_behind_is_repeated_by_nobody(row: Row, front: str) -> None:
    gate = row.front(front)

    answer = await gate.http.post("/v1/videos", json={**TINY, "model": "deaf-video", "prompt": f"lost {front}"})

    assert error_of(answer, 502)["code"] == "upstream_outcome_unknown"
    assert answer.headers["x-should-retry"] == "false"
    assert len([one for one in await stored(row.behind.gateway) if one.asked.prompt == f"lost {front}"]) == 1
    newest = (await stored(gate.gateway))[0]
    assert (newest.asked.prompt, newest.channel_id) == (f"lost {front}", "ch_named")


@ADAPTERS
async def test_what_was_made_in_front_can_be_made_anew(row: Row, front: str) -> None:
    gate = row.front(front)
    job = await row.made(front, **TINY)
    source = (await stored(row.behind.gateway))[0]

    remix = await gate.http.post(f"/v1/videos/{job['id']}/remix", json={"prompt": "at night"})

    assert remix.status_code == 200, remix.text
    assert (remix.json()["remixed_from_video_id"], remix.json()["model"]) == (job["id"], "sandbox-video")
    newest = (await stored(row.behind.gateway))[0]
    assert (newest.remixed_from, newest.asked.prompt) == (source.id, "at night")


@ADAPTERS
async def test_what_was_made_in_front_can_go_on(row: Row, front: str) -> None:
    gate = row.front(front)
    job = await row.made(front, **TINY)
    source = (await stored(row.behind.gateway))[0]

    longer = await gate.http.post(
        "/v1/videos/extensions", json={"prompt": "it goes on", "seconds": "1", "video": {"id": job["id"]}}
    )

    assert longer.status_code == 200, longer.text
    newest = (await stored(row.behind.gateway))[0]
    assert newest.request.mode.value == "extend"
    assert [item.role.value for item in newest.asked.media] == ["source_video"]
    assert newest.asked.media[0].src == f"task:{source.id}"


@ADAPTERS
async def test_a_credential_that_ceased_behind_is_the_operators_affair(row: Row, front: str) -> None:
    gate = row.front(front)
    desk = ChannelDesk(gate.gateway.database, gate.gateway.vault, gate.gateway.now)
    stale = channel_at("stale", front, row.behind.url, api_key="sk-gone", models={f"stale-{front}": "sandbox-video"})
    await desk.add(stale)
    await gate.gateway.configuration.refresh()

    answer = await gate.http.post("/v1/videos", json={**TINY, "model": f"stale-{front}"})

    refusal = error_of(answer, 502)
    assert refusal["code"] == "upstream_error"
    assert "sk-gone" not in answer.text
