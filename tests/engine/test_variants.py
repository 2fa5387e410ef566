"""Variants come from our copy or from the vendor, are made once, and leave nothing behind."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.errors import InvalidRequest, NotFound, UpstreamError
from app.domain.jobs import Job, JobStatus, Output, Stage, Variant
from app.engine.content import Ask, Content
from app.engine.films import Command, Films, NothingMade
from app.engine.gateway import Gateway
from app.engine.variants import Variants
from app.store import jobs as job_store
from app.store import variants as variant_store
from app.store.variants import Place
from tests.engine.films import BLUE, GREEN, film, image_of, near, still
from tests.gateways import CHANNEL, gateway_on
from tests.store.samples import NOW, job

pytestmark = pytest.mark.anyio

FILM, STILL = film(), still(GREEN)
KINDS: tuple[Variant, ...] = ("thumbnail", "spritesheet", "last_frame", "preview")
URL = "https://vendor.example.com/v1/videos/up-1/content"
Files = dict[str, bytes | int]


@dataclass
class Desk:
    """Variants over a running gateway whose vendor has these files (a status stands for a refusal)."""

    gateway: Gateway
    variants: Variants
    files: Files
    asked: list[str]
    folder: Path

    async def stored(self, *outputs: Output, **values: object) -> Job:
        made = replace(job(1), adapter="openai", channel_id=CHANNEL.id, credential_id=CHANNEL.credentials[0].id)
        ended = replace(made, status=JobStatus.COMPLETED, stage=Stage.ENDED, completed_at=NOW, upstream_id="up-1")
        wanted = replace(ended, outputs=outputs or (Output(url=URL),), **values)  # type: ignore[arg-type]  # the caller names fields
        async with self.gateway.database.write() as connection:
            found = await job_store.insert(connection, wanted, owner=None)
        assert found is not None
        return found

    async def body(self, job: Job, variant: Variant, index: int = 0) -> bytes:
        return await body_of(await self.variants.content(job, index, variant, Ask()))

    async def kept(self, job: Job, variant: Variant, index: int = 0) -> str | None:
        async with self.gateway.database.read() as connection:
            found = await variant_store.get(connection, Place(job.id, index, variant))
        return None if found is None else found.asset

    def left(self) -> list[Path]:
        """The files in our storage."""
        return [path for path in (self.folder / "files").rglob("*") if path.is_file()]


@asynccontextmanager
async def desk_on(folder: Path, **outside: Any) -> AsyncIterator[Desk]:
    files: Files = {"/v1/videos/up-1/content": FILM}
    asked: list[str] = []

    def script(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        found = files.get(request.url.path, 404)
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, content=found)

    async with gateway_on(folder, script, **outside) as (gateway, _):
        films = Films(folder / "spool")
        yield Desk(gateway, Variants(gateway.database, gateway.results, films, gateway.now), files, asked, folder)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_on(tmp_path) as running:
        yield running


async def body_of(content: Content) -> bytes:
    try:
        return b"".join([chunk async for chunk in content.chunks])
    finally:
        await content.close()


async def refusal_of(asking: Awaitable[object]) -> str:
    with pytest.raises(NotFound) as failure:
        await asking
    return failure.value.code


@pytest.mark.parametrize("variant", KINDS)
async def test_a_variant_is_made_of_the_vendors_film_and_kept(desk: Desk, variant: Variant) -> None:
    job = await desk.stored()
    first = await desk.body(job, variant)
    desk.files.clear()
    assert await desk.body(job, variant) == first
    assert desk.asked == ["/v1/videos/up-1/content"]
    assert await desk.kept(job, variant) is not None
    assert names_in(desk.folder / "spool") == []


async def test_a_variant_is_made_of_our_copy_where_there_is_one(desk: Desk) -> None:
    asset = await desk.gateway.assets.put("film", FILM, "video/mp4")
    job = await desk.stored(Output(url=URL, asset=asset.name))
    assert near(image_of(await desk.body(job, "last_frame")), (60, 30), BLUE)
    assert desk.asked == []


async def test_each_output_has_its_own(desk: Desk) -> None:
    other = film(3, paint=lambda number: image_of(STILL))
    job = await desk.stored(Output(data=FILM), Output(data=other))
    assert near(image_of(await desk.body(job, "last_frame", 0)), (60, 30), BLUE)
    assert near(image_of(await desk.body(job, "last_frame", 1)), (60, 30), GREEN)
    assert await refusal_of(desk.body(job, "last_frame", 2)) == "not_found"


@pytest.mark.parametrize("variant", ["thumbnail", "last_frame"])
async def test_the_vendors_own_picture_is_taken_while_its_link_lives(desk: Desk, variant: Variant) -> None:
    desk.files["/still.png"] = STILL
    link = "https://vendor.example.com/still.png"
    job = await desk.stored(Output(url=URL, thumbnail_url=link, last_frame_url=link))
    assert await desk.body(job, variant) == STILL
    desk.files["/still.png"] = 404
    assert await desk.body(job, variant) == STILL
    assert desk.asked == ["/still.png"]


@pytest.mark.parametrize("found", [404, 500, b"<html>gone</html>", b"<svg onload=x>", bytes(33 * 1024 * 1024)])
async def test_a_picture_of_the_vendor_that_is_none_is_made_here(desk: Desk, found: bytes | int) -> None:
    desk.files["/still.png"] = found
    job = await desk.stored(Output(url=URL, last_frame_url="https://vendor.example.com/still.png"))
    assert near(image_of(await desk.body(job, "last_frame")), (60, 30), BLUE)


async def test_equal_requests_at_once_have_it_made_once(desk: Desk) -> None:
    job = await desk.stored()
    bodies = await asyncio.gather(*(desk.body(job, "thumbnail") for _ in range(8)))
    assert len(set(bodies)) == 1
    assert len(desk.asked) == 1


async def test_of_two_processes_that_make_it_at_once_one_file_stays(desk: Desk) -> None:
    job = await desk.stored()
    gateway = desk.gateway
    other = Variants(gateway.database, gateway.results, Films(desk.folder / "spool"), gateway.now)
    first, second = await asyncio.gather(
        desk.variants.content(job, 0, "thumbnail", Ask()), other.content(job, 0, "thumbnail", Ask())
    )
    assert len(desk.asked) == 2
    assert first.headers["ETag"] == second.headers["ETag"]
    assert await body_of(first) == await body_of(second)
    assert [path.name for path in desk.left()] == [await desk.kept(job, "thumbnail")]


async def test_a_kept_file_that_was_lost_is_made_again(desk: Desk) -> None:
    job = await desk.stored()
    first = await desk.body(job, "thumbnail")
    lost = await desk.kept(job, "thumbnail")
    assert lost is not None
    await desk.gateway.assets.delete(lost)
    assert await desk.body(job, "thumbnail") == first
    assert await desk.kept(job, "thumbnail") != lost


async def test_a_job_that_is_deleted_meanwhile_leaves_no_file(desk: Desk) -> None:
    job = replace(await desk.stored(), id="task_deleted")
    assert await refusal_of(desk.body(job, "thumbnail")) == "task_not_exist"
    assert desk.left() == []


async def test_nothing_of_a_private_film_is_written_down(desk: Desk) -> None:
    desk.files["/still.png"] = STILL
    job = await desk.stored(Output(url=URL, last_frame_url="https://vendor.example.com/still.png"), private=True)
    first = await desk.body(job, "thumbnail")
    assert await desk.body(job, "thumbnail") == first
    assert await desk.body(job, "last_frame") == STILL
    assert (await desk.kept(job, "thumbnail"), desk.left()) == (None, [])


async def test_a_private_film_that_is_kept_has_kept_variants(desk: Desk) -> None:
    asset = await desk.gateway.assets.put("film", FILM, "video/mp4")
    job = await desk.stored(Output(asset=asset.name), private=True)
    await desk.body(job, "thumbnail")
    assert await desk.kept(job, "thumbnail") is not None


async def test_a_film_that_is_gone_has_expired(desk: Desk) -> None:
    job = await desk.stored()
    desk.files.clear()
    assert await refusal_of(desk.body(job, "thumbnail")) == "video_expired"


async def test_a_stumbling_vendor_is_asked_again_the_next_time(desk: Desk) -> None:
    job = await desk.stored()
    desk.files["/v1/videos/up-1/content"] = 500
    with pytest.raises(UpstreamError):
        await desk.body(job, "thumbnail")
    desk.files["/v1/videos/up-1/content"] = FILM
    assert image_of(await desk.body(job, "thumbnail")).format == "JPEG"


async def test_an_unfinished_job_is_not_ready(desk: Desk) -> None:
    job = await desk.stored()
    with pytest.raises(InvalidRequest) as failure:
        await desk.body(replace(job, status=JobStatus.IN_PROGRESS), "thumbnail")
    assert failure.value.code == "video_not_ready"


async def test_what_cannot_be_decoded_has_no_variants_and_is_not_tried_at_once_again(tmp_path: Path) -> None:
    time = [NOW]
    async with desk_on(tmp_path, now=lambda: time[0]) as desk:
        job = await desk.stored(created_at=NOW, updated_at=NOW)
        desk.files["/v1/videos/up-1/content"] = b"\0\0\0\x18ftypmp42" + bytes(1000)
        assert await refusal_of(desk.body(job, "thumbnail")) == "variant_not_available"
        assert await refusal_of(desk.body(job, "thumbnail")) == "variant_not_available"
        assert len(desk.asked) == 1
        time[0] += timedelta(minutes=11)
        assert await refusal_of(desk.body(job, "thumbnail")) == "variant_not_available"
        assert len(desk.asked) == 2
        assert desk.left() == []
        assert names_in(tmp_path / "spool") == []


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def running(code: str, seconds: float = 30.0) -> Command:
    """A process that does this in place of looking into the film."""
    return Command((sys.executable, "-c", code), seconds)


async def opened(data: bytes = FILM, closed: list[bool] | None = None) -> Content:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 1000):
            yield data[start : start + 1000]

    content = Content(200, {}, chunks())
    if closed is not None:
        content._stack.callback(lambda: closed.append(True))
    return content


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", "cannot be decoded"),
        ("raise SystemExit(1)", "cannot be decoded"),
        ("import sys; sys.stderr.write('Not a film.'); sys.exit(65)", "Not a film"),
        ("pass", "Nothing came"),
        ("print('no picture at all')", "Nothing came"),
    ],
)
async def test_a_process_that_fails_in_any_way_makes_nothing(tmp_path: Path, code: str, reason: str) -> None:
    with pytest.raises(NothingMade, match=reason):
        await Films(tmp_path, command=running(code)).make("thumbnail", opened)
    assert names_in(tmp_path) == []


async def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(NothingMade, match="too long"):
        await Films(tmp_path, command=running(code, 1.0)).make("thumbnail", opened)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def test_a_film_is_read_no_further_than_it_may_be(tmp_path: Path) -> None:
    closed: list[bool] = []
    with pytest.raises(NothingMade, match="5000 bytes"):
        await Films(tmp_path, largest=5000).make("thumbnail", lambda: opened(bytes(6000), closed))
    assert closed == [True]
    assert names_in(tmp_path) == []


async def test_processes_run_no_more_at_a_time_than_they_may(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"import time; log = open({str(log)!r}, 'a', 1); log.write('+'); log.flush(); time.sleep(0.05); log.write('-')"
    films = Films(tmp_path / "spool", 1, command=running(code))
    await asyncio.gather(*(films.make("thumbnail", opened) for _ in range(4)), return_exceptions=True)
    assert log.read_text() == "+-" * 4


async def test_the_process_sees_neither_settings_nor_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMGATE_SECRET_KEY", "canary")
    code = "import os, sys; sys.stderr.write(' '.join(sorted(os.environ))); sys.exit(65)"
    with pytest.raises(NothingMade) as failure:
        await Films(tmp_path, command=running(code)).make("thumbnail", opened)
    assert "FILMGATE_SECRET_KEY" not in str(failure.value)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space are Linux's")
async def test_the_process_has_bounds(tmp_path: Path) -> None:
    code = "from app.engine.film_process import _bind; _bind(); bytearray(3 * 1024**3)"
    with pytest.raises(NothingMade, match="cannot be decoded"):
        await Films(tmp_path, command=running(code)).make("thumbnail", opened)


async def test_a_range_and_a_known_tag_work_as_for_every_content(desk: Desk) -> None:
    job = await desk.stored()
    whole = await desk.variants.content(job, 0, "thumbnail", Ask())
    data = await body_of(whole)
    part = await desk.variants.content(job, 0, "thumbnail", Ask(range="bytes=4-9"))
    assert (part.status, part.headers["Content-Range"], await body_of(part)) == (206, f"bytes 4-9/{len(data)}", data[4:10])
    known = await desk.variants.content(job, 0, "thumbnail", Ask(if_none_match=whole.headers["ETag"]))
    assert known.status == 304
    assert whole.headers["Cache-Control"].startswith("private")
    assert whole.headers["Content-Type"] == "image/jpeg"
    assert whole.headers["Content-Disposition"].startswith(f'inline; filename="{job.id}-thumbnail-')
