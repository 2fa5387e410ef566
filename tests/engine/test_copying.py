"""Results are copied while their vendor has them, and then last."""

import asyncio
import hashlib
import io
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from app.domain.channels import Channel, Key
from app.domain.errors import NotFound, UpstreamError
from app.domain.jobs import Job, JobStatus, Output, Stage
from app.domain.media import Media, MediaType, Role
from app.engine.assets import FolderAssets
from app.engine.content import Ask
from app.engine.copying import Copier, wants_copy
from app.engine.gateway import Gateway
from app.settings import Settings
from app.store import channels as channel_store
from app.store import copies, jobs
from app.wiring import Outside, idle_gateway
from tests.databases import database_url
from tests.domain.builders import image, job
from tests.gateways import CHANNEL, KEY, Answer, Vendor, another

__all__ = ["database_url"]
pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
FILM = b"\0\0\0\x18ftypisom\0\0\2\0" + bytes(range(256)) * 4000
SIZE = len(FILM)
FORBIDDING = another("forbidding", keep_results=False)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Broken(httpx.AsyncByteStream):
    """A body whose line breaks after some bytes."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        raise httpx.ReadError("broken")


def picture(kind: str) -> bytes:
    """A small picture in this format."""
    target = io.BytesIO()
    Image.new("RGB", (32, 16)).save(target, kind)
    return target.getvalue()


@dataclass
class Site:
    """A vendor's file server, and the clock."""

    moment: datetime = START
    film: bytes = FILM
    life: timedelta | None = None  # of a link, from START + the seconds that its name says
    breaks: list[int] = field(default_factory=list)  # after how many bytes the next answers break
    headers: dict[str, str] = field(default_factory=lambda: {"etag": '"v1"', "content-type": "video/mp4"})
    ranges: bool = True
    status: int = 200
    seen: list[httpx.Request] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    def __call__(self, request: httpx.Request) -> Answer:
        self.seen.append(request)
        if self.status != 200 or self._dead(request):
            return httpx.Response(self.status if self.status != 200 else 403)
        start, status, headers = 0, 200, dict(self.headers)
        same = request.headers.get("if-range") in (None, headers.get("etag"))
        if self.ranges and same and "range" in request.headers:
            start, status = int(request.headers["range"].removeprefix("bytes=").partition("-")[0]), 206
            if start >= len(self.film):
                return httpx.Response(416, headers={**headers, "content-range": f"bytes */{len(self.film)}"})
            headers["content-range"] = f"bytes {start}-{len(self.film) - 1}/{len(self.film)}"
        body = self.film[start:]
        headers["content-length"] = str(len(body))
        if self.breaks:
            return httpx.Response(status, headers=headers, stream=Broken(body[: self.breaks.pop(0)]))
        return httpx.Response(status, headers=headers, content=body)

    def _dead(self, request: httpx.Request) -> bool:
        if self.life is None:
            return False
        made = START + timedelta(seconds=int(request.url.path.rsplit("/", 1)[-1].partition(".")[0]))
        return self.moment >= made + self.life


@dataclass
class Studio:
    """A gateway, a vendor and a copier of the gateway's results."""

    gateway: Gateway
    site: Site
    vendor: Vendor
    copier: Copier

    async def completed(self, number: int = 1, *urls: str, **values: Any) -> Job:
        """A job that has just ended and waits to be copied."""
        now = self.site.moment
        outputs = tuple(Output(url=url) for url in urls or ("https://vendor.example.com/files/0.mp4",))
        made = job(
            **{"id": f"task_{number}", "status": JobStatus.COMPLETED, "stage": Stage.ENDED, "outputs": outputs, "adapter": "openai"}
            | {"channel_id": CHANNEL.id, "credential_id": "credential_1", "upstream_id": "up-1", "copy_due": now}
            | {"created_at": now, "updated_at": now, "completed_at": now, "expires_at": now + DAY}
            | values
        )
        async with self.gateway.database.write() as connection:
            assert await jobs.insert(connection, made, owner=None) is not None
        return made

    async def job(self, number: int = 1) -> Job:
        return await self.gateway.job(f"task_{number}", None)

    async def content(self, number: int = 1, index: int = 0) -> bytes:
        content = await self.gateway.results.content(await self.job(number), index, Ask())
        try:
            return b"".join([chunk async for chunk in content.chunks])
        finally:
            await content.close()

    def files(self) -> list[Path]:
        return [path for path in (self.gateway.settings.data_dir / "files").rglob("*") if path.is_file()]


@asynccontextmanager
async def idle_on(folder: Path, site: Site, database_url: str = "") -> AsyncIterator[tuple[Gateway, Vendor]]:
    """A gateway in which nothing copies but the test; its only way out is the site."""
    vendor = Vendor(site)
    settings = Settings(data_dir=folder, database_url=database_url, secret_key="tests", _env_file=None)
    async with idle_gateway(settings, Outside(upstream=vendor, now=site.now)) as gateway:
        async with gateway.database.write() as connection:
            for channel in (CHANNEL, FORBIDDING):
                if await channel_store.get(connection, gateway.vault, channel.id) is None:
                    await channel_store.insert_one(connection, gateway.vault, channel)
        await gateway.configuration.refresh()
        yield gateway, vendor


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    site = Site()
    async with idle_on(tmp_path, site) as (gateway, vendor):
        yield Studio(gateway, site, vendor, Copier(gateway.results, gateway.formats, site.now, pause=0))


async def test_a_result_is_copied_and_served_from_the_copy(tmp_path: Path, database_url: str) -> None:
    site = Site()
    async with idle_on(tmp_path, site, database_url) as (gateway, vendor):
        studio = Studio(gateway, site, vendor, Copier(gateway.results, gateway.formats, site.now))
        await studio.completed()
        assert await studio.content() == FILM
        await studio.copier.look()
        made = await studio.job()
        asset = made.outputs[0].asset
        assert asset is not None
        assert (made.copy_due, made.expires_at, made.outputs[0].mime) == (None, None, "video/mp4")
        site.status = 403
        assert await studio.content() == FILM
        assert await gateway.assets.stat(asset)
    assert [request.headers["authorization"] for request in site.seen] == ["Bearer canary-secret"] * 2


async def test_nothing_due_reads_and_writes_nothing(studio: Studio) -> None:
    await studio.completed(copy_due=START + HOUR)
    await studio.copier.look()
    assert studio.site.seen == []
    assert studio.files() == []


async def test_the_type_is_told_by_the_bytes(studio: Studio) -> None:
    studio.site.film, studio.site.headers = b"\x89PNG\r\n\x1a\n" + bytes(100), {"content-type": "application/octet-stream"}
    await studio.completed(request=image())
    await studio.copier.look()
    output = (await studio.job()).outputs[0]
    assert output.mime == "image/png"
    assert (output.asset or "").endswith(".png")


@pytest.mark.parametrize("breaks", [[100], [70_000, 1, 500_000], [SIZE], [SIZE - 1]])
async def test_a_broken_stream_is_read_on_where_it_broke(studio: Studio, breaks: list[int]) -> None:
    studio.site.breaks = list(breaks)
    await studio.completed()
    await studio.copier.look()
    assert (await studio.job()).copy_tries == 0
    assert [hashlib.sha256(path.read_bytes()).digest() for path in studio.files()] == [hashlib.sha256(FILM).digest()]
    assert len(studio.site.seen) == len(breaks) + 1
    assert studio.site.seen[1].headers["range"] == f"bytes={breaks[0]}-"
    assert studio.site.seen[1].headers["if-range"] == '"v1"'


async def test_a_film_that_ends_before_its_announced_end_is_read_on(studio: Studio) -> None:
    def script(request: httpx.Request) -> Answer:
        if "range" in request.headers:
            return studio.site(request)
        return httpx.Response(200, headers={"etag": '"v1"', "content-length": str(SIZE)}, stream=httpx.ByteStream(FILM[:9_000]))

    studio.vendor.script = script
    await studio.completed()
    await studio.copier.look()
    assert [path.read_bytes() == FILM for path in studio.files()] == [True]


async def test_a_vendor_without_ranges_sends_the_file_again_and_the_copy_is_whole(studio: Studio) -> None:
    studio.site.breaks, studio.site.ranges = [70_000], False
    await studio.completed()
    await studio.copier.look()
    assert [path.read_bytes() == FILM for path in studio.files()] == [True]


async def test_a_vendor_that_does_not_say_what_file_it_is_is_begun_anew(studio: Studio) -> None:
    studio.site.breaks, studio.site.headers = [70_000], {"content-type": "video/mp4"}
    await studio.completed()
    await studio.copier.look()
    assert (await studio.job()).copy_tries == 1
    assert studio.files() == []
    studio.site.moment += timedelta(seconds=10)
    await studio.copier.look()
    assert [path.read_bytes() == FILM for path in studio.files()] == [True]
    assert "range" not in studio.site.seen[1].headers


async def test_another_file_under_the_same_link_is_never_sewn_on(studio: Studio) -> None:
    site, other = studio.site, FILM[::-1]

    def script(request: httpx.Request) -> Answer:
        if "range" in request.headers:
            site.film, site.headers = other, {**site.headers, "etag": '"v2"'}
        return site(request)

    site.breaks = [70_000]
    studio.vendor.script = script
    await studio.completed()
    await studio.copier.look()
    assert (await studio.job()).outputs[0].asset is None
    assert studio.files() == []


@pytest.mark.parametrize("film", [b"", b"<html>sorry</html>"])
async def test_what_is_no_film_is_not_kept(studio: Studio, film: bytes) -> None:
    studio.site.film, studio.site.headers = film, {"content-type": "text/html" if film else "video/mp4"}
    await studio.completed()
    await studio.copier.look()
    assert ((await studio.job()).copy_tries, studio.files()) == (1, [])


async def test_a_copy_is_written_down_with_its_size_and_digest(studio: Studio) -> None:
    await studio.completed()
    await studio.copier.look()
    output = (await studio.job()).outputs[0]
    assert (output.size, output.sha256) == (SIZE, hashlib.sha256(FILM).hexdigest())


@pytest.mark.parametrize(("keeps", "kind", "kept"), [(True, "PNG", 1), (False, "PNG", 0), (True, "JPEG", 1), (False, "JPEG", 1)])
async def test_the_format_that_was_asked_for_is_made_whether_results_are_kept_or_not(
    studio: Studio, keeps: bool, kind: str, kept: int
) -> None:
    studio.site.film, studio.site.headers = picture(kind), {}
    await studio.completed(asked=image(output_format="png"), request=image())
    await replace(studio.copier, keep_results=keeps).look()
    made = await studio.job()
    assert (made.copy_due, made.copy_tries, made.outputs[0].format) == (None, 0, "png")
    assert len(studio.files()) == kept
    assert (await studio.content()).startswith(b"\x89PNG")


async def test_what_is_no_picture_is_kept_as_it_is_and_not_tried_for_ever(studio: Studio) -> None:
    await studio.completed(asked=image(output_format="png"), request=image())
    await studio.copier.look()
    made = await studio.job()
    assert (made.copy_due, made.outputs[0].format) == (None, None)
    assert await studio.content() == FILM


async def test_a_picture_that_cannot_be_fetched_now_is_converted_later(studio: Studio) -> None:
    studio.site.status = 500
    await studio.completed(asked=image(output_format="png"), request=image())
    await replace(studio.copier, keep_results=False).look()
    assert (await studio.job()).copy_tries == 1
    studio.site.status, studio.site.film = 200, picture("JPEG")
    studio.site.moment += timedelta(seconds=10)
    await replace(studio.copier, keep_results=False).look()
    assert (await studio.job()).outputs[0].format == "png"


async def test_it_is_tried_later_and_later_and_given_up_with_the_link(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    studio.site.status = 500
    await studio.completed()
    pauses = []
    with caplog.at_level(logging.WARNING):
        while (due := (await studio.job()).copy_due) is not None:
            pauses.append((due - studio.site.moment).total_seconds())
            studio.site.moment = due
            await studio.copier.look()
    assert pauses[:6] == [0, 10, 20, 40, 80, 160]
    assert max(pauses) == 3600
    assert sum(pauses) == 86_400
    assert [record.levelname for record in caplog.records if "task_1" in record.message] == ["WARNING", "ERROR"]
    assert (await studio.job()).outputs == (Output(url="https://vendor.example.com/files/0.mp4"),)


async def test_the_copies_that_there_are_stay_when_another_result_cannot_be_had(studio: Studio) -> None:
    studio.site.life = HOUR
    await studio.completed(1, "https://vendor.example.com/files/0.mp4", "https://vendor.example.com/files/-7200.mp4")
    await studio.copier.look()
    made = await studio.job()
    assert [output.asset is not None for output in made.outputs] == [True, False]
    assert (made.copy_tries, made.expires_at) == (1, START + DAY)
    studio.site.life, studio.site.moment = None, START + HOUR
    await studio.copier.look()
    made = await studio.job()
    assert [output.asset is not None for output in made.outputs] == [True, True]
    assert len(studio.files()) == 2
    assert len(studio.site.seen) == 3


class Full(FolderAssets):
    """A disk without room."""

    async def put(self, *_: Any) -> Any:
        raise OSError(28, "No space left on device")


async def test_a_storage_that_is_full_is_tried_again(studio: Studio, tmp_path: Path) -> None:
    full = replace(studio.gateway.results.sources, assets=Full(tmp_path))
    await studio.completed()
    await Copier(replace(studio.gateway.results, sources=full), studio.gateway.formats, studio.site.now).look()
    assert (await studio.job()).copy_tries == 1
    studio.site.moment += HOUR
    await studio.copier.look()
    assert await studio.content() == FILM


class Meanwhile(FolderAssets):
    """A folder in which something happens while a file is being written."""

    def __init__(self, root: Path, happens: Any) -> None:
        super().__init__(root)
        self.happens = happens

    async def put(self, *given: Any) -> Any:
        stored = await super().put(*given)
        await self.happens()
        return stored


@pytest.mark.parametrize("happens", ["deleted", "copied by another"])
async def test_a_copy_that_nobody_needs_any_more_is_removed(studio: Studio, happens: str) -> None:
    await studio.completed()

    async def meanwhile() -> None:
        async with studio.gateway.database.write() as connection:
            if happens == "deleted":
                assert await jobs.delete_one(connection, "task_1", KEY.id)
            else:
                theirs = Output(url="https://vendor.example.com/files/0.mp4", asset="theirs-1.mp4")
                assert await copies.put(connection, "task_1", 0, theirs)

    shelf = Meanwhile(studio.gateway.settings.data_dir / "files", meanwhile)
    results = replace(studio.gateway.results, sources=replace(studio.gateway.results.sources, assets=shelf))
    await Copier(results, studio.gateway.formats, studio.site.now).look()
    assert studio.files() == []


async def test_two_processes_copy_a_job_once(tmp_path: Path, database_url: str) -> None:
    site = Site()
    async with idle_on(tmp_path, site, database_url) as one, idle_on(tmp_path, site, database_url) as two:
        first, second = (
            Studio(gateway, site, vendor, Copier(gateway.results, gateway.formats, site.now)) for gateway, vendor in (one, two)
        )
        for number in range(12):
            await first.completed(number)
        await asyncio.gather(first.copier.look(), second.copier.look())
        assert len(site.seen) == 12
        assert len(first.files()) == 12


async def test_at_most_four_files_are_copied_at_once(studio: Studio) -> None:
    at_once, most = 0, 0

    async def counted(request: httpx.Request) -> Answer:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        for _ in range(5):
            await asyncio.sleep(0)
        at_once -= 1
        return httpx.Response(200, content=FILM)

    studio.vendor.script = counted
    for number in range(10):
        await studio.completed(number)
    await studio.copier.look()
    assert most == 4
    assert len(studio.files()) == 10


async def test_a_copier_that_is_told_looks_at_once_and_gives_back_what_it_holds(studio: Studio) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def hang(request: httpx.Request) -> Answer:
        asked.set()
        await never.wait()
        raise AssertionError

    studio.vendor.script = hang
    running = asyncio.create_task(studio.copier.run())
    await studio.completed()
    studio.copier.wake()
    async with asyncio.timeout(2):
        await asked.wait()
    assert (await studio.job()).copy_due == START + timedelta(minutes=5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ((await studio.job()).copy_due, (await studio.job()).copy_tries) == (START, 0)
    assert studio.files() == []


@asynccontextmanager
async def running(copier: Copier) -> AsyncIterator[asyncio.Task[None]]:
    """The copier at work, after its first look at the table."""
    task = asyncio.create_task(copier.run())
    try:
        await settled(copier)
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(copier: Copier) -> None:
    """Returns when the copier neither looks nor copies."""
    async with asyncio.timeout(10):
        while copier._running is None or copier._search or copier._searching or copier._copying:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0)


class Unasked(Exception):
    """The table was asked."""


async def test_a_job_that_ends_here_is_claimed_by_its_end_and_not_looked_for(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*_: Any, **__: Any) -> Any:
        raise Unasked

    copier = studio.copier
    async with running(copier):
        monkeypatch.setattr(copies, "any_due", asked)
        monkeypatch.setattr(copies, "claim", asked)
        due = copier.due(job())
        assert due == START + timedelta(minutes=5)
        for number in range(10):
            copier.take(await studio.completed(number, copy_due=due))
        await settled(copier)
        assert [(await studio.job(number)).copy_due for number in range(10)] == [None] * 10
        assert {(await studio.job(number)).outputs[0].size for number in range(10)} == {SIZE}
    assert len(studio.site.seen) == 10


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
async def test_the_commit_that_ends_a_job_claims_it_and_hands_it_over(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    async def asked(*_: Any, **__: Any) -> Any:
        raise Unasked

    recorder = studio.gateway.recorder
    recorder.aftermath.copiers[:] = [studio.copier]
    opened = job(id="task_1", adapter="openai", channel_id=CHANNEL.id, stage=Stage.ACCEPTED, upstream_id="up-1")
    outputs = (Output(url="https://vendor.example.com/files/0.mp4"),)
    if late:
        opened = replace(opened, status=JobStatus.FAILED, stage=Stage.ENDED, late_due=START)
    async with studio.gateway.database.write() as connection:
        assert await jobs.insert(connection, opened, owner=recorder.worker) is not None
    async with running(studio.copier):
        monkeypatch.setattr(copies, "any_due", asked)
        monkeypatch.setattr(copies, "claim", asked)
        if late:
            assert await recorder.deliver_late(replace(opened, outputs=outputs, late_at=START, late_due=None))
        else:
            ended = replace(opened, status=JobStatus.COMPLETED, stage=Stage.ENDED, outputs=outputs, completed_at=START)
            recorded = await recorder.record(ended)
            assert recorded is not None
            assert recorded.copy_due == START + timedelta(minutes=5)
        await settled(studio.copier)
    made = await studio.job()
    assert made.outputs[0].asset is not None
    assert (made.copy_due, made.expires_at) == (None, None)


async def test_a_job_that_was_taken_twice_is_copied_once(studio: Studio) -> None:
    async with running(studio.copier):
        made = await studio.completed(copy_due=studio.copier.due(job()))
        studio.copier.take(made)
        studio.copier.take(made)
        await settled(studio.copier)
    assert len(studio.site.seen) == 1


async def test_of_the_jobs_that_end_here_as_many_are_claimed_as_it_can_hold(studio: Studio) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def hang(request: httpx.Request) -> Answer:
        asked.set()
        await never.wait()
        raise AssertionError

    studio.vendor.script = hang
    held, claimed = 4 + 64, START + timedelta(minutes=5)
    async with running(studio.copier):
        for number in range(held):
            due = studio.copier.due(job())
            assert due == claimed
            studio.copier.take(await studio.completed(number, copy_due=due))
        assert studio.copier.due(job()) == START
        async with asyncio.timeout(10):
            await asked.wait()
    assert {(await studio.job(number)).copy_due for number in range(held)} == {START}
    assert studio.files() == []


async def test_what_waits_in_the_table_comes_before_what_ended_just_now(studio: Studio) -> None:
    for number in range(6):
        await studio.completed(number, f"https://vendor.example.com/files/{number}.mp4")
    copier = studio.copier
    async with running(copier):
        copier.take(await studio.completed(9, "https://vendor.example.com/files/9.mp4", copy_due=copier.due(job())))
        await settled(copier)
    assert sorted(request.url.path for request in studio.site.seen[:6]) == [f"/files/{number}.mp4" for number in range(6)]
    assert [request.url.path for request in studio.site.seen[6:]] == ["/files/9.mp4"]


async def test_a_copier_that_does_not_run_or_would_hold_a_file_leaves_a_job_to_the_table(studio: Studio) -> None:
    copier = studio.copier
    assert copier.due(job()) == START
    copier.take(await studio.completed())
    async with running(copier):
        heavy = Media(MediaType.IMAGE, Role.REFERENCE_IMAGE, "upload:0", "image", data=b"bytes")
        inline = replace(heavy, src="data:image/png;base64,AAAA", data=None)
        linked = replace(heavy, src="https://files.example.com/a.png", data=None)
        given = [job(request=image(media=(item,))) for item in (heavy, inline, linked)]
        assert [copier.due(one) == START for one in given] == [True, True, False]
        assert copier.due(job(outputs=(Output(data=b"bytes", asset="a-1.png"),))) == START
    assert (await studio.job()).outputs[0].asset is not None


async def test_the_last_copy_is_written_down_in_the_same_commit_as_that_it_was_the_last(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def done(*_: Any) -> None:
        raise AssertionError("a second commit")

    monkeypatch.setattr(copies, "done", done)
    await studio.completed(1, *(f"https://vendor.example.com/files/{number}.mp4" for number in range(3)))
    await studio.copier.look()
    made = await studio.job()
    assert (made.copy_due, made.expires_at) == (None, None)
    assert all(output.asset is not None for output in made.outputs)


async def test_a_channel_that_forbids_copies_keeps_only_its_own_parts_out(studio: Studio) -> None:
    await studio.completed()
    async with studio.gateway.database.write() as connection:
        for number, channel in enumerate((CHANNEL, FORBIDDING)):
            part = job(id=f"part_{number}", parent_id="task_1", channel_id=channel.id, adapter="openai", status=JobStatus.COMPLETED)
            await jobs.insert(connection, replace(part, stage=Stage.ENDED), owner=None)
        outputs = tuple(Output(url=f"https://vendor.example.com/files/{number}.mp4", part=f"part_{number}") for number in range(2))
        await jobs.replace_outputs(connection, replace(await studio.job(), outputs=outputs))
    await studio.copier.look()
    made = await studio.job()
    assert [output.asset is not None for output in made.outputs] == [True, False]
    assert made.copy_due is None


@pytest.mark.parametrize(
    ("channel", "key", "default", "wanted"),
    [
        (None, None, True, True),
        (None, None, False, False),
        (None, True, False, True),
        (None, False, True, False),
        (False, True, True, False),
        (False, None, True, False),
        (True, None, False, True),
        (True, False, True, False),
        (True, True, False, True),
    ],
)
def test_a_channel_that_forbids_copies_is_obeyed_first_then_the_key(
    channel: bool | None, key: bool | None, default: bool, wanted: bool
) -> None:
    ended = job(status=JobStatus.COMPLETED, outputs=(Output(url="https://x.example.com"),))
    way: Channel = replace(CHANNEL, keep_results=channel)
    asker: Key = replace(KEY, keep_results=key)
    assert wants_copy(ended, asker, way, default) is wanted
    assert wants_copy(ended, None, None, default) is default


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"status": JobStatus.FAILED}, False),
        ({"status": JobStatus.IN_PROGRESS}, False),
        ({"status": JobStatus.FAILED, "late_at": START}, True),
        ({"parent_id": "task_0"}, False),
        ({"outputs": (Output(asset="a-1.png"),)}, False),
        ({"outputs": (Output(asset="a-1.png"), Output(url="https://x.example.com"))}, True),
    ],
)
def test_only_whole_jobs_with_results_elsewhere_are_copied(values: dict[str, Any], wanted: bool) -> None:
    given = {"status": JobStatus.COMPLETED, "outputs": (Output(url="https://x.example.com"),), **values}
    assert wants_copy(job(**given), KEY, CHANNEL, True) is wanted


async def test_no_link_is_dead_after_thirty_days(studio: Studio) -> None:
    """Links die after a day; the vendor has bad hours, broken lines and an outage of half a day."""
    site, made = studio.site, 0
    site.life, site.film = DAY, FILM[:10_000]
    for hour in range(0, 30 * 24, 2):
        site.moment = START + hour * HOUR
        site.status = 503 if hour % 18 == 8 or 300 <= hour < 312 else 200
        site.breaks = [5_000] if hour % 5 == 0 else []
        if hour % 12 == 0:
            names = [f"https://vendor.example.com/files/{hour * 3600}.mp4"] * (1 + made % 3)
            await studio.completed(made, *names)
            made += 1
        await studio.copier.look()
    site.moment, site.status = START + 31 * DAY, 200
    await studio.copier.look()
    assert made == 60
    dead = [number for number in range(made) for index in range(1 + number % 3) if await studio.content(number, index) != site.film]
    assert dead == []
    assert len(studio.files()) == sum(1 + number % 3 for number in range(made))


class Away(FolderAssets):
    """A storage that cannot be reached."""

    async def stat(self, name: str) -> Any:
        raise OSError(110, "Connection timed out")


async def test_a_storage_that_is_away_leaves_the_vendor(studio: Studio, tmp_path: Path) -> None:
    await studio.completed()
    await studio.copier.look()
    away = replace(studio.gateway.results, sources=replace(studio.gateway.results.sources, assets=Away(tmp_path)))
    for output, served in (
        (Output(asset="a-1.mp4", url="https://vendor.example.com/files/0.mp4"), True),
        (Output(asset="a-1.mp4"), False),
    ):
        made = replace(await studio.job(), outputs=(output,))
        async with AsyncExitStack() as stack:
            if served:
                assert (await away.source(stack, made, 0)).size == SIZE
                continue
            with pytest.raises(UpstreamError, match="storage"):
                await away.source(stack, made, 0)


async def test_without_copies_the_links_are_dead(studio: Studio) -> None:
    studio.site.life = DAY
    await studio.completed()
    studio.site.moment += DAY
    with pytest.raises(NotFound):
        async with AsyncExitStack() as stack:
            await studio.gateway.results.source(stack, await studio.job(), 0)
