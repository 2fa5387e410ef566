import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence

import pytest

from app.domain.errors import InputRefused
from app.engine.fetch import Fetcher, Unfetchable
from app.engine.guard import Guard
from app.engine.http_carrier import HttpCarrier
from app.engine.names import guarded
from app.engine.transport import Transport
from tests.servers import Receive, Scope, Send, read_request, refused_port, serve, serve_socket

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
OWN = ("127.0.0.1",)


class Site:
    """A web site on 127.0.0.1; `/to/<url>` redirects there."""

    def __init__(self) -> None:
        self.seen: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        path = str(scope["path"])
        status, headers, body = 200, [(b"content-type", b"text/plain; charset=x")], PNG
        if path.startswith("/to/"):
            status, headers = 302, [(b"location", path.removeprefix("/to/").encode())]
        elif path == "/loop":
            status, headers = 307, [(b"location", b"/loop")]
        elif path == "/text":
            body = b"words"
        elif path == "/bomb":
            headers, body = [(b"content-encoding", b"gzip")], gzip.compress(bytes(5_000_000))
        elif path == "/missing":
            status = 404
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def site() -> AsyncIterator[tuple[Site, str]]:
    app = Site()
    async with serve(app) as base:
        yield app, base


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    opened = Fetcher(Guard(OWN))
    yield opened
    await opened.aclose()


@pytest.fixture
async def closed_fetcher() -> AsyncIterator[Fetcher]:
    opened = Fetcher(Guard())
    yield opened
    await opened.aclose()


async def fetch(fetcher: Fetcher, url: str, limit: int = 1_000_000, timeout: float = 5) -> tuple[bytes, str | None]:  # noqa: ASYNC109
    found = await fetcher.fetch(url, param="image", limit=limit, timeout=timeout)
    return found.data, found.mime


async def refusal(fetcher: Fetcher, url: str, limit: int = 1_000_000, timeout: float = 5) -> str:  # noqa: ASYNC109
    with pytest.raises(InputRefused) as refused:
        await fetch(fetcher, url, limit, timeout)
    assert refused.value.param == "image"
    return refused.value.message


async def test_a_file_comes_with_the_type_of_its_bytes(fetcher: Fetcher, site: tuple[Site, str]) -> None:
    assert await fetch(fetcher, f"{site[1]}/a.txt") == (PNG, "image/png")


async def test_unknown_bytes_come_with_the_type_that_was_declared(fetcher: Fetcher, site: tuple[Site, str]) -> None:
    assert await fetch(fetcher, f"{site[1]}/text") == (b"words", "text/plain")


async def test_redirects_are_followed(fetcher: Fetcher, site: tuple[Site, str]) -> None:
    assert (await fetch(fetcher, f"{site[1]}/to//to//a.png"))[0] == PNG
    assert len(site[0].seen) == 3


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/",
        "http://2130706433/",
        "http://[::1]/",
        "http://metadata.google.internal/",
        "http://x:y@127.0.0.1/",
        "file:///etc/passwd",
        "//10.0.0.1/",
    ],
)
async def test_redirect_to_private_blocked_on_reference_fetch(fetcher: Fetcher, site: tuple[Site, str], target: str) -> None:
    assert "could not be fetched" not in await refusal(fetcher, f"{site[1]}/to/{target}")
    assert len(site[0].seen) == 1


async def test_a_private_url_is_never_asked(closed_fetcher: Fetcher, site: tuple[Site, str]) -> None:
    assert await refusal(closed_fetcher, f"{site[1]}/a.png") == "The URL leads to a private address."
    assert site[0].seen == []


async def test_a_loop_of_redirects_ends(fetcher: Fetcher, site: tuple[Site, str]) -> None:
    assert "more than 5 times" in await refusal(fetcher, f"{site[1]}/loop")
    assert len(site[0].seen) == 6


async def test_a_bad_status_is_said(fetcher: Fetcher, site: tuple[Site, str]) -> None:
    assert "HTTP 404" in await refusal(fetcher, f"{site[1]}/missing")


async def test_a_file_over_the_limit_is_refused(fetcher: Fetcher, site: tuple[Site, str]) -> None:
    assert "larger than 50 bytes" in await refusal(fetcher, f"{site[1]}/a.png", limit=50)


async def test_decompression_bombs_are_counted_unpacked(fetcher: Fetcher, site: tuple[Site, str]) -> None:
    assert "larger than 1000000 bytes" in await refusal(fetcher, f"{site[1]}/bomb")


async def test_an_unreachable_server_is_said(fetcher: Fetcher) -> None:
    assert "could not be reached" in await refusal(fetcher, f"http://127.0.0.1:{refused_port()}/a.png")


async def test_the_whole_download_is_bounded_in_time(fetcher: Fetcher) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.005)

    async with serve_socket(trickle) as base:
        assert "within 0.06 seconds" in await refusal(fetcher, f"{base}/a.png", timeout=0.06)


async def test_a_connection_that_breaks_is_said(fetcher: Fetcher) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nxx")

    async with serve_socket(half) as base:
        assert "broke off" in await refusal(fetcher, f"{base}/a.png")


async def test_neither_cookies_nor_credentials_are_sent(fetcher: Fetcher, site: tuple[Site, str]) -> None:
    await fetch(fetcher, f"{site[1]}/to//a.png")
    names = {name for scope in site[0].seen for name, _ in scope["headers"]}
    assert names <= {b"host", b"accept", b"accept-encoding", b"user-agent"}


async def test_a_channels_own_host_may_be_private_for_its_own_calls_only(closed_fetcher: Fetcher, site: tuple[Site, str]) -> None:
    url = f"{site[1]}/a.png"
    async with closed_fetcher.open_stream(url, idle=5, own_hosts=OWN) as answer:
        assert answer.status == 200
        assert b"".join([chunk async for chunk in answer.chunks]) == PNG
    with pytest.raises(Unfetchable) as failure:
        async with closed_fetcher.open_stream(url, idle=5):
            pass
    assert failure.value.blocked


class Rebinding:
    """A name server that answers with other addresses each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0)

    def open(self, guard: Guard) -> Transport:
        return Transport(HttpCarrier(lookup=guarded(guard, self)))


async def test_a_name_that_changes_its_mind_is_asked_once_and_pinned(site: tuple[Site, str]) -> None:
    # the first answer is an address that the operator opened, standing for a public one; the second is private
    names = Rebinding(["127.0.0.1"], ["127.0.0.2"])
    fetcher = Fetcher(Guard(OWN), names.open)
    port = site[1].rpartition(":")[2]
    assert (await fetch(fetcher, f"http://rebinding.example.com:{port}/a.png"))[0] == PNG
    assert names.asked == 1
    assert dict(site[0].seen[0]["headers"])[b"host"] == f"rebinding.example.com:{port}".encode()
    await fetcher.aclose()


async def test_a_name_that_leads_to_a_private_address_is_refused(site: tuple[Site, str]) -> None:
    names = Rebinding(["93.184.216.34", "127.0.0.1"])
    fetcher = Fetcher(Guard(), names.open)
    assert (
        await refusal(fetcher, f"http://inside.example.com:{site[1].rpartition(':')[2]}/") == "The URL leads to a private address."
    )
    assert site[0].seen == []
    await fetcher.aclose()


async def test_a_post_goes_to_listed_hosts_only(fetcher: Fetcher, closed_fetcher: Fetcher, site: tuple[Site, str]) -> None:
    reply = await fetcher.post(f"{site[1]}/hook", body=b"{}", headers={"Content-Type": "application/json"}, timeout=5)
    assert reply.status == 200
    assert site[0].seen[0]["method"] == "POST"
    with pytest.raises(Unfetchable):
        await closed_fetcher.post(f"{site[1]}/hook", body=b"{}", headers={}, timeout=5)


async def test_redirect_to_private_blocked_on_webhook(fetcher: Fetcher, site: tuple[Site, str]) -> None:
    reply = await fetcher.post(f"{site[1]}/to/http://10.0.0.1/", body=b"{}", headers={}, timeout=5)
    assert reply.status == 302
    assert len(site[0].seen) == 1
