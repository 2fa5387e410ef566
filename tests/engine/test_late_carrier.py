"""The way to upstreams is made at the first request, and is then the way itself."""

import asyncio

import pytest

from app.adapters.base import Call
from app.domain.errors import UpstreamNeverSent
from app.engine.aiohttp_carrier import AiohttpCarrier
from app.engine.guard import Blocked, Guard
from app.engine.late_carrier import LateCarrier
from app.engine.transport import Transport
from tests.servers import read_request, serve_socket

pytestmark = pytest.mark.anyio

ASKED = Call(method="GET", path="/", timeout=5)


async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


async def test_first_requests_at_once_share_one_way_that_the_next_ones_take_directly() -> None:
    late = LateCarrier()
    transport = Transport(late)
    async with serve_socket(hello) as base:
        replies = await asyncio.gather(*(transport.send(base, ASKED) for _ in range(3)))
        made = late.carry.__self__  # type: ignore[attr-defined]  # whose method it is
        replies.append(await transport.send(base, ASKED))
        await transport.aclose()
    assert [reply.body for reply in replies] == [b"hello"] * 4
    assert isinstance(made, AiohttpCarrier)


async def test_a_guarded_way_does_not_lead_to_a_private_name() -> None:
    transport = Transport(LateCarrier(Guard()))
    async with serve_socket(hello) as base:
        with pytest.raises(Blocked):
            await transport.send(base.replace("127.0.0.1", "localhost"), ASKED)
        await transport.aclose()


async def test_a_way_that_was_closed_before_it_was_made_stays_closed() -> None:
    transport = Transport(LateCarrier())
    await transport.aclose()
    with pytest.raises(UpstreamNeverSent, match="closed"):
        await transport.send("http://127.0.0.1:9", ASKED)
