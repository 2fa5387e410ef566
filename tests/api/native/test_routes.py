"""What holds for every endpoint of a vendor's API."""

from typing import Any

import jsonschema_rs
import pytest

from app.api.native.errors import numbered
from app.api.routes import ENDPOINTS, NATIVE
from tests.api.conftest import Site, client_of, error_of, site
from tests.gateways import ended

pytestmark = pytest.mark.anyio
__all__ = ["site"]
TASKS = "/api/v3/contents/generations/tasks"
WORDS = [{"type": "text", "text": "a boat"}]


async def document(site: Site) -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = (await site.client.get("/openapi.json")).json()
    return found


@pytest.mark.parametrize(("method", "path"), [(endpoint.method, endpoint.path) for endpoint in NATIVE])
async def test_every_endpoint_wants_a_key(shared_site: Site, method: str, path: str) -> None:
    filled = path.format(job_id="task_1", action="text2video", task_id="task_1")
    async with client_of(shared_site.app) as nobody:
        answer = await nobody.request(method, filled, json={})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    error_of(answer)
    assert shared_site.vendor.requests == []


async def test_every_endpoint_is_described_with_its_key_and_its_errors(site: Site) -> None:
    found = await document(site)
    for endpoint in NATIVE:
        operation = found["paths"][endpoint.path][endpoint.method.lower()]
        assert operation["description"]
        assert operation["security"] == [{"key": []}]
        named = "NumberedError" if endpoint.tag in ("kling", "jimeng") else "Error"
        refusal = operation["responses"].get("400") or operation["responses"]["4XX"]
        assert refusal["content"]["application/json"]["schema"]["$ref"].endswith(f"/{named}")
        assert ("requestBody" in operation) is (endpoint.body is not None)
    assert not {endpoint.path for endpoint in NATIVE} & {endpoint.path for endpoint in ENDPOINTS}


async def test_answers_are_as_described(site: Site) -> None:
    components = (await document(site))["components"]
    body = {"model": "some-video-model", "content": WORDS}
    task = await site.client.post(TASKS, json=body)
    kling = await site.client.post("/kling/v1/videos/text2video", json={"model_name": "some-video-model", "prompt": "p"})
    jimeng = await site.client.post("/jimeng/?Action=CVSubmitTask", json={"req_key": "some-video-model", "prompt": "p"})
    site.studio.status = "completed"
    await ended(site.gateway, task.json()["id"])
    for name, answer in {
        "ArkTaskId": task,
        "ArkTask": await site.client.get(f"{TASKS}/{task.json()['id']}"),
        "ArkTaskList": await site.client.get(TASKS),
        "ArkImages": await site.client.post("/api/v3/images/generations", json={"model": "sandbox-image", "prompt": "p"}),
        "KlingTask": kling,
        "JimengTask": jimeng,
        "NumberedError": await site.client.post("/jimeng/", json={}),
        "Error": await site.client.get(f"{TASKS}/nothing"),
        "Nothing": await site.client.delete(f"{TASKS}/{task.json()['id']}"),
    }.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": components}
        jsonschema_rs.Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("page_num=0", "page_num"),
        ("page_size=501", "page_size"),
        ("filter.status=done", "filter.status"),
        ("filter.model=a%00b", "filter.model"),
    ],
)
async def test_a_list_says_which_filter_is_wrong(site: Site, query: str, param: str) -> None:
    answer = await site.client.get(f"{TASKS}?{query}")
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)


async def test_ids_that_cannot_be_are_of_no_task(site: Site) -> None:
    await site.client.post(TASKS, json={"model": "some-video-model", "content": WORDS})
    answer = await site.client.get(f"{TASKS}?filter.task_ids=a%00b&filter.task_ids=%27")
    assert answer.json() == {"total": 0, "items": []}


async def test_a_running_task_that_its_vendor_cannot_stop_goes_on(site: Site) -> None:
    made = await site.client.post(TASKS, json={"model": "some-video-model", "content": WORDS})
    refused = await site.client.delete(f"{TASKS}/{made.json()['id']}")
    assert (refused.status_code, error_of(refused)["code"]) == (400, "cannot_cancel")
    assert (await site.client.get(f"{TASKS}/{made.json()['id']}")).json()["status"] == "queued"


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"code": 3}'])
def test_what_is_no_error_of_ours_stays_as_it_is(body: bytes) -> None:
    assert numbered(body, 500, lambda status, code: 1) == body
