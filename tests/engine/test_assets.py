import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.errors import NotFound
from app.engine.assets import CHUNK, Asset, FolderAssets

pytestmark = pytest.mark.anyio


async def whole(assets: FolderAssets, name: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in assets.open(name, start, end)])


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken() -> AsyncIterator[bytes]:
    yield b"half"
    raise ConnectionResetError


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_what_was_stored_is_read_back(tmp_path: Path) -> None:
    assets = FolderAssets(tmp_path)
    asset = await assets.put("vid_1", b"moving pictures", "video/mp4")
    assert asset.size == 15
    assert asset.sha256 == hashlib.sha256(b"moving pictures").hexdigest()
    assert asset.name.endswith(".mp4")
    assert await whole(assets, asset.name) == b"moving pictures"
    assert await assets.stat(asset.name) == Asset(asset.name, 15, "video/mp4")


async def test_a_stream_is_stored_as_one_file(tmp_path: Path) -> None:
    assets = FolderAssets(tmp_path)
    asset = await assets.put("x", pieces(b"a" * 700_000, b"b" * 700_000, b"c"), "image/png")
    assert asset.size == 1_400_001
    assert (await whole(assets, asset.name)) == b"a" * 700_000 + b"b" * 700_000 + b"c"


async def test_a_part_is_read_without_the_rest(tmp_path: Path) -> None:
    assets = FolderAssets(tmp_path)
    data = bytes(range(256)) * 4096
    asset = await assets.put("x", data, "video/mp4")
    assert await whole(assets, asset.name, 10, 20) == data[10:20]
    assert await whole(assets, asset.name, len(data) - 3) == data[-3:]
    assert await whole(assets, asset.name, 5, 5) == b""
    assert max([len(chunk) async for chunk in assets.open(asset.name)]) == CHUNK


async def test_a_stream_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        await FolderAssets(tmp_path).put("x", broken(), "video/mp4")
    assert files(tmp_path) == []


async def test_equal_hints_make_different_names(tmp_path: Path) -> None:
    assets = FolderAssets(tmp_path)
    assert (await assets.put("x", b"1", "image/png")).name != (await assets.put("x", b"2", "image/png")).name


async def test_a_hint_cannot_leave_the_folder(tmp_path: Path) -> None:
    asset = await FolderAssets(tmp_path / "root").put("../../Evil name/..", b"1", "image/png")
    assert asset.name.startswith("evil-name-")
    assert [path.name for path in files(tmp_path / "root")] == [asset.name]


async def test_a_deleted_file_is_gone_and_may_be_deleted_again(tmp_path: Path) -> None:
    assets = FolderAssets(tmp_path)
    asset = await assets.put("x", b"1", "image/png")
    await assets.delete(asset.name)
    await assets.delete(asset.name)
    with pytest.raises(NotFound):
        await assets.stat(asset.name)
    with pytest.raises(NotFound):
        await whole(assets, asset.name)


@pytest.mark.parametrize("name", ["../secret.key", "/etc/passwd", "a/../../b.png", "x.png\0", "", ".", "A.PNG", "x", "x.png\n"])
async def test_path_traversal_in_asset_ids(tmp_path: Path, name: str) -> None:
    assets = FolderAssets(tmp_path / "root")
    (tmp_path / "secret.key").write_bytes(b"secret")
    with pytest.raises(NotFound):
        await assets.stat(name)
    with pytest.raises(NotFound):
        await whole(assets, name)
    with pytest.raises(NotFound):
        await assets.delete(name)
