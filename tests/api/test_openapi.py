"""`/docs` and `/openapi.json`: they exist without a key, and say what really happens."""

from typing import Any

import jsonschema_rs
import pytest

from app.api.routes import ENDPOINTS
from tests.api.conftest import IMAGE, Site, client_of

pytestmark = pytest.mark.anyio


async def document(site: Site) -> dict[str, Any]:
    """The OpenAPI document, as anybody gets it."""
    async with client_of(site.app) as nobody:
        answer = await nobody.get("/openapi.json")
        assert (await nobody.get("/docs")).status_code == 200
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_every_endpoint_is_described(site: Site) -> None:
    paths = (await document(site))["paths"]
    for endpoint in ENDPOINTS:
        operation = paths[endpoint.path.replace(":path", "")][endpoint.method.lower()]
        assert operation["description"]
        assert "422" not in operation["responses"]
        assert operation["responses"]["4XX"]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")
        assert ("requestBody" in operation) is (endpoint.body is not None)
        assert bool(operation.get("security")) is endpoint.path.startswith("/v1/")


async def test_every_reference_leads_somewhere_and_nothing_of_the_framework_is_left(site: Site) -> None:
    found = await document(site)
    components = found["components"]["schemas"]
    for reference in references(found):
        assert reference.removeprefix("#/components/schemas/") in components
    assert not [name for name in components if "ValidationError" in name]


async def test_operation_ids_are_unique(site: Site) -> None:
    operations = [operation for path in (await document(site))["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


async def test_answers_are_as_described(site: Site) -> None:
    found = await document(site)
    job = await site.finished()
    image = await site.client.post("/v1/images/generations", json=IMAGE)
    for name, answer in {
        "Video": await site.client.get(f"/v1/videos/{job['id']}"),
        "Generation": await site.client.get(f"/v1/video/generations/{job['id']}"),
        "VideoList": await site.client.get("/v1/videos"),
        "Images": image,
        "ModelList": await site.client.get("/v1/models"),
        "KeyUsage": await site.client.get("/v1/usage"),
        "Capabilities": await site.client.get("/v1/models/sandbox-video/capabilities"),
        "Error": await site.client.get("/v1/videos/nothing"),
        "Health": await site.client.get("/healthz"),
        "DeletedVideo": await site.client.delete(f"/v1/videos/{job['id']}"),
    }.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": found["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(answer.json())


def references(value: Any) -> list[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in references(item)]
    return [found for item in value for found in references(item)] if isinstance(value, list) else []
