"""W11: whether the sandbox's renders, which take a whole core, delay what others ask the same process."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.asking import Answers, asked, wire
from bench.findings import Finding
from bench.setting import Setting
from bench.site import Site, site

DELAY = "status p99 with renders, ms more than with other work"
_RATE = 100.0  # status reads a second
_WANTED = {"model": "sandbox-video", "size": "1920x1080", "seconds": "10"}
_RENDERS = 4  # that wait or run, so that there is always one
_LOOPS = 2  # a large render has as many threads at work
_LOOP = "import os; os.nice(10)\nwhile True: pass"
_NOTE = """\
{rate:.0f} status reads a second of a finished job, latency from the instant at which each was due, medians of interleaved rounds.
The gateway and its renders (1080p, 10 s each, one process at a time per core but one) may use every core, as installed. The loops
are {loops} processes of the renders' priority that only burn time: what they delay is the machine's sharing and not the gateway."""


@dataclass(slots=True)
class Case:
    """Status reads, with or without renders beside them."""

    title: str
    rounds: list[Answers] = field(default_factory=list)

    def median(self, figure: str) -> float:
        """The middle of the rounds, in ms."""
        return float(statistics.median(getattr(one, figure) for one in self.rounds))


def measure(setting: Setting) -> list[Finding]:
    """In turns, each turn with renders beginning anew."""
    without, busy, beside = Case("nothing else"), Case("idle loops of other processes"), Case("renders")
    with site(setting.folder / "data", os.sched_getaffinity(0)) as gateway:
        job = _create(gateway, seconds="1", size="320x240")
        gateway.reached(job)
        for number in range(setting.pace.rounds + 1):
            setting.tell(f"round {number} of {setting.pace.rounds}" if number else "rehearsal")
            plain = _read(setting, gateway, job)
            with _looping():
                looping = _read(setting, gateway, job)
            with _rendering(gateway):
                rendering = _read(setting, gateway, job)
            if number:
                without.rounds.append(plain)
                busy.rounds.append(looping)
                beside.rounds.append(rendering)
    rows = tuple(
        (
            *(case.title, *(f"{case.median(figure):.2f}" for figure in ("p50_ms", "p99_ms", "worst_ms"))),
            str(sum(one.answered for one in case.rounds)),
        )
        for case in (without, busy, beside)
    )
    figures = {DELAY: beside.median("p99_ms") - busy.median("p99_ms")}
    columns = ("beside the status reads", "p50 ms", "p99 ms", "worst ms", "answers")
    return [Finding("W11", "Status reads beside renders", columns, rows, figures, _NOTE.format(rate=_RATE, loops=_LOOPS))]


def _read(setting: Setting, gateway: Site, job: str) -> Answers:
    answers = asked(
        *(gateway.base, [wire(gateway.base, f"/v1/videos/{job}", gateway.key)]),
        core=setting.cores.around,
        folder=setting.folder,
        connections=16,
        rate=_RATE,
        seconds=max(setting.pace.seconds, 2.0),
        warm_up=0.2,
    )
    if answers.errors or not answers.answered:
        raise RuntimeError(f"{answers.errors} of {answers.answered} answers were errors")
    return answers


@contextmanager
def _looping() -> Iterator[None]:
    """While other processes use as much as a render does."""
    loops = [subprocess.Popen([sys.executable, "-c", _LOOP]) for _ in range(_LOOPS)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@contextmanager
def _rendering(gateway: Site) -> Iterator[None]:
    """While renders run, from the first one's start to the end of the block; raises RuntimeError where they ended before that."""
    alone = len(gateway.server.family())
    jobs = [_create(gateway, **_WANTED) for _ in range(_RENDERS)]
    ends = time.monotonic() + 30.0
    while len(gateway.server.family()) == alone:
        if time.monotonic() > ends:
            raise RuntimeError("no render has begun")
        time.sleep(0.02)
    yield
    if len(gateway.server.family()) == alone:
        raise RuntimeError("the renders ended too soon")
    for job in jobs:
        gateway.cancel(job)


def _create(gateway: Site, **wanted: str) -> str:
    headers = {"Authorization": f"Bearer {gateway.key}"}
    body = {"model": "sandbox-video", "prompt": "a small red kite above a quiet harbour", **wanted}
    job: str = gateway.admin.post("/v1/videos", json=body, headers=headers).raise_for_status().json()["id"]
    return job
