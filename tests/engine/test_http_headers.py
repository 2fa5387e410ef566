"""What a carrier adds to the headers of a request, and what it must not."""

import asyncio

import pytest

from app.adapters.base import Call
from app.engine.http_carrier import HttpCarrier
from app.engine.transport import Transport
from tests.servers import read_request, serve_socket

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("call", "type_"),
    [
        (Call(path="/x"), None),
        (Call(method="POST", path="/x"), None),
        (Call(method="DELETE", path="/x"), None),
        (Call(method="PUT", path="/x", raw=b"{}"), None),
        (Call(method="PUT", path="/x", raw=b"{}", headers={"content-TYPE": "image/png"}), b"image/png"),
        (Call(method="POST", path="/x", json={}), b"application/json"),
    ],
)
async def test_no_type_of_a_body_is_guessed(call: Call, type_: bytes | None) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    transport = Transport(HttpCarrier())
    async with serve_socket(answer) as base:
        await transport.send(base, call)
    await transport.aclose()
    lines = [line.partition(b": ") for line in heard[0].partition(b"\r\n\r\n")[0].split(b"\r\n")]
    named = [value for name, _, value in lines if name.lower() == b"content-type"]
    assert named == ([] if type_ is None else [type_])
    assert [value for name, _, value in lines if name.lower() == b"user-agent"] == [b"filmgate"]
