"""`filmgate serve` as a process of its own: what it prints works, and it stops when it is told to."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import httpx
import pytest

from tests.databases import migrated_in

_PATIENCE = 120  # seconds that a slow machine may need for one step


@dataclass
class Server:
    """A running `filmgate serve` and what it printed."""

    process: "subprocess.Popen[str]"
    text: str

    @property
    def base(self) -> str:
        return self.found(r"Filmgate serves (http://[^ ]+)/v1")

    @property
    def key(self) -> str:
        return self.found(r"Client key, shown this once: +(sk-\S+)")

    def found(self, pattern: str) -> str:
        match = re.search(pattern, self.text)
        assert match is not None, self.text
        return match[1]

    def snippet(self, start: str, end: str) -> str:
        """The lines of the welcome from one text up to another."""
        return self.text[self.text.index(start) :].split(end)[0]


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[Server]:
    """Starts it in this folder, whose database it makes unless there is one."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FILMGATE_", "OPENAI_"))}
    environ |= {"FILMGATE_DATA_DIR": str(folder / "data"), "FILMGATE_LOG_LEVEL": "INFO", "PYTHONPATH": str(Path.cwd())}
    with (folder / "log.txt").open("w") as log:
        words = (sys.executable, "-m", "app", "serve", "--port", "0", *words)
        process = subprocess.Popen(words, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield Server(process, _welcome(process))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=_PATIENCE)


def _welcome(process: "subprocess.Popen[str]") -> str:
    """Everything up to the line that ends the welcome."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Press Ctrl-C"):
            return "".join(lines)
    raise AssertionError(f"the server ended with {process.wait(_PATIENCE)}: {lines}")


def stopped(server: Server) -> int:
    server.process.send_signal(signal.SIGTERM)
    return server.process.wait(_PATIENCE)


def command(folder: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd()), "FILMGATE_DATA_DIR": str(folder / "data"), **more}
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


def length_of(path: Path) -> float:
    with av.open(str(path)) as clip:
        frames = sum(1 for _ in clip.decode(video=0))
        return float(frames / (clip.streams.video[0].average_rate or 1))


def test_a_first_start_prints_what_it_takes_to_make_a_clip(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        made = command(
            tmp_path,
            *("generate", "video", "-m", "sandbox-video", "-p", "a boat", "--seconds", "2", "--size", "320x240", "-o", "boat.mp4"),
            *("--base-url", server.base, "--key", server.key),
        )
        assert made.returncode == 0, made.stderr
        assert length_of(tmp_path / "boat.mp4") == pytest.approx(2, abs=0.2)
        admin = server.found(r"Admin key, shown this once: +(fg-admin-\S+)")
        listed = httpx.get(f"{server.base}/admin/jobs", headers={"authorization": f"Bearer {admin}"}).json()
        assert [job["status"] for job in listed["data"]] == ["completed"]
        python = server.snippet("from openai import OpenAI", "Press Ctrl-C")
        subprocess.run([sys.executable, "-c", python], cwd=tmp_path, check=True, timeout=_PATIENCE)
        assert length_of(tmp_path / "hello.mp4") == pytest.approx(4, abs=0.2)
        assert stopped(server) == 0
    log = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in log
    assert server.key not in log
    assert log.count('"GET /') == 0  # the server's own access log would show the tokens of links


@pytest.mark.skipif(shutil.which("curl") is None, reason="the machine has no curl")
def test_the_printed_curl_lines_make_a_clip(tmp_path: Path) -> None:
    migrated_in(tmp_path / "data")
    with serving(tmp_path) as server:
        shell = server.snippet("curl -sS", "The same with the OpenAI SDK")
        subprocess.run(["bash", "-c", shell], cwd=tmp_path, check=True, timeout=_PATIENCE, capture_output=True)
        assert length_of(tmp_path / "hello.mp4") == pytest.approx(4, abs=0.2)


def test_a_second_start_shows_no_key_and_two_workers_share_the_port(tmp_path: Path) -> None:
    migrated_in(tmp_path / "data")
    made = command(tmp_path, "keys", "create", "mine")
    with serving(tmp_path, "--workers", "2") as server:
        assert "Client key" not in server.text
        assert made.stdout.strip() not in server.text
        headers = {"authorization": f"Bearer {made.stdout.strip()}"}
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(transport=transport, timeout=_PATIENCE) as client:
            assert client.get(f"{server.base}/healthz").json() == {"status": "ok"}
            assert client.get(f"{server.base}/v1/models", headers=headers).status_code == 200
        assert stopped(server) == 0
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://id:secret@films", ("keys", "list")),
        ("s3://id:secret@films", ("serve", "--port", "0", "--workers", "2")),
        *((url, ("serve", "--port", "0")) for url in ("s3://id:secret@films", "ftp://films", "file:///")),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_line(tmp_path: Path, url: str, words: tuple[str, ...]) -> None:
    migrated_in(tmp_path / "data")
    ended = command(tmp_path, *words, FILMGATE_STORAGE_URL=url)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(r"error: STORAGE_URL must .+\n", ended.stderr)
    assert "secret" not in ended.stderr


def test_a_port_in_use_ends_at_once(tmp_path: Path) -> None:
    migrated_in(tmp_path / "data")
    with serving(tmp_path) as server:
        second = command(tmp_path, "serve", "--port", server.base.rpartition(":")[2])
    assert second.returncode == 1
    assert second.stderr.startswith("error: cannot listen on 127.0.0.1 port ")
    assert "Traceback" not in second.stderr
