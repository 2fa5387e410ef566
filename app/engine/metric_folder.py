"""The folder in which the processes behind one port keep their counters, for a scrape that reaches only one of them."""

import os
import re
import shutil
import socket
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

from app.engine.processes import alive

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # where the Prometheus client looks, when it is imported
_LIVE = re.compile(r"gauge_live[a-z]+_(\d+)\.db")  # a gauge ends with its process, a counter does not


@contextmanager
def shared_counters(data: Path, environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Processes that are started inside, with this environment, count together: in a new folder under `data`, gone at the end.

    A folder that the environment names is used as it is.
    """
    if environ.get(FOLDER):
        yield
        return
    folder = _new_folder(data.absolute() / "metrics")
    environ[FOLDER] = str(folder)
    try:
        yield
    finally:
        del environ[FOLDER]
        shutil.rmtree(folder, ignore_errors=True)


def forget_ended(folder: Path) -> None:
    """Removes the gauges of processes that have ended."""
    for file in folder.glob("gauge_live*.db"):
        found = _LIVE.fullmatch(file.name)
        if found is not None and not alive(int(found[1])):
            file.unlink(missing_ok=True)


def _new_folder(home: Path) -> Path:
    """A folder of ours; what servers left that were killed on this machine is removed."""
    host = socket.gethostname()  # several machines may share the data folder, and their processes have the same ids
    home.mkdir(parents=True, exist_ok=True)
    for left in home.glob("*.*"):
        name, _, pid = left.name.rpartition(".")
        if name == host and pid.isdigit() and (int(pid) == os.getpid() or not alive(int(pid))):
            shutil.rmtree(left, ignore_errors=True)
    folder = home / f"{host}.{os.getpid()}"
    folder.mkdir()
    return folder
