"""`/jimeng/`: bodies and answers of Volcengine's visual API, over models that are none of its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.api.dialects.native_fields import read_native
from app.api.dialects.native_jimeng import error_code, picture_body, submit_body, video_result
from app.domain.jobs import Failure
from app.domain.media import Role
from app.domain.requests import ImageRequest, Mode, Notice, VideoRequest
from tests.api.conftest import STRANGER, Site, error_of, one_too_many, site, site_on
from tests.api.samples import completed, failed, link, queued
from tests.gateways import KEY, ended

pytestmark = pytest.mark.anyio
__all__ = ["site"]
SUBMIT = "/jimeng/?Action=CVSync2AsyncSubmitTask&Version=2022-08-31"
RESULT = "/jimeng/?Action=CVSync2AsyncGetResult&Version=2022-08-31"
BODY: dict[str, Any] = {"req_key": "some-video-model", "prompt": "a paper boat", "frames": 121, "aspect_ratio": "16:9", "seed": -1}


async def made(site: Site, **fields: Any) -> dict[str, Any]:
    """The answer to a submit that is accepted."""
    answer = await site.client.post(SUBMIT, json={**BODY, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def asked(site: Site, task_id: str) -> dict[str, Any]:
    """The answer to a question about a task."""
    answer = await site.client.post(RESULT, json={"req_key": "some-video-model", "task_id": task_id})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_film_is_submitted_and_asked_about(site: Site) -> None:
    created = await made(site)
    task_id = created["data"]["task_id"]
    waiting = await asked(site, task_id)
    site.studio.status = "completed"
    await ended(site.gateway, task_id)
    done = await asked(site, task_id)

    assert (created["code"], created["message"], set(created["data"])) == (10000, "Success", {"task_id"})
    assert (waiting["code"], waiting["data"]) == (10000, {"status": "in_queue"})
    assert (done["code"], done["data"]["status"]) == (10000, "done")
    assert done["data"]["video_url"].startswith("http://gate.example.com/files/")


async def test_a_picture_is_known_by_what_its_model_makes(site: Site) -> None:
    created = await made(site, req_key="sandbox-image", size=4_194_304)
    job = await ended(site.gateway, created["data"]["task_id"])
    done = await asked(site, job.id)

    assert (job.op, job.request.resolution, job.model) == ("image", "2K", "sandbox-image")
    assert done["data"]["status"] == "done"
    pictures = done["data"]["image_urls"] or done["data"]["binary_data_base64"]
    assert len(pictures) == 1


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"frames": "many"}, 50_215, "frames"),
        ({"req_key": ""}, 50_215, "model"),
        ({"prompt": ""}, 50_215, "prompt"),
        ({"image_urls": ["ftp://a"]}, 50_215, "image_urls[0]"),
    ],
)
async def test_a_refusal_has_the_vendors_number(site: Site, fields: dict[str, Any], code: int, param: str) -> None:
    answer = await site.client.post(SUBMIT, json={**BODY, **fields})
    body = error_of(answer)
    assert (answer.status_code, body["code"], body["param"]) == (400, code, param)
    assert site.vendor.creates() == 0


async def test_a_query_must_say_what_is_meant(site: Site) -> None:
    for path in ("/jimeng/", "/jimeng/?Action=CVProcess"):
        answer = await site.client.post(path, json=BODY)
        assert (answer.status_code, error_of(answer)["code"], error_of(answer)["param"]) == (400, 50_215, "Action")
    nothing = await site.client.post(RESULT, json={"req_key": "m"})
    assert (nothing.status_code, error_of(nothing)["param"]) == (400, "task_id")


async def test_another_keys_task_does_not_exist(site: Site) -> None:
    created = await made(site)
    foreign = await site.stranger.post(RESULT, json={"req_key": "m", "task_id": created["data"]["task_id"]})
    unknown = await site.client.post(RESULT, json={"req_key": "m", "task_id": "a\0b"})
    assert [(one.status_code, error_of(one)["code"]) for one in (foreign, unknown)] == [(404, 50_215)] * 2


async def test_questions_count_against_no_rate(tmp_path: Path) -> None:
    async with site_on(tmp_path, keys=[replace(KEY, rpm=1), STRANGER]) as limited:
        created = await made(limited)
        for _ in range(3):
            await asked(limited, created["data"]["task_id"])
        refused = await one_too_many(limited, SUBMIT, BODY)
    assert (refused.status_code, error_of(refused)["code"]) == (429, 50_429)


def test_two_pictures_are_the_first_frame_and_the_last() -> None:
    urls = ["https://x.example.com/a.png", "https://x.example.com/b.png"]
    request, _ = read_native(submit_body({**BODY, "image_urls": urls, "template_id": "robo_arm"}))
    assert isinstance(request, VideoRequest)
    assert (request.mode, request.duration, request.seed) == (Mode.FLF2V, 5, None)
    assert [item.role for item in request.media] == [Role.FIRST_FRAME, Role.LAST_FRAME]
    assert request.vendor == {"template_id": "robo_arm"}


def test_a_picture_model_may_stand_under_either_name() -> None:
    for body in ({"req_key": "paint-1", "prompt": "p"}, {"model": "paint-1", "req_key": "other", "prompt": "p"}):
        request, _ = read_native(picture_body(body))
        assert (request.op, request.model) == ("image", "paint-1")


@pytest.mark.parametrize(
    ("fields", "notices"),
    [
        ({"size": 4_194_304}, ()),
        ({"size": 3_000_000}, (Notice("adjusted:size", "size", 3_000_000, "2K"),)),
        ({"size": 4_194_304, "width": 2048, "height": 2048}, ()),
        ({"size": 4_194_304, "width": 1024, "height": 1024}, (Notice("dropped:size", "size", 4_194_304, None),)),
        ({"model": "paint-1", "req_key": "other"}, (Notice("dropped:vendor.req_key", "vendor.req_key", "other", None),)),
        ({"model": "paint-1"}, ()),
    ],
)
def test_what_is_read_otherwise_is_reported(fields: dict[str, Any], notices: tuple[Notice, ...]) -> None:
    request, found = read_native(picture_body({"req_key": "paint-1", "prompt": "p", **fields}))
    assert (request.model, found) == ("paint-1", notices)


def test_two_sides_beat_an_area() -> None:
    request, _ = read_native(picture_body({"req_key": "paint-1", "prompt": "p", "size": 9, "width": 1024, "height": 768}))
    assert (request.width, request.height) == (1024, 768)


@pytest.mark.parametrize(("written", "asked_for"), [(True, "url"), (False, "b64_json"), (None, None)])
def test_how_pictures_shall_come_is_read(written: bool | None, asked_for: str | None) -> None:
    request, notices = read_native(picture_body({"req_key": "paint-1", "prompt": "p", "return_url": written}))
    assert isinstance(request, ImageRequest)
    assert (request.response_format, request.vendor, notices) == (asked_for, {}, ())


async def test_an_area_that_is_no_tier_is_reported_or_strictly_refused(site: Site) -> None:
    body = {"req_key": "sandbox-image", "prompt": "a boat", "size": 3_000_000}
    warned = await site.client.post(SUBMIT, json=body)
    strict = await site.client.post(SUBMIT, json=body, headers={"x-filmgate-strict": "true"})
    assert (warned.status_code, warned.headers["x-filmgate-warnings"]) == (200, "adjusted:size")
    assert (strict.status_code, error_of(strict)["code"], error_of(strict)["param"]) == (400, 50_215, "size")


@pytest.mark.parametrize(("links", "field"), [("true", "image_urls"), ("false", "binary_data_base64")])
async def test_a_question_says_how_pictures_shall_come(site: Site, links: str, field: str) -> None:
    job = await ended(site.gateway, (await made(site, req_key="sandbox-image", size=1_048_576))["data"]["task_id"])
    wishes = f'{{"return_url": {links}, "logo_info": {{"add_logo": false}}}}'
    answer = await site.client.post(RESULT, json={"task_id": job.id, "req_json": wishes})
    found = answer.json()["data"]
    assert [name for name in ("image_urls", "binary_data_base64") if found[name]] == [field]
    assert "x-filmgate-warnings" not in answer.headers


async def test_a_wish_that_comes_too_late_is_reported_and_a_broken_one_refused(site: Site) -> None:
    task_id = (await made(site))["data"]["task_id"]
    late = await site.client.post(RESULT, json={"task_id": task_id, "req_json": '{"logo_info": {"add_logo": true}}'})
    assert (late.status_code, late.headers["x-filmgate-warnings"]) == (200, "dropped:vendor.logo_info")
    for wishes in ("{broken", "[1]", 3):
        broken = await site.client.post(RESULT, json={"task_id": task_id, "req_json": wishes})
        assert (broken.status_code, error_of(broken)["param"]) == (400, "req_json")


def test_a_failed_task_is_done_badly() -> None:
    lost = video_result(failed(), link, "req_1")
    withheld = video_result(failed(failure=Failure("content_policy_violation", "No.")), link, "req_1")
    late = video_result(failed(failure=Failure("deadline_exceeded", "Late.")), link, "req_1")
    assert (lost["code"], lost["data"], lost["message"]) == (50_500, {"status": "done"}, "The boat sank in task_1.")
    assert (withheld["code"], withheld["data"]) == (50_516, {"status": "done"})
    assert (late["code"], late["data"]) == (10_000, {"status": "expired"})
    assert video_result(completed(), link, "r")["data"] == {"status": "done", "video_url": link(0)}
    assert video_result(queued(), link, "r")["data"] == {"status": "in_queue"}


def test_every_error_has_a_number() -> None:
    cases = [(401, "missing_api_key"), (400, "content_policy_violation"), (502, "upstream_error"), (413, "body_too_large")]
    assert [error_code(*case) for case in cases] == [50_400, 50_412, 50_500, 50_215]
