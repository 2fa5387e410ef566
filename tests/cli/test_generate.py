"""`filmgate generate` against the application itself, in one process."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.domain.channels import Channel
from tests.api.conftest import site_on
from tests.cli.conftest import Command
from tests.gateways import KEY_TEXT
from tests.servers import serve

pytestmark = pytest.mark.anyio
SANDBOX = Channel(id="channel_sandbox", name="sandbox", adapter="sandbox", base_url="sandbox://local")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    async with site_on(tmp_path / "server", channels=[SANDBOX]) as site, serve(site.app) as url:
        yield url


async def generate(filmgate: Command, server: str, *words: str) -> Any:
    return await asyncio.to_thread(filmgate, "generate", *words, "--base-url", server, "--key", KEY_TEXT)


async def test_a_clip_is_made_and_saved(filmgate: Command, server: str, machine: Path) -> None:
    result = await generate(
        filmgate, server, "video", "-m", "sandbox-video", "-p", "a boat", "--seconds", "1", "--size", "320x240", "-o", "boat.mp4"
    )
    assert (result.exit_code, result.stdout) == (0, "boat.mp4\n"), result.stderr
    assert (machine / "boat.mp4").read_bytes()[4:8] == b"ftyp"
    assert not [name for name in os.listdir(machine) if name.endswith(".part")]


async def test_what_was_adjusted_is_said(filmgate: Command, server: str) -> None:
    result = await generate(
        filmgate, server, "video", "-m", "sandbox-video", "-p", "a boat", "--seconds", "0.3", "--size", "320x240", "-o", "boat.mp4"
    )
    assert result.exit_code == 0, result.stderr
    assert "warnings: adjusted:duration (0.3 -> 1)" in result.stderr
    assert result.stdout == "boat.mp4\n"


async def test_a_clip_starts_from_a_picture_file(filmgate: Command, server: str, machine: Path) -> None:
    Image.new("RGB", (320, 240)).save(machine / "first.png")
    result = await generate(
        filmgate,
        server,
        "video",
        "-m",
        "sandbox-video",
        "--image",
        "first.png",
        "--seconds",
        "1",
        "--size",
        "320x240",
        "-o",
        "a.mp4",
    )
    assert result.exit_code == 0, result.stderr
    assert (machine / "a.mp4").stat().st_size > 1000


async def test_several_clips_get_numbers(filmgate: Command, server: str, machine: Path) -> None:
    words = ("video", "-m", "sandbox-video", "-p", "x", "--seconds", "1", "--size", "320x240", "-f", "n=2", "-o", "boat.mp4")
    result = await generate(filmgate, server, *words)
    assert result.stdout == "boat-1.mp4\nboat-2.mp4\n", result.stderr
    assert all((machine / f"boat-{number}.mp4").read_bytes()[4:8] == b"ftyp" for number in (1, 2))


async def test_a_picture_is_made_and_saved(filmgate: Command, server: str, machine: Path) -> None:
    result = await generate(filmgate, server, "image", "-m", "sandbox-image", "-p", "a boat", "--size", "256x128", "-o", "boat.png")
    assert (result.exit_code, result.stdout) == (0, "boat.png\n"), result.stderr
    with Image.open(machine / "boat.png") as picture:
        assert picture.size == (256, 128)


async def test_pictures_may_come_inline_and_in_numbers(filmgate: Command, server: str, machine: Path) -> None:
    words = (
        "image",
        "-m",
        "sandbox-image",
        "-p",
        "x",
        "-n",
        "2",
        "--size",
        "64x64",
        "-f",
        "response_format=b64_json",
        "-o",
        "boat.png",
    )
    result = await generate(filmgate, server, *words)
    assert result.stdout == "boat-1.png\nboat-2.png\n", result.stderr
    with Image.open(machine / "boat-2.png") as picture:
        assert picture.size == (64, 64)


async def test_a_picture_is_edited(filmgate: Command, server: str, machine: Path) -> None:
    Image.new("RGB", (64, 64)).save(machine / "first.png")
    words = ("image", "-m", "sandbox-image", "-p", "a boat", "-i", "first.png", "--size", "64x64", "-o", "boat.png")
    result = await generate(filmgate, server, *words)
    assert result.exit_code == 0, result.stderr
    assert (machine / "boat.png").exists()


async def test_a_failed_job_is_one_line_and_leaves_no_file(filmgate: Command, server: str, machine: Path) -> None:
    words = ("video", "-m", "sandbox-video", "-p", "x", "-f", 'metadata={"sandbox": {"fail": "out_of_film"}}', "-o", "boat.mp4")
    result = await generate(filmgate, server, *words)
    assert result.exit_code == 1
    assert "out_of_film" in result.stderr
    assert not (machine / "boat.mp4").exists()


async def test_a_refused_request_is_one_line(filmgate: Command, server: str) -> None:
    result = await generate(filmgate, server, "video", "-m", "no-such-model", "-p", "x", "-o", "boat.mp4")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: HTTP 404: model: The model 'no-such-model' does not exist")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "nowhere/boat.mp4"), "--output"),
        (("-o", "."), "--output"),
        (("--image", "none.png"), "--image"),
        (("-f", "n"), "--field"),
    ],
)
def test_what_can_be_known_before_spending_is_exit_code_2(filmgate: Command, words: tuple[str, ...], said: str) -> None:
    result = filmgate("generate", "video", "-m", "m", "--key", "sk-x", "--base-url", "http://127.0.0.1:1", *words)
    assert (result.exit_code, result.stderr.startswith(f"error: {said}")) == (2, True)


def test_without_a_key_nothing_is_asked(filmgate: Command) -> None:
    result = filmgate("generate", "image", "-m", "m", "--base-url", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "OPENAI_API_KEY" in result.stderr


def test_base_url_and_key_come_from_the_variables_of_the_sdk(filmgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    result = filmgate("generate", "video", "-m", "m")
    assert (result.exit_code, result.stderr.startswith("error: http://127.0.0.1:1 could not be asked")) == (1, True)
