"""A gateway with finished films of several sizes, at their vendor and as copies of its own, and nginx before the same vendor."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.asking import wire
from bench.peers import NGINX, started, starts
from bench.processes import Cores, Server, running
from bench.site import VIDEO_MODEL, Site, site, vendor_command
from bench.vendor import film_part

MB = 1_000_000
GATEWAY, STORED, VENDOR = "gateway", "gateway, stored copy", "vendor itself"
SEEK = 65_536  # bytes
_RESET_PEAK = "5"  # see clear_refs in proc(5)


@dataclass(frozen=True, slots=True)
class Source:
    """One server that has the films, and its path of each, by size in MB."""

    server: Server
    paths: dict[int, str]
    key: str = ""

    def wire(self, megabytes: int, **headers: str) -> str:
        """The whole request for a film."""
        return wire(self.server.base, self.paths[megabytes], self.key, **headers)

    def check(self, megabytes: int, chance: random.Random) -> None:
        """Raises RuntimeError where a range of the film is not what it has to be."""
        start = chance.randrange(megabytes * MB - SEEK)
        headers = {"Authorization": f"Bearer {self.key or 'nobody'}", "Range": f"bytes={start}-{start + SEEK}"}
        answer = httpx.get(self.server.base + self.paths[megabytes], headers=headers, timeout=30.0)
        if answer.status_code != 206 or answer.content != film_part(start, SEEK + 1):
            raise RuntimeError(f"{self.server.name}: a wrong range of the film, status {answer.status_code}")


@dataclass(frozen=True, slots=True)
class Films:
    """Everything that is running; `sources` by name, nginx only where it is installed."""

    gateway: Server
    vendor: Server
    sources: dict[str, Source]

    def sent_mb(self) -> float:
        """What the vendor has sent of films so far."""
        return int(httpx.get(f"{self.vendor.base}/sent").text) / MB

    def peak_mb(self) -> float:
        """The most that the gateway ever held in memory since the last reset."""
        lines = self._proc("status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / MB for line in lines if line.startswith("VmHWM:"))

    def reset_peak(self) -> None:
        """Peaks count from now on."""
        self._proc("clear_refs").write_text(_RESET_PEAK)

    def _proc(self, name: str) -> Path:
        return Path(f"/proc/{self.gateway.process.pid}/{name}")


@contextmanager
def finished_films(cores: Cores, folder: Path, sizes: tuple[int, ...]) -> Iterator[Films]:
    """Starts all and has a film of each size made, in MB; the last one is also copied for a key that wants copies."""
    with ExitStack() as stack:
        vendor = stack.enter_context(running("vendor", vendor_command(), core=cores.around, folder=folder))
        gateway = stack.enter_context(
            site(folder / "data", [cores.server], vendor.base, environment={"FILMGATE_KEEP_RESULTS": "false"})
        )
        theirs = {size: f"/v1/videos/video_{number}/content" for number, size in enumerate(sizes)}
        ours = {size: f"/v1/videos/{_made(gateway, size)}/content" for size in sizes}
        key, copied = _copied(gateway, sizes[-1])
        sources = {
            VENDOR: Source(vendor, theirs),
            GATEWAY: Source(gateway.server, ours, gateway.key),
            STORED: Source(gateway.server, {sizes[-1]: f"/v1/videos/{copied}/content"}, key),
        }
        nginx = starts(vendor.base, folder).get(NGINX)
        if nginx is not None:
            sources[NGINX] = Source(stack.enter_context(started(NGINX, nginx, cores.server, folder)), theirs)
        yield Films(gateway.server, vendor, sources)


def _made(gateway: Site, megabytes: int) -> str:
    job = gateway.create(f"a small red kite above a quiet harbour, FILM {megabytes * MB}")
    gateway.reached(job)
    return job


def _copied(gateway: Site, megabytes: int) -> tuple[str, str]:
    """A key whose results are kept, and a film of it that is."""
    made = gateway.admin.post("/admin/keys", json={"name": "keeps", "keep_results": True})
    key: str = made.raise_for_status().json()["key"]
    keeper = Site(gateway.server, key, gateway.admin)
    keeper.knows(VIDEO_MODEL)
    job = _made(keeper, megabytes)
    gateway.no_copies_due()
    return key, job
