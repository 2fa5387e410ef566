"""The compiled vendor and load generator, one against the other."""

import json
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.compiled import NoCompiler, program
from bench.images import body
from bench.load import Manner, Request, send
from bench.processes import Server, running, two_cores

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or platform.system() != "Linux", reason="the programs of the suite need Linux and a C compiler"
)


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Server]:
    with running("vendor", [str(program("upstream")), "30"], core=two_cores().around, folder=tmp_path) as server:
        yield server


def test_a_video_is_finished_when_it_is_first_asked_for(vendor: Server) -> None:
    made = httpx.post(f"{vendor.base}/v1/videos", json={"prompt": "a kite"}).json()

    seen = httpx.get(f"{vendor.base}/v1/videos/{made['id']}").json()

    assert (made["status"], seen["status"], seen["id"]) == ("queued", "completed", made["id"])
    assert httpx.get(seen["url"]).content[4:8] == b"ftyp"


def test_a_video_that_is_to_stay_open_stays_open(vendor: Server) -> None:
    made = httpx.post(f"{vendor.base}/v1/videos", json={"prompt": "stay open"}).json()

    assert httpx.get(f"{vendor.base}/v1/videos/{made['id']}").json()["status"] == "in_progress"


def test_a_picture_has_the_size_that_its_model_says(vendor: Server) -> None:
    found = httpx.post(f"{vendor.base}/v1/images/generations", content=body("bench-image-2mb")).json()

    assert len(found["data"][0]["b64_json"]) == 2_000_000


def test_as_many_requests_are_sent_as_were_ordered_and_slow_answers_are_slow(vendor: Server) -> None:
    request = Request("/v1/images/generations", body("bench-image-slow"), {"x-header": "a: b"})

    outcome = send(two_cores().around, vendor.base, request, Manner(connections=5, count=12, seconds=10.0, warm_up=0.0))

    assert (outcome.answered, outcome.errors, outcome.unfinished) == (12, 0, 0)
    assert outcome.p50_ms >= 30


def test_answers_that_are_refusals_are_errors(vendor: Server) -> None:
    outcome = send(two_cores().around, vendor.base, Request("/nowhere", json.dumps({})), Manner(count=3, warm_up=0.0))

    assert (outcome.answered, outcome.errors, outcome.p50_ms) == (3, 3, 0)


def test_a_server_that_is_not_there_is_said(vendor: Server) -> None:
    with pytest.raises(RuntimeError, match="connect"):
        send(two_cores().around, "http://127.0.0.1:1", Request("/"), Manner(count=1))


def test_without_a_compiler_the_reason_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bench.compiled.RESULTS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NoCompiler, match="a C compiler has to be on PATH"):
        program("load")
