from types import MappingProxyType

import httpx
import pytest

from app.adapters.base import Call, FilePart
from app.engine.outgoing import PIECE, Unsendable, outgoing

BASE = "https://api.example.com/root/"


def written(call: Call, base: str = BASE) -> httpx.Request:
    return outgoing(base, call, 5.0).for_httpx()


async def sent(request: httpx.Request) -> bytes:
    return await request.aread()


def test_a_relative_path_is_put_after_the_base_url() -> None:
    assert str(written(Call(path="/v1/x", query=(("a b", "c/d"), ("e", "ü")))).url) == (
        "https://api.example.com/root/v1/x?a%20b=c%2Fd&e=%C3%BC"
    )


def test_an_absolute_path_stands_alone_and_keeps_its_signature() -> None:
    request = written(Call(path="https://cdn.example.com/a%2fb?sig='x|y'", query=(("part", "1"),)))
    assert request.url.host == "cdn.example.com"
    assert request.extensions["target"] == b"/a%2fb?sig='x|y'&part=1"


def test_a_path_with_odd_characters_is_encoded_rather_than_sent_raw() -> None:
    assert written(Call(path="/a\u00a0b")).extensions["target"] == b"/root/a%C2%A0b"


@pytest.mark.anyio
async def test_json_is_written_once_and_named() -> None:
    request = written(Call(method="POST", path="/x", json=MappingProxyType({"a": ("é", None)})))
    assert await sent(request) == '{"a":["é",null]}'.encode()
    assert request.headers["content-type"] == "application/json"


def test_a_content_type_of_the_adapter_wins() -> None:
    request = written(Call(method="POST", path="/x", json={}, headers={"content-type": "application/json; charset=utf-8"}))
    assert request.headers.get_list("content-type") == ["application/json; charset=utf-8"]


@pytest.mark.anyio
async def test_a_form_becomes_multipart_in_order() -> None:
    form = (("model", "m"), ("image[]", FilePart('a"b\r\n.png', "image/png", b"\x89PNG")), ("n", "2"))
    request = written(Call(method="POST", path="/x", form=form))
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    body = await sent(request)
    assert body == (
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="image[]"; filename="a%22b%0D%0A.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n"
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="n"\r\n\r\n2\r\n'
        b"--" + boundary + b"--\r\n"
    )
    assert request.headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in request.headers


@pytest.mark.anyio
async def test_a_large_file_goes_out_in_pieces() -> None:
    data = bytes(3 * PIECE + 5)
    request = written(Call(method="POST", path="/x", form=(("image", FilePart("a.png", "image/png", data)),)))
    assert isinstance(request.stream, httpx.AsyncByteStream)
    sizes = [len(piece) async for piece in request.stream]
    assert max(sizes) == PIECE
    assert sum(sizes) == int(request.headers["content-length"])


@pytest.mark.anyio
async def test_raw_bytes_are_sent_as_they_are() -> None:
    request = written(Call(method="PUT", path="/x", raw=b"\0\1"))
    assert await sent(request) == b"\0\1"
    assert "content-type" not in request.headers


@pytest.mark.parametrize(
    "call",
    [
        Call(path="/x", headers={"X-A": "one\r\nX-B: two"}),
        Call(path="/x", headers={"X-A": "naïve"}),
        Call(path="/x", headers={"X:\n": "a"}),
        Call(method="POST", path="/x", json={"number": 2**70}),
        Call(path="http://example.com:port/x"),
        Call(path="http:///x"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_leaves(call: Call) -> None:
    with pytest.raises(Unsendable):
        written(call)
