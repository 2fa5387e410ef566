"""Starts gateways by forking one process that has imported everything: a start takes a third of a second instead of three.

A child is what `filmgate serve` is from the moment its modules are loaded. Commands come on standard input, one a line, and
each is answered by one line: `start PORT` -> the process id, `kill PID` and `stop PID` -> how the process ended, as
`waitpid` gives it (9: by SIGKILL). When the input ends, so do all children. Needs a system that can fork.
"""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path

from app.adapters.registry import adapters, catalogue
from app.cli.serve import serve_command

# what a gateway loads when it needs it, which each child would have to do anew
_LOADED_LATER = (
    *("app.main", "app.cli.serving", "app.engine.first_run", "app.store.migrate", "app.engine.http_carrier"),
    *("app.engine.rate_source", "cryptography.fernet", "cryptography.hazmat.primitives.kdf.hkdf"),
)


def main() -> None:
    """Obeys until the input ends; children write to the file named by the first argument."""
    for name in _LOADED_LATER:
        import_module(name)
    for name in adapters():
        catalogue(name)
    log = Path(sys.argv[1])
    running: set[int] = set()
    _say("ready")
    for line in sys.stdin:
        word, number = line.split()
        if word == "start":
            process = _fork(int(number), log)
            running.add(process)
            _say(str(process))
        else:
            running.discard(int(number))
            _say(str(_ended(int(number), signal.SIGKILL if word == "kill" else signal.SIGTERM)))
    for process in running:
        _ended(process, signal.SIGKILL)


def _fork(port: int, log: Path) -> int:
    process = os.fork()
    if process == 0:
        _serve(port, log)
    return process


def _serve(port: int, log: Path) -> None:
    """The child; never returns."""
    status = 1
    try:
        nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for source, target in ((nothing, 0), (written, 1), (written, 2)):
            os.dup2(source, target)
        serve_command("127.0.0.1", port, 1)
        status = 0
    except SystemExit:
        status = 0
    finally:
        os._exit(status)


def _ended(process: int, how: signal.Signals) -> int:
    """Ends it and waits: a process that nobody waited for still has its id, and looks alive."""
    os.kill(process, how)
    return os.waitpid(process, 0)[1]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
