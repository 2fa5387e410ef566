"""The sandbox's endpoints: any process can answer, before and after a restart, and nothing escapes the folder."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.sandbox.files import remove_old
from app.sandbox.service import SandboxTransport
from tests.sandbox.conftest import Clock
from tests.sandbox.wishes import Wish, clip, picture

pytestmark = pytest.mark.anyio


async def ask(sandbox: httpx.AsyncClient, path: str, wish: Wish) -> dict[str, Any]:
    answer = await sandbox.post(path, json=wish)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


async def ended(sandbox: httpx.AsyncClient, wish: Wish) -> dict[str, Any]:
    """Polls until the job has ended; rendering is another process, so this takes real time."""
    async with asyncio.timeout(20):
        while (answer := await ask(sandbox, "/v1/status", wish))["status"] in ("queued", "in_progress"):  # noqa: ASYNC110 - nobody can tell us
            await asyncio.sleep(0.02)
    return answer


def clips_in(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.mp4")]


async def test_a_clip_is_made_in_the_background_and_served(sandbox: httpx.AsyncClient) -> None:
    created = await ask(sandbox, "/v1/jobs", clip())
    assert created["status"] == "queued"
    done = await ended(sandbox, clip(id=created["id"]))
    assert (done["id"], done["status"], done["seconds"], done["fps"]) == (created["id"], "completed", 1, 12)
    output = done["outputs"][0]
    assert (output["width"], output["height"], output["mime"]) == (128, 72, "video/mp4")
    answer = await sandbox.get(output["url"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    assert answer.content[4:8] == b"ftyp"


async def test_the_server_process_loads_no_media_library() -> None:
    code = "import sys, app.sandbox.service, app.adapters.sandbox; sys.exit(any(name in sys.modules for name in ('av', 'PIL')))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=Path(__file__).parents[2])
    assert await process.wait() == 0


async def test_a_create_sent_twice_makes_one_job(sandbox: httpx.AsyncClient) -> None:
    first, second = await ask(sandbox, "/v1/jobs", clip()), await ask(sandbox, "/v1/jobs", clip())
    assert first == second


async def test_a_restart_in_mid_render_finishes_the_job(tmp_path: Path, clock: Clock) -> None:
    wish = clip(width=1280, height=720, seconds=30)
    before = SandboxTransport(tmp_path, now=clock)
    async with httpx.AsyncClient(transport=before, base_url="sandbox://local") as sandbox:
        created = await ask(sandbox, "/v1/jobs", wish)
    assert clips_in(tmp_path) == []
    after = SandboxTransport(tmp_path, now=clock)
    async with httpx.AsyncClient(transport=after, base_url="sandbox://local") as sandbox:
        assert (await ended(sandbox, {**wish, "id": created["id"]}))["status"] == "completed"


async def test_two_servers_may_render_the_same_job(tmp_path: Path, clock: Clock) -> None:
    one, other = SandboxTransport(tmp_path, now=clock), SandboxTransport(tmp_path, now=clock)
    async with (
        httpx.AsyncClient(transport=one, base_url="sandbox://local") as first,
        httpx.AsyncClient(transport=other, base_url="sandbox://local") as second,
    ):
        answers = await asyncio.gather(ended(first, clip()), ended(second, clip()))
    assert answers[0] == answers[1]
    assert clips_in(tmp_path) == [answers[0]["id"] + "-0.mp4"]


async def test_a_delay_postpones_the_end_and_progress_moves_in_steps(sandbox: httpx.AsyncClient, clock: Clock) -> None:
    quick = clip()
    await ask(sandbox, "/v1/jobs", quick)
    await ended(sandbox, quick)
    slow = clip(sandbox={"delay": 60, "progress_steps": 4})
    seen = []
    for _ in range(6):
        seen.append((await ask(sandbox, "/v1/status", slow)).get("progress"))
        clock.pass_seconds(10)
    assert seen == [0, 0, 25, 50, 50, 75]
    assert (await ask(sandbox, "/v1/status", slow))["status"] == "completed"


async def test_without_steps_progress_follows_the_delay(sandbox: httpx.AsyncClient, clock: Clock) -> None:
    clock.pass_seconds(33)
    answer = await ask(sandbox, "/v1/status", clip(sandbox={"delay": 100, "fail": "boom"}))
    assert (answer["status"], answer["progress"]) == ("in_progress", 33)


async def test_a_job_that_shall_fail_fails_when_its_delay_has_passed(sandbox: httpx.AsyncClient, clock: Clock) -> None:
    wish = clip(sandbox={"delay": 5, "fail": "server_busy"})
    assert (await ask(sandbox, "/v1/jobs", wish))["status"] == "queued"
    assert (await ask(sandbox, "/v1/status", wish))["status"] == "in_progress"
    clock.pass_seconds(5)
    answer = await ask(sandbox, "/v1/status", wish)
    assert (answer["status"], answer["error"]["code"]) == ("failed", "server_busy")


async def test_pictures_are_answered_at_once(sandbox: httpx.AsyncClient, clock: Clock) -> None:
    answer = await ask(sandbox, "/v1/images", picture(n=3, format="webp", sandbox={"delay": 90}))
    assert clock.slept == [90]
    assert (answer["status"], len(answer["outputs"])) == ("completed", 3)
    contents = [(await sandbox.get(output["url"])).content for output in answer["outputs"]]
    assert all(content[8:12] == b"WEBP" for content in contents)
    assert len(set(contents)) == 3


async def test_a_picture_that_shall_fail_is_answered_so_after_its_delay(sandbox: httpx.AsyncClient, clock: Clock) -> None:
    answer = await ask(sandbox, "/v1/images", picture(sandbox={"delay": 7, "fail": "content_policy_violation"}))
    assert (answer["status"], answer["error"]["code"], clock.slept) == ("failed", "content_policy_violation", [7])


async def test_a_cancelled_job_fails_everywhere_and_its_render_ends(tmp_path: Path, clock: Clock) -> None:
    wish = clip(width=1280, height=720, seconds=30)
    here, there = SandboxTransport(tmp_path, now=clock), SandboxTransport(tmp_path, now=clock)
    async with (
        httpx.AsyncClient(transport=here, base_url="sandbox://local") as sandbox,
        httpx.AsyncClient(transport=there, base_url="sandbox://local") as other,
    ):
        await ask(sandbox, "/v1/jobs", wish)
        assert (await ask(sandbox, "/v1/cancel", wish))["error"]["code"] == "cancelled"
        assert (await ask(other, "/v1/status", wish))["status"] == "failed"
    assert clips_in(tmp_path) == []


async def test_what_has_ended_cannot_be_cancelled(sandbox: httpx.AsyncClient) -> None:
    await ended(sandbox, clip())
    answer = await sandbox.post("/v1/cancel", json=clip())
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_finished")


async def test_a_render_that_keeps_breaking_fails_the_job(tmp_path: Path, clock: Clock) -> None:
    async with httpx.AsyncClient(transport=SandboxTransport(tmp_path, now=clock), base_url="sandbox://local") as sandbox:
        created = await ask(sandbox, "/v1/jobs", clip(sandbox={"fail": "unused", "delay": 600}))
        (tmp_path / f".{created['id']}-0.mp4.part").mkdir()  # no file can be written there
        answer = await ended(sandbox, clip())
    assert (answer["status"], answer["error"]["code"]) == ("failed", "render_failed")


@pytest.mark.parametrize(
    ("asked", "status", "first", "after_last"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=5-", 206, 5, None),
        ("bytes=-4", 206, -4, None),
        ("bytes=10-99999999", 206, 10, None),
        ("bytes=0-1,4-5", 200, 0, None),
        ("pages=1-2", 200, 0, None),
    ],
)
async def test_byte_ranges(sandbox: httpx.AsyncClient, asked: str, status: int, first: int, after_last: int | None) -> None:
    url = (await ask(sandbox, "/v1/images", picture()))["outputs"][0]["url"]
    whole = await sandbox.get(url)
    part = await sandbox.get(url, headers={"range": asked})
    assert part.status_code == status
    assert part.content == whole.content[first:after_last]
    assert part.headers["content-length"] == str(len(part.content))
    assert part.headers["etag"] == whole.headers["etag"]


async def test_a_range_behind_the_end_is_refused(sandbox: httpx.AsyncClient) -> None:
    url = (await ask(sandbox, "/v1/images", picture()))["outputs"][0]["url"]
    size = (await sandbox.head(url)).headers["content-length"]
    answer = await sandbox.get(url, headers={"range": "bytes=99999999-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")


async def test_a_changed_file_is_sent_whole(sandbox: httpx.AsyncClient) -> None:
    url = (await ask(sandbox, "/v1/images", picture()))["outputs"][0]["url"]
    answer = await sandbox.get(url, headers={"range": "bytes=0-3", "if-range": '"another"'})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "name", ["../secret.png", "..%2fsecret.png", "secret.png", ".hidden-0.png", "a/b-0.png", "task_1-0.exe", "x-0.png%00"]
)
async def test_other_names_are_not_served(tmp_path: Path, sandbox: httpx.AsyncClient, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "secret.png").write_bytes(b"secret")
    assert (await sandbox.get(f"/files/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"id": "../../etc/passwd"}, "id"),
        ({"kind": "sound"}, "kind"),
        ({"width": 0}, "width"),
        ({"width": 16_000, "height": 16_000}, "width"),
        ({"width": 100.5}, "width"),
        ({"fps": True}, "fps"),
        ({"seconds": 61}, "seconds"),
        ({"prompt": 7}, "prompt"),
        ({"job": None}, "job"),
        ({"notes": "one"}, "notes"),
        ({"sandbox": "slow"}, "sandbox"),
        ({"sandbox": {"delay": 601}}, "delay"),
        ({"sandbox": {"fail": "no spaces"}}, "sandbox.fail"),
        ({"kind": "image", "format": "gif"}, "format"),
    ],
)
async def test_a_wrong_body_is_refused_by_name(sandbox: httpx.AsyncClient, changes: Mapping[str, object], param: str) -> None:
    answer = await sandbox.post("/v1/status", json=clip(**changes))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("body", [b"{", b"[]", b""])
async def test_a_body_that_is_no_object_is_refused(sandbox: httpx.AsyncClient, body: bytes) -> None:
    assert (await sandbox.post("/v1/jobs", content=body)).status_code == 400


async def test_there_is_a_health_check_and_nothing_unknown(sandbox: httpx.AsyncClient) -> None:
    assert (await sandbox.get("/healthz")).status_code == 200
    assert (await sandbox.get("/v1/jobs")).status_code == 404
    assert (await sandbox.post("/v1/other", json={})).status_code == 404


async def test_results_are_forgotten_after_a_day(tmp_path: Path, sandbox: httpx.AsyncClient, clock: Clock) -> None:
    output = (await ask(sandbox, "/v1/images", picture()))["outputs"][0]
    name = output["url"].rpartition("/")[2]
    os.utime(tmp_path / "sandbox" / name, (0, 0))
    remove_old(tmp_path / "sandbox")
    assert (await sandbox.get(output["url"])).status_code == 404
    assert (await ask(sandbox, "/v1/images", picture()))["outputs"] == [output]
