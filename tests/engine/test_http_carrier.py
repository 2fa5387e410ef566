"""The three outcomes, on real sockets."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from app.adapters.base import Call, FilePart, Reply
from app.domain.errors import UpstreamMaybeSent, UpstreamNeverSent
from app.engine.http_carrier import HttpCarrier
from app.engine.transport import Transport
from tests.servers import Receive, Scope, Send, read_request, refused_port, serve, serve_socket

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The loop of the standard library, and the one that serves."""
    return "asyncio", {"use_uvloop": request.param}


CREATE = Call(method="POST", path="/v1/videos", json={"prompt": "a"}, timeout=5)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    opened = Transport(HttpCarrier())
    yield opened
    await opened.aclose()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the client gives up


async def test_an_answer_in_full(transport: Transport) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_request(reader)
        assert head.startswith(b"POST /v1/videos HTTP/1.1\r\n")
        assert b"\r\nAuthorization: Bearer x\r\n" in head
        assert head.count(b"ontent-Type:") == head.count(b"ontent-Length:") == head.lower().count(b"\r\nhost:") == 1
        assert head.endswith(b'\r\n\r\n{"prompt":"a"}')
        writer.write(b'HTTP/1.1 200 OK\r\nX-Trace: 1\r\nContent-Length: 10\r\n\r\n{"id":"v"}')

    async with serve_socket(answer) as base:
        reply = await transport.send(base, CREATE.with_headers(Authorization="Bearer x"))
    assert reply == Reply(200, {"x-trace": "1", "content-length": "10"}, {"id": "v"}, b'{"id":"v"}')


async def test_a_refused_connection_was_never_sent(transport: Transport) -> None:
    with pytest.raises(UpstreamNeverSent):
        await transport.send(f"http://127.0.0.1:{refused_port()}", CREATE)


async def test_an_unknown_host_was_never_sent(transport: Transport) -> None:
    with pytest.raises(UpstreamNeverSent):
        await transport.send("http://no-such-host.invalid", CREATE)


@pytest.mark.parametrize("base", ["http://[broken", "http://300.1.1.1.1:1", "http://2130706433"])
async def test_a_host_that_cannot_be_was_never_sent(transport: Transport, base: str) -> None:
    with pytest.raises(UpstreamNeverSent):
        await transport.send(base, CREATE)


async def test_tls_against_a_plain_port_was_never_sent(transport: Transport) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serve_socket(plain) as base:
        with pytest.raises(UpstreamNeverSent):
            await transport.send(base.replace("http:", "https:"), CREATE)


async def test_tls_that_hangs_in_the_handshake_was_never_sent(transport: Transport) -> None:
    async with serve_socket(silence) as base:
        with pytest.raises(UpstreamNeverSent):
            await transport.send(base.replace("http:", "https:"), Call(method="POST", path="/x", json={}, timeout=0.1))


async def test_a_server_that_closes_at_once_was_maybe_sent(transport: Transport) -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serve_socket(close) as base:
        with pytest.raises(UpstreamMaybeSent):
            await transport.send(base, CREATE)


async def test_ambiguous_create_timeout_is_never_resubmitted(transport: Transport) -> None:
    heard: list[bytes] = []

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await read_request(reader))

    async with serve_socket(close) as base:
        with pytest.raises(UpstreamMaybeSent):
            await transport.send(base, CREATE)
    assert len(heard) == 1


async def test_a_reset_was_maybe_sent(transport: Transport) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serve_socket(reset) as base:
        with pytest.raises(UpstreamMaybeSent):
            await transport.send(base, CREATE)


async def test_a_server_that_hangs_was_maybe_sent(transport: Transport) -> None:
    async with serve_socket(silence) as base:
        with pytest.raises(UpstreamMaybeSent) as failure:
            await transport.send(base, Call(method="POST", path="/x", json={}, timeout=0.05))
    assert failure.value.code == "upstream_timeout"


async def test_a_body_that_trickles_is_bounded_by_the_whole_time(transport: Transport) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.005)

    async with serve_socket(trickle) as base:
        with pytest.raises(UpstreamMaybeSent):
            await transport.send(base, Call(method="POST", path="/x", json={}, timeout=0.08))


class ClosesIdle:
    """Answers the first request of each of its first `polite` connections, then hangs up without a word."""

    def __init__(self, polite: int) -> None:
        self.polite = polite
        self.heard: list[bytes] = []
        self.answered = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await read_request(reader))
        if self.polite > 0:
            self.polite -= 1
            writer.write(ANSWER)
            # the next request is read, so that its sender cannot know what became of it
            self.heard.append(await read_request(reader))


async def test_a_post_on_a_connection_that_dies_is_not_sent_twice(transport: Transport) -> None:
    server = ClosesIdle(polite=2)
    async with serve_socket(server) as base:
        await transport.send(base, CREATE)
        with pytest.raises(UpstreamMaybeSent):
            await transport.send(base, CREATE)
    assert len(server.heard) == 2


async def test_a_get_on_a_connection_that_dies_is_asked_again(transport: Transport) -> None:
    server = ClosesIdle(polite=2)
    async with serve_socket(server) as base:
        await transport.send(base, CREATE)
        assert (await transport.send(base, Call(path="/v1/videos/1"))).ok
    assert len(server.heard) == 3


async def test_a_post_after_an_idle_connection_was_closed_goes_out_once(transport: Transport) -> None:
    heard: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await read_request(reader))
        writer.write(ANSWER)

    async with serve_socket(once) as base:
        await transport.send(base, CREATE)
        await asyncio.sleep(0.01)  # the close arrives
        assert (await transport.send(base, CREATE)).ok
    assert len(heard) == 2


async def test_connections_are_used_again(transport: Transport) -> None:
    peers: set[object] = set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        peers.add(scope["client"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    async with serve(app) as base:
        for _ in range(3):
            await transport.send(base, Call(path="/x"))
    assert len(peers) == 1


async def test_redirects_and_cookies_are_not_followed_or_kept(transport: Transport) -> None:
    heard: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            heard.append(await read_request(reader))
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")

    async with serve_socket(redirect) as base:
        assert (await transport.send(base, Call(path="/x"))).status == 302
        await transport.send(base, Call(path="/x"))
    assert len(heard) == 2
    assert b"cookie" not in heard[1].lower()


async def test_a_signed_url_arrives_byte_for_byte(transport: Transport) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await read_request(reader))
        writer.write(ANSWER)

    async with serve_socket(answer) as base:
        await transport.send("https://unused.example.com", Call(path=f"{base}/a%2fb%7E{{c}}?sig=x%2By%3d'|z~&e=100%"))
    assert heard[0].startswith(b"GET /a%2fb%7E{c}?sig=x%2By%3d'|z~&e=100% HTTP/1.1\r\n")


async def test_a_large_multipart_body_arrives_whole(transport: Transport) -> None:
    data = bytes(range(256)) * 8192
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            heard.append(await read_request(reader))
            writer.write(ANSWER)

    async with serve_socket(answer) as base:
        form = (("model", "m"), ("image", FilePart("a.png", "image/png", data)))
        assert (await transport.send(base, Call(method="POST", path="/x", form=form))).ok
        assert (await transport.send(base, Call(method="POST", path="/x", raw=data))).ok
    assert data in heard[0]
    assert b"chunked" not in heard[0][:500]
    assert heard[1].endswith(data)


async def test_a_stream_has_no_overall_limit_but_an_idle_one(transport: Transport) -> None:
    async def body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(10):
            writer.write(b"x" * 10)
            await asyncio.sleep(0.01)
        await reader.read()

    received: list[bytes] = []

    async def read(chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            received.append(chunk)

    async with serve_socket(body) as base, transport.stream(base, Call(path="/x", timeout=0.06)) as answer:
        with pytest.raises(UpstreamMaybeSent):
            await read(answer.chunks)
    assert len(b"".join(received)) == 100


async def test_leaving_a_stream_closes_its_connection(transport: Transport) -> None:
    closed = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst")
        await reader.read()
        closed.set()

    async with serve_socket(endless) as base:
        async with transport.stream(base, Call(path="/x")) as answer:
            assert await anext(answer.chunks) == b"first"
        await asyncio.wait_for(closed.wait(), 2)


async def test_a_closed_transport_sends_nothing(transport: Transport) -> None:
    async with serve_socket(silence) as base:
        await transport.aclose()
        with pytest.raises(UpstreamNeverSent):
            await transport.send(base, CREATE)


async def test_a_transport_that_was_never_used_closes_quietly() -> None:
    await HttpCarrier().aclose()
