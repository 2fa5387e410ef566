"""Kling has no client library of its own for Python: the fake is held against the vendor's published exchanges instead.

The second half sends whole jobs through a running gateway to it.
"""

from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.jobs import Job, JobStatus
from app.domain.normalise import normalise
from tests.fakes.kling import FakeKling
from tests.gateways import CHANNEL, ended, gateway_on, wish

pytestmark = pytest.mark.anyio

EXAMPLE = {
    "model_name": "kling-v2-6",
    "image": "https://cdn.example.com/a.png",
    "image_tail": "https://cdn.example.com/b.png",
    "prompt": "paper boat drifts to shore",
    "mode": "pro",
    "duration": "5",
    "sound": "off",
    "external_task_id": "gw_01HZX",
}
# signed at 2026-01-01T00:00:00Z by another implementation
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJpc3MiOiJBS2RlbW8wMTIzNDU2Nzg5YWJjZGVmIiwiZXhwIjoxNzY3MjI3NDAwLCJuYmYiOjE3NjcyMjU1OTV9."
    "gj-klpxjD86ikBHFVgeEF_heHLpEH0QXNj0pGQcll3Q"
)
PAIRS = {"AKdemo0123456789abcdef": "SKdemo-secret-0123456789abcdefghij"}
SIGNED_AT = 1_767_225_600
IMAGE = "/v1/videos/image2video"


def client(fake: FakeKling, token: str = "test-key") -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(fake.app), base_url="http://kling.invalid", headers=headers)


async def test_the_published_exchange_comes_back_as_published() -> None:
    async with client(FakeKling()) as kling:
        made = (await kling.post(IMAGE, json=EXAMPLE)).json()
        words = [(await kling.get(f"{IMAGE}/{made['data']['task_id']}")).json()["data"]["task_status"] for _ in range(2)]
        done = (await kling.get(f"{IMAGE}/gw_01HZX")).json()["data"]

    assert (made["code"], made["message"]) == (0, "SUCCEED")
    assert {"task_id", "task_status", "task_info", "created_at", "updated_at"} <= set(made["data"])
    assert (made["data"]["task_status"], made["data"]["task_info"]) == ("submitted", {"external_task_id": "gw_01HZX"})
    assert [*words, done["task_status"]] == ["submitted", "processing", "succeed"]
    assert set(done["task_result"]["videos"][0]) == {"id", "url", "watermark_url", "duration"}


async def test_a_job_is_known_only_where_it_was_made_and_in_both_ways_to_ask_by_ones_own_id() -> None:
    async with client(FakeKling()) as kling:
        made = (await kling.post(IMAGE, json=EXAMPLE)).json()["data"]["task_id"]
        elsewhere = await kling.get(f"/v1/videos/text2video/{made}")
        older = await kling.get(IMAGE, params={"external_task_id": "gw_01HZX"})
        listed = await kling.get(IMAGE, params={"pageNum": "1", "pageSize": "1"})

    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, 1203)
    assert older.json()["data"]["task_id"] == listed.json()["data"][0]["task_id"] == made


@pytest.mark.parametrize(("seconds", "code"), [(0, 0), (1799, 0), (1800, 1004), (-6, 1003)])
async def test_a_token_holds_for_half_an_hour(seconds: int, code: int) -> None:
    fake = FakeKling(pairs=PAIRS, now=lambda: SIGNED_AT + seconds)
    async with client(fake, TOKEN) as kling:
        assert (await kling.post(IMAGE, json=EXAMPLE)).json()["code"] == code


async def test_the_newer_api_takes_no_key_pair_and_exactly_one_kind_of_id() -> None:
    fake = FakeKling(pairs=PAIRS, now=lambda: SIGNED_AT)
    async with client(fake, TOKEN) as kling:
        refused = await kling.get("/tasks", params={"task_ids": "1"})
    async with client(fake) as kling:
        both = await kling.get("/tasks", params={"task_ids": "1", "external_task_ids": "a"})
        none = await kling.get("/tasks", params={"task_ids": "1,2"})

    assert [answer.json()["code"] for answer in (refused, both, none)] == [1002, 1201, 0]
    assert none.json()["data"] == []


@pytest.mark.parametrize(
    ("path", "changes", "code"),
    [
        (IMAGE, {"duration": 5}, 1201),
        (IMAGE, {"image": "data:image/png;base64,iVBORw0KGgo="}, 1201),
        (IMAGE, {"mode": "std"}, 1201),
        (IMAGE, {"sound": "on"}, 1201),
        (IMAGE, {"model_name": "kling-v9"}, 1203),
        (IMAGE, {"model_name": "kling-v2-master"}, 1201),
        (IMAGE, {"static_mask": "https://cdn.example.com/m.png"}, 1201),
        (IMAGE, {"cfg_scale": 0.5}, 1201),
        (IMAGE, {"image_tail": ""}, 1201),
        (IMAGE, {"prompt": "x" * 2501}, 1201),
        (IMAGE, {"prompt": "x [[refuse:429:1102]]"}, 1102),
        ("/v1/videos/text2video", {}, 1201),
    ],
)
async def test_what_the_pages_rule_out_is_refused(path: str, changes: dict[str, Any], code: int) -> None:
    fake = FakeKling()
    async with client(fake) as kling:
        answer = await kling.post(path, json={**EXAMPLE, **changes})

    assert answer.json()["code"] == code
    assert fake.creates == 0


async def test_callbacks_come_at_each_change_with_the_task_itself() -> None:
    heard: list[tuple[str, str]] = []

    async def notify(url: str, body: dict[str, Any]) -> None:
        heard.append((url, body["task_status"]))

    url = "https://gateway.example.com/cb"
    async with client(FakeKling(notify=notify)) as kling:
        made = (await kling.post(IMAGE, json={**EXAMPLE, "callback_url": url})).json()["data"]["task_id"]
        for _ in range(4):
            await kling.get(f"{IMAGE}/{made}")

    assert heard == [(url, "processing"), (url, "succeed")]


async def test_a_result_needs_its_signature() -> None:
    async with client(FakeKling()) as kling:
        assert (await kling.get("/media/1.mp4")).status_code == 403
        assert (await kling.get("/media/1.mp4?sign=abc")).headers["content-type"] == "video/mp4"


KLING = replace(CHANNEL, adapter="kling", base_url="https://kling.example.com")


def answers_of(fake: FakeKling) -> Any:
    """The fake as a vendor's script."""
    inner = httpx.ASGITransport(fake.app)

    def script(request: httpx.Request) -> Awaitable[httpx.Response]:
        return _whole(inner, request)

    return script


async def _whole(inner: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
    answer = await inner.handle_async_request(request)
    headers = {"content-type": answer.headers.get("content-type", "")}
    return httpx.Response(answer.status_code, headers=headers, content=await answer.aread())


async def made_through_the_gateway(folder: Path, fake: FakeKling, *bodies: dict[str, Any]) -> list[Job]:
    """The ended jobs of these client bodies, one after the other; `$0` stands for the id of the first job."""
    jobs: list[Job] = []
    fake.key = "canary-secret"
    async with gateway_on(folder, answers_of(fake), channels=(KLING,)) as (gateway, _):
        for body in bodies:
            filled = {name: jobs[0].id if value == "$0" else value for name, value in body.items()}
            request, notices = normalise("/v1/videos", filled)
            job = await gateway.create(wish(request, notices=notices))
            jobs.append(await ended(gateway, job.id))
    return jobs


async def test_the_seed_documents_example_ends_with_a_video(tmp_path: Path) -> None:
    fake = FakeKling()
    body = {
        "model": "kling-v1",
        "prompt": "一个穿着宇航服的宇航员",
        "size": "1920x1080",
        "image": "https://cdn.example.com/a.png",
        "duration": 5,
        "metadata": {"seed": 20231234, "negative_prompt": "模糊", "image_tail": "https://cdn.example.com/b.png"},
    }
    (job,) = await made_through_the_gateway(tmp_path, fake, body)

    assert job.status is JobStatus.COMPLETED
    assert fake.created[0]["image_tail"] == "https://cdn.example.com/b.png"
    assert (fake.created[0]["mode"], fake.created[0]["external_task_id"]) == ("pro", job.id)


async def test_our_own_video_is_extended_and_a_strangers_id_goes_to_the_vendor(tmp_path: Path) -> None:
    fake = FakeKling()
    source = {"model": "kling-video", "model_name": "kling-v1-6", "mode": "t2v", "prompt": "a boat"}
    own = {"model": "kling-video", "model_name": "kling-v1-6", "mode": "extend", "video_id": "$0"}
    stranger = {**own, "video_id": "870000000000001000"}
    jobs = await made_through_the_gateway(tmp_path, fake, source, own, stranger)

    assert [job.status for job in jobs] == [JobStatus.COMPLETED] * 3
    assert {body["video_id"] for body in fake.created[1:]} == {"870000000000001000"}


@pytest.mark.parametrize("model", ["kling-v1-6", "kling-3.0"])
async def test_a_create_without_an_answer_is_found_and_not_sent_again(tmp_path: Path, model: str) -> None:
    fake = FakeKling()
    (job,) = await made_through_the_gateway(tmp_path, fake, {"model": model, "prompt": "a boat [[lost]]"})

    assert job.status is JobStatus.COMPLETED
    assert fake.creates == 1


@pytest.mark.parametrize("model", ["kling-v1-6", "kling-3.0"])
async def test_a_create_that_never_arrived_is_not_sent_again_either(tmp_path: Path, model: str) -> None:
    fake = FakeKling()
    (job,) = await made_through_the_gateway(tmp_path, fake, {"model": model, "prompt": "a boat [[refuse:500:5000]]"})

    assert job.failure is not None
    assert job.failure.code == "upstream_outcome_unknown"
    assert fake.requests[0][0] == "POST"
    assert [method for method, _ in fake.requests].count("POST") == 1


async def test_moderation_is_a_content_failure(tmp_path: Path) -> None:
    prompt = "a boat [[fail:Failure to pass the risk control system]]"
    (job,) = await made_through_the_gateway(tmp_path, FakeKling(), {"model": "kling-v3", "prompt": prompt})

    assert job.failure is not None
    assert job.failure.code == "content_policy_violation"
