"""Whoever writes an error under a vendor's path, it bears the vendor's number and our request id."""

from collections.abc import MutableMapping
from typing import Any

import httpx
import pytest

from tests.api.conftest import Site, client_of, error_of, site

pytestmark = pytest.mark.anyio
__all__ = ["site"]
KLING, JIMENG = "/kling/v1/videos/text2video", "/jimeng/?Action=CVSubmitTask"
WANTED = {"model_name": "some-video-model", "req_key": "some-video-model", "prompt": "a paper boat"}
BOTH = pytest.mark.parametrize("path", [KLING, JIMENG])


def told(answer: httpx.Response) -> tuple[int, Any]:
    """Status and code of an error answer whose two forms agree and whose request id and length are right."""
    assert int(answer.headers["content-length"]) == len(answer.content)
    return answer.status_code, error_of(answer)["code"]


@pytest.mark.parametrize(("path", "code"), [(KLING, 1001), (JIMENG, 50_400)])
async def test_without_a_key(site: Site, path: str, code: int) -> None:
    async with client_of(site.app) as nobody:
        answer = await nobody.post(path, json=WANTED)
    assert (told(answer), answer.headers["www-authenticate"]) == ((401, code), "Bearer")


@pytest.mark.parametrize(("path", "code"), [("/kling/v1/nothing", 1203), ("/jimeng/nothing", 50_215), ("/kling", 1203)])
async def test_where_there_is_no_path(site: Site, path: str, code: int) -> None:
    assert told(await site.client.post(path, json=WANTED)) == (404, code)


@pytest.mark.parametrize(("path", "code"), [(KLING, 1202), ("/jimeng/", 50_215)])
async def test_where_the_method_is_not_allowed(site: Site, path: str, code: int) -> None:
    answer = await site.client.put(path, json=WANTED)
    assert (told(answer), answer.headers["allow"]) == ((405, code), "POST")


@pytest.mark.parametrize(("path", "code"), [(KLING, 1201), (JIMENG, 50_215)])
async def test_where_the_body_is_too_large(site: Site, path: str, code: int) -> None:
    answer = await site.client.post(path, content=b"{}", headers={"content-length": str(2**40)})
    assert told(answer) == (413, code)


@pytest.mark.parametrize(("path", "code"), [(KLING, 5001), (JIMENG, 50_500)])
async def test_while_the_gateway_shuts_down(site: Site, path: str, code: int) -> None:
    await site.gateway.drain()
    answer = await site.client.post(path, json=WANTED)
    assert (told(answer), answer.headers["retry-after"]) == ((503, code), "5")


@pytest.mark.parametrize(("path", "code"), [("/kling/broken", 5000), ("/jimeng/broken", 50_500)])
async def test_after_a_fault_of_ours(site: Site, path: str, code: int) -> None:
    async def fail() -> None:
        raise RuntimeError("canary in the cellar")

    site.app.add_api_route(path, fail, methods=["POST"])
    answer = await site.client.post(path)
    assert (told(answer), answer.headers["x-should-retry"]) == ((500, code), "false")
    assert "canary" not in answer.text


@pytest.mark.parametrize("path", ["/klingon", "/v1/kling", "//kling/v1", "*", ""])
async def test_other_paths_keep_our_words(shared_site: Site, path: str) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": []}
    await shared_site.app({**scope, "scheme": "http", "server": ("x", 80), "http_version": "1.1", "root_path": ""}, receive, send)
    assert sent[0]["status"] == 404
    assert b'"unknown_path"' in sent[1]["body"]


@BOTH
async def test_an_answer_that_is_no_error_is_not_held_back(site: Site, path: str) -> None:
    answer = await site.client.post(path, json=WANTED)
    assert answer.status_code == 200
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
