"""The bytes of a result: `/v1/videos/{id}/content` with a key, `/files/{token}` without."""

from pathlib import Path

import pytest

from app.domain.jobs import JobStatus, Output, Snapshot, deliver_late, expire
from app.store import jobs as job_store
from tests.api.conftest import Site, client_of, error_of, site_on
from tests.api.vendor import CLIP
from tests.engine.test_formats import ARK, makes
from tests.gateways import ended

pytestmark = pytest.mark.anyio


async def test_content_is_the_vendors_bytes_under_headers_of_ours(site: Site) -> None:
    job = await site.finished()
    answer = await site.client.get(f"/v1/videos/{job['id']}/content", headers={"accept": "application/binary"})
    assert answer.status_code == 200
    assert answer.content == CLIP
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == f'inline; filename="{job["id"]}.mp4"'
    assert answer.headers["cache-control"].startswith("private")
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-request-id"].startswith("req_")


async def test_a_range_is_a_206(site: Site) -> None:
    job = await site.finished()
    answer = await site.client.get(f"/v1/videos/{job['id']}/content", headers={"range": "bytes=0-9"})
    assert answer.status_code == 206
    assert answer.content == CLIP[:10]
    assert answer.headers["content-range"] == f"bytes 0-9/{len(CLIP)}"


async def test_a_known_etag_is_a_304_without_a_body(site: Site) -> None:
    job = await site.finished()
    etag = (await site.client.get(f"/v1/videos/{job['id']}/content")).headers["etag"]
    answer = await site.client.get(f"/v1/videos/{job['id']}/content", headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_head_describes_the_file_without_sending_it(site: Site) -> None:
    job = await site.finished()
    answer = await site.client.head(f"/v1/videos/{job['id']}/content")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("status", ["queued", "in_progress"])
async def test_not_ready_content_is_4xx_json_never_200_mp4(site: Site, status: str) -> None:
    site.studio.status = status
    job = await site.created()
    answer = await site.client.get(f"/v1/videos/{job['id']}/content")
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "video_not_ready"


async def test_the_content_of_a_failed_job_is_its_error(site: Site) -> None:
    site.studio.error = {"code": "moderation_blocked", "message": "Not this boat."}
    job = await site.finished("failed")
    answer = await site.client.get(f"/v1/videos/{job['id']}/content")
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "content_policy_violation"
    assert error_of(answer)["message"] == "Not this boat."


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet", "last_frame"])
async def test_of_a_file_that_is_no_film_nothing_is_made(site: Site, variant: str) -> None:
    job = await site.finished()
    answer = await site.client.get(f"/v1/videos/{job['id']}/content", params={"variant": variant})
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "variant_not_available"


@pytest.mark.parametrize(("index", "status"), [("1", 404), ("-1", 400), ("first", 400)])
async def test_an_index_that_is_not_there_is_refused(site: Site, index: str, status: int) -> None:
    job = await site.finished()
    answer = await site.client.get(f"/v1/videos/{job['id']}/content", params={"index": index})
    assert answer.status_code == status
    assert error_of(answer)["param"] == "index"


async def test_a_dead_link_has_expired(site: Site) -> None:
    job = await site.finished()
    site.studio.content_status = 404
    answer = await site.client.get(f"/v1/videos/{job['id']}/content")
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "video_expired"


async def test_a_vendor_that_stumbles_over_content_is_a_502_that_may_be_tried_again(site: Site) -> None:
    job = await site.finished()
    site.studio.content_status = 500
    answer = await site.client.get(f"/v1/videos/{job['id']}/content")
    assert answer.status_code == 502
    assert error_of(answer)["type"] == "upstream_error"
    assert "x-should-retry" not in answer.headers


async def test_the_link_of_a_job_needs_no_key_and_takes_ranges(site: Site) -> None:
    job = await site.finished()
    async with client_of(site.app) as anybody:
        whole = await anybody.get(job["url"])
        part = await anybody.get(job["url"], headers={"range": "bytes=4-7"})
        head = await anybody.head(job["url"])
    assert (whole.status_code, whole.content) == (200, CLIP)
    assert (part.status_code, part.content) == (206, CLIP[4:8])
    assert (head.status_code, head.content) == (200, b"")


async def test_a_picture_that_cannot_be_converted_is_handed_out_as_it_is(tmp_path: Path) -> None:
    broken = b"\xff\xd8\xff broken"
    async with site_on(tmp_path, makes(broken), channels=(ARK,)) as site:
        body = {"model": "m", "prompt": "a", "background": True, "output_format": "webp"}
        made = (await site.client.post("/v1/images/generations", json=body)).json()
        await ended(site.gateway, made["id"])
        answer = await site.client.get(site.gateway.links.result(made["id"]) or "", follow_redirects=False)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, broken, "image/jpeg")


async def test_a_forged_link_leads_nowhere(site: Site) -> None:
    job = await site.finished()
    async with client_of(site.app) as anybody:
        answer = await anybody.get(job["url"][:-3] + "AAA")
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "not_found"


async def test_the_link_of_a_deleted_job_leads_nowhere_and_does_not_name_it(site: Site) -> None:
    job = await site.finished()
    await site.client.delete(f"/v1/videos/{job['id']}")
    async with client_of(site.app) as anybody:
        answer = await anybody.get(job["url"])
    assert answer.status_code == 404
    assert job["id"] not in answer.text


async def test_links_start_with_the_public_url_where_there_is_one(tmp_path: Path) -> None:
    async with site_on(tmp_path, public_url="https://films.example.org/") as site:
        job = await site.finished()
    assert job["url"].startswith("https://films.example.org/files/")


async def test_a_stored_upload_can_be_fetched_by_its_link(tmp_path: Path) -> None:
    async with site_on(tmp_path, public_url="http://gate.example.com") as site:
        asset = await site.gateway.assets.put("upload", b"\x89PNG...", "image/png")
        link = site.gateway.links.upload(asset.name)
        async with client_of(site.app) as anybody:
            answer, head = await anybody.get(link), await anybody.head(link)
            await site.gateway.assets.delete(asset.name)
            gone = await anybody.get(link)
    assert (answer.status_code, answer.content) == (200, b"\x89PNG...")
    assert answer.headers["content-type"] == "image/png"
    assert (head.headers["content-length"], head.content) == ("7", b"")
    assert gone.status_code == 404


async def test_a_late_result_is_linked_in_the_failed_job_and_opens(site: Site) -> None:
    made = await site.created()
    gateway, now = site.gateway, site.gateway.now()
    site.studio.status = "completed"
    async with gateway.database.write() as connection:
        assert await job_store.record(connection, expire(await gateway.job(made["id"], None), now))
    output = Output(url="https://vendor.example.com/v1/videos/video_up_1/content")
    late = deliver_late(await gateway.job(made["id"], None), Snapshot(JobStatus.COMPLETED, outputs=(output,)), now)
    assert await gateway.recorder.deliver_late(late)
    shown = (await site.client.get(f"/v1/videos/{made['id']}")).json()
    assert (shown["status"], shown["error"]["code"]) == ("failed", "deadline_exceeded")
    assert (await site.client.get(f"/v1/videos/{made['id']}/content")).status_code == 400
    assert (await site.client.get(shown["late"]["url"])).content == CLIP
