"""`/files/{token}` where results lie in a bucket: the link is ours, the bytes may come from there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.domain.jobs import Job
from app.engine.links import Links
from app.store import copies
from tests.api.conftest import Site, site_on
from tests.api.vendor import CLIP
from tests.buckets import region, server

__all__ = ["region", "server"]
pytestmark = pytest.mark.anyio
BUCKET: dict[str, Any] = {"storage_url": "s3://films/results", "presigned_links": True}


@asynccontextmanager
async def site_with_film(folder: Path, *, copied: bool = True, **settings: Any) -> AsyncIterator[tuple[Site, Job, str]]:
    """The application, a finished film, and the path of its link."""
    async with site_on(folder, **settings) as site:
        shown = await site.finished()
        job = await site.gateway.job(shown["id"], None)
        if copied:
            asset = await site.gateway.assets.put(job.id, CLIP, "video/mp4")
            kept = replace(job.outputs[0], asset=asset.name, mime=asset.mime, size=asset.size, sha256=asset.sha256)
            async with site.gateway.database.write() as connection:
                job = await copies.put(connection, job.id, 0, kept) or job
        yield site, job, urlsplit(shown["url"]).path


async def fetched(answer: httpx.Response, method: str = "GET", **headers: str) -> httpx.Response:
    """What a client without a key gets where the answer sends it."""
    async with httpx.AsyncClient() as client:
        return await client.request(method, answer.headers["location"], headers=headers)


async def test_the_link_of_a_stored_film_leads_to_the_bucket_for_a_while(tmp_path: Path, region: str) -> None:
    async with site_with_film(tmp_path, **BUCKET) as (site, _, path):
        answer = await site.client.get(path)
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (307, b"", "no-store")
    location = urlsplit(answer.headers["location"])
    assert f"{location.scheme}://{location.netloc}" == region
    assert parse_qs(location.query)["X-Amz-Expires"] == ["3600"]
    whole, part = await fetched(answer), await fetched(answer, range="bytes=2-5")
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, CLIP, "video/mp4")
    assert (part.status_code, part.content) == (206, CLIP[2:6])


async def test_a_look_at_a_stored_film_is_answered_by_the_bucket(tmp_path: Path, region: str) -> None:
    async with site_with_film(tmp_path, **BUCKET) as (site, _, path):
        answer = await site.client.head(path)
    assert answer.status_code == 307
    found = await fetched(answer, "HEAD")
    assert (found.status_code, found.headers["content-length"]) == (200, str(len(CLIP)))


async def test_no_signature_outlives_our_link(tmp_path: Path, region: str) -> None:
    async with site_with_film(tmp_path, **BUCKET) as (site, job, _):
        site.gateway.links = Links(("tests",), "", 120.0)
        answer = await site.client.get(urlsplit(site.gateway.links.result(job.id)).path)
    (seconds,) = parse_qs(urlsplit(answer.headers["location"]).query)["X-Amz-Expires"]
    assert 0 < int(seconds) <= 125


@pytest.mark.parametrize(
    ("copied", "settings"),
    [
        (False, BUCKET),
        (True, {**BUCKET, "presigned_links": False}),
        (True, {"presigned_links": True}),
    ],
    ids=["not copied yet", "not switched on", "a folder"],
)
async def test_any_other_film_is_streamed_by_us(tmp_path: Path, region: str, copied: bool, settings: dict[str, Any]) -> None:
    async with site_with_film(tmp_path, copied=copied, **settings) as (site, _, path):
        answer = await site.client.get(path)
    assert (answer.status_code, answer.content) == (200, CLIP)


async def test_a_copy_that_is_gone_from_the_bucket_is_streamed_from_its_vendor(tmp_path: Path, region: str) -> None:
    async with site_with_film(tmp_path, **BUCKET) as (site, job, path):
        await site.gateway.assets.delete(job.outputs[0].asset or "")
        answer = await site.client.get(path)
    assert (answer.status_code, answer.content) == (200, CLIP)


async def test_content_behind_a_key_never_leads_elsewhere(tmp_path: Path, region: str) -> None:
    async with site_with_film(tmp_path, **BUCKET) as (site, job, _):
        answer = await site.client.get(f"/v1/videos/{job.id}/content")
    assert (answer.status_code, answer.content) == (200, CLIP)
