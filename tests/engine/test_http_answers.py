"""Answers in every framing that HTTP/1.1 knows, whole and broken, in one block and byte by byte."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest

from app.adapters.base import Call
from app.domain.errors import UpstreamMaybeSent
from app.engine.http_carrier import HttpCarrier
from app.engine.transport import Transport
from tests.servers import SocketHandler, read_request, serve_socket

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The loop of the standard library, and the one that serves."""
    return "asyncio", {"use_uvloop": request.param}


ASKED = Call(path="/x", timeout=5)
TWO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    opened = Transport(HttpCarrier())
    yield opened
    await opened.aclose()


def saying(*blocks: bytes, stays: bool = True) -> SocketHandler:
    """A server that answers the first request of a connection with these blocks, one after another, and then hangs up or waits."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for block in blocks:
            writer.write(block)
            await writer.drain()
            await asyncio.sleep(0)
        if stays:
            await reader.read()

    return answer


def bytewise(text: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in text]


WHOLE = {
    "length": (TWO, b"{}"),
    "none": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "unchanged": (b"HTTP/1.1 304 Not Modified\r\nETag: a\r\n\r\n", b""),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "chunks": (CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
    "trailers": (CHUNKED + b"3\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n", b"abc"),
    "hints first": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + TWO, b"{}"),
    "headers in an unusual case": (b"HTTP/1.1 200 ok\r\ncOnTeNt-LeNgTh:2\r\n\r\n{}", b"{}"),
    "an offer of another protocol": (
        b"HTTP/1.1 200 OK\r\nUpgrade: h2\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}",
        b"{}",
    ),
    "an empty header": (b"HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
}


@pytest.mark.parametrize("split", [False, True], ids=["one block", "byte by byte"])
@pytest.mark.parametrize(("text", "body"), WHOLE.values(), ids=WHOLE)
async def test_a_whole_answer(transport: Transport, text: bytes, body: bytes, split: bool) -> None:
    async with serve_socket(saying(*(bytewise(text) if split else [text]))) as base:
        reply = await transport.send(base, ASKED)
    assert reply.body == body
    assert not {"link", "x-late"} & reply.headers.keys()


@pytest.mark.parametrize("split", [False, True], ids=["one block", "byte by byte"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_an_answer_that_ends_with_its_connection(transport: Transport, version: bytes, split: bool) -> None:
    text = b"HTTP/%s 200 OK\r\nX-A: 1\r\nX-A: 2\r\n\r\nuntil the end" % version
    async with serve_socket(saying(*(bytewise(text) if split else [text]), stays=False)) as base:
        reply = await transport.send(base, ASKED)
    assert (reply.body, reply.headers["x-a"]) == (b"until the end", "1, 2")


BROKEN = {
    "no HTTP": b"220 mail.example.com\r\n\r\n",
    "half a status line": b"HTTP/1.1 20",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    "half a chunk": CHUNKED + b"9\r\nabc",
    "no last chunk": CHUNKED + b"3\r\nabc\r\n",
    "a broken chunk": CHUNKED + b"zz\r\nabc\r\n",
    "only hints": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "an unknown packing": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
    "a packing that it is not": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "half a packed body": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
    + gzip.compress(b"a" * 99)[:20],
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
async def test_a_broken_answer_was_maybe_sent(transport: Transport, text: bytes) -> None:
    async with serve_socket(saying(text, stays=False)) as base:
        with pytest.raises(UpstreamMaybeSent):
            await transport.send(base, Call(method="POST", path="/x", json={}, timeout=5))


async def test_headers_without_end_are_not_collected_for_ever(transport: Transport) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: " + b"a" * 8000 + b"\r\n")
            await writer.drain()

    async with serve_socket(endless) as base:
        with pytest.raises(UpstreamMaybeSent):
            await transport.send(base, ASKED)


PACKED = {
    "gzip": ("gzip", gzip.compress(b"a film" * 1000)),
    "two members": ("x-gzip", gzip.compress(b"a film" * 400) + gzip.compress(b"a film" * 600)),
    "padded": ("gzip", gzip.compress(b"a film" * 1000) + b"\0" * 9),
    "zlib": ("deflate", zlib.compress(b"a film" * 1000)),
    "bare": ("Deflate", zlib.compress(b"a film" * 1000, wbits=-15)),
    "none": ("identity", b"a film" * 1000),
}


@pytest.mark.parametrize("split", [False, True], ids=["one block", "byte by byte"])
@pytest.mark.parametrize(("encoding", "packed"), PACKED.values(), ids=PACKED)
async def test_a_packed_answer(transport: Transport, encoding: str, packed: bytes, split: bool) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    async with serve_socket(saying(head, *(bytewise(packed) if split and len(packed) < 999 else [packed]))) as base:
        reply = await transport.send(base, ASKED)
    assert reply.body == b"a film" * 1000
    assert encoding == "identity" or not {"content-encoding", "content-length"} & reply.headers.keys()


async def test_a_bomb_goes_off_piece_by_piece(transport: Transport) -> None:
    packed = gzip.compress(bytes(40 * 1024 * 1024))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with serve_socket(saying(head + packed)) as base, transport.stream(base, ASKED) as answer:
        sizes = [len(chunk) async for chunk in answer.chunks]
    assert sum(sizes) == 40 * 1024 * 1024
    assert max(sizes) <= 1024 * 1024


@pytest.mark.parametrize("size", [1, 1000, 64 * 1024, 700_000, 5_000_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_arrives_whole_however_slowly_it_is_read(transport: Transport, size: int, chunked: bool) -> None:
    body = bytes(index % 251 for index in range(1000)) * (size // 1000 + 1)
    body = body[:size]
    text = (
        CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)
        if chunked
        else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (size, body)
    )
    async with serve_socket(saying(text)) as base, transport.stream(base, ASKED) as answer:
        got = []
        async for chunk in answer.chunks:
            got.append(chunk)
            await asyncio.sleep(0)
        assert b"".join(got) == body


async def test_what_nobody_reads_is_left_with_its_sender(transport: Transport) -> None:
    written = 0
    stuck = asyncio.Event()

    async def generous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(bytes(256 * 1024))
            written += 256 * 1024
            try:
                await asyncio.wait_for(writer.drain(), 0.3)
            except TimeoutError:
                stuck.set()
                return

    async with serve_socket(generous) as base, transport.stream(base, ASKED):
        await asyncio.wait_for(stuck.wait(), 20)
    assert written < 50_000_000  # buffers of the system


async def test_many_readers_get_small_pieces(transport: Transport) -> None:
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000)

    async def longest(base: str, everyone: asyncio.Barrier) -> int:
        async with transport.stream(base, ASKED) as answer:
            async with everyone:
                sizes = [len(chunk) async for chunk in answer.chunks]
            async with everyone:
                assert sum(sizes) == 3_000_000
                return max(sizes)

    async with serve_socket(saying(text)) as base:
        everyone = asyncio.Barrier(6)
        assert max(await asyncio.gather(*(longest(base, everyone) for _ in range(6)))) <= 64 * 1024
