"""Fetches a result to a file: resumed where it broke off, and in place only when it is whole."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx

from app.cli.remote import Remote, RemoteError, problem_of

Told = Callable[[int, int | None], None]  # bytes so far, bytes in all if known

_TRIES = 6
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


def download(remote: Remote, url: str, target: Path, told: Told = lambda done, total: None) -> None:
    """Writes what the URL holds to `target`, through a temporary file beside it; raises RemoteError."""
    draft = target.with_name(f".{target.name}.part")
    try:
        _fetch(remote, url, draft, told)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _fetch(remote: Remote, url: str, draft: Path, told: Told) -> None:
    etag, problem = "", ""
    draft.write_bytes(b"")
    for number in range(_TRIES):
        if number:
            remote.sleep(min(2.0**number, 10.0))
        done = draft.stat().st_size if etag else 0
        headers = {"Range": f"bytes={done}-", "If-Range": etag} if done else {}
        try:
            response = remote.open(url, headers)
        except httpx.HTTPError as error:
            problem = str(error) or type(error).__name__
            continue
        try:
            etag = _strong(response.headers.get("etag", ""))
            problem = _written(response, draft, done, told)
        finally:
            response.close()
        if not problem:
            return
    raise RemoteError(f"The result could not be fetched: {problem}")


def _written(response: httpx.Response, draft: Path, done: int, told: Told) -> str:
    """Appends the answer's bytes (a whole answer starts anew); returns what went wrong, or nothing when the file is complete."""
    if response.status_code >= 500 or response.status_code == 429:
        return f"HTTP {response.status_code}"
    if not response.is_success:
        response.read()
        raise RemoteError(problem_of(response))
    start, total = _place(response)
    if start not in (0, done):
        return "the server sent another part than asked for"
    with draft.open("r+b") as file:
        file.truncate(start)
        file.seek(start)
        try:
            for chunk in response.iter_bytes():
                file.write(chunk)
                told(file.tell(), total)
        except httpx.HTTPError as error:
            return str(error) or type(error).__name__
        return "" if total is None or file.tell() == total else "it broke off"


def _place(response: httpx.Response) -> tuple[int, int | None]:
    """Where in the file the answer begins, and how long the file is."""
    found = _RANGE.fullmatch(response.headers.get("content-range", ""))
    if response.status_code == httpx.codes.PARTIAL_CONTENT and found is not None:
        return int(found[1]), int(found[2]) if found[2].isdigit() else None
    length = response.headers.get("content-length", "")
    encoded = "content-encoding" in response.headers
    return 0, int(length) if length.isdigit() and not encoded else None


def _strong(etag: str) -> str:
    return "" if etag.startswith("W/") else etag
