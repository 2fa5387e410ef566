"""A path that is put after a base URL leads to where the parser of whole URLs says, byte for byte."""

import itertools
import string

import pytest

from app.adapters.base import Call
from app.engine.outgoing import Outgoing, Unsendable, outgoing
from app.engine.urls import URL_LIMIT

BASES = [
    "https://api.example.com",
    "https://api.example.com/",
    "https://api.example.com//",
    "HTTPS://API.Example.com:443/Root/v1/",
    "http://127.0.0.1:8080/a%2fb/{c}",
    "http://[::1]:8080/x",
    "http://user:word@example.com/x",
    "http://bücher.example.com/ä",
    "http://example.com/a b",
    "http://example.com/x?y=1",
    "http://example.com?y=1",
    "http://example.com/x#y",
    "http://example.com:port",
    "http://[broken",
    "http://",
    "example.com/x",
    "sandbox://local",
    "",
]
PATHS = [
    "",
    "/",
    "//",
    "//elsewhere.example.com/x",
    "/v1/videos/abc_-.~09",
    "/a/../b/./c//d",
    "/a%2Fb%2fc%",
    "/@x:y;z,w='|`\\^{}[]<>\"",
    "/x?y=1&z=a/b?c",
    "/x#y",
    "/x?y#z",
    "/a b",
    "/é/\u00a0/\U0001f600",
    "/\u200b",
    *(f"/a{chr(code)}b" for code in (0, 9, 10, 13, 31, 127, 128, 0x2028)),
    ":8080/x",
    "x",
    "?x=1",
    f"/{string.printable}",
    f"/{string.punctuation}",
    "/" + "x" * URL_LIMIT,
    "/" + "x" * 70_000,
]
QUERIES: list[tuple[tuple[str, str], ...]] = [(), (("a b", "c/d"), ("e", "ü#?&"))]


def written(base: str, path: str, query: tuple[tuple[str, str], ...] = ()) -> Outgoing | None:
    try:
        return outgoing(base, Call(path=path, query=query), 5.0)
    except Unsendable:
        return None


@pytest.mark.parametrize("base", BASES)
def test_a_path_after_a_base_is_the_whole_url(base: str) -> None:
    for path, query in itertools.product(PATHS, QUERIES):
        joined = written(base, path, query)
        assert joined == written("", base.rstrip("/") + path, query)
        if joined is not None:
            assert joined.for_httpx().url.host == joined.origin.host


def test_the_address_of_one_base_says_nothing_of_another() -> None:
    found = [written(base, "/x") for base in ("http://a.example.com/1", "http://b.example.com/1", "http://a.example.com/2")]
    assert [(one.origin.host, one.target) for one in found if one is not None] == [
        ("a.example.com", "/1/x"),
        ("b.example.com", "/1/x"),
        ("a.example.com", "/2/x"),
    ]
