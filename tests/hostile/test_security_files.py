"""Files from elsewhere: what clients and vendors link to, what they put into it, and what of it gets through."""

import asyncio
import base64
import gzip
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.errors import NotFound
from app.engine.assets import FolderAssets
from tests.api.conftest import IMAGE, VIDEO, Site, error_of, site_on
from tests.api.vendor import CLIP, PIXEL, Studio
from tests.gateways import CHANNEL, ended
from tests.hostile.conftest import row_count
from tests.servers import read_request, serve_socket

pytestmark = pytest.mark.anyio

Answers = Callable[[str], bytes]
PRIVATE = [
    "http://127.0.0.2:{port}/secret",
    "http://localhost:{port}/secret",
    "http://[::1]:{port}/secret",
    "http://[::ffff:127.0.0.2]:{port}/secret",
    "http://2130706434:{port}/secret",
    "http://0177.0.0.2:{port}/secret",
    "http://0x7f.2:{port}/secret",
    "http://127.0.0.2.:{port}/secret",
    "http://127.0.0.1@127.0.0.2:{port}/secret",
    "//127.0.0.2:{port}/secret",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://10.0.0.1/secret",
    "http://0.0.0.0:{port}/secret",
    "file:///etc/passwd",
    "gopher://127.0.0.2:{port}/secret",
    "ftp://127.0.0.2/secret",
]
TOKENS = [
    "..%2f..%2fetc%2fpasswd",
    "..%252f..%252fetc%252fpasswd",
    "%2e%2e",
    "..",
    "....//....//etc/passwd",
    "%2fetc%2fpasswd",
    "..%5c..%5csecret.key",
    "secret.key",
    "filmgate.db",
    "a%00.png",
    "WyJ1IiwiLi4vc2VjcmV0LmtleSIsMCw5OTk5OTk5OTk5XQ.forged",
    "x" * 5000,
    "%ff%fe",
    "视频",
]
NAMES = [
    "../secret.key",
    "..",
    "/etc/passwd",
    "a/../../secret.key",
    "a\\..\\b.png",
    "a\0.png",
    ".hidden.png",
    "",
    "CON.png",
    "a.png/..",
]
ALLOWED = {
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
    "x-content-type-options",
    "x-request-id",
}
HOSTILE_HEADERS = {
    "set-cookie": "session=canary",
    "location": "https://evil.example.com",
    "cache-control": "public, max-age=31536000",
    "content-disposition": 'attachment; filename="evil.html"',
    "access-control-allow-origin": "*",
    "x-upstream-account": "canary",
    "x-amz-meta-owner": "canary",
    "server": "canary",
    "via": "canary",
    "strict-transport-security": "max-age=1",
    "refresh": "0; url=https://evil.example.com",
    "link": "<https://evil.example.com>; rel=preload",
    "etag": '"canary"',
    "x-request-id": "canary",
    "x-content-type-options": "sniff",
    "clear-site-data": '"*"',
}


@pytest.mark.parametrize("target", PRIVATE)
async def test_redirect_to_private_blocked_on_reference_fetch(tmp_path: Path, target: str) -> None:
    async with _canary() as (port, seen), _site_and(tmp_path, lambda _: _redirect(target.format(port=port))) as (site, url):
        answer = await site.client.post("/v1/images/edits", json={**IMAGE, "image": f"{url}/picture.png"})
        assert answer.status_code == 400
        assert error_of(answer)["param"] == "image"
        assert await row_count(site) == 0
        assert site.vendor.requests == []
    assert seen == []


@pytest.mark.parametrize("target", PRIVATE)
async def test_redirect_to_private_blocked_on_content(tmp_path: Path, target: str) -> None:
    async with _canary() as (port, seen), _site_and(tmp_path, lambda _: _redirect(target.format(port=port))) as (site, url):
        site.studio.video = {"url": f"{url}/clip.mp4"}
        job = await site.finished()
        for path in (f"/v1/videos/{job['id']}/content", httpx.URL(job["url"]).path):
            answer = await site.client.get(path, follow_redirects=False)
            assert answer.status_code == 502
            assert b"meta-data" not in answer.content.replace(target.encode(), b"")
            error_of(answer)
    assert seen == []


async def test_a_redirect_of_the_vendors_own_host_takes_no_credential_elsewhere(tmp_path: Path) -> None:
    async with _canary() as (port, seen):

        def script(request: httpx.Request) -> httpx.Response | Exception:
            if request.url.path.endswith("/content"):
                return httpx.Response(302, headers={"location": f"http://127.0.0.2:{port}/secret"})
            return studio(request)

        studio = Studio()
        async with site_on(tmp_path, script, channels=[CHANNEL]) as site:
            job = (await site.client.post("/v1/videos", json=VIDEO)).json()
            studio.status = "completed"
            await ended(site.gateway, job["id"])
            answer = await site.client.get(f"/v1/videos/{job['id']}/content")
            assert answer.status_code == 502
            error_of(answer)
    assert seen == []


async def test_an_allowed_redirect_is_followed_without_the_clients_or_the_channels_key(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def answers(head: str) -> bytes:
        heard.append(head.encode())
        return _redirect("/second.mp4") if "/first.mp4" in head else _file(CLIP, "video/mp4")

    async with _elsewhere(answers) as url, site_on(tmp_path, channels=[CHANNEL], allow_hosts=("127.0.0.1",)) as site:
        site.studio.video = {"url": f"{url}/first.mp4"}
        job = await site.finished()
        answer = await site.client.get(f"/v1/videos/{job['id']}/content")
    assert answer.content == CLIP
    assert len(heard) == 2
    assert not any(word in b"".join(heard).lower() for word in (b"authorization", b"canary", b"sk-test", b"cookie"))


@pytest.mark.parametrize("token", TOKENS)
async def test_path_traversal_in_file_tokens(site: Site, tmp_path: Path, token: str) -> None:
    (tmp_path / "files").mkdir(exist_ok=True)
    (tmp_path / "secret.key").write_text("canary of the data folder")
    for method in ("GET", "HEAD"):
        answer = await site.client.request(method, f"/files/{token}")
        assert answer.status_code in (303, 404, 405)  # 303: what a client makes `/` of leads to the console
        assert b"canary" not in answer.content
        assert b"root:" not in answer.content


@pytest.mark.parametrize("name", NAMES)
async def test_path_traversal_in_asset_names(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.key"
    secret.write_text("canary of the data folder")
    assets = FolderAssets(tmp_path / "files" / "ab")
    with pytest.raises(NotFound):
        await assets.stat(name)
    with pytest.raises(NotFound):
        await anext(assets.open(name))
    with pytest.raises(NotFound):
        await assets.delete(name)
    assert secret.exists()


@pytest.mark.parametrize("hint", ["../../x", "/etc/passwd", "", "." * 300, "a\0b", "视频", "-rf"])
async def test_a_stored_file_lies_in_its_folder_whatever_it_is_called(tmp_path: Path, hint: str) -> None:
    asset = await FolderAssets(tmp_path / "files").put(hint, PIXEL, "image/../../png")
    stored = _files(tmp_path)
    assert [path.name for path in stored] == [asset.name]
    assert stored[0].is_relative_to(tmp_path / "files")


@pytest.mark.parametrize(
    "kind", ["video/mp4", "text/html", "image/svg+xml", "application/javascript", "video/mp4\t; charset=x", ""]
)
async def test_upstream_headers_allowlist_on_content(tmp_path: Path, kind: str) -> None:
    raw = b"".join(f"{name}: {value}\r\n".encode() for name, value in HOSTILE_HEADERS.items())
    async with _site_and(tmp_path, lambda _: _file(CLIP, kind, raw)) as (site, url):
        site.studio.video = {"url": f"{url}/clip.mp4"}
        job = await site.finished()
        for ask in ({}, {"range": "bytes=0-9"}):
            answer = await site.client.get(f"/v1/videos/{job['id']}/content", headers=ask)
            assert answer.status_code in (200, 206)
            assert set(answer.headers) <= ALLOWED
            assert answer.headers["content-type"].startswith("video/")
            assert answer.headers["cache-control"].startswith("private")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert not any("canary" in value or "evil" in value for value in answer.headers.values())


@pytest.mark.parametrize("status", ["queued", "in_progress", "failed"])
async def test_not_ready_content_is_4xx_json_never_200_mp4(site: Site, status: str) -> None:
    site.studio.error = {"code": "moderation_blocked", "message": "Not this boat."}
    job = await _at(site, status)
    link = httpx.URL(site.gateway.links.result(job, 0, "http://gate.example.com")).path
    for path in (f"/v1/videos/{job}/content", f"/v1/videos/{job}/content?index=3", link):
        for headers in ({}, {"range": "bytes=0-9"}, {"if-none-match": "*"}, {"accept": "video/mp4"}):
            answer = await site.client.get(path, headers=headers)
            assert answer.status_code == 400
            assert error_of(answer)["code"] == ("content_policy_violation" if status == "failed" else "video_not_ready")
            assert (await site.client.head(path, headers=headers)).status_code == 400


@pytest.mark.parametrize("body", [b"<html>busy</html>", b'{"error": {"message": "expired"}}', b"<?xml version='1.0'?><Error/>"])
@pytest.mark.parametrize("kind", ["text/html", "application/json", "application/xml"])
async def test_an_error_page_of_the_vendor_is_no_video(tmp_path: Path, kind: str, body: bytes) -> None:
    async with _site_and(tmp_path, lambda _: _file(body, kind)) as (site, url):
        site.studio.video = {"url": f"{url}/clip.mp4"}
        job = await site.finished()
        answer = await site.client.get(f"/v1/videos/{job['id']}/content")
    assert answer.status_code == 502
    error_of(answer)


@pytest.mark.parametrize("form", ["data URI", "upload", "URL"])
async def test_pixel_bombs_are_refused_before_anything_is_decoded(tmp_path: Path, form: str) -> None:
    bomb = _png(60_000, 60_000)
    async with _site_and(tmp_path, lambda _: _file(bomb, "image/png")) as (site, url):
        answer = await _edit(site, form, bomb, url)
        assert answer.status_code == 400
        assert error_of(answer)["param"] == "image"
        assert "pixels" in error_of(answer)["message"]
        assert site.vendor.requests == []
        assert await row_count(site) == 0


async def test_a_decompression_bomb_counts_by_what_comes_out_of_it(tmp_path: Path) -> None:
    packed = gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(80 * 1024 * 1024), 9)
    assert len(packed) < 200_000
    async with _site_and(tmp_path, lambda _: _file(packed, "image/png", b"content-encoding: gzip\r\n")) as (site, url):
        answer = await site.client.post("/v1/images/edits", json={**IMAGE, "image": f"{url}/a.png"})
        assert answer.status_code == 400
        assert error_of(answer)["param"] == "image"
        assert "larger" in error_of(answer)["message"]
        assert site.vendor.requests == []


async def test_an_endless_picture_is_cut_off_at_the_limit(tmp_path: Path) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n\x89PNG\r\n\x1a\n")
        while True:
            writer.write(bytes(1024 * 1024))
            sent += 1
            await writer.drain()

    async with serve_socket(endless) as url, site_on(tmp_path, channels=[CHANNEL], allow_hosts=("127.0.0.1",)) as site:
        answer = await site.client.post("/v1/images/edits", json={**IMAGE, "image": f"{url}/a.png"})
        assert answer.status_code == 400
        assert error_of(answer)["param"] == "image"
    assert sent < 80


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def _at(site: Site, status: str) -> str:
    job: dict[str, Any] = await site.created()
    site.studio.status = status
    if status == "failed":
        await ended(site.gateway, job["id"])
    return str(job["id"])


async def _edit(site: Site, form: str, picture: bytes, url: str) -> httpx.Response:
    if form == "upload":
        return await site.client.post("/v1/images/edits", data=IMAGE, files={"image": ("a.png", picture, "image/png")})
    link = f"{url}/a.png" if form == "URL" else f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    return await site.client.post("/v1/images/edits", json={**IMAGE, "image": link})


@asynccontextmanager
async def _elsewhere(answers: Answers) -> AsyncIterator[str]:
    """A server at 127.0.0.1 that answers each request, given its head, with these bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_request(reader)
        writer.write(answers(head.decode("latin-1")))
        await writer.drain()

    async with serve_socket(handle) as url:
        yield url


@asynccontextmanager
async def _site_and(folder: Path, answers: Answers) -> AsyncIterator[tuple[Site, str]]:
    """The application, which may fetch from 127.0.0.1 and no other private address, and a server there."""
    async with _elsewhere(answers) as url, site_on(folder, channels=[CHANNEL], allow_hosts=("127.0.0.1",)) as site:
        yield site, url


@asynccontextmanager
async def _canary() -> AsyncIterator[tuple[int, list[str]]]:
    """A private server on every other local address, and who came to it."""
    seen: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(str(writer.get_extra_info("sockname")))
        writer.write(_file(b"the secret", "video/mp4"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.2", 0)
    port = server.sockets[0].getsockname()[1]
    servers = [server]
    with suppress(OSError):  # a machine without IPv6
        servers.append(await asyncio.start_server(handle, "::1", port))
    try:
        yield port, seen
    finally:
        for one in servers:
            one.close()
            await one.wait_closed()


def _redirect(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


def _file(data: bytes, kind: str, more: bytes = b"") -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\nconnection: close\r\n".encode()
    return head + more + b"\r\n" + data


def _png(width: int, height: int) -> bytes:
    """A small file whose header promises this many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
