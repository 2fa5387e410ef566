"""`/kling/v1/videos/…`: Kling's own bodies and answers, over a vendor that is not Kling."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.dialects.native_fields import read_native
from app.api.dialects.native_kling import error_code, image_body, omni_body, subjects_body, task_object, text_body
from app.domain.errors import InvalidRequest
from app.domain.media import Role
from app.domain.requests import Mode, Notice, VideoRequest
from tests.api.conftest import Site, client_of, error_of, one_too_many, site, site_on
from tests.api.samples import EPOCH, completed, failed, link, queued, video_request
from tests.api.vendor import PIXEL
from tests.gateways import CHANNEL, KEY, ended

pytestmark = pytest.mark.anyio
__all__ = ["site"]
ROOT = "/kling/v1/videos"
BODY = {"model_name": "some-video-model", "prompt": "a paper boat", "mode": "pro", "duration": "5", "aspect_ratio": "16:9"}
KLING = replace(CHANNEL, id="channel_kling", name="kling", adapter="kling")
A, B, CLIP = "https://x.example.com/a.png", "https://x.example.com/b.png", "https://x.example.com/c.mp4"


@pytest.fixture
async def kling(tmp_path: Path) -> AsyncIterator[Site]:
    """A gateway before Kling itself."""
    accepted = {"code": 0, "message": "SUCCEED", "data": {"task_id": "900100200300400500", "task_status": "submitted"}}
    async with site_on(tmp_path, lambda request: httpx.Response(200, json=accepted), channels=[KLING]) as running:
        yield running


def read(body: Any) -> VideoRequest:
    """The request that a translated body means."""
    request, _ = read_native(body)
    assert isinstance(request, VideoRequest)
    return request


async def made(site: Site, action: str = "text2video", **fields: Any) -> dict[str, Any]:
    """The answer to a create that is accepted."""
    answer = await site.client.post(f"{ROOT}/{action}", json={**BODY, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_task_is_made_and_read_in_the_vendors_shape(site: Site) -> None:
    created = await made(site)
    site.studio.status = "completed"
    await ended(site.gateway, created["data"]["task_id"])
    answer = await site.client.get(f"{ROOT}/text2video/{created['data']['task_id']}")
    done = answer.json()

    assert (created["code"], created["message"], created["data"]["task_status"]) == (0, "SUCCEED", "submitted")
    assert created["id"] == created["task_id"] == created["data"]["task_id"]
    assert done["request_id"] == answer.headers["x-request-id"]
    assert (done["code"], done["data"]["task_status"]) == (0, "succeed")
    (video,) = done["data"]["task_result"]["videos"]
    assert (video["id"], video["duration"]) == (created["id"], "5")
    assert video["url"].startswith("http://gate.example.com/files/")
    assert done["data"]["created_at"] > 1_000_000_000_000


async def test_a_task_is_also_found_by_the_name_that_the_client_gave_it(site: Site) -> None:
    created = await made(site, external_task_id="my/boat 1")
    again = await made(site, external_task_id="my/boat 1")
    named = await made(site, external_task_id="boat-2")
    found = await site.client.get(f"{ROOT}/image2video/boat-2")

    assert again["id"] == created["id"]
    assert found.json()["data"]["task_id"] == named["id"]
    assert found.json()["data"]["task_info"] == {"external_task_id": "boat-2"}
    strange = await site.stranger.get(f"{ROOT}/image2video/boat-2")
    assert (strange.status_code, error_of(strange)["code"]) == (404, 1203)


@pytest.mark.parametrize("task_id", ["task_unknown", "a%00b", "%ff", "x" * 300])
async def test_another_keys_task_does_not_exist(site: Site, task_id: str) -> None:
    created = await made(site)
    for client, wanted in ((site.stranger, created["id"]), (site.client, task_id)):
        answer = await client.get(f"{ROOT}/text2video/{wanted}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, 1203)


async def test_an_own_video_is_continued_by_the_model_that_made_it(site: Site) -> None:
    source = await site.finished(model="some-video-model")
    answer = await site.client.post(f"{ROOT}/video-extend", json={"video_id": source["id"], "prompt": "on"})
    assert answer.status_code == 200, answer.text
    assert site.vendor.requests[-1].url.path.endswith("/extensions")
    foreign = await site.stranger.post(f"{ROOT}/video-extend", json={"video_id": source["id"], "prompt": "on"})
    assert (foreign.status_code, error_of(foreign)["param"]) == (404, "video_id")
    nothing = await site.client.post(f"{ROOT}/video-extend", json={"prompt": "on"})
    assert (nothing.status_code, error_of(nothing)["param"]) == (400, "video_id")


@pytest.mark.parametrize(
    ("action", "fields", "status", "code", "param"),
    [
        ("text2video", {"duration": "0"}, 400, 1201, "duration"),
        ("text2video", {"prompt": ""}, 400, 1201, "prompt"),
        ("image2video", {}, 400, 1201, "image"),
        ("image2video", {"image": "no picture"}, 400, 1201, "image"),
        ("multi-image2video", {}, 400, 1201, "image_list"),
        ("omni-video", {"video_list": [{"video_url": "ftp://a"}]}, 400, 1201, "video_list[0]"),
        ("omni-video", {"mode": "4k", "resolution": None, "callback_url": "nowhere"}, 400, 1201, "callback_url"),
    ],
)
async def test_a_refusal_has_the_vendors_number_and_the_clients_field(
    shared_site: Site, action: str, fields: dict[str, Any], status: int, code: int, param: str
) -> None:
    answer = await shared_site.client.post(f"{ROOT}/{action}", json={**BODY, **fields})
    body = error_of(answer)
    assert (answer.status_code, body["code"], body["param"]) == (status, code, param)
    assert f"`{param}`" in body["message"] or "missing" in body["message"] or "needs" in body["message"]
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert shared_site.vendor.creates() == 0


async def test_every_refusal_under_the_path_is_the_vendors(site: Site, tmp_path: Path) -> None:
    broken = await site.client.post(f"{ROOT}/text2video", content=b"{broken")
    unknown = await site.client.post(f"{ROOT}/lip-sync/create/now", json={})
    wrong = await site.client.delete(f"{ROOT}/text2video")
    other = await site.client.get(f"{ROOT}/lip-sync/task_1")
    large = await site.client.post(f"{ROOT}/text2video", content=b"x", headers={"content-length": str(2**40)})
    site.studio.refusal = httpx.Response(400, json={"error": {"message": "no", "code": "moderation_blocked"}})
    withheld = await site.client.post(f"{ROOT}/text2video", json=BODY)
    found = [(one.status_code, error_of(one)["code"]) for one in (broken, unknown, wrong, other, large, withheld)]
    assert found == [(400, 1201), (404, 1203), (405, 1202), (400, 1201), (413, 1201), (400, 1301)]
    plain = await site.client.get("/v1/videos/nothing")
    assert error_of(plain)["code"] == "task_not_exist"


JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJBSyIsImV4cCI6MTc2NzIyNzQwMH0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("authorization", "code", "words"),
    [
        (f"Bearer {JWT}", 1002, "signed token"),
        ("HMAC-SHA256 Credential=AK/20260101/cn-north-1/cv/request, SignedHeaders=host, Signature=ab", 1002, "signed token"),
        ("Bearer sk-unknown", 1002, "unknown"),
        ("", 1001, "No API key"),
    ],
)
async def test_a_signed_request_is_told_to_show_a_key(site: Site, authorization: str, code: int, words: str) -> None:
    async with client_of(site.app) as nobody:
        answer = await nobody.post(f"{ROOT}/text2video", json=BODY, headers={"authorization": authorization})
    assert (answer.status_code, error_of(answer)["code"]) == (401, code)
    assert words in answer.json()["message"]
    assert "eyJ" not in answer.text


async def test_an_answer_is_given_again_by_its_idempotency_key_and_so_is_a_refusal(site: Site) -> None:
    headers = {"idempotency-key": "one"}
    first = await site.client.post(f"{ROOT}/text2video", json=BODY, headers=headers)
    again = await site.client.post(f"{ROOT}/text2video", json=BODY, headers=headers)
    other = await site.client.post(f"{ROOT}/text2video", json={**BODY, "prompt": "b"}, headers=headers)
    elsewhere = await site.client.post(f"{ROOT}/omni-video", json=BODY, headers=headers)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert [(one.status_code, error_of(one)["code"]) for one in (other, elsewhere)] == [(400, 1201)] * 2
    assert site.vendor.creates() == 1


async def test_a_rate_is_the_vendors_number_too(tmp_path: Path) -> None:
    async with site_on(tmp_path, keys=[replace(KEY, rpm=1)]) as limited:
        await made(limited)
        answer = await one_too_many(limited, f"{ROOT}/text2video", BODY)
    assert (answer.status_code, error_of(answer)["code"]) == (429, 1302)
    assert answer.headers["retry-after"]


def test_what_a_path_means_is_said_to_the_normaliser() -> None:
    frames = read(image_body({"image": A, "image_tail": B, "prompt": "p"}))
    subjects = read(subjects_body({"image_list": [{"image": A}], "prompt": "p"}))
    assert (frames.mode, [item.role for item in frames.media]) == (Mode.FLF2V, [Role.FIRST_FRAME, Role.LAST_FRAME])
    assert [item.param for item in frames.media] == ["image", "image_tail"]
    assert (subjects.mode, [item.role for item in subjects.media]) == (Mode.R2V, [Role.REFERENCE_IMAGE])
    assert (frames.model, subjects.model) == ("kling-v1", "kling-v1-6")
    assert "mode" not in frames.named


def test_bare_base64_is_a_picture() -> None:
    request = read(image_body({"image": base64.b64encode(PIXEL).decode()}))
    assert request.media[0].src.startswith("data:image/png;base64,")


def test_in_omni_a_picture_without_a_type_is_a_reference_and_a_clip_is_worked_on() -> None:
    lists = {
        "image_list": [{"image_url": A}, {"image_url": B, "type": "first_frame"}],
        "video_list": [{"video_url": CLIP, "refer_type": "base", "keep_original_sound": "yes"}],
    }
    request = read(omni_body({**lists, "prompt": "p", "model_name": "m"}))
    feature = read(omni_body({"video_list": [{"video_url": CLIP, "refer_type": "feature"}], "prompt": "p"}))
    assert {item.src: item.role for item in request.media} == {
        A: Role.REFERENCE_IMAGE,
        B: Role.FIRST_FRAME,
        CLIP: Role.SOURCE_VIDEO,
    }
    assert request.media[-1].param == "video_list[0]"
    assert request.vendor == {"keep_original_sound": "yes"}
    assert (feature.mode, feature.model) == (Mode.R2V, "kling-video-o1")


def test_words_of_the_vendor_keep_their_meaning() -> None:
    vendor: dict[str, Any] = {"cfg_scale": 0.7, "camera_control": {"type": "simple"}}
    request = read(text_body({**BODY, "sound": "on", "watermark_info": {"enabled": False}, **vendor}))
    dear = read(text_body({**BODY, "mode": "4k"}))
    shots = read(text_body({"multi_shot": True, "multi_prompt": [{"index": 1, "prompt": "one"}, {"index": 2, "prompt": "two"}]}))
    assert (request.quality, request.duration, request.generate_audio, request.watermark) == ("pro", 5, True, False)
    assert request.vendor == vendor
    assert (dear.resolution, dear.named["resolution"], dear.quality) == ("2160p", "mode", None)
    assert (shots.prompt, shots.named["prompt"]) == ("one\ntwo", "multi_prompt")


@pytest.mark.parametrize("body", [{"image_list": "text"}, {"image_list": [3]}, {"video_list": [None, 3]}, {"multi_prompt": [3]}])
def test_lists_of_anything_are_refused_by_the_normaliser(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        read_native(omni_body(body))


def test_a_tier_that_4k_beats_is_reported() -> None:
    beaten, notices = read_native(text_body({**BODY, "mode": "4K", "resolution": "720p"}))
    _, agreed = read_native(text_body({**BODY, "mode": "4k", "resolution": "4K"}))
    assert (beaten.resolution, notices, agreed) == ("2160p", (Notice("adjusted:resolution", "resolution", "720p", "4K"),), ())


def test_a_type_that_nobody_knows_is_reported() -> None:
    _, notices = read_native(omni_body({"image_list": [{"image_url": A, "type": "style"}], "prompt": "p"}))
    assert notices == (Notice("unknown_role", "media", "style"),)


def test_sounds_that_clips_disagree_about_are_reported() -> None:
    clips = [{"video_url": f"{CLIP}?{number}", "keep_original_sound": kept} for number, kept in enumerate(("yes", "no", "yes"))]
    request, notices = read_native(omni_body({"video_list": clips, "prompt": "p"}))
    field = "vendor.keep_original_sound"
    assert (request.vendor, notices) == ({"keep_original_sound": "yes"}, (Notice(f"adjusted:{field}", field, "no", "yes"),))


def test_one_thing_alone_is_a_list_of_it() -> None:
    request = read(
        omni_body({"image_list": {"image_url": A}, "video_list": {"video_url": CLIP, "role": "reference"}, "prompt": "p"})
    )
    assert [item.role for item in request.media] == [Role.REFERENCE_IMAGE, Role.REFERENCE_VIDEO]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"video_list": [{"video_url": CLIP}, {"video_url": CLIP, "refer_type": "style"}]}, "video_list[1].refer_type"),
        ({"video_list": [{"video_url": CLIP, "refer_type": 3}]}, "video_list[0].refer_type"),
        ({"video_list": [{"video_url": CLIP}], "videos": [CLIP]}, "video_list"),
        ({"multi_prompt": [{"prompt": "one"}, {"prompt": 2}]}, "multi_prompt[1].prompt"),
        ({"multi_prompt": [{"index": 1}]}, "multi_prompt[0].prompt"),
        ({"multi_prompt": "one"}, "multi_prompt[0]"),
        ({"image_list": [{"image_url": A, "type": ["style"]}]}, "image_list[0].role"),
    ],
)
def test_inputs_that_cannot_be_read_are_refused(body: dict[str, Any], param: str) -> None:
    words = {} if "multi_prompt" in body else {"prompt": "p"}
    with pytest.raises(InvalidRequest) as refused:
        read_native(omni_body({**words, **body}))
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("static_mask", A),
        ("dynamic_masks", [{"mask": A, "trajectories": []}]),
        ("element_list", [{"element_id": 7}]),
    ],
)
async def test_a_mask_or_subject_that_the_model_cannot_take_is_refused(kling: Site, name: str, value: Any) -> None:
    answer = await kling.client.post(f"{ROOT}/text2video", json={**BODY, "model_name": "kling-v2-master", name: value})
    assert (answer.status_code, error_of(answer)["code"], error_of(answer)["param"]) == (400, 1201, name)
    assert kling.vendor.creates() == 0


async def test_a_mask_goes_to_a_model_that_takes_it(kling: Site) -> None:
    body = {"model_name": "kling-v1", "image": A, "static_mask": A, "duration": "5", "mode": "std"}
    answer = await kling.client.post(f"{ROOT}/image2video", json=body)
    assert (answer.status_code, kling.vendor.bodies[-1]["static_mask"]) == (200, A)
    assert "x-filmgate-warnings" not in answer.headers


async def test_what_the_model_lacks_is_reported_or_strictly_refused(kling: Site) -> None:
    body = {"model_name": "kling-v2-master", "prompt": "p", "duration": "5", "cfg_scale": 0.7}
    warned = await kling.client.post(f"{ROOT}/text2video", json=body)
    strict = await kling.client.post(f"{ROOT}/text2video", json=body, headers={"x-filmgate-strict": "true"})
    assert (warned.status_code, warned.headers["x-filmgate-warnings"]) == (200, "dropped:vendor.cfg_scale")
    assert (strict.status_code, error_of(strict)["code"], error_of(strict)["param"]) == (400, 1201, "cfg_scale")
    assert kling.vendor.creates() == 1


def test_a_task_looks_as_the_vendor_shows_it() -> None:
    lost = task_object(failed(), link)
    waiting = task_object(queued(video_request(client_task_id="mine")), link)
    several = task_object(completed(outputs=completed().outputs * 2), link)
    assert (lost["task_status"], lost["task_status_msg"], lost["task_result"]) == ("failed", "The boat sank in task_1.", {})
    assert (waiting["task_info"], waiting["created_at"]) == ({"external_task_id": "mine"}, EPOCH * 1000 + 750)
    assert several["task_result"] == {
        "videos": [{"id": "task_1", "url": link(0), "duration": ""}, {"id": "task_1:1", "url": link(1), "duration": ""}]
    }


def test_every_error_has_a_number() -> None:
    cases = [(403, "insufficient_quota"), (403, "x"), (502, "x"), (503, "x"), (504, "x")]
    assert [error_code(*case) for case in cases] == [1102, 1103, 5000, 5001, 5002]
