"""Shows that memory stays flat: many clients download a large film at once through a gateway, from a vendor.

    python -m bench.downloads       exits with 1 where the gateway grew by more than allowed, or a download was not whole

Twice: clients that read as fast as they can, and clients that stop for a while after their first MB. Growth is the peak of the
gateway's resident memory during the downloads less what it held before; needs Linux. `--vendor` is the vendor of the measurement.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import uvloop

from bench import upstream
from bench.gateway import VIDEO_MODEL
from bench.processes import ROOT, Cores, Server, running, two_cores

CLIENTS, FILM_MB, ALLOWED_MB = 50, 100, 64

_PIECE = bytes(256 * 1024)
_ADMIN_KEY = "fg-admin-bench"
_PATIENCE = 60.0  # seconds
_PAUSE = 5.0  # seconds in which the clients of the second run do not read
_BEFORE_THE_PAUSE = 1_000_000  # bytes
_RESET_PEAK = "5"  # see clear_refs in proc(5)


@dataclass(frozen=True, slots=True)
class Growth:
    """One run: memory in MB; `paused_sent_mb` is what the vendor had sent when all clients stood still."""

    clients: str
    before_mb: float
    peak_mb: float
    seconds: float
    whole: int
    paused_sent_mb: float | None

    @property
    def grown_mb(self) -> float:
        """The peak less what there was before."""
        return self.peak_mb - self.before_mb


class Vendor(upstream.Vendor):
    """The suite's vendor, with films: `/v1/videos/{id}/content`, written as fast as the reader takes it."""

    film = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"
    sent = 0  # bytes of films, of all connections

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._left = 0
        self._free = True

    def on_message_complete(self) -> None:
        if self._path == b"/sent":
            body = b"%d" % Vendor.sent
            self._transport.write(b"HTTP/1.1 200 Fake\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        elif not self._path.endswith(b"/content"):
            super().on_message_complete()
        else:
            head = b"HTTP/1.1 200 Fake\r\ncontent-type: video/mp4\r\ncontent-length: %d\r\n\r\n%b"
            self._transport.write(head % (self._size, self.film))
            self._left = self._size - len(self.film)
            self._write()

    def pause_writing(self) -> None:
        """The reader is behind."""
        self._free = False

    def resume_writing(self) -> None:
        """The reader has caught up."""
        self._free = True
        self._write()

    def _write(self) -> None:
        while self._left and self._free and not self._transport.is_closing():
            piece = _PIECE[: self._left]
            self._left -= len(piece)
            Vendor.sent += len(piece)
            self._transport.write(piece)


async def serve(size: int) -> None:
    """The vendor, until the process is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Vendor(size), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway and its vendor, and how to ask for the film that is there."""

    gateway: Server
    vendor: Server
    wire: bytes

    def sent_mb(self) -> float:
        """What the vendor has sent of films so far."""
        return int(httpx.get(f"{self.vendor.base}/sent").text) / 1e6

    def peak_mb(self) -> float:
        """The most that was ever resident since the last reset."""
        lines = self._proc("status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))

    def reset_peak(self) -> None:
        """Peaks count from now on."""
        self._proc("clear_refs").write_text(_RESET_PEAK)

    def _proc(self, name: str) -> Path:
        return Path(f"/proc/{self.gateway.process.pid}/{name}")


@contextmanager
def prepared(cores: Cores, folder: Path) -> Iterator[Site]:
    """Starts both, and has one film made; results are not copied, so that every download is read from the vendor."""
    data = folder / "data"
    data.mkdir()
    environment = {"FILMGATE_DATA_DIR": str(data), "FILMGATE_ADMIN_KEY": _ADMIN_KEY, "FILMGATE_KEEP_RESULTS": "false"}
    command = [sys.executable, "-m", "app", "serve", "--port", "0"]
    with (
        running("vendor", [sys.executable, "-m", "bench.downloads", "--vendor"], core=cores.around, folder=folder) as vendor,
        running("gateway", command, core=cores.server, folder=folder, environment=environment, started_in=data) as gateway,
        httpx.Client(base_url=gateway.base, headers={"Authorization": f"Bearer {_ADMIN_KEY}"}, timeout=30.0) as admin,
    ):
        _until(admin, "/readyz")
        key, job = _film(admin, vendor.base)
        request = f"GET /v1/videos/{job}/content HTTP/1.1\r\nhost: {urlsplit(gateway.base).netloc}\r\n"
        yield Site(gateway, vendor, f"{request}authorization: Bearer {key}\r\nconnection: close\r\n\r\n".encode())


def _film(admin: httpx.Client, vendor: str) -> tuple[str, str]:
    """A client key, and the id of a finished job of it."""
    channel = {
        "name": "bench",
        "adapter": "openai",
        "base_url": vendor,
        "credentials": [{"api_key": "canary"}],
        "models": [VIDEO_MODEL],
    }
    # by the endpoint: the link in the vendor's answers leads nowhere
    admin.post("/admin/channels", json={**channel, "settings": {"content": "endpoint"}}).raise_for_status()
    key: str = admin.post("/admin/keys", json={"name": "bench"}).raise_for_status().json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    _until(admin, f"/v1/models/{VIDEO_MODEL}", headers)
    wanted = {"model": VIDEO_MODEL, "prompt": "a small red kite above a quiet harbour"}
    job: str = admin.post("/v1/videos", json=wanted, headers=headers).raise_for_status().json()["id"]
    _until(admin, f"/v1/videos/{job}", headers, status="completed")
    return key, job


def _until(client: httpx.Client, path: str, headers: dict[str, str] | None = None, **expected: str) -> None:
    """Returns when this path is answered well, with these values."""
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        try:
            answer = client.get(path, headers=headers)
            if answer.is_success and all(answer.json().get(name) == value for name, value in expected.items()):
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{path} is not answered as expected")


async def measure(site: Site, clients: int, before: float, *, pausing: bool) -> Growth:
    """All clients at once, to the end; `before` is what the gateway held (MB) before any of it."""
    site.reset_peak()
    sent = await asyncio.to_thread(site.sent_mb)
    started, gate = time.perf_counter(), asyncio.Event()
    if not pausing:
        gate.set()
    downloads = [asyncio.create_task(_download(site, gate)) for _ in range(clients)]
    stood = None
    if pausing:
        await asyncio.sleep(_PAUSE)
        stood = await asyncio.to_thread(site.sent_mb) - sent
        gate.set()
    sizes = await asyncio.gather(*downloads)
    seconds = time.perf_counter() - started
    whole = sum(1 for size in sizes if size == FILM_MB * 1_000_000)
    return Growth("pausing" if pausing else "fast", before, site.peak_mb(), seconds, whole, stood)


async def _download(site: Site, gate: asyncio.Event) -> int:
    """How many bytes of the film came; waits for the gate after its beginning."""
    parts = urlsplit(site.gateway.base)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(site.wire)
    head, size = await reader.readuntil(b"\r\n\r\n"), 0
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())
    while chunk := await reader.read(256 * 1024):
        size += len(chunk)
        if size > _BEFORE_THE_PAUSE and not gate.is_set():
            await gate.wait()
    writer.close()
    return size


async def both(site: Site, clients: int) -> Sequence[Growth]:
    """A single download first: what is loaded once for all is no growth."""
    await measure(site, 1, 0.0, pausing=False)
    before = site.gateway.resident_mb()
    return [await measure(site, clients, before, pausing=False), await measure(site, clients, before, pausing=True)]


def line(run: Growth) -> str:
    """One run, for people."""
    stood = "" if run.paused_sent_mb is None else f"; the vendor had sent {run.paused_sent_mb:.0f} MB while all stood still"
    memory = f"{run.before_mb:.0f} MB before, {run.peak_mb:.0f} MB at most: +{run.grown_mb:.1f} MB"
    return f"{run.clients} clients: {run.whole} whole downloads of {FILM_MB} MB in {run.seconds:.1f} s; {memory}{stood}"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.downloads", description=__doc__)
    parser.add_argument("--vendor", action="store_true", help="be the vendor")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    given = parser.parse_args()
    if given.vendor:
        uvloop.run(serve(FILM_MB * 1_000_000))
    results = ROOT / "bench" / "results"
    results.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=results, prefix="run-") as folder, prepared(two_cores(), Path(folder)) as site:
        runs = uvloop.run(both(site, given.clients))
    for run in runs:
        print(line(run))
    return 0 if all(run.whole == given.clients and run.grown_mb < ALLOWED_MB for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
