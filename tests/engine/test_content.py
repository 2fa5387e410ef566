import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.base import Adapter, Call
from app.domain.channels import Credential
from app.domain.errors import NotFound, UpstreamError
from app.domain.jobs import Job, JobStatus, Output
from app.domain.requests import Mode, VideoRequest
from app.engine.assets import FolderAssets
from app.engine.content import Ask, Content, Variant, open_content
from app.engine.content_source import Sources, Way
from app.engine.fetch import Fetcher
from app.engine.guard import Guard
from app.engine.http_carrier import HttpCarrier
from app.engine.transport import Transport
from app.engine.vendors import Vendors
from tests.servers import Receive, Scope, Send, read_request, refused_port, serve, serve_socket

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FILM = b"\0\0\0\x18ftypisom\0\0\2\0" + bytes(range(256)) * 40
SIZE = len(FILM)
REQUEST = VideoRequest(model="m", mode=Mode.T2V)


class Vendor(Adapter):
    name = "vendor"

    def build_download(self, job: Job, output: Output) -> Call:
        return Call(path=output.url or f"/v1/videos/{job.upstream_id}/content", headers={"X-Vendor": "1"})


class Upstream:
    """A vendor's file server, as well or badly behaved as a test wants."""

    def __init__(
        self,
        *,
        ranges: bool = True,
        length: bool = True,
        status: int = 200,
        mime: str = "video/mp4",
        body: bytes = FILM,
        location: str | None = None,
        content_range: str | None = None,
    ) -> None:
        self.ranges = ranges
        self.length = length
        self.status = status
        self.mime = mime
        self.body = body
        self.location = location
        self.content_range = content_range
        self.seen: list[dict[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.seen.append({"path": scope["path"], "method": scope["method"], **asked})
        status, body, headers = self.status, self.body, {"content-type": self.mime, "set-cookie": "a=b", "x-internal": "host-7"}
        if self.location and scope["path"] != "/final":
            status, headers = 302, {"location": self.location}
        elif self.ranges and "range" in asked and status == 200:
            first, last = asked["range"].removeprefix("bytes=").split("-")
            start = int(first) if first else len(body) - int(last)
            end = min(int(last) + 1, len(body)) if first and last else len(body)
            if start >= len(body):
                status, headers, body = 416, {"content-range": f"bytes */{len(body)}"}, b""
            else:
                headers["content-range"] = self.content_range or f"bytes {start}-{end - 1}/{len(body)}"
                status, body = 206, body[start:end]
        if self.length:
            headers["content-length"] = str(len(body))
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        for start in range(0, len(body) or 1, 1000):
            await send({"type": "http.response.body", "body": body[start : start + 1000], "more_body": start + 1000 < len(body)})


@pytest.fixture
async def sources(tmp_path: Path) -> AsyncIterator[Sources]:
    transport, fetcher = Transport(HttpCarrier()), Fetcher(Guard())
    yield Sources(Vendors(transport, lambda: NOW), fetcher, FolderAssets(tmp_path))
    await fetcher.aclose()
    await transport.aclose()


@pytest.fixture
async def open_sources(tmp_path: Path) -> AsyncIterator[Sources]:
    transport, fetcher = Transport(HttpCarrier()), Fetcher(Guard(("127.0.0.1",)))
    yield Sources(Vendors(transport, lambda: NOW), fetcher, FolderAssets(tmp_path))
    await fetcher.aclose()
    await transport.aclose()


def finished(*outputs: Output) -> Job:
    return Job(
        id="vid_01h",
        key_id="k",
        model="m",
        asked=REQUEST,
        request=REQUEST,
        status=JobStatus.COMPLETED,
        upstream_id="up-1",
        outputs=outputs or (Output(),),
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW,
        completed_at=NOW,
    )


def way(base: str) -> Way:
    return Way(base, Vendor(), Credential("c", {"api_key": "canary-key"}))


async def body_of(content: Content) -> bytes:
    try:
        return b"".join([chunk async for chunk in content.chunks])
    finally:
        await content.close()


async def answer(
    sources: Sources, base: str, ask: Ask | None = None, output: Output | None = None, variant: Variant = "video"
) -> tuple[int, dict[str, str], bytes]:
    job = finished(output or Output())
    content = await open_content(job, 0, ask or Ask(), way=way(base), sources=sources, variant=variant)
    return content.status, content.headers, await body_of(content)


async def test_the_whole_film_comes_from_the_vendor_with_the_credential(sources: Sources) -> None:
    upstream = Upstream()
    async with serve(upstream) as base:
        status, headers, body = await answer(sources, base)
    assert (status, body) == (200, FILM)
    assert upstream.seen[0]["path"] == "/v1/videos/up-1/content"
    assert upstream.seen[0]["authorization"] == "Bearer canary-key"
    assert upstream.seen[0]["accept-encoding"] == "identity"
    assert headers["Content-Length"] == str(SIZE)


async def test_upstream_headers_allowlist_on_content(sources: Sources) -> None:
    async with serve(Upstream()) as base:
        _, headers, _ = await answer(sources, base)
    assert set(headers) == {
        "Accept-Ranges",
        "Cache-Control",
        "Content-Disposition",
        "Content-Length",
        "Content-Type",
        "ETag",
        "Last-Modified",
        "X-Content-Type-Options",
    }
    assert headers["Cache-Control"].startswith("private, ")
    assert headers["Content-Disposition"] == 'inline; filename="vid_01h.mp4"'
    assert headers["Content-Type"] == "video/mp4"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Last-Modified"] == "Fri, 20 Nov 2026 12:00:00 GMT"


RANGES = [
    ("bytes=0-99", 0, 100),
    ("bytes=5000-5999", 5000, 6000),
    ("bytes=9000-", 9000, SIZE),
    ("bytes=-100", SIZE - 100, SIZE),
    ("bytes=100-999999", 100, SIZE),
]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(("header", "start", "end"), RANGES)
async def test_a_range_is_served_whether_the_vendor_knows_ranges_or_not(
    sources: Sources, header: str, start: int, end: int, ranges: bool
) -> None:
    async with serve(Upstream(ranges=ranges)) as base:
        status, headers, body = await answer(sources, base, Ask(range=header))
    assert (status, body) == (206, FILM[start:end])
    assert headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize("ranges", [True, False])
async def test_a_range_beyond_the_end_is_416(sources: Sources, ranges: bool) -> None:
    async with serve(Upstream(ranges=ranges)) as base:
        status, headers, body = await answer(sources, base, Ask(range=f"bytes={SIZE}-"))
    assert (status, body) == (416, b"")
    assert headers["Content-Range"] == f"bytes */{SIZE}"


async def test_several_ranges_mean_the_whole(sources: Sources) -> None:
    async with serve(Upstream()) as base:
        assert (await answer(sources, base, Ask(range="bytes=0-1,5-6")))[::2] == (200, FILM)


async def test_a_film_of_unknown_length_is_served_whole_and_without_length(sources: Sources) -> None:
    async with serve(Upstream(ranges=False, length=False)) as base:
        status, headers, body = await answer(sources, base, Ask(range="bytes=10-20"))
    assert (status, body) == (200, FILM)
    assert "Content-Length" not in headers


async def test_if_range_keeps_the_range_only_for_this_very_film(sources: Sources) -> None:
    async with serve(Upstream()) as base:
        _, headers, _ = await answer(sources, base)
        for validator in (headers["ETag"], headers["Last-Modified"]):
            assert (await answer(sources, base, Ask(range="bytes=0-9", if_range=validator)))[0] == 206
        assert (await answer(sources, base, Ask(range="bytes=0-9", if_range='"other"')))[::2] == (200, FILM)


async def test_a_film_that_the_client_has_is_not_fetched(sources: Sources) -> None:
    upstream = Upstream()
    async with serve(upstream) as base:
        tag = (await answer(sources, base))[1]["ETag"]
        status, headers, body = await answer(sources, base, Ask(if_none_match=f'"x", {tag}'))
    assert (status, body, headers["ETag"]) == (304, b"", tag)
    assert len(upstream.seen) == 1


async def test_head_has_the_headers_of_get_and_no_body(sources: Sources) -> None:
    upstream = Upstream()
    async with serve(upstream) as base:
        _, expected, _ = await answer(sources, base)
        status, headers, body = await answer(sources, base, Ask(method="HEAD"))
    assert (status, headers, body) == (200, expected, b"")
    assert upstream.seen[1]["method"] == "GET"  # signed links are often good for GET alone


async def test_tags_differ_by_output_and_variant(sources: Sources) -> None:
    job = finished(Output(data=FILM, thumbnail_url="data:image/png;base64,iVBORw0KGgo="), Output(data=FILM))
    tags = set()
    for index, variant in ((0, "video"), (1, "video"), (0, "thumbnail")):
        content = await open_content(
            job, index, Ask(), way=None, sources=sources, variant="thumbnail" if variant == "thumbnail" else "video"
        )
        tags.add(content.headers["ETag"])
        await content.close()
    assert len(tags) == 3


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_dead_link_is_video_expired(sources: Sources, status: int) -> None:
    async with serve(Upstream(status=status)) as base:
        with pytest.raises(NotFound) as failure:
            await answer(sources, base)
    assert failure.value.code == "video_expired"


@pytest.mark.parametrize("status", [204, 400, 401, 429, 500, 503])
async def test_other_trouble_of_the_vendor_is_an_upstream_error(sources: Sources, status: int) -> None:
    async with serve(Upstream(status=status, body=b"")) as base:
        with pytest.raises(UpstreamError) as failure:
            await answer(sources, base)
    assert failure.value.code == "upstream_error"


async def test_an_unreachable_vendor_is_an_upstream_error(sources: Sources) -> None:
    with pytest.raises(UpstreamError) as failure:
        await answer(sources, f"http://127.0.0.1:{refused_port()}")
    assert failure.value.code == "upstream_error"


@pytest.mark.parametrize("mime", ["text/html; charset=utf-8", "application/json"])
@pytest.mark.parametrize("header", [None, "bytes=0-10", "bytes=5-10"])
async def test_an_error_page_is_never_sent_as_a_film(sources: Sources, mime: str, header: str | None) -> None:
    async with serve(Upstream(mime=mime, body=b'{"error": "no such thing"}')) as base:
        with pytest.raises(UpstreamError):
            await answer(sources, base, Ask(range=header))


async def test_a_film_that_calls_itself_text_is_a_film(sources: Sources) -> None:
    async with serve(Upstream(mime="text/plain")) as base:
        assert (await answer(sources, base))[1]["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("mime", ["application/octet-stream", "image/svg+xml", "video/<script>", ""])
async def test_a_type_that_could_do_harm_is_replaced(sources: Sources, mime: str) -> None:
    async with serve(Upstream(mime=mime, body=b"unknown bytes")) as base:
        assert (await answer(sources, base))[1]["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("given", ["bytes 7-16/100", "nonsense", "bytes 0-9/100"])
async def test_another_part_than_the_one_asked_for_is_not_passed_on(sources: Sources, given: str) -> None:
    async with serve(Upstream(content_range=given)) as base:
        with pytest.raises(UpstreamError):
            await answer(sources, base, Ask(range="bytes=5-14"))


async def test_a_link_on_another_host_gets_no_credential(open_sources: Sources) -> None:
    upstream = Upstream()
    async with serve(upstream) as elsewhere:
        status, _, body = await answer(
            open_sources, "https://api.example.com", Ask(range="bytes=1-3"), Output(url=f"{elsewhere}/a.mp4?sig='x|y'")
        )
    assert (status, body) == (206, FILM[1:4])
    assert not {"authorization", "x-vendor"} & set(upstream.seen[0])


async def test_a_private_link_on_another_host_is_blocked(sources: Sources) -> None:
    upstream = Upstream()
    async with serve(upstream) as elsewhere:
        with pytest.raises(UpstreamError, match="private address"):
            await answer(sources, "https://api.example.com", output=Output(url=f"{elsewhere}/a.mp4"))
    assert upstream.seen == []


async def test_a_private_link_on_the_channels_own_host_is_served_without_credential(sources: Sources) -> None:
    upstream = Upstream()
    async with serve(upstream) as elsewhere:
        status, _, body = await answer(sources, "http://127.0.0.1:1", output=Output(url=f"{elsewhere}/a.mp4"))
    assert (status, body) == (200, FILM)
    assert "authorization" not in upstream.seen[0]


async def test_a_link_on_the_channels_own_origin_is_authorised(sources: Sources) -> None:
    upstream = Upstream()
    async with serve(upstream) as base:
        await answer(sources, base, output=Output(url=f"{base}/v1/files/7"))
    assert upstream.seen[0]["authorization"] == "Bearer canary-key"


async def test_a_redirect_on_the_same_origin_keeps_the_credential(sources: Sources) -> None:
    upstream = Upstream(location="/final")
    async with serve(upstream) as base:
        assert (await answer(sources, base))[2] == FILM
    assert [seen["authorization"] for seen in upstream.seen] == ["Bearer canary-key"] * 2


async def test_a_redirect_to_another_origin_drops_the_credential(sources: Sources) -> None:
    other = Upstream()
    async with serve(other) as elsewhere, serve(Upstream(location=f"{elsewhere}/final")) as base:
        status, _, body = await answer(sources, base, Ask(range="bytes=0-4"))
    assert (status, body) == (206, FILM[:5])
    assert not {"authorization", "x-vendor"} & set(other.seen[0])


@pytest.mark.parametrize("target", ["http://169.254.169.254/x", "http://localhost:1/x", "http://0x7f.1/x", "ftp://example.com/x"])
async def test_redirect_to_private_blocked_on_content(sources: Sources, target: str) -> None:
    async with serve(Upstream(location=target)) as base:
        with pytest.raises(UpstreamError, match="result link"):
            await answer(sources, base)


async def test_a_loop_of_redirects_ends(sources: Sources) -> None:
    upstream = Upstream(location="/again")
    async with serve(upstream) as base:
        with pytest.raises(UpstreamError, match="redirects"):
            await answer(sources, base)
    assert len(upstream.seen) == 6


async def test_our_own_copy_is_served_without_asking_the_vendor(sources: Sources) -> None:
    asset = await sources.assets.put("vid_01h", FILM, "video/mp4")
    job = finished(Output(url="https://gone.example.com/a.mp4", asset=asset.name))
    content = await open_content(job, 0, Ask(range="bytes=-10"), way=None, sources=sources)
    assert content.status == 206
    assert content.headers["Content-Range"] == f"bytes {SIZE - 10}-{SIZE - 1}/{SIZE}"
    assert await body_of(content) == FILM[-10:]


async def test_the_tag_stays_when_a_copy_is_made(sources: Sources) -> None:
    asset = await sources.assets.put("vid_01h", FILM, "video/mp4")
    async with serve(Upstream()) as base:
        before = (await answer(sources, base))[1]["ETag"]
    content = await open_content(finished(Output(asset=asset.name)), 0, Ask(), way=None, sources=sources)
    await content.close()
    assert content.headers["ETag"] == before


async def test_a_range_beyond_our_own_copy_is_416(sources: Sources) -> None:
    asset = await sources.assets.put("vid_01h", b"abc", "video/mp4")
    content = await open_content(finished(Output(asset=asset.name)), 0, Ask(range="bytes=3-"), way=None, sources=sources)
    assert (content.status, content.headers["Content-Range"], await body_of(content)) == (416, "bytes */3", b"")


async def test_a_copy_that_was_cleaned_up_falls_back_to_the_vendor(sources: Sources) -> None:
    async with serve(Upstream()) as base:
        assert (await answer(sources, base, output=Output(url=f"{base}/x", asset="gone-1.mp4")))[2] == FILM
    with pytest.raises(NotFound) as failure:
        await open_content(finished(Output(asset="gone-1.mp4")), 0, Ask(), way=None, sources=sources)
    assert failure.value.code == "video_expired"


@pytest.mark.parametrize("output", [Output(data=FILM), Output(url="data:video/mp4;base64,AAAAGGZ0eXBpc29tAAACAA==")])
async def test_inline_bytes_are_served(sources: Sources, output: Output) -> None:
    content = await open_content(finished(output), 0, Ask(range="bytes=4-7"), way=None, sources=sources)
    assert (content.status, await body_of(content)) == (206, b"ftyp")
    beyond = await open_content(finished(output), 0, Ask(range="bytes=99999-"), way=None, sources=sources)
    assert beyond.status == 416


async def test_a_channel_that_is_gone_leaves_public_links(open_sources: Sources) -> None:
    async with serve(Upstream()) as elsewhere:
        content = await open_content(finished(Output(url=f"{elsewhere}/a")), 0, Ask(), way=None, sources=open_sources)
        assert await body_of(content) == FILM
    with pytest.raises(NotFound):
        await open_content(finished(Output()), 0, Ask(), way=None, sources=open_sources)


async def test_a_variant_is_its_own_file(sources: Sources) -> None:
    upstream = Upstream(body=b"\xff\xd8\xff\xe0 picture", mime="image/jpeg")
    async with serve(upstream) as base:
        output = Output(url=f"{base}/a.mp4", last_frame_url=f"{base}/last.jpg")
        _, headers, _ = await answer(sources, base, output=output, variant="last_frame")
        with pytest.raises(NotFound):
            await answer(sources, base, output=output, variant="thumbnail")
    assert upstream.seen[0]["path"] == "/last.jpg"
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Disposition"] == 'inline; filename="vid_01h-last_frame.jpg"'


@pytest.mark.parametrize("index", [-1, 1, 99])
async def test_a_result_that_there_is_not_is_not_found(sources: Sources, index: int) -> None:
    with pytest.raises(NotFound):
        await open_content(finished(), index, Ask(), way=None, sources=sources)


async def test_an_id_cannot_break_out_of_the_file_name(sources: Sources) -> None:
    job = replace(finished(Output(data=FILM)), id='a"b\r\nX: y')
    content = await open_content(job, 0, Ask(), way=None, sources=sources)
    assert content.headers["Content-Disposition"] == 'inline; filename="a_b__X__y.mp4"'
    await content.close()


async def test_a_client_that_goes_away_closes_the_upstream_at_once(sources: Sources) -> None:
    closed = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 9999999\r\n\r\n" + FILM)
        await reader.read()
        closed.set()

    async with serve_socket(endless) as base:
        content = await open_content(finished(), 0, Ask(), way=way(base), sources=sources)
        assert FILM.startswith(await anext(content.chunks))
        await content.close()
        await asyncio.wait_for(closed.wait(), 2)
        await content.close()


async def test_a_vendor_that_breaks_off_is_an_error_and_not_an_end(sources: Sources) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 99999\r\n\r\n" + FILM)
        await writer.drain()

    async with serve_socket(half) as base:
        content = await open_content(finished(), 0, Ask(), way=way(base), sources=sources)
        with pytest.raises(UpstreamError):
            await body_of(content)


async def test_a_client_that_stops_reading_stops_the_upstream_and_may_go_on_later(sources: Sources) -> None:
    most = 64 * 1024 * 1024  # far more than sockets and buffers hold between two processes
    piece = bytes(256 * 1024)
    sent, stalled = [0], asyncio.Event()

    async def generous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n\r\n" % (len(FILM) + most))
        writer.write(FILM)
        while sent[0] < most:
            writer.write(piece)
            draining = asyncio.create_task(writer.drain())
            if not (await asyncio.wait({draining}, timeout=0.5))[0]:
                stalled.set()
            await draining
            sent[0] += len(piece)
        await reader.read()

    async with serve_socket(generous) as base:
        content = await open_content(finished(), 0, Ask(), way=way(base), sources=sources)
        read = len(await anext(content.chunks))
        await asyncio.wait_for(stalled.wait(), 10)
        assert sent[0] < most / 2
        async for chunk in content.chunks:
            read += len(chunk)
        await content.close()
    assert read == len(FILM) + most
