"""The gateway under test: `filmgate serve` as it is shipped, set up through its own admin API."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.processes import Server, running
from bench.upstream import OPEN

IMAGE_MODEL, VIDEO_MODEL = "bench-image", "bench-video"

_ADMIN_KEY = "fg-admin-bench"
_PATIENCE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway with one channel, one client key, and one video job that never ends."""

    server: Server
    key: str
    open_job: str
    admin: httpx.Client

    def await_ends(self) -> None:
        """Returns when no job is open but the one that never ends."""
        ends = time.monotonic() + _PATIENCE
        while self._open_jobs() > 1:
            if time.monotonic() > ends:
                raise RuntimeError("the jobs of the round did not end")
            time.sleep(0.2)

    def _open_jobs(self) -> int:
        pages = (self.admin.get("/admin/jobs", params={"status": status, "limit": 2}) for status in ("queued", "in_progress"))
        return sum(len(page.raise_for_status().json()["data"]) for page in pages)


@contextmanager
def running_gateway(upstream: str, core: int, folder: Path) -> Iterator[Gateway]:
    """Starts it on SQLite in `folder`, with the default settings."""
    data = folder / "data"
    data.mkdir()
    environment = {"FILMGATE_DATA_DIR": str(data), "FILMGATE_ADMIN_KEY": _ADMIN_KEY}
    command = [sys.executable, "-m", "app", "serve", "--port", "0"]
    # started in its data folder, because a .env file in the repository is not to be read
    with running("gateway", command, core=core, folder=folder, environment=environment, started_in=data) as server:
        headers = {"Authorization": f"Bearer {_ADMIN_KEY}"}
        with httpx.Client(base_url=server.base, headers=headers, timeout=30.0) as admin:
            _await(admin, "/readyz")
            yield _set_up(server, admin, upstream)


def _set_up(server: Server, admin: httpx.Client, upstream: str) -> Gateway:
    channel = {
        "name": "bench",
        "adapter": "openai",
        "base_url": upstream,
        "credentials": [{"api_key": "canary"}],
        "models": [IMAGE_MODEL, VIDEO_MODEL],
    }
    admin.post("/admin/channels", json=channel).raise_for_status()
    key: str = admin.post("/admin/keys", json={"name": "bench"}).raise_for_status().json()["key"]
    client = {"Authorization": f"Bearer {key}"}
    _await(admin, f"/v1/models/{VIDEO_MODEL}", client)
    wanted = {"model": VIDEO_MODEL, "prompt": OPEN.decode()}
    made = admin.post("/v1/videos", json=wanted, headers=client).raise_for_status().json()
    return Gateway(server, key, made["id"], admin)


def _await(client: httpx.Client, path: str, headers: dict[str, str] | None = None) -> None:
    """Returns when this path is answered well: a server starts, or a change reaches it."""
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            if client.get(path, headers=headers).is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > ends:
            raise RuntimeError(f"{path} is not answered")
        time.sleep(0.05)
