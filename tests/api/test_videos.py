"""`/v1/videos`: create, read, list, delete, cancel, and what is made of an earlier video."""

from pathlib import Path

import httpx
import pytest

from app.domain.channels import Credential
from tests.api.conftest import SANDBOX, VIDEO, Site, error_of, site_on
from tests.api.vendor import HOST
from tests.gateways import CHANNEL, another

pytestmark = pytest.mark.anyio
FILM = {"model": "sandbox-video", "prompt": "a paper boat", "seconds": "1", "size": "128x72"}


async def test_a_create_answers_with_a_queued_job_and_when_to_ask_again(site: Site) -> None:
    answer = await site.client.post("/v1/videos", json=VIDEO)
    job = answer.json()
    assert answer.status_code == 200
    assert job["status"] == "queued"
    assert job["id"] == job["task_id"]
    assert 1000 <= int(answer.headers["openai-poll-after-ms"]) <= 10_000
    assert 1 <= int(answer.headers["retry-after"]) <= 10


async def test_a_finished_job_has_one_link_under_every_name_and_no_poll_headers(site: Site) -> None:
    job = await site.finished()
    answer = await site.client.get(f"/v1/videos/{job['id']}")
    assert job["status"] == "completed"
    assert job["url"].startswith("http://gate.example.com/files/")
    assert job["video_url"] == job["result_url"] == job["metadata"]["url"] == job["url"]
    assert "openai-poll-after-ms" not in answer.headers


async def test_a_failed_job_is_a_200_that_says_why(site: Site) -> None:
    site.studio.error = {"code": "moderation_blocked", "message": "Not this boat."}
    job = await site.finished("failed")
    assert job["status"] == "failed"
    assert job["error"]["code"] == "content_policy_violation"
    assert job["error"]["message"] == "Not this boat."
    assert job["url"] is None
    assert job["metadata"] == {}


async def test_a_multipart_create_is_read_as_the_official_sdks_send_it(site: Site) -> None:
    parts = {name: (None, value) for name, value in VIDEO.items()}
    answer = await site.client.post("/v1/videos", files=parts)
    assert answer.status_code == 200
    assert answer.json()["seconds"] == "5"
    assert answer.json()["size"] == "1280x720"


async def test_what_was_not_done_as_asked_stands_in_the_job_and_in_a_header(site: Site) -> None:
    answer = await site.client.post("/v1/videos", json={**VIDEO, "duration": 9, "metadata": {"fps": "many"}})
    assert answer.headers["x-filmgate-warnings"] == "duration_conflict, metadata_ignored:fps"
    assert answer.json()["warnings"] == [
        {"code": "duration_conflict", "field": "duration", "from": 9, "to": 5},
        {"code": "metadata_ignored:fps", "field": "fps", "from": None, "to": None},
    ]


async def test_names_in_warnings_cannot_break_the_header(site: Site) -> None:
    answer = await site.client.post("/v1/videos", json={**VIDEO, "mode": "视频\r\nset-cookie: a=1"})
    assert answer.status_code == 200
    assert answer.headers["x-filmgate-warnings"] == "unknown_mode"
    assert "set-cookie" not in answer.headers


async def test_strict_turns_a_warning_into_a_refusal(site: Site) -> None:
    answer = await site.client.post("/v1/videos", json={**VIDEO, "duration": 9}, headers={"x-filmgate-strict": "true"})
    assert answer.status_code == 400
    assert error_of(answer)["param"] in ("seconds", "duration")
    assert site.vendor.requests == []


async def test_the_same_external_task_id_gives_the_same_job(site: Site) -> None:
    first = await site.created(external_task_id="mine")
    second = await site.created(external_task_id="mine")
    other = await site.client.post("/v1/videos", json={"model": "sora-2", "prompt": "another", "external_task_id": "mine"})
    assert second["id"] == first["id"]
    assert (other.status_code, other.json()["error"]["code"]) == (400, "idempotency_key_reused")
    assert site.vendor.creates() == 1


async def test_the_list_pages_by_the_last_id(site: Site) -> None:
    ids = [(await site.created(prompt=f"boat {number}"))["id"] for number in range(5)]
    first = (await site.client.get("/v1/videos", params={"limit": 2})).json()
    second = (await site.client.get("/v1/videos", params={"limit": 2, "after": first["last_id"]})).json()
    third = (await site.client.get("/v1/videos", params={"limit": 2, "after": second["last_id"]})).json()
    assert [job["id"] for page in (first, second, third) for job in page["data"]] == ids[::-1]
    assert [page["has_more"] for page in (first, second, third)] == [True, True, False]
    assert (first["object"], first["first_id"], first["last_id"]) == ("list", ids[4], ids[3])


async def test_the_list_runs_the_other_way_on_demand(site: Site) -> None:
    ids = [(await site.created())["id"] for _ in range(3)]
    page = (await site.client.get("/v1/videos", params={"order": "asc", "limit": 100})).json()
    assert [job["id"] for job in page["data"]] == ids
    assert page["has_more"] is False


async def test_an_empty_list_is_complete(site: Site) -> None:
    page = (await site.client.get("/v1/videos")).json()
    assert page == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


async def test_a_limit_of_nothing_shows_nothing_and_says_that_there_is_more(site: Site) -> None:
    await site.created()
    page = (await site.client.get("/v1/videos", params={"limit": 0})).json()
    assert (page["data"], page["has_more"]) == ([], True)


@pytest.mark.parametrize("after", ["task_unknown", "a\0b", "'; --", "x" * 5000])
async def test_an_unknown_after_gives_an_empty_page(site: Site, after: str) -> None:
    await site.created()
    page = (await site.client.get("/v1/videos", params={"after": after})).json()
    assert (page["data"], page["has_more"]) == ([], False)


@pytest.mark.parametrize(("name", "value"), [("limit", "101"), ("limit", "-1"), ("limit", "many"), ("order", "up")])
async def test_bad_list_parameters_are_400_and_named(shared_site: Site, name: str, value: str) -> None:
    answer = await shared_site.client.get("/v1/videos", params={name: value})
    assert answer.status_code == 400
    assert error_of(answer)["param"] == name
    assert error_of(answer)["type"] == "invalid_request_error"


async def test_a_deleted_job_is_gone(site: Site) -> None:
    job = await site.finished()
    answer = await site.client.delete(f"/v1/videos/{job['id']}")
    assert answer.json() == {"id": job["id"], "object": "video.deleted", "deleted": True}
    assert (await site.client.get(f"/v1/videos/{job['id']}")).status_code == 404
    assert (await site.client.delete(f"/v1/videos/{job['id']}")).status_code == 404


async def test_an_unfinished_job_that_its_vendor_cannot_cancel_is_not_deleted(site: Site) -> None:
    job = await site.created()
    answer = await site.client.delete(f"/v1/videos/{job['id']}")
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "cannot_cancel"
    assert (await site.client.get(f"/v1/videos/{job['id']}")).json()["status"] == "queued"


async def test_a_cancelled_job_has_failed_with_that_code(tmp_path_factory: pytest.TempPathFactory) -> None:
    able = another("able", settings={"cancel": "post"}, credentials=(Credential("c", {"api_key": "canary"}),))
    async with site_on(tmp_path_factory.mktemp("site"), channels=[able]) as site:
        job = await site.created()
        answer = await site.client.post(f"/v1/videos/{job['id']}/cancel")
        again = await site.client.post(f"/v1/videos/{job['id']}/cancel")
    assert answer.status_code == 200
    assert answer.json()["status"] == "failed"
    assert answer.json()["error"]["code"] == "cancelled"
    assert again.status_code == 400
    assert error_of(again)["code"] == "already_finished"


async def test_an_unfinished_job_is_cancelled_at_its_vendor_before_it_is_deleted(tmp_path: Path) -> None:
    able = another("able", settings={"cancel": "post"}, credentials=(Credential("c", {"api_key": "canary"}),))
    async with site_on(tmp_path, channels=[able]) as site:
        job = await site.created()
        answer = await site.client.delete(f"/v1/videos/{job['id']}")
        gone = await site.client.get(f"/v1/videos/{job['id']}")
    assert (answer.status_code, answer.json()["deleted"]) == (200, True)
    assert site.vendor.requests[-1].url.path == "/v1/videos/video_up_1/cancel"
    assert gone.status_code == 404


async def test_with_a_job_go_its_copy_and_what_was_made_of_it(tmp_path: Path) -> None:
    async with site_on(tmp_path, keep_results=True) as site:
        job = await site.finished(**FILM)
        await site.gateway.copier.look()
        for variant in ("thumbnail", "spritesheet"):
            seen = await site.client.get(f"/v1/videos/{job['id']}/content", params={"variant": variant})
            assert seen.status_code == 200
        kept = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
        assert (await site.client.delete(f"/v1/videos/{job['id']}")).status_code == 200
        left = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
        assert (await site.client.get(job["url"])).status_code == 404
    assert len(kept) >= 3
    assert left == []


@pytest.mark.parametrize(
    ("path", "mode", "param"),
    [("/v1/videos/edits", "edit", "video"), ("/v1/videos/extensions", "extend", "video"), ("/v1/videos/{id}/remix", "remix", "id")],
)
async def test_a_change_that_a_model_cannot_do_names_those_that_can(tmp_path: Path, path: str, mode: str, param: str) -> None:
    seedance = another("ark", adapter="ark", models={"old-video": "doubao-seedance-1-0-pro-250528"})
    async with site_on(tmp_path, channels=[SANDBOX, seedance]) as site:
        job = await site.finished(**FILM)
        body = {"prompt": "at night", "seconds": "4", "model": "old-video", "video": {"id": job["id"]}}
        answer = await site.client.post(path.format(id=job["id"]), json=body)
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["param"]) == ("unsupported_mode", param)
    assert error_of(answer)["message"].endswith(f"Models that can do {mode}: sandbox-video.")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/videos/{id}/remix", {"prompt": "at night"}),
        ("/v1/videos/edits", {"prompt": "at night", "video": {"id": "{id}"}}),
        ("/v1/videos/extensions", {"prompt": "it goes on", "seconds": "4", "video": {"id": "{id}"}}),
        ("/v1/videos/extensions", {"prompt": "it goes on", "video_id": "{id}"}),
    ],
)
async def test_a_source_that_is_not_finished_is_not_ready(site: Site, path: str, body: dict[str, object]) -> None:
    job = await site.created()
    answer = await site.client.post(path.format(id=job["id"]), json=filled(body, job["id"]))
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "video_not_ready"
    assert site.vendor.creates() == 1


@pytest.mark.parametrize("path", ["/v1/videos/edits", "/v1/videos/extensions", "/v1/videos/{id}/remix"])
async def test_a_source_of_another_key_does_not_exist(site: Site, path: str) -> None:
    job = await site.finished()
    body = {"prompt": "at night", "video": {"id": job["id"]}}
    answer = await site.stranger.post(path.format(id=job["id"]), json=body)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "task_not_exist"


async def test_a_remix_is_made_with_the_model_of_its_source(site: Site) -> None:
    job = await site.finished()
    site.studio.status = "queued"
    answer = await site.client.post(f"/v1/videos/{job['id']}/remix", json={"prompt": "at night"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == VIDEO["model"]
    assert answer.json()["remixed_from_video_id"] == job["id"]
    assert answer.json()["id"] != job["id"]


async def test_an_edit_may_name_its_model_and_bring_its_video(site: Site) -> None:
    files = {"video": ("clip.mp4", b"\x00\x00\x00\x18ftypmp42" + bytes(64), "video/mp4")}
    answer = await site.client.post("/v1/videos/edits", data={"model": "some-model", "prompt": "at night"}, files=files)
    assert answer.status_code == 200, answer.text
    assert site.vendor.requests[-1].url.path == "/v1/videos/edits"
    assert b"ftypmp42" in site.vendor.bodies[-1]


async def test_an_extension_is_made_with_the_model_of_the_job_that_it_continues(site: Site) -> None:
    job = await site.finished()
    site.studio.status = "queued"
    body = {"prompt": "it goes on", "seconds": "4", "video": {"id": job["id"]}}
    answer = await site.client.post("/v1/videos/extensions", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == VIDEO["model"]
    assert site.vendor.requests[-1].url.path == "/v1/videos/extensions"


async def test_an_edit_without_model_and_own_source_misses_its_model(site: Site) -> None:
    answer = await site.client.post("/v1/videos/edits", json={"prompt": "x", "video_url": "https://example.com/a.mp4"})
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["param"]) == ("missing_required_parameter", "model")


async def test_a_wrong_model_type_is_not_replaced_by_the_sources(site: Site) -> None:
    job = await site.finished()
    answer = await site.client.post(f"/v1/videos/{job['id']}/remix", json={"prompt": "x", "model": 5})
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "model"


async def test_no_answer_names_the_vendors_host_ids_or_channel(site: Site) -> None:
    job = await site.finished()
    for path in (f"/v1/videos/{job['id']}", f"/v1/video/generations/{job['id']}", "/v1/videos", "/v1/models"):
        text = (await site.client.get(path)).text
        assert not any(word in text for word in (HOST, "video_up_1", CHANNEL.id, "canary"))


def filled(body: dict[str, object], job_id: str) -> dict[str, object]:
    """The body with the id in place of `{id}`."""
    text = httpx.Request("POST", "http://x", json=body).read().replace(b"{id}", job_id.encode())
    found: dict[str, object] = httpx.Response(200, content=text).json()
    return found
