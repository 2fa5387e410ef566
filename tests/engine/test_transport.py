import gzip
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from app.adapters.base import Call
from app.domain.errors import UpstreamError, UpstreamMaybeSent, UpstreamNeverSent, UpstreamUnreadable
from app.engine.transport import Exchange, Transport

pytestmark = pytest.mark.anyio

BASE = "https://api.example.com"
CREATE = Call(method="POST", path="/v1/videos", json={"prompt": "a"}, timeout=5)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Transport:
    return Transport(httpx.MockTransport(answer))


def failing(error: type[httpx.RequestError]) -> Transport:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("told so", request=request)

    return answering(answer)


@pytest.mark.parametrize("status", [200, 202, 204, 301, 307, 400, 401, 404, 429, 500, 503])
async def test_an_answer_is_a_reply_whatever_its_status(status: int) -> None:
    transport = answering(lambda _: httpx.Response(status, headers={"X-Trace-Id": "7", "Location": "/x"}))
    reply = await transport.send(BASE, CREATE)
    assert reply.status == status
    assert reply.headers["x-trace-id"] == "7"


async def test_json_is_read_whatever_it_calls_itself() -> None:
    transport = answering(lambda _: httpx.Response(200, content=b'{"id":"x"}', headers={"content-type": "text/plain"}))
    assert (await transport.send(BASE, CREATE)).json == {"id": "x"}


async def test_a_page_is_a_reply_without_json() -> None:
    transport = answering(lambda _: httpx.Response(502, content=b"<html>", headers={"content-type": "application/json"}))
    reply = await transport.send(BASE, CREATE)
    assert (reply.json, reply.body) == (None, b"<html>")


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.LocalProtocolError]
)
async def test_what_failed_before_sending_was_never_sent(error: type[httpx.RequestError]) -> None:
    with pytest.raises(UpstreamNeverSent):
        await failing(error).send(BASE, CREATE)


@pytest.mark.parametrize(
    "error",
    [httpx.ReadError, httpx.ReadTimeout, httpx.WriteError, httpx.WriteTimeout, httpx.RemoteProtocolError, httpx.DecodingError],
)
async def test_what_failed_later_may_have_been_sent(error: type[httpx.RequestError]) -> None:
    with pytest.raises(UpstreamMaybeSent):
        await failing(error).send(BASE, CREATE)


async def test_a_request_that_cannot_be_written_was_never_sent() -> None:
    transport = answering(lambda _: httpx.Response(200))
    with pytest.raises(UpstreamNeverSent):
        await transport.send(BASE, CREATE.with_headers(X_Bad="a\nb"))


async def test_a_body_over_the_limit_is_unreadable_and_not_kept() -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1000)
            yield b"x" * 1000

    transport = answering(lambda _: httpx.Response(200, content=endless()))
    with pytest.raises(UpstreamUnreadable, match="larger than 5000"):
        await transport.send(BASE, CREATE, limit=5000)
    assert sum(read) == 6000


async def test_an_announced_length_over_the_limit_is_not_even_read() -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    transport = answering(lambda _: httpx.Response(200, content=unread(), headers={"content-length": "5001"}))
    with pytest.raises(UpstreamUnreadable):
        await transport.send(BASE, CREATE, limit=5000)


async def test_the_limit_counts_what_is_unpacked() -> None:
    packed = gzip.compress(b"x" * 100_000)
    transport = answering(lambda _: httpx.Response(200, content=packed, headers={"content-encoding": "gzip"}))
    with pytest.raises(UpstreamUnreadable):
        await transport.send(BASE, CREATE, limit=50_000)


async def test_a_mounted_scheme_goes_to_its_own_upstream() -> None:
    inside = httpx.MockTransport(lambda request: httpx.Response(200, json={"seen": str(request.url)}))
    transport = Transport(httpx.MockTransport(lambda _: httpx.Response(500)), {"sandbox": inside})
    reply = await transport.send("sandbox://local", Call(path="/v1/x"))
    assert reply.json == {"seen": "sandbox://local/v1/x"}


async def test_an_unknown_scheme_was_never_sent() -> None:
    with pytest.raises(UpstreamNeverSent):
        await answering(lambda _: httpx.Response(200)).send("ftp://files.example.com", Call(path="/x"))


async def test_an_observer_sees_the_exchange_without_its_secrets() -> None:
    seen: list[Exchange] = []
    transport = Transport(httpx.MockTransport(lambda _: httpx.Response(201)), observe=seen.append)
    await transport.send(BASE, Call(path="/x?key=canary-123456", headers={"Authorization": "Bearer canary-123456"}))
    assert [(one.method, one.url, one.status, one.error) for one in seen] == [("GET", f"{BASE}/x?key=***", 201, None)]


async def test_an_observer_sees_a_failure() -> None:
    seen: list[Exchange] = []

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("its name is unknown", request=request)

    with pytest.raises(UpstreamNeverSent):
        await Transport(httpx.MockTransport(answer), observe=seen.append).send(BASE, CREATE)
    assert seen[0].status is None
    assert seen[0].error == "api.example.com could not be reached: its name is unknown"


async def test_an_error_never_shows_the_url() -> None:
    with pytest.raises(UpstreamError) as failure:
        await failing(httpx.ReadError).send(BASE, Call(path="/x?key=canary-123456"))
    assert "canary" not in failure.value.message


async def test_a_stream_yields_its_chunks() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    transport = answering(lambda _: httpx.Response(206, content=body(), headers={"Content-Type": "video/mp4"}))
    async with transport.stream(BASE, Call(path="/x")) as answer:
        assert (answer.status, answer.ok, answer.headers["content-type"]) == (206, True, "video/mp4")
        assert [chunk async for chunk in answer.chunks] == [b"one", b"two"]


async def test_a_stream_that_is_an_error_can_be_read_whole() -> None:
    transport = answering(lambda _: httpx.Response(400, json={"error": {"message": "no"}}))
    async with transport.stream(BASE, Call(path="/x")) as answer:
        reply = await answer.whole()
    assert reply.json == {"error": {"message": "no"}}


async def test_a_stream_that_breaks_says_so() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        raise httpx.ReadError("gone")

    async with answering(lambda _: httpx.Response(200, content=body())).stream(BASE, Call(path="/x")) as answer:
        assert await anext(answer.chunks) == b"one"
        with pytest.raises(UpstreamMaybeSent):
            await anext(answer.chunks)


async def test_a_stream_that_is_never_answered_was_maybe_sent() -> None:
    with pytest.raises(UpstreamMaybeSent):
        async with failing(httpx.ReadTimeout).stream(BASE, Call(path="/x")):
            pass
