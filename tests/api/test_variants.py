"""`/v1/videos/{id}/content?variant=…`: pictures of a film, for every vendor."""

import asyncio
from typing import Any

import httpx
import pytest

from app.domain.jobs import JobStatus
from tests.api.conftest import Site, client_of, error_of
from tests.engine.films import image_of
from tests.gateways import ended

pytestmark = pytest.mark.anyio
FORMATS = {"thumbnail": "JPEG", "spritesheet": "JPEG", "last_frame": "PNG", "preview": "WEBP"}
SIZES = {"thumbnail": (640, 360), "spritesheet": (1600, 900), "last_frame": (1280, 720), "preview": (320, 180)}


async def sandbox_film(site: Site, **fields: Any) -> str:
    """The id of a finished job of the sandbox."""
    wanted = {"model": "sandbox-video", "prompt": "a paper boat", "seconds": "1", "size": "1280x720"}
    made = await site.client.post("/v1/videos", json={**wanted, **fields})
    assert made.status_code == 200, made.text
    async with asyncio.timeout(60):
        job = await ended(site.gateway, made.json()["id"])
    assert job.status is JobStatus.COMPLETED
    return job.id


async def content(site: Site, job_id: str, **params: Any) -> httpx.Response:
    return await site.client.get(f"/v1/videos/{job_id}/content", params=params)


async def test_every_variant_of_a_sandbox_film_is_served_with_the_headers_of_content(site: Site) -> None:
    job_id = await sandbox_film(site)
    for variant, kind in FORMATS.items():
        answer = await content(site, job_id, variant=variant)
        assert answer.status_code == 200, answer.text
        image = image_of(answer.content)
        assert (image.format, image.size) == (kind, SIZES[variant])
        assert answer.headers["content-type"] == f"image/{kind.lower()}"
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.headers["cache-control"].startswith("private")
        assert answer.headers["accept-ranges"] == "bytes"


async def test_a_portrait_film_with_sound_has_portrait_variants(site: Site) -> None:
    job_id = await sandbox_film(site, size="720x1280", generate_audio=True)
    assert image_of((await content(site, job_id, variant="last_frame")).content).size == (720, 1280)
    assert image_of((await content(site, job_id, variant="spritesheet")).content).size == (900, 1600)


async def test_the_stills_of_a_finished_film_are_linked_without_a_key(site: Site) -> None:
    shown = (await site.client.get(f"/v1/videos/{await sandbox_film(site, return_last_frame=True)}")).json()
    async with client_of(site.app) as nobody:
        for name, variant in (("thumbnail_url", "thumbnail"), ("last_frame_url", "last_frame")):
            answer = await nobody.get(shown[name])
            assert answer.status_code == 200, answer.text
            image = image_of(answer.content)
            assert (image.format, image.size) == (FORMATS[variant], SIZES[variant])
            part = await nobody.get(shown[name], headers={"range": "bytes=2-5"})
            assert (part.status_code, part.content) == (206, answer.content[2:6])


async def test_the_link_of_a_still_that_cannot_be_made_says_so(site: Site) -> None:
    shown = await site.finished()
    answer = await site.client.get(shown["thumbnail_url"])
    assert (answer.status_code, error_of(answer)["code"]) == (404, "variant_not_available")
    assert shown["last_frame_url"] is None


async def test_a_variant_answers_ranges_head_and_known_tags(site: Site) -> None:
    job_id = await sandbox_film(site)
    whole = await content(site, job_id, variant="thumbnail")
    url, params = f"/v1/videos/{job_id}/content", {"variant": "thumbnail"}
    part = await site.client.get(url, params=params, headers={"range": "bytes=2-5", "if-range": whole.headers["etag"]})
    head = await site.client.head(url, params=params)
    known = await site.client.get(url, params=params, headers={"if-none-match": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, whole.content[2:6])
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))
    assert (known.status_code, known.content) == (304, b"")
    assert whole.headers["etag"] != (await content(site, job_id)).headers["etag"]


@pytest.mark.parametrize("variant", ["nonsense", "", "Thumbnail", "video\0"])
async def test_an_unknown_variant_is_refused_and_the_five_are_named(site: Site, variant: str) -> None:
    answer = await content(site, "task_1", variant=variant)
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "variant"
    assert all(f"'{known}'" in error_of(answer)["message"] for known in ("video", *FORMATS))


@pytest.mark.parametrize("variant", FORMATS)
async def test_a_film_that_cannot_be_decoded_has_no_variants(site: Site, variant: str) -> None:
    answer = await content(site, (await site.finished())["id"], variant=variant)
    assert answer.status_code == 404
    assert (error_of(answer)["code"], error_of(answer)["param"]) == ("variant_not_available", "variant")


@pytest.mark.parametrize("variant", FORMATS)
async def test_variants_of_what_is_not_there_are_refused_as_the_film_is(site: Site, variant: str) -> None:
    running = await site.created()
    assert error_of(await content(site, running["id"], variant=variant))["code"] == "video_not_ready"
    done = await site.finished()
    assert error_of(await content(site, done["id"], variant=variant, index=1))["param"] == "index"
    site.studio.content_status = 404
    gone = await content(site, done["id"], variant=variant)
    assert (gone.status_code, error_of(gone)["code"]) == (404, "video_expired")
    site.studio.error = {"code": "moderation_blocked", "message": "Not this boat."}
    failed = await site.finished("failed")
    refused = await content(site, failed["id"], variant=variant)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "content_policy_violation")


async def test_another_keys_film_shows_no_variant(site: Site) -> None:
    job_id = await sandbox_film(site)
    answer = await site.stranger.get(f"/v1/videos/{job_id}/content", params={"variant": "thumbnail"})
    assert (answer.status_code, error_of(answer)["code"]) == (404, "task_not_exist")
