"""Processes pinned to a core, and what they cost according to Linux."""

import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"

_ADDRESS = re.compile(r"http://127\.0\.0\.1:[0-9]+")
_START_SECONDS, _STOP_SECONDS = 60.0, 60.0
_TICKS = os.sysconf("SC_CLK_TCK")  # per second
_PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")  # neither settings nor vendor credentials of whoever runs this
_CPU_CLOCK = 2  # CPUCLOCK_SCHED: the clock of a whole process, exact to the nanosecond, see clock_getcpuclockid(3)


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the server under test, one for everything around it; the same one where there is no other."""

    server: int
    around: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the process that was started, and those that it started itself."""

    name: str
    process: subprocess.Popen[bytes]
    base: str

    def cpu_seconds(self) -> float:
        """User and system time so far, of all threads and of all processes that are or were part of it."""
        return sum(_cpu_seconds(process) for process in self.family())

    def resident_mb(self) -> float:
        """Resident memory at this moment, in MB; pages that several processes share count for each."""
        return sum(_resident_mb(process) for process in self.family())

    def family(self) -> list[int]:
        """The process and its descendants, by number."""
        return _family(self.process.pid)


def two_cores() -> Cores:
    """The last core for the server, the first for the rest: interrupts tend to be served by the first."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(server=usable[-1], around=usable[0])


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Processes that are started inside the block stay on this core: affinity is inherited."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    core: int,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    started_in: Path = ROOT,
    base: str = "",
    ready: str = "",
    patience: float = _START_SECONDS,
) -> Iterator[Server]:
    """Starts a server that prints its address, waits for that line, and stops it at the end; its output goes to `folder`.

    One that is told its address is given as `base`; with `ready`, a path, the server is waited for until it answers there.
    """
    log = folder / f"{name}.log"
    inherited = {variable: os.environ[variable] for variable in _INHERITED if variable in os.environ}
    with log.open("wb") as output, pinned(core):
        process = subprocess.Popen(
            command, cwd=started_in, env={**inherited, **(environment or {})}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        ends = time.monotonic() + patience
        server = Server(name, process, base or _address(name, process, log, ends))
        if ready:
            await_answer(server, ready, log, ends)
        yield server
    finally:
        _stop(process)


def await_answer(server: Server, path: str, log: Path, ends: float) -> None:
    """Returns as soon as this path is answered with 2xx; raises RuntimeError at `ends`, or when the process is gone."""
    while server.process.poll() is None and time.monotonic() < ends:
        try:
            with urllib.request.urlopen(server.base + path, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise _not_started(server.name, log)


def _address(name: str, process: subprocess.Popen[bytes], log: Path, ends: float) -> str:
    while process.poll() is None and time.monotonic() < ends:
        found = _ADDRESS.search(log.read_text(errors="replace"))
        if found:
            return found[0]
        time.sleep(0.01)
    raise _not_started(name, log)


def _not_started(name: str, log: Path) -> RuntimeError:
    return RuntimeError(f"{name} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _family(process: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return []
    return [process, *(member for child in children for member in _family(child))]


def _cpu_seconds(process: int) -> float:
    """Of this process and of its ended children, whose time is only known to a tick of the clock (10 ms)."""
    try:
        after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        own = time.clock_gettime((~process << 3) | _CPU_CLOCK)
    except OSError:  # it ended meanwhile
        return 0.0
    return own + (int(after_name[13]) + int(after_name[14])) / _TICKS  # cutime and cstime: fields 16 and 17 of proc(5)


def _resident_mb(process: int) -> float:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE / 1e6
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
