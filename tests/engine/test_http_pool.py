"""Which connection is asked, and what becomes of it afterwards."""

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.adapters.base import Call
from app.domain.errors import UpstreamMaybeSent, UpstreamNeverSent
from app.engine.guard import Blocked, Guard
from app.engine.http_carrier import HttpCarrier
from app.engine.http_connection import Connection
from app.engine.names import RecentNames, guarded
from app.engine.transport import Transport
from tests.servers import SocketHandler, read_request, serve_socket

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The loop of the standard library, and the one that serves."""
    return "asyncio", {"use_uvloop": request.param}


GET, CREATE = Call(path="/x", timeout=5), Call(method="POST", path="/x", json={"prompt": "a"}, timeout=5)
TWO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Vendor:
    """Answers every request with `answer`, and counts its connections and requests."""

    def __init__(self, answer: bytes = TWO, *, after: bytes = b"") -> None:
        self.answer = answer
        self.after = after  # said when the answer has gone out, without being asked
        self.connections = 0
        self.heard: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            self.heard.append(await read_request(reader))
            writer.write(self.answer)
            if self.after:
                await writer.drain()
                await asyncio.sleep(0)
                writer.write(self.after)


@asynccontextmanager
async def asking(vendor: SocketHandler, **settings: float) -> AsyncIterator[tuple[Transport, str]]:
    transport = Transport(HttpCarrier(**settings))  # type: ignore[arg-type]
    async with serve_socket(vendor) as base:
        yield transport, base
        await transport.aclose()


async def test_one_connection_serves_one_request_after_another() -> None:
    vendor = Vendor()
    async with asking(vendor) as (transport, base):
        for call in (GET, CREATE, GET):
            assert (await transport.send(base, call)).body == b"{}"
    assert (vendor.connections, len(vendor.heard)) == (1, 3)


async def test_requests_at_once_have_a_connection_each() -> None:
    vendor = Vendor()
    async with asking(vendor) as (transport, base):
        await asyncio.gather(*(transport.send(base, CREATE) for _ in range(20)))
        first = vendor.connections
        await asyncio.gather(*(transport.send(base, CREATE) for _ in range(20)))
    assert first == vendor.connections == 20


NOT_AGAIN = {
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", b""),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b""),
    "a second answer": (TWO + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b""),
    "half a second answer": (TWO + b"HTTP/1.1 200 OK\r\nContent-Le", b""),
    "garbage": (TWO + b"evil", b""),
    "a late second answer": (TWO, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
}


@pytest.mark.parametrize(("answer", "after"), NOT_AGAIN.values(), ids=NOT_AGAIN)
async def test_a_connection_that_is_not_at_rest_is_not_asked_again(answer: bytes, after: bytes) -> None:
    vendor = Vendor(answer, after=after)
    async with asking(vendor) as (transport, base):
        assert (await transport.send(base, CREATE)).body == b"{}"
        await asyncio.sleep(0.02)  # whatever is on its way arrives
        assert (await transport.send(base, CREATE)).body == b"{}"
    assert (vendor.connections, len(vendor.heard)) == (2, 2)


async def test_an_answer_that_overflows_its_length_does_not_reach_the_next() -> None:
    body = bytes(300_000)
    vendor = Vendor(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + body + b"evil")
    async with asking(vendor) as (transport, base):
        for _ in range(2):
            assert (await transport.send(base, CREATE)).body == body
    assert vendor.connections == 2


async def test_a_goodbye_that_the_loop_has_not_come_to_is_seen_before_a_post() -> None:
    closed: list[socket.socket] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(TWO)
        await writer.drain()
        closed.append(socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())))
        await reader.read()

    async with asking(once) as (transport, base):
        await transport.send(base, CREATE)
        closed[0].shutdown(socket.SHUT_WR)  # and no turn of the loop before the next request
        assert (await transport.send(base, CREATE)).ok
    for link in closed:
        link.close()
    assert len(closed) == 2


async def test_a_connection_that_ended_before_it_was_used_was_never_sent_on() -> None:
    hung_up = asyncio.Event()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serve_socket(rude) as base:
        made = lambda: Connection(lambda _: hung_up.set())  # noqa: E731
        _, connection = await asyncio.get_running_loop().create_connection(made, "127.0.0.1", int(base.rpartition(":")[2]))
        await asyncio.wait_for(hung_up.wait(), 5)
        with pytest.raises(httpx.ConnectError):
            await connection.ask(b"POST / HTTP/1.1\r\n\r\n", ())


async def test_an_idle_connection_is_closed_in_time() -> None:
    gone = asyncio.Event()

    async def waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(TWO)
        assert await reader.read() == b""
        gone.set()

    async with asking(waiting, keep_alive=0.05) as (transport, base):
        await transport.send(base, GET)
        await asyncio.wait_for(gone.wait(), 5)


async def test_an_answer_before_the_whole_request_was_heard() -> None:
    async def too_large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}")
        await asyncio.sleep(30)  # and reads no more

    async with asking(too_large) as (transport, base):
        reply = await transport.send(base, Call(method="POST", path="/x", raw=bytes(50_000_000), timeout=20))
    assert reply.status == 413


async def test_one_who_hangs_up_while_it_is_told() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with asking(rude) as (transport, base):
        with pytest.raises(UpstreamMaybeSent):
            await transport.send(base, Call(method="POST", path="/x", raw=bytes(50_000_000), timeout=20))


async def test_one_who_gives_up_leaves_no_connection_behind() -> None:
    vendor = Vendor(b"")
    async with asking(vendor) as (transport, base):
        with pytest.raises(UpstreamMaybeSent):
            await transport.send(base, Call(method="POST", path="/x", json={}, timeout=0.05))
        vendor.answer = TWO
        assert (await transport.send(base, CREATE)).ok
    assert vendor.connections == 2


async def test_a_name_is_looked_up_once_for_all_who_want_it() -> None:
    asked: list[tuple[str, int]] = []

    async def lookup(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        await asyncio.sleep(0)
        return ["127.0.0.1"]

    vendor = Vendor()
    transport = Transport(HttpCarrier(lookup=RecentNames(lookup)))
    async with serve_socket(vendor) as base:
        named = base.replace("127.0.0.1", "vendor.example.com")
        await asyncio.gather(*(transport.send(named, GET) for _ in range(5)))
        assert vendor.connections == 5
        await transport.aclose()
    assert asked == [("vendor.example.com", int(base.rpartition(":")[2]))]


async def test_a_failed_lookup_is_not_remembered() -> None:
    answers: list[Sequence[str] | OSError] = [OSError("no"), ["127.0.0.1"], ["127.0.0.2"]]

    async def lookup(host: str, port: int) -> Sequence[str]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    names = RecentNames(lookup)
    with pytest.raises(OSError, match="no"):
        await names("a.example.com", 80)
    assert [await names("a.example.com", 80) for _ in range(2)] == [["127.0.0.1"], ["127.0.0.1"]]
    assert await names("b.example.com", 80) == ["127.0.0.2"]


async def test_the_next_address_is_tried_where_one_refuses() -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.9", "127.0.0.1"]

    transport = Transport(HttpCarrier(lookup=lookup))
    async with serve_socket(Vendor()) as base:
        assert (await transport.send(base.replace("127.0.0.1", "vendor.example.com"), GET)).ok
        await transport.aclose()


async def test_a_guarded_way_does_not_lead_to_a_private_name() -> None:
    transport = Transport(HttpCarrier(lookup=guarded(Guard())))
    async with serve_socket(Vendor()) as base:
        with pytest.raises(Blocked):
            await transport.send(base.replace("127.0.0.1", "localhost"), GET)
        await transport.aclose()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """One file with a key and a certificate for vendor.example.com and 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vendor.example.com")])
    names = [x509.DNSName("vendor.example.com"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "both.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@asynccontextmanager
async def secure_vendor(certificate: Path, vendor: Vendor) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await vendor(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def local(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize("host", ["vendor.example.com", "127.0.0.1"])
async def test_tls(certificate: Path, host: str) -> None:
    body = bytes(range(256)) * 4000
    vendor = Vendor(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    transport = Transport(HttpCarrier(lookup=local, trust=ssl.create_default_context(cafile=certificate)))
    async with secure_vendor(certificate, vendor) as port:
        for _ in range(2):
            assert (await transport.send(f"https://{host}:{port}", CREATE)).body == body
        await transport.aclose()
        await asyncio.sleep(0.01)  # both say goodbye
    assert (vendor.connections, len(vendor.heard)) == (1, 2)


async def test_a_certificate_of_another_name_or_of_nobody_is_never_sent_to(certificate: Path) -> None:
    vendor = Vendor()
    async with secure_vendor(certificate, vendor) as port:
        for carrier, host in (
            (HttpCarrier(lookup=local, trust=ssl.create_default_context(cafile=certificate)), "another.example.com"),
            (HttpCarrier(lookup=local), "vendor.example.com"),
        ):
            transport = Transport(carrier)
            with pytest.raises(UpstreamNeverSent, match="TLS"):
                await transport.send(f"https://{host}:{port}", CREATE)
            await transport.aclose()
    assert vendor.heard == []
