"""A client gets the picture format that it asked for, whatever its vendor makes."""

import asyncio
import base64
import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from app.domain.errors import UpstreamUnreadable
from app.domain.jobs import Job, JobStatus, Output, Stage
from app.engine.formats import unmade
from app.engine.gateway import Gateway
from app.engine.sniff import mime_of
from app.store import jobs as job_store
from tests.databases import database_url
from tests.domain.builders import image
from tests.domain.builders import job as ended_job
from tests.gateways import CHANNEL, KEY, Answer, Script, another, answer, gateway_on, wish

__all__ = ["database_url"]
pytestmark = pytest.mark.anyio

ARK = another("ark", adapter="ark", models={"m": "doubao-seedream-4-5-251128"})


def jpeg() -> bytes:
    target = io.BytesIO()
    Image.new("RGBA", (32, 16), (200, 30, 30, 128)).convert("RGB").save(target, "JPEG")
    return target.getvalue()


def png() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (32, 16)).save(target, "PNG")
    return target.getvalue()


def files(folder: Path) -> list[Path]:
    """The files in our storage."""
    return list((folder / "files").rglob("*.*"))


def makes(data: bytes) -> Script:
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(data).decode()}]}

    def script(request: httpx.Request) -> Answer:
        return answer(body)

    return script


@pytest.mark.parametrize("wanted", ["png", "webp", "jpeg"])
async def test_the_format_that_was_asked_for_is_made(tmp_path: Path, wanted: str) -> None:
    async with gateway_on(tmp_path, makes(jpeg()), channels=(ARK,)) as (gateway, vendor):
        job = await gateway.create_and_wait(wish(image(output_format=wanted)))
        stored = await gateway.job(job.id, KEY.id)
        data = await gateway.results.whole(stored, 0)
        answered = await gateway.results.whole(job, 0)
    assert mime_of(data) == f"image/{wanted}"
    assert answered == data
    output = stored.outputs[0]
    assert (output.mime, output.format) == (f"image/{wanted}", None if wanted == "jpeg" else wanted)  # this vendor makes JPEG
    assert (output.size, output.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert "output_format" not in vendor.bodies[0]
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (32, 16)


async def test_a_copy_of_what_the_vendor_made_gives_way_to_what_was_asked_for(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, makes(jpeg()), channels=(ARK,)) as (gateway, _):
        job = await gateway.create_and_wait(wish(image(output_format="png")))
        names = [path.name for path in files(tmp_path)]
        stored = await gateway.job(job.id, KEY.id)
    assert names == [stored.outputs[0].asset]
    assert (stored.expires_at, job.expires_at) == (None, None)


async def test_a_picture_of_a_job_that_was_deleted_meanwhile_is_not_kept(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, makes(jpeg()), channels=(ARK,)) as (gateway, _):
        job = await gateway.create(wish(image(output_format="png")))
        await gateway.delete(job.id, KEY.id)
        made = await gateway.formats.applied(job)
    assert made.outputs[0].mime == "image/png"
    assert files(tmp_path) == []


async def linked(gateway: Gateway, **values: Any) -> Job:
    """A job that has ended with a picture at its vendor, and waits for nothing."""
    now = gateway.now()
    made = ended_job(
        **{"id": "task_1", "asked": image(output_format="png"), "request": image(), "status": JobStatus.COMPLETED}
        | {"stage": Stage.ENDED, "outputs": (Output(url="https://vendor.example.com/files/0.jpg"),), "adapter": "openai"}
        | {"channel_id": CHANNEL.id, "credential_id": "credential_1", "upstream_id": "up-1"}
        | {"created_at": now, "updated_at": now, "completed_at": now}
        | values
    )
    async with gateway.database.write() as connection:
        assert await job_store.insert(connection, made, owner=None) is not None
    return made


def hands_out(data: bytes) -> Script:
    def script(request: httpx.Request) -> Answer:
        return httpx.Response(200, content=data)

    return script


async def test_a_job_that_nobody_looks_at_is_converted_although_results_are_not_kept(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, makes(jpeg()), channels=(ARK,)) as (gateway, vendor):
        job = await gateway.create(wish(image(output_format="png")))
        async with asyncio.timeout(30):
            while (await gateway.job(job.id, None)).copy_due is not None:  # noqa: ASYNC110 - a copier rings no bell
                await asyncio.sleep(0)
        stored = await gateway.job(job.id, None)
        assert mime_of(await gateway.results.whole(stored, 0)) == "image/png"
    assert stored.outputs[0].format == "png"
    assert vendor.creates() == 1


@pytest.mark.parametrize("data", [jpeg(), png()], ids=["another", "as asked"])
async def test_of_many_who_ask_at_once_one_has_it_made(tmp_path: Path, data: bytes) -> None:
    async with gateway_on(tmp_path, hands_out(data)) as (gateway, vendor):
        job = await linked(gateway)
        shown = await asyncio.gather(*(gateway.formats.applied(job) for _ in range(5)))
        again = await gateway.formats.applied(await gateway.job(job.id, None))
        assert {mime_of(await gateway.results.whole(one, 0)) for one in (*shown, again)} == {"image/png"}
    assert [request.url.path for request in vendor.requests].count("/files/0.jpg") == (1 if data == jpeg() else 7)
    assert len(files(tmp_path)) == (1 if data == jpeg() else 0)


async def test_two_processes_leave_one_file(tmp_path: Path, database_url: str) -> None:
    async with (
        gateway_on(tmp_path, hands_out(jpeg()), database_url=database_url) as (one, _),
        gateway_on(tmp_path, hands_out(jpeg()), database_url=database_url) as (two, _),
    ):
        job = await linked(one)
        shown = await asyncio.gather(one.formats.applied(job), two.formats.applied(job))
        stored = await one.job(job.id, None)
    assert [name.name for name in files(tmp_path)] == [stored.outputs[0].asset]
    assert {output.asset for job in shown for output in job.outputs} == {stored.outputs[0].asset}


async def test_what_is_never_written_down_stays_on_the_job_in_hand(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, hands_out(jpeg())) as (gateway, _):
        job = await linked(gateway, private=True)
        held = replace(job, outputs=(replace(job.outputs[0], revised_prompt="a red kite"),))
        shown = await gateway.formats.applied(held)
        stored = await gateway.job(job.id, None)
    assert (shown.outputs[0].revised_prompt, shown.asked.prompt) == ("a red kite", job.asked.prompt)
    assert (stored.outputs[0].revised_prompt, stored.outputs[0].format) == (None, "png")


async def test_who_cannot_wait_gets_the_job_as_it_is(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, hands_out(b"")) as (gateway, _):
        job = await linked(gateway)
        assert await gateway.formats.applied_soon(job) == job


@pytest.mark.parametrize(
    "values",
    [
        {"status": JobStatus.FAILED},
        {"status": JobStatus.IN_PROGRESS},
        {"parent_id": "task_0"},
        {"asked": image()},
        {"asked": image(output_format="tiff")},
        {"request": image(output_format="png")},
        {"outputs": (Output(asset="a-1.png", format="png"),)},
        {"outputs": ()},
    ],
)
def test_where_there_is_nothing_to_make(values: dict[str, Any]) -> None:
    given = {"asked": image(output_format="png"), "request": image(), "outputs": (Output(url="a"),)}
    ended = {"status": JobStatus.COMPLETED, **given}
    assert unmade(ended_job(**ended)) == "png"
    assert unmade(ended_job(**{**ended, **values})) is None


async def test_what_is_no_picture_cannot_be_converted(tmp_path: Path) -> None:
    async with gateway_on(tmp_path, makes(b"\xff\xd8\xff broken"), channels=(ARK,)) as (gateway, _):
        with pytest.raises(UpstreamUnreadable):
            await gateway.create_and_wait(wish(image(output_format="png")))
