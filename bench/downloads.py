"""W6: downloads of large films through the gateway: memory stays flat, and how fast they are, seeks into them included.

    python -m bench.downloads       the memory alone; exits with 1 where it grew by more than allowed, or a download was not whole

Memory is measured twice: with clients that read as fast as they can, and with clients that stop for a while after their first
MB. Growth is the peak of the gateway's resident memory during the downloads less what it held before; needs Linux.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from bench.asking import asked
from bench.films import GATEWAY, MB, SEEK, VENDOR, Films, finished_films
from bench.findings import Finding
from bench.processes import ROOT, two_cores
from bench.setting import Setting
from bench.streaming import streamed

CLIENTS, FILM_MB, ALLOWED_MB = 50, 100, 64
SMALL, LARGE = 20, 200  # MB
GROWTH, SEEKS = "download growth MB", "seek p99 added ms"

_PAUSE = 5.0  # seconds in which the clients of the second run do not read
_BEFORE_THE_PAUSE = 1_000_000  # bytes
_SEEKERS, _RANGES = 4, 2_000


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


def measure(setting: Setting) -> list[Finding]:
    """Memory of gateways that have done nothing else; results stay with their vendor, so that every download is relayed."""
    size = SMALL if setting.pace.quick else FILM_MB
    with _fresh(setting, "many", (size,)) as films:
        setting.tell(f"{CLIENTS} downloads of {size} MB")
        memory = _memory(uvloop.run(both(films, CLIENTS, size)), size)
    with _fresh(setting, "few", (SMALL, FILM_MB, LARGE)) as films:
        return [memory, streamed(setting, films, SMALL, LARGE), _seeks(setting, films)]


@contextmanager
def _fresh(setting: Setting, name: str, sizes: tuple[int, ...]) -> Iterator[Films]:
    folder = setting.folder / name
    folder.mkdir()
    with finished_films(setting.cores, folder, sizes) as films:
        yield films


def _memory(runs: Sequence[Growth], size: int) -> Finding:
    if any(run.whole != CLIENTS for run in runs):
        raise RuntimeError("some downloads were not whole")
    rows = tuple(
        (
            *(run.clients, f"{run.before_mb:.0f}", f"{run.peak_mb:.0f}", f"{run.grown_mb:.1f}", f"{run.seconds:.1f}"),
            "" if run.paused_sent_mb is None else f"{run.paused_sent_mb:.0f}",
        )
        for run in runs
    )
    columns = ("clients", "MB before", "MB at most", "grown MB", "seconds", "MB sent while all stood still")
    figures = {GROWTH: max(run.grown_mb for run in runs)}
    return Finding("W6", f"Memory during {CLIENTS} downloads of {size} MB at once", columns, rows, figures)


def _seeks(setting: Setting, films: Films) -> Finding:
    chance, found = random.Random(5), {}
    starts = [chance.randrange(FILM_MB * MB - SEEK) for _ in range(_RANGES)]
    for name, source in films.sources.items():
        if FILM_MB in source.paths:
            setting.tell(f"seeks, {name}")
            source.check(FILM_MB, chance)
            wires = [source.wire(FILM_MB, Range=f"bytes={start}-{start + SEEK}") for start in starts]
            found[name] = asked(
                *(source.server.base, wires),
                core=setting.cores.around,
                folder=setting.folder,
                connections=_SEEKERS,
                seconds=setting.pace.seconds * setting.pace.rounds,
                warm_up=0.2,
            )
    rows = tuple(
        (name, f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", str(one.answered), str(one.errors)) for name, one in found.items()
    )
    figures = {SEEKS: found[GATEWAY].p99_ms - found[VENDOR].p99_ms}
    note = f"Ranges of {SEEK} bytes at random places of a film of {FILM_MB} MB, {_SEEKERS} connections."
    return Finding("W6", "Seeks", ("served by", "p50 ms", "p99 ms", "answers", "errors"), rows, figures, note)


async def both(films: Films, clients: int, size: int) -> Sequence[Growth]:
    """A single download first: what is loaded once for all is no growth."""
    await grown(films, 1, size, 0.0, pausing=False)
    before = films.gateway.resident_mb()
    return [await grown(films, clients, size, before, pausing=pausing) for pausing in (False, True)]


async def grown(films: Films, clients: int, size: int, before: float, *, pausing: bool) -> Growth:
    """All clients at once, to the end; `before` is what the gateway held (MB) before any of it."""
    films.reset_peak()
    sent = await asyncio.to_thread(films.sent_mb)
    started, gate = time.perf_counter(), asyncio.Event()
    if not pausing:
        gate.set()
    wire = films.sources[GATEWAY].wire(size, Connection="close").encode()
    downloads = [asyncio.create_task(_download(films.gateway.base, wire, gate)) for _ in range(clients)]
    stood = None
    if pausing:
        await asyncio.sleep(_PAUSE)
        stood = await asyncio.to_thread(films.sent_mb) - sent
        gate.set()
    sizes = await asyncio.gather(*downloads)
    seconds = time.perf_counter() - started
    whole = sum(1 for found in sizes if found == size * MB)
    return Growth("pausing" if pausing else "fast", before, films.peak_mb(), seconds, whole, stood)


async def _download(base: str, wire: bytes, gate: asyncio.Event) -> int:
    """How many bytes of the film came; waits for the gate after its beginning."""
    parts = urlsplit(base)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(wire)
    head, size = await reader.readuntil(b"\r\n\r\n"), 0
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())
    while chunk := await reader.read(256 * 1024):
        size += len(chunk)
        if size > _BEFORE_THE_PAUSE and not gate.is_set():
            await gate.wait()
    writer.close()
    return size


def line(run: Growth) -> str:
    """One run, for people."""
    stood = "" if run.paused_sent_mb is None else f"; the vendor had sent {run.paused_sent_mb:.0f} MB while all stood still"
    memory = f"{run.before_mb:.0f} MB before, {run.peak_mb:.0f} MB at most: +{run.grown_mb:.1f} MB"
    return f"{run.clients} clients: {run.whole} whole downloads of {FILM_MB} MB in {run.seconds:.1f} s; {memory}{stood}"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.downloads", description=__doc__)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    given = parser.parse_args()
    results = ROOT / "bench" / "results"
    results.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=results, prefix="run-") as folder,
        finished_films(two_cores(), Path(folder), (FILM_MB,)) as films,
    ):
        runs = uvloop.run(both(films, given.clients, FILM_MB))
    for run in runs:
        print(line(run))
    return 0 if all(run.whole == given.clients and run.grown_mb < ALLOWED_MB for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
