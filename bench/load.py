"""Sends load with the compiled generator (`native/load.c`): closed loop, fixed rate, or a number of requests at once."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.compiled import program
from bench.processes import pinned


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent again and again: a POST where there is a body, else a GET."""

    path: str
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is sent. Times in seconds; a rate (requests a second) of 0 is a closed loop, a count of 0 sends until time is up."""

    connections: int = 1
    seconds: float = 2.0
    warm_up: float = 0.2
    rate: float = 0.0
    count: int = 0
    patience: float = 15.0

    def arguments(self) -> list[str]:
        """For the program."""
        options = {
            "-c": self.connections,
            "-d": self.seconds,
            "-w": self.warm_up,
            "-r": self.rate,
            "-n": self.count,
            "-x": self.patience,
        }
        return [text for option, value in options.items() for text in (option, str(value))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured; `answered`, errors and MB count everything (warm-up too), the rest what ended inside the window."""

    answered: int
    errors: int  # answers other than 2xx, and connections that broke
    unfinished: int
    rps: float
    mb: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


def send(core: int, base: str, request: Request, manner: Manner) -> Outcome:
    """The load, from this core; raises RuntimeError where the server cannot be reached at all."""
    command = [str(program("load")), "-p", str(urlsplit(base).port), "-u", request.path, *manner.arguments()]
    command += [text for name, value in request.headers.items() for text in ("-H", f"{name}: {value}")]
    command += [] if request.body is None else ["-b", request.body]
    with pinned(core):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{base}{request.path}: {ended.stderr.strip()}")
    return Outcome(**json.loads(ended.stdout))
