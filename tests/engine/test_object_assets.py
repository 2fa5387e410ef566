"""A bucket keeps files as a folder does; against a server that speaks S3."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.domain.errors import NotFound
from app.engine.assets import CHUNK, Asset, Assets, FolderAssets
from app.engine.object_assets import PART
from app.engine.storage import WrongStorage, assets_of, tried
from app.settings import Settings
from tests.buckets import region, server
from tests.servers import refused_port

__all__ = ["region", "server"]
pytestmark = pytest.mark.anyio
LARGE = 2 * PART + 12_345


def settings(url: str) -> Settings:
    return Settings(storage_url=url, _env_file=None)


@pytest.fixture
def bucket(region: str) -> Assets:
    return assets_of(settings("s3://films/results/2026"))


async def whole(assets: Assets, name: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in assets.open(name, start, end)])


async def pieces(size: int, *, broken: bool = False) -> AsyncIterator[bytes]:
    for start in range(0, size, 100_000):
        yield b"x" * min(100_000, size - start)
    if broken:
        raise ConnectionResetError


def keys(server: str) -> list[str]:
    """What the bucket shows to anyone who lists it."""
    return [part.partition("</Key>")[0] for part in httpx.get(f"{server}/films").text.split("<Key>")[1:]]


def unfinished_uploads(server: str) -> int:
    return httpx.get(f"{server}/films?uploads").text.count("<UploadId>")


async def test_what_was_stored_is_read_back(bucket: Assets, region: str) -> None:
    asset = await bucket.put("vid_1", b"moving pictures", "video/mp4")
    assert (asset.size, asset.mime) == (15, "video/mp4")
    assert asset.sha256 == hashlib.sha256(b"moving pictures").hexdigest()
    assert await whole(bucket, asset.name) == b"moving pictures"
    assert await bucket.stat(asset.name) == Asset(asset.name, 15, "video/mp4")
    (key,) = [key for key in keys(region) if key.endswith(asset.name)]
    assert key.startswith("results/2026/")


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, LARGE])
async def test_a_stream_is_stored_as_one_file(bucket: Assets, size: int, region: str) -> None:
    asset = await bucket.put("x", pieces(size), "video/mp4")
    assert (asset.size, asset.sha256) == (size, hashlib.sha256(b"x" * size).hexdigest())
    assert (await bucket.stat(asset.name)).size == size
    assert len(await whole(bucket, asset.name)) == size
    assert unfinished_uploads(region) == 0


async def test_a_part_is_read_without_the_rest(bucket: Assets) -> None:
    data = bytes(range(256)) * 4096
    asset = await bucket.put("x", data, "video/mp4")
    assert await whole(bucket, asset.name, 10, 20) == data[10:20]
    assert await whole(bucket, asset.name, len(data) - 3) == data[-3:]
    assert await whole(bucket, asset.name, len(data)) == b""
    assert await whole(bucket, asset.name, 5, 5) == b""
    sizes = [len(chunk) async for chunk in bucket.open(asset.name)]
    assert min(sizes[:-1]) >= CHUNK
    assert max(sizes) < 2 * CHUNK


async def test_a_reader_may_leave_early(bucket: Assets) -> None:
    asset = await bucket.put("x", b"x" * 1_000_000, "video/mp4")
    async with aclosing(bucket.open(asset.name)) as chunks:
        assert len(await anext(chunks)) >= CHUNK


@pytest.mark.parametrize("size", [10, LARGE], ids=["at once", "in parts"])
async def test_a_stream_that_breaks_leaves_nothing_behind(bucket: Assets, region: str, size: int) -> None:
    before = keys(region)
    with pytest.raises(ConnectionResetError):
        await bucket.put("x", pieces(size, broken=True), "video/mp4")
    assert keys(region) == before
    assert unfinished_uploads(region) == 0


async def test_a_deleted_file_is_gone_and_may_be_deleted_again(bucket: Assets) -> None:
    asset = await bucket.put("x", b"1", "image/png")
    await bucket.delete(asset.name)
    await bucket.delete(asset.name)
    with pytest.raises(NotFound):
        await bucket.stat(asset.name)
    for bounds in ((0, None), (0, 1), (1, 1)):
        with pytest.raises(NotFound):
            await whole(bucket, asset.name, *bounds)


@pytest.mark.parametrize("name", ["../secret.key", "/etc/passwd", "a/../../b.png", "x.png\0", "", ".", "A.PNG", "x", "x.png\n"])
async def test_only_names_of_ours_are_asked_for(bucket: Assets, name: str) -> None:
    for question in (bucket.stat(name), whole(bucket, name), bucket.delete(name)):
        with pytest.raises(NotFound):
            await question


async def test_a_presigned_link_works_without_us_and_not_without_its_signature(bucket: Assets) -> None:
    asset = await bucket.put("x", b"moving pictures", "video/mp4")
    link = await bucket.presigned(asset.name, timedelta(hours=1))
    assert link is not None
    assert "X-Amz-Signature=" in link
    assert "X-Amz-Expires=3600" in link
    assert "canary-secret" not in link
    assert "X-Amz-Expires=604800" in (await bucket.presigned(asset.name, timedelta(days=30)) or "")
    async with httpx.AsyncClient() as client:
        found = await client.get(link, headers={"Range": "bytes=0-5"})
    assert (found.status_code, found.content) == (206, b"moving")
    assert found.headers["content-type"] == "video/mp4"


async def test_a_link_presigned_for_a_look_gives_no_bytes(bucket: Assets) -> None:
    asset = await bucket.put("x", b"moving pictures", "video/mp4")
    link = await bucket.presigned(asset.name, timedelta(hours=1), "HEAD") or ""
    async with httpx.AsyncClient() as client:
        found = await client.head(link)
    assert (found.status_code, found.headers["content-length"], found.content) == (200, "15", b"")
    assert (
        link.partition("Signature=")[2] != (await bucket.presigned(asset.name, timedelta(hours=1)) or "").partition("Signature=")[2]
    )


async def test_a_folder_has_no_presigned_links(tmp_path: Path) -> None:
    asset = await FolderAssets(tmp_path).put("x", b"1", "video/mp4")
    assert await FolderAssets(tmp_path).presigned(asset.name, timedelta(hours=1)) is None


async def test_a_bucket_that_is_not_there_is_a_failure_of_the_storage(region: str) -> None:
    with pytest.raises(OSError, match="cannot be written"):
        await assets_of(settings("s3://nowhere")).put("x", b"1", "video/mp4")


async def test_a_server_that_is_away_is_a_failure_of_the_storage(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{refused_port()}")
    away = assets_of(settings("s3://films"))
    with pytest.raises(OSError, match="the storage failed"):
        await away.stat("x-1.png")


async def test_a_storage_that_works_passes_its_trial_and_keeps_nothing_of_it(bucket: Assets, region: str) -> None:
    before = keys(region)
    await tried(bucket)
    assert keys(region) == before


async def test_a_storage_that_does_not_work_fails_its_trial(region: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="cannot be written"):
        await tried(assets_of(settings("s3://nowhere")))
    with pytest.raises(OSError, match="Not a directory"):
        await tried(FolderAssets(tmp_path / "file"))


@pytest.mark.parametrize("url", ["file:///{0}/kept", "file://localhost/{0}/kept", ""])
async def test_a_folder_is_where_the_address_says(tmp_path: Path, url: str) -> None:
    given = Settings(data_dir=tmp_path, storage_url=url.format(str(tmp_path).lstrip("/")), _env_file=None)
    asset = await assets_of(given).put("x", b"1", "image/png")
    assert list((tmp_path / ("kept" if url else "files")).rglob(asset.name))


@pytest.mark.parametrize(
    "url",
    [
        *("https://films.example.com", "s3://", "s3:///films", "s3://id:secret@films", "s3://films:9000/x", "s3://films?region=x"),
        *("file://films/kept", "file:///", "/var/films", "s3://[films"),
    ],
)
def test_an_address_that_cannot_be_a_storage_is_refused(region: str, url: str) -> None:
    with pytest.raises(WrongStorage, match="STORAGE_URL"):
        assets_of(settings(url))


@pytest.mark.parametrize(
    "missing", [["AWS_SECRET_ACCESS_KEY"], ["AWS_ACCESS_KEY_ID"], ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]]
)
def test_a_bucket_without_its_credential_is_refused(region: str, monkeypatch: pytest.MonkeyPatch, missing: list[str]) -> None:
    for name in missing:
        monkeypatch.delenv(name)
    with pytest.raises(WrongStorage, match="AWS_SECRET_ACCESS_KEY"):
        assets_of(settings("s3://films"))


def test_a_role_needs_no_key_pair(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    assert assets_of(settings("s3://films"))
