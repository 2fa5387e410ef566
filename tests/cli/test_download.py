"""Results come whole or not at all, resumed where they broke off."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.cli.download import download
from app.cli.remote import Remote, RemoteError

BASE = "https://gate.example.com/v1"
WHOLE = bytes(range(256)) * 40
TAG = '"clip-1"'


class Broken(httpx.SyncByteStream):
    """A body that stops in the middle."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
        raise httpx.ReadError("the line went dead")


def remote(answer: Callable[[httpx.Request], httpx.Response], pauses: list[float] | None = None) -> Remote:
    return Remote(BASE, "sk-canary", transport=httpx.MockTransport(answer), sleep=(pauses if pauses is not None else []).append)


def first_part(size: int, etag: str = TAG) -> httpx.Response:
    return httpx.Response(200, headers={"etag": etag, "content-length": str(len(WHOLE))}, stream=Broken(WHOLE[:size]))


def part_from(request: httpx.Request) -> httpx.Response:
    start = int(request.headers["range"].removeprefix("bytes=").rstrip("-"))
    headers = {"etag": TAG, "content-range": f"bytes {start}-{len(WHOLE) - 1}/{len(WHOLE)}"}
    return httpx.Response(206, headers=headers, content=WHOLE[start:])


def test_a_whole_answer_is_put_in_place_and_told_as_it_comes(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    target = tmp_path / "clip.mp4"
    answers = remote(lambda request: httpx.Response(200, content=WHOLE))
    download(answers, f"{BASE}/videos/v/content", target, lambda done, total: told.append((done, total)))
    assert target.read_bytes() == WHOLE
    assert told[-1] == (len(WHOLE), len(WHOLE))
    assert list(tmp_path.iterdir()) == [target]


def test_a_broken_answer_is_resumed_where_it_broke(tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []
    pauses: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append({name: request.headers.get(name, "") for name in ("range", "if-range", "authorization")})
        return first_part(1000) if len(asked) == 1 else part_from(request)

    download(remote(answer, pauses), f"{BASE}/videos/v/content", tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == WHOLE
    assert asked[1] == {"range": "bytes=1000-", "if-range": TAG, "authorization": "Bearer sk-canary"}
    assert len(pauses) == 1


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_tag_it_starts_anew(tmp_path: Path, etag: str) -> None:
    asked: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers)
        return first_part(1000, etag) if len(asked) == 1 else httpx.Response(200, content=WHOLE)

    download(remote(answer), f"{BASE}/videos/v/content", tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == WHOLE
    assert "range" not in asked[1]


def test_a_file_that_changed_meanwhile_starts_anew(tmp_path: Path) -> None:
    other = b"other" * 10
    answers = iter([first_part(1000), httpx.Response(200, content=other)])
    download(remote(lambda request: next(answers)), f"{BASE}/videos/v/content", tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == other


def test_what_stays_broken_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"old")
    with pytest.raises(RemoteError, match="could not be fetched"):
        download(remote(lambda request: first_part(10)), f"{BASE}/videos/v/content", target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_refusal_is_not_tried_again(tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(404, json={"error": {"message": "The result has expired.", "code": "video_expired"}})

    with pytest.raises(RemoteError, match="HTTP 404: The result has expired"):
        download(remote(answer), f"{BASE}/videos/v/content", tmp_path / "clip.mp4")
    assert len(asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_key_goes_to_its_own_server_alone(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        return httpx.Response(200, content=WHOLE)

    download(remote(answer), "https://cdn.example.org/clip.mp4", tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == WHOLE


def test_a_signed_link_is_followed_to_a_bucket_without_the_key(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.host, request.headers.get("authorization", "")))
        if request.url.path.startswith("/files/"):
            return httpx.Response(307, headers={"location": "https://bucket.example.org/clip.mp4?X-Amz-Signature=1"})
        return httpx.Response(200, content=WHOLE)

    download(remote(answer), "https://gate.example.com/files/token", tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == WHOLE
    assert asked == [("gate.example.com", ""), ("bucket.example.org", "")]


def test_a_keyed_download_follows_no_redirect(tmp_path: Path) -> None:
    moved = remote(lambda request: httpx.Response(302, headers={"location": "https://elsewhere.example.org/"}))
    with pytest.raises(RemoteError, match="HTTP 302"):
        download(moved, f"{BASE}/videos/v/content", tmp_path / "clip.mp4")
