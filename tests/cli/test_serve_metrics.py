"""`filmgate serve --workers 2`: whichever worker a scrape reaches, it tells what both did."""

from pathlib import Path

import httpx

from tests.cli.test_serve import serving, stopped
from tests.databases import migrated_in
from tests.metrics import Page

_REQUESTS, _SCRAPES = 30, 12
_MOST_REQUESTS = 10_000


def counting(folder: Path) -> set[str]:
    """The files of the workers that have counted something."""
    return {file.name for file in (folder / "data" / "metrics").glob("*/counter_*.db")}


def test_every_scrape_of_two_workers_tells_the_same_sum(tmp_path: Path) -> None:
    migrated_in(tmp_path / "data")
    with serving(tmp_path, "--workers", "2") as server:
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(transport=transport, timeout=60, headers={"connection": "close"}) as client:
            made = 0
            while made < _REQUESTS or len(counting(tmp_path)) < 2:  # the second worker may still be starting
                assert client.get(f"{server.base}/healthz").status_code == 200
                made += 1
                assert made < _MOST_REQUESTS
            pages = [Page(client.get(f"{server.base}/metrics").text) for _ in range(_SCRAPES)]
        (folder,) = (tmp_path / "data" / "metrics").iterdir()
        assert stopped(server) == 0
    name, labels = "filmgate_http_requests_total", {"method": "GET", "endpoint": "/healthz", "status": "2xx"}
    counts = [page.value(name, **labels) for page in pages]
    assert counts == sorted(counts)
    assert set(counts[3:]) == {made}  # an answer may be here a moment before it is counted there
    scrapes = [page.value(name, **{**labels, "endpoint": "/metrics"}) for page in pages]
    assert scrapes == sorted(scrapes)
    assert scrapes[-1] >= _SCRAPES - 3
    assert pages[-1].value("filmgate_processes") == 2
    assert not folder.exists()
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
