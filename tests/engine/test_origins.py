"""Jobs as sources of others: the same channel and credential, the vendor's own id; a link or the bytes for everybody else."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.domain.channels import Credential
from app.domain.errors import InvalidRequest, NotFound
from app.domain.media import Media, MediaType, Role
from app.domain.requests import Mode, VideoRequest
from app.store import channels as channel_store
from tests.domain.builders import video
from tests.gateways import CHANNEL, KEY, Answer, another, answer, ended, gateway_on, wish

pytestmark = pytest.mark.anyio

PAIR = (Credential("credential_1", {"api_key": "first"}), Credential("credential_2", {"api_key": "second"}))


def script(request: httpx.Request) -> Answer:
    if request.method == "POST":
        return answer({"id": "up-7", "status": "queued"})
    if request.url.path.endswith("/content"):
        return httpx.Response(200, content=b"\x00\x00\x00\x18ftypmp42 a film", headers={"content-type": "video/mp4"})
    return answer({"id": "up-7", "status": "completed"})


def edit(source: str, model: str = "m") -> VideoRequest:
    item = Media(MediaType.VIDEO, Role.SOURCE_VIDEO, f"task:{source}", param="video")
    return video(model=model, mode=Mode.EDIT, media=(item,))


async def test_the_maker_of_the_source_gets_its_own_id_with_the_same_credential(tmp_path: Path) -> None:
    maker = replace(CHANNEL, credentials=PAIR, priority=-5)
    async with gateway_on(tmp_path, script, channels=(maker,)) as (gateway, vendor):
        await gateway.create(wish(video()))
        source = await gateway.create(wish(video()))
        await ended(gateway, source.id)
        async with gateway.database.write() as connection:
            await channel_store.insert_one(connection, gateway.vault, another("higher", priority=9))
        await gateway.configuration.refresh()
        await gateway.create(wish(edit(source.id)))
    last = vendor.requests[-1]
    assert last.url.host == "vendor.example.com"
    assert last.headers["authorization"] == "Bearer second"
    assert "up-7" in str(vendor.bodies[-1])


async def test_another_vendor_gets_the_bytes_where_there_is_no_public_link(tmp_path: Path) -> None:
    channels = (replace(CHANNEL, models={"m": "x"}), another("other", models={"n": "x"}))
    async with gateway_on(tmp_path, script, channels=channels) as (gateway, vendor):
        source = await gateway.create(wish(video()))
        await ended(gateway, source.id)
        await gateway.create(wish(edit(source.id, model="n")))
    assert vendor.requests[-1].url.host == "other.example.com"
    assert b"a film" in vendor.bodies[-1]


async def test_a_source_must_be_the_keys_own_and_finished(tmp_path: Path) -> None:
    stranger = replace(KEY, id="key_2", hash="other")
    async with gateway_on(tmp_path, script, keys=(KEY, stranger)) as (gateway, vendor):
        source = await gateway.create(wish(video()))
        with pytest.raises(InvalidRequest) as unfinished:
            await gateway.create(wish(edit(source.id)))
        await ended(gateway, source.id)
        with pytest.raises(NotFound) as foreign:
            await gateway.create(wish(edit(source.id), key=stranger))
        with pytest.raises(NotFound):
            await gateway.create(wish(edit("task_00000000000000000000000000")))
        assert vendor.creates() == 1
        await gateway.create(wish(edit("vendor-id-9")))
    assert (unfinished.value.code, unfinished.value.param) == ("video_not_ready", "video")
    assert (foreign.value.code, foreign.value.param) == ("task_not_exist", "video")
    assert "vendor-id-9" in str(vendor.bodies[-1])


async def test_an_id_of_no_job_is_not_found_where_the_vendor_knows_no_ids(tmp_path: Path) -> None:
    ark = another("ark", adapter="ark", models={"m": "doubao-seedance-2-0-260128"})
    async with gateway_on(tmp_path, script, channels=(ark,)) as (gateway, _):
        item = Media(MediaType.VIDEO, Role.REFERENCE_VIDEO, "task:vendor-id-9", param="video_id")
        with pytest.raises(NotFound):
            await gateway.create(wish(video(mode=Mode.R2V, media=(item,))))
