"""Stored results behind an nginx that sends them itself: the gateway says which file, under which headers."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.domain.jobs import Job
from app.engine.assets import place_of
from app.settings import Settings
from tests.api.conftest import Site, error_of
from tests.api.test_bucket_links import BUCKET, site_with_film
from tests.api.vendor import CLIP
from tests.buckets import region, server
from tests.servers import refused_port, serve

__all__ = ["region", "server"]
pytestmark = pytest.mark.anyio
PREFIX = "/stored-results"
CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "nginx.conf"


def place(job: Job) -> str:
    return f"{PREFIX}/{place_of(job.outputs[0].asset or '')}"


@pytest.mark.parametrize("way", ["link", "content"])
@pytest.mark.parametrize("headers", [{}, {"range": "bytes=2-5"}, {"range": "bytes=99999999-"}], ids=["whole", "part", "beyond"])
async def test_a_stored_film_is_left_to_the_proxy_and_so_are_its_ranges(tmp_path: Path, way: str, headers: dict[str, str]) -> None:
    async with site_with_film(tmp_path, accel_prefix=PREFIX) as (site, job, path):
        answer = await site.client.get(path if way == "link" else f"/v1/videos/{job.id}/content", headers=headers)
    assert (answer.status_code, answer.content, answer.headers["x-accel-redirect"]) == (200, b"", place(job))
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == f'inline; filename="{job.id}.mp4"'
    assert answer.headers["etag"].startswith('"')
    assert "content-range" not in answer.headers
    assert answer.headers["content-length"] == "0"


async def test_the_proxy_is_told_of_the_very_file(tmp_path: Path) -> None:
    async with site_with_film(tmp_path, accel_prefix=f"{PREFIX}/") as (site, _, path):
        answer = await site.client.head(path)
    file = tmp_path / "files" / answer.headers["x-accel-redirect"].removeprefix(f"{PREFIX}/")
    assert file.read_bytes() == CLIP


async def test_what_the_client_has_already_is_still_a_304_of_ours(tmp_path: Path) -> None:
    async with site_with_film(tmp_path, accel_prefix=PREFIX) as (site, _, path):
        tag = (await site.client.get(path)).headers["etag"]
        answer = await site.client.get(path, headers={"if-none-match": tag})
    assert (answer.status_code, "x-accel-redirect" in answer.headers) == (304, False)


async def test_an_upload_is_left_to_the_proxy(tmp_path: Path) -> None:
    async with site_with_film(tmp_path, accel_prefix=PREFIX, public_url="http://gate.example.com") as (site, _, _path):
        asset = await site.gateway.assets.put("upload", CLIP, "image/png")
        answer = await site.client.get(urlsplit(site.gateway.links.upload(asset.name)).path)
    assert answer.headers["x-accel-redirect"] == f"{PREFIX}/{place_of(asset.name)}"
    assert (answer.content, answer.headers["content-type"]) == (b"", "image/png")


@pytest.mark.parametrize(
    ("copied", "settings"),
    [(False, {"accel_prefix": PREFIX}), (True, {}), (True, {"accel_prefix": PREFIX, "storage_url": BUCKET["storage_url"]})],
    ids=["not copied", "not switched on", "a bucket"],
)
async def test_any_other_film_is_streamed_by_us(tmp_path: Path, region: str, copied: bool, settings: dict[str, Any]) -> None:
    async with site_with_film(tmp_path, copied=copied, **settings) as (site, _, path):
        answer = await site.client.get(path, headers={"range": "bytes=2-5"})
    assert (answer.status_code, answer.content, "x-accel-redirect" in answer.headers) == (206, CLIP[2:6], False)


async def test_a_copy_that_is_gone_is_streamed_from_its_vendor(tmp_path: Path) -> None:
    async with site_with_film(tmp_path, accel_prefix=PREFIX) as (site, job, path):
        await site.gateway.assets.delete(job.outputs[0].asset or "")
        answer = await site.client.get(path)
    assert (answer.status_code, answer.content) == (200, CLIP)


@pytest.mark.parametrize("prefix", ["stored", "/", "/a b", "/a//b", "/a\nX-Evil: 1", "https://elsewhere.example.com/x", "/../x"])
def test_a_prefix_that_is_no_location_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="must be the path of a location"):
        Settings(accel_prefix=prefix, _env_file=None)


@asynccontextmanager
async def behind_nginx(site: Site, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application behind a real nginx with our own configuration."""
    program = shutil.which("nginx") or os.environ.get("FILMGATE_TEST_NGINX")
    if program is None:
        pytest.skip("no nginx on this machine (or set FILMGATE_TEST_NGINX)")
    port = refused_port()
    async with serve(site.app) as upstream:
        text = CONFIGURATION.read_text(encoding="utf-8")
        changes = {
            " /tmp/": f" {folder}/",
            "server replica:8000 resolve;": f"server {urlsplit(upstream).netloc};",
            "listen 8080": f"listen 127.0.0.1:{port}",
            "alias /data/files/": f"alias {folder}/files/",
            "include /etc/nginx/mime.types;": "",
        }
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        (folder / "nginx.conf").write_text(text)
        command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "nginx-error.log")]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)  # noqa: ASYNC221 - at once
        assert checked.returncode == 0, checked.stderr
        user = "user root;" if os.geteuid() == 0 else ""  # else its workers could not read what only root may
        process = subprocess.Popen([*command, "-g", f"daemon off; {user}"])  # noqa: ASYNC220 - it is only started
        try:
            transport = httpx.AsyncHTTPTransport(retries=8)  # until it listens
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", transport=transport) as client:
                yield client
        finally:
            process.terminate()
            process.wait(10)


async def test_nginx_with_our_configuration_sends_the_file_under_our_headers(tmp_path: Path) -> None:
    async with site_with_film(tmp_path, accel_prefix=PREFIX) as (site, job, path), behind_nginx(site, tmp_path) as client:
        whole, direct = await client.get(path), await site.client.get(path)
        part = await client.get(path, headers={"range": "bytes=2-5", "if-range": direct.headers["etag"]})
        changed = await client.get(path, headers={"range": "bytes=2-5", "if-range": '"another"'})
        beyond = await client.get(path, headers={"range": "bytes=99999999-"})
        known = await client.get(path, headers={"if-none-match": direct.headers["etag"]})
        looked = await client.head(path)
        inside = await client.get(place(job))
        nothing = await client.get("/v1/videos/nothing")
    for name in ("content-type", "content-disposition", "etag", "last-modified", "cache-control", "x-content-type-options"):
        assert whole.headers[name] == direct.headers[name], name
    assert whole.headers["x-request-id"].startswith("req_")
    assert "x-accel-redirect" not in whole.headers
    assert (whole.status_code, whole.content) == (200, CLIP)
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, CLIP[2:6], f"bytes 2-5/{len(CLIP)}")
    assert (changed.status_code, changed.content) == (200, CLIP)
    assert (beyond.status_code, known.status_code) == (416, 304)
    assert (looked.status_code, looked.content, looked.headers["content-length"]) == (200, b"", str(len(CLIP)))
    assert inside.status_code == 404
    assert error_of(nothing)["code"]
