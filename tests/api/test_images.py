"""`/v1/images/*`: answers, forms, formats."""

import base64

import httpx
import pytest

from tests.api.conftest import IMAGE, Site, client_of, error_of
from tests.api.vendor import PIXEL

pytestmark = pytest.mark.anyio
GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
B64 = base64.b64encode(PIXEL).decode()
IGNORED = "metadata_ignored:output_compression"
DATA_URI = f"data:image/png;base64,{B64}"
FILE = ("boat.png", PIXEL, "image/png")


async def test_pictures_that_came_inline_are_answered_inline(site: Site) -> None:
    site.studio.images = {"quality": "high", "usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}}
    answer = await site.client.post(GENERATIONS, json={**IMAGE, "size": "1024x1024", "quality": "high"})
    found = answer.json()
    assert answer.status_code == 200
    assert found["data"] == [{"b64_json": B64}]
    assert found["id"] == found["task_id"]
    assert isinstance(found["created"], int)
    assert (found["size"], found["quality"], found["output_format"]) == ("1024x1024", "high", "png")
    assert {name: found["usage"][name] for name in ("input_tokens", "output_tokens", "total_tokens")} == {
        "input_tokens": 5,
        "output_tokens": 7,
        "total_tokens": 12,
    }


async def test_pictures_that_came_as_links_are_answered_as_links_of_ours(site: Site) -> None:
    site.studio.pictures = [{"url": "https://vendor.example.com/a.png", "revised_prompt": "a better boat"}]
    found = (await site.client.post(GENERATIONS, json={**IMAGE, "model": "some-image-model"})).json()
    assert found["data"][0]["url"].startswith("http://gate.example.com/files/")
    assert found["data"][0]["revised_prompt"] == "a better boat"
    assert "b64_json" not in found["data"][0]


async def test_a_link_is_given_for_inline_pictures_when_asked(site: Site) -> None:
    found = (await site.client.post(GENERATIONS, json={**IMAGE, "response_format": "url"})).json()
    assert set(found["data"][0]) == {"url"}
    async with client_of(site.app) as anybody:
        picture = await anybody.get(found["data"][0]["url"])
    assert (picture.content, picture.headers["content-type"]) == (PIXEL, "image/png")


async def test_withheld_pictures_stand_apart_from_the_others(site: Site) -> None:
    site.studio.pictures = [{"b64_json": B64}, {"error": {"code": "moderation_blocked", "message": "Not this one."}}]
    found = (await site.client.post(GENERATIONS, json={**IMAGE, "n": 2})).json()
    assert found["data"] == [{"b64_json": B64}]
    assert found["errors"] == [{"code": "content_policy_violation", "message": "Not this one.", "type": "invalid_request_error"}]


async def test_warnings_stand_in_header_and_body(site: Site) -> None:
    answer = await site.client.post(GENERATIONS, json={**IMAGE, "quality": "low", "metadata": {"output_compression": "much"}})
    assert answer.headers["x-filmgate-warnings"] == f"{IGNORED}, dropped:vendor.output_compression"
    assert [warning["code"] for warning in answer.json()["warnings"]] == [IGNORED, "dropped:vendor.output_compression"]


@pytest.mark.parametrize("name", ["image", "image[]", "image[0]", "images", "images[]"])
async def test_multipart_image_array_forms(site: Site, name: str) -> None:
    answer = await site.client.post(EDITS, data=IMAGE, files=[(name, FILE)])
    assert answer.status_code == 200, answer.text
    assert site.vendor.bodies[-1].count(PIXEL) == 1


@pytest.mark.parametrize("name", ["image", "image[]"])
async def test_repeated_image_parts_are_several_images(site: Site, name: str) -> None:
    other = ("sail.png", PIXEL + b"\0", "image/png")
    answer = await site.client.post(EDITS, data=IMAGE, files=[(name, FILE), (name, other)])
    assert answer.status_code == 200, answer.text
    assert site.vendor.bodies[-1].count(b"filename=") == 2


@pytest.mark.parametrize("name", ["mask", "mask[]"])
async def test_a_mask_comes_along(site: Site, name: str) -> None:
    answer = await site.client.post(EDITS, data=IMAGE, files=[("image", FILE), (name, ("mask.png", PIXEL, "image/png"))])
    assert answer.status_code == 200, answer.text
    assert b'name="mask"' in site.vendor.bodies[-1]


async def test_an_edit_may_be_json(site: Site) -> None:
    body = {**IMAGE, "images": [{"image_url": DATA_URI}]}
    answer = await site.client.post(EDITS, json=body)
    assert answer.status_code == 200, answer.text


async def test_a_file_field_left_empty_is_no_picture(site: Site) -> None:
    answer = await site.client.post(EDITS, data=IMAGE, files=[("image", ("", b"", "application/octet-stream"))])
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["param"]) == ("missing_required_parameter", "image")


async def test_a_file_where_none_is_expected_is_named(site: Site) -> None:
    answer = await site.client.post(EDITS, data=IMAGE, files=[("image", FILE), ("surprise", FILE)])
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "surprise"


async def test_images_on_the_generations_route_make_it_image_to_image(site: Site) -> None:
    answer = await site.client.post(GENERATIONS, json={**IMAGE, "image": [DATA_URI, B64]})
    assert answer.status_code == 200, answer.text
    assert site.vendor.requests[-1].url.path == "/v1/images/edits"


async def test_what_the_vendors_moderation_refuses_is_a_400(site: Site) -> None:
    site.studio.refusal = httpx.Response(400, json={"error": {"code": "moderation_blocked", "message": "No boats."}})
    answer = await site.client.post(GENERATIONS, json=IMAGE)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "content_policy_violation"
    assert error_of(answer)["message"] == "No boats."


async def test_a_picture_that_cannot_be_fetched_is_not_to_be_made_again(site: Site) -> None:
    site.studio.pictures = [{"url": "/v1/videos/x/content"}]
    site.studio.content_status = 500
    answer = await site.client.post(GENERATIONS, json={**IMAGE, "model": "other", "response_format": "b64_json"})
    assert answer.status_code == 502
    assert answer.headers["x-should-retry"] == "false"
    assert error_of(answer)["id"].startswith("image_")


async def test_the_sandbox_paints_at_the_size_asked_for(site: Site) -> None:
    body = {"model": "sandbox-image", "prompt": "a boat", "size": "64x64", "response_format": "b64_json"}
    found = (await site.client.post(GENERATIONS, json=body)).json()
    assert base64.b64decode(found["data"][0]["b64_json"]).startswith(b"\x89PNG")
    assert found["size"] == "64x64"


async def test_a_sandbox_job_told_to_fail_is_an_error_with_its_id(site: Site) -> None:
    body = {"model": "sandbox-image", "prompt": "a", "metadata": {"sandbox": {"fail": "content_policy_violation"}}}
    answer = await site.client.post(GENERATIONS, json=body)
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "content_policy_violation"
    assert error_of(answer)["id"] == error_of(answer)["task_id"]
