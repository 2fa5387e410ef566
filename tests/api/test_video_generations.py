"""`/v1/video/generations`: new-api's dialect."""

import pytest

from tests.api.conftest import VIDEO, Site, error_of

pytestmark = pytest.mark.anyio
ROUTE = "/v1/video/generations"


async def test_a_create_answers_flat_and_without_a_code(site: Site) -> None:
    answer = await site.client.post(ROUTE, json=VIDEO)
    job = answer.json()
    assert answer.status_code == 200
    assert (job["status"], job["model"]) == ("queued", VIDEO["model"])
    assert job["id"] == job["task_id"]
    assert "code" not in job
    assert "data" not in job
    assert "openai-poll-after-ms" in answer.headers


async def test_a_query_carries_the_flat_keys_and_the_wrapped_task(site: Site) -> None:
    job = await site.finished()
    found = (await site.client.get(f"{ROUTE}/{job['id']}")).json()
    flat = (await site.client.get(f"/v1/videos/{job['id']}")).json()
    assert {name: found[name] for name in flat} == flat
    assert (found["code"], found["message"]) == ("success", "")
    assert found["data"]["task_id"] == job["id"]
    assert found["data"]["status"] == "SUCCESS"
    assert found["data"]["result_url"] == found["url"]
    assert found["data"]["data"]["content"]["video_url"] == found["url"]
    assert isinstance(found["data"]["id"], int)


async def test_a_failed_task_is_a_success_of_the_query(site: Site) -> None:
    site.studio.error = {"code": "x", "message": "The boat sank."}
    job = await site.finished("failed")
    found = (await site.client.get(f"{ROUTE}/{job['id']}")).json()
    assert (found["code"], found["status"]) == ("success", "failed")
    assert (found["data"]["status"], found["data"]["fail_reason"]) == ("FAILURE", "The boat sank.")


async def test_old_clients_may_ask_for_their_words(site: Site) -> None:
    running = await site.created()
    legacy = {"format": "legacy"}
    before = (await site.client.get(f"{ROUTE}/{running['id']}", params=legacy)).json()
    done = await site.finished()
    after = (await site.client.get(f"{ROUTE}/{done['id']}", params=legacy)).json()
    assert (before["status"], before["data"]["status"]) == ("processing", "QUEUED")
    assert (after["status"], after["data"]["status"]) == ("succeeded", "SUCCESS")


async def test_an_unknown_format_is_refused(site: Site) -> None:
    job = await site.created()
    answer = await site.client.get(f"{ROUTE}/{job['id']}", params={"format": "xml"})
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "format"


async def test_a_body_without_a_prompt_is_read_from_its_content(site: Site) -> None:
    content = [
        {"type": "text", "text": "the boat turns"},
        {"type": "image_url", "image_url": {"url": "https://example.com/boat.png"}, "role": "reference_image"},
    ]
    answer = await site.client.post(ROUTE, json={"model": "some-video-model", "content": content, "ratio": "16:9", "duration": 5})
    assert answer.status_code == 200, answer.text
    assert answer.json()["prompt"] == "the boat turns"
    assert (answer.json()["duration"], answer.json()["aspect_ratio"]) == (5, "16:9")
