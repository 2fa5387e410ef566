"""Jimeng behind a whole gateway on real sockets: what the engine makes of signatures, links beside files, and callbacks."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from app.domain.channels import Channel, Credential
from app.engine.changes import changing
from app.engine.configuration import ADMIN_KEY_SETTING
from app.engine.probe import probe
from app.store import settings as setting_store
from app.store.keys import hash_key
from tests.fakes.ark_media import tiny_jpeg, tiny_mp4, tiny_png
from tests.fakes.jimeng import FakeJimeng
from tests.integration.gates import Gate, bearer, client_at, error_of, gate_on
from tests.servers import serve

pytestmark = pytest.mark.anyio

GENERATIONS, IMAGES = "/v1/video/generations", "/v1/images/generations"
ADMIN = "fg-admin-test"
LINK = "https://media.example.com/moon.jpg"
ASTRONAUT = "一个穿着宇航服的宇航员在月球上行走"
FILE = f"data:image/png;base64,{base64.b64encode(tiny_png()).decode()}"


@dataclass(slots=True)
class Site:
    gate: Gate
    fake: FakeJimeng
    channel: Channel
    pictures: str


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    fake = FakeJimeng()

    async def picture(_: Any) -> Response:
        return Response(tiny_jpeg(), media_type="image/jpeg")

    async with serve(fake.app) as url, serve(Starlette(routes=[Route("/last.jpg", picture)])) as pictures:
        fields = {"access_key": fake.access_key, "secret_key": fake.secret_key}
        channel = Channel(id="ch_j", name="jimeng", adapter="jimeng", base_url=url, credentials=(Credential("cred_j", fields),))
        async with gate_on(tmp_path, channel, allow_hosts=("127.0.0.1",)) as gate:
            async with changing(gate.gateway.database) as connection:
                await setting_store.put(connection, ADMIN_KEY_SETTING, hash_key(ADMIN))
            await gate.gateway.configuration.refresh()
            yield Site(gate, fake, channel, pictures)


async def test_the_request_of_new_apis_document_is_served_as_it_stands(site: Site) -> None:
    body = {
        "model": "jimeng_vgfm_t2v_l20",
        "prompt": ASTRONAUT,
        "image": LINK,
        "metadata": {"req_key": "jimeng_vgfm_i2v_l20", "image_urls": [LINK], "aspect_ratio": "16:9"},
    }

    done = await site.gate.made(GENERATIONS, **body)

    assert done["status"] == "completed"
    assert site.fake.created == [
        {"req_key": "jimeng_vgfm_i2v_l20", "prompt": ASTRONAUT, "image_urls": [LINK], "aspect_ratio": "16:9"}
    ]
    assert {question["req_key"] for question in site.fake.questions} == {"jimeng_vgfm_i2v_l20"}
    content = await site.gate.http.get(f"/v1/videos/{done['id']}/content")
    assert content.content == tiny_mp4()


async def test_an_unknown_req_key_is_refused_before_anything_is_sent(site: Site) -> None:
    body = {"model": "jimeng_v30", "prompt": "a boat", "metadata": {"req_key": "jimeng_ti2v_v30_pro"}}

    answer = await site.gate.http.post(GENERATIONS, json=body)

    assert error_of(answer, 400)["param"] == "metadata.req_key"
    assert site.fake.creates == 0


async def test_a_link_beside_a_file_is_fetched_so_that_both_are_files(site: Site) -> None:
    last = f"{site.pictures}/last.jpg"

    done = await site.gate.made(GENERATIONS, model="jimeng_v30", prompt="a boat", first_frame_image=FILE, last_frame_image=last)

    assert done["status"] == "completed"
    sent = site.fake.created[0]
    assert sent["req_key"] == "jimeng_i2v_first_tail_v30"
    assert [base64.b64decode(item) for item in sent["binary_data_base64"]] == [tiny_png(), tiny_jpeg()]
    assert "image_urls" not in sent


async def test_two_links_stay_links(site: Site) -> None:
    await site.gate.made(GENERATIONS, model="jimeng_v30", prompt="a boat", images=[LINK, f"{LINK}?2"])

    assert site.fake.created[0]["image_urls"] == [LINK, f"{LINK}?2"]


async def test_pictures_come_with_the_answer_as_asked(site: Site) -> None:
    site.fake.queued_polls = site.fake.running_polls = 0
    body = {"model": "jimeng_t2i_v40", "prompt": "a kite", "n": 2, "size": "1024x1024", "response_format": "b64_json"}

    answer = await site.gate.http.post(IMAGES, json=body)

    assert answer.status_code == 200, answer.text
    assert [base64.b64decode(entry["b64_json"]) for entry in answer.json()["data"]] == [tiny_png(), tiny_png()]
    assert [made["force_single"] for made in site.fake.created] == [True, True]


async def test_an_old_picture_is_answered_at_once(site: Site) -> None:
    answer = await site.gate.http.post(IMAGES, json={"model": "jimeng_high_aes_general_v21_L", "prompt": "a kite"})

    assert answer.status_code == 200, answer.text
    assert site.fake.questions == []


async def test_moderation_is_the_clients_to_hear_of(site: Site) -> None:
    refused = await site.gate.http.post(GENERATIONS, json={"model": "jimeng_v30", "prompt": "x [[refuse:400:50412]]"})
    failed = await site.gate.made(GENERATIONS, model="jimeng_v30", prompt="x [[fail:50511]]")

    assert error_of(refused, 400)["code"] == "content_policy_violation"
    assert (failed["status"], failed["error"]["code"]) == ("failed", "content_policy_violation")


async def test_trouble_while_asking_ends_nothing(site: Site) -> None:
    done = await site.gate.made(GENERATIONS, model="jimeng_v30", prompt="x [[html:1]] [[busy:2]] [[hidden:2]]")

    assert done["status"] == "completed"
    assert site.fake.creates == 1


async def test_an_operator_sees_the_call_before_it_is_bytes_and_without_the_secret(site: Site) -> None:
    wish = {"path": GENERATIONS, "json": {"model": "jimeng_v30", "prompt": "a boat", "seconds": 10}}
    async with client_at(site.gate.url, bearer(ADMIN)) as admin:
        answer = await admin.post("/admin/explain", json=wish)

    call = answer.json()["call"]
    assert call["url"] == f"{site.channel.base_url}/?Action=CVSync2AsyncSubmitTask&Version=2022-08-31"
    assert call["json"] == {"req_key": "jimeng_t2v_v30", "prompt": "a boat", "frames": 241, "aspect_ratio": "16:9"}
    assert {"Authorization", "X-Date", "X-Content-Sha256", "Host"} <= set(call["headers"])
    assert site.fake.secret_key not in answer.text
    assert site.fake.access_key not in answer.text
    assert "Signature=" not in answer.text


async def test_a_channel_can_be_tested(site: Site) -> None:
    vendors = site.gate.gateway.submitter.desk.vendors
    right = await probe(vendors, site.channel)
    site.fake.secret_key = "another"
    wrong = await probe(vendors, site.channel)

    assert (right.ok, wrong.ok) == (True, False)
    assert site.fake.creates == 0


async def test_temporary_credentials_work_too(site: Site) -> None:
    site.fake.session_token = "STSEXAMPLETOKEN"
    wanted = {"access_key": site.fake.access_key, "secret_key": site.fake.secret_key, "session_token": "STSEXAMPLETOKEN"}
    body = {
        "name": "sts",
        "adapter": "jimeng",
        "base_url": site.channel.base_url,
        "credentials": [wanted],
        "models": ["jimeng_v30"],
    }
    async with client_at(site.gate.url, bearer(ADMIN)) as admin:
        made = await admin.post("/admin/channels", json=body)
        tested = await admin.post(f"/admin/channels/{made.json()['id']}/test")

    assert made.status_code == 201, made.text
    assert tested.json()["ok"], tested.text


async def test_the_record_of_an_attempt_holds_the_body_and_no_signature(site: Site) -> None:
    done = await site.gate.made(GENERATIONS, model="jimeng_v30", prompt="a boat")
    async with client_at(site.gate.url, bearer(ADMIN)) as admin:
        record = await admin.get(f"/admin/jobs/{done['id']}")

    attempt = record.json()["attempts"][0]
    assert attempt["call"]["json"]["req_key"] == "jimeng_t2v_v30"
    assert "HMAC" not in record.text
