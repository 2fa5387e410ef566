"""Another key's job does not exist, on every endpoint that takes an id; the list of endpoints is the route table."""

import pytest

from app.api.routes import ENDPOINTS
from tests.api.conftest import Site, client_of, error_of

pytestmark = pytest.mark.anyio
OF_JOBS = [(endpoint.method, endpoint.path) for endpoint in ENDPOINTS if "{job_id}" in endpoint.path]
WITH_KEY = [(endpoint.method, endpoint.path) for endpoint in ENDPOINTS if endpoint.path.startswith("/v1/")]
UNKNOWN = ["task_0000000000000000000000000", "a%00b", "%27;--", "..%2e", "x" * 3000, "%ff%fe", "视频"]


def test_the_table_has_job_endpoints_and_few_that_want_no_key() -> None:
    assert len(OF_JOBS) >= 6
    keyless = {endpoint.path for endpoint in ENDPOINTS if not endpoint.path.startswith("/v1/")}
    assert keyless == {"/files/{token}", "/callbacks/{token}", "/healthz", "/readyz"}


@pytest.mark.parametrize(("method", "path"), OF_JOBS)
async def test_every_job_route_is_404_for_a_foreign_owner(shared_site: Site, method: str, path: str) -> None:
    job = await shared_site.finished()
    answer = await shared_site.stranger.request(method, path.format(job_id=job["id"]), json={"prompt": "mine now"})
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "task_not_exist"
    assert (await shared_site.client.get(f"/v1/videos/{job['id']}")).json()["status"] == "completed"


@pytest.mark.parametrize(("method", "path"), OF_JOBS)
@pytest.mark.parametrize("job_id", UNKNOWN)
async def test_every_job_route_is_404_for_an_unknown_id(shared_site: Site, method: str, path: str, job_id: str) -> None:
    answer = await shared_site.client.request(method, path.format(job_id=job_id), json={"prompt": "a"})
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "task_not_exist"


@pytest.mark.parametrize(("method", "path"), OF_JOBS)
async def test_an_image_job_is_no_video(shared_site: Site, method: str, path: str) -> None:
    made = (await shared_site.client.post("/v1/images/generations", json={"model": "gpt-image-1.5", "prompt": "a"})).json()
    answer = await shared_site.client.request(method, path.format(job_id=made["id"]), json={"prompt": "a"})
    assert answer.status_code == 404


async def test_a_list_only_holds_the_keys_own(site: Site) -> None:
    job = await site.created()
    assert (await site.stranger.get("/v1/videos")).json()["data"] == []
    assert (await site.stranger.get("/v1/videos", params={"after": job["id"]})).json()["data"] == []


@pytest.mark.parametrize(("method", "path"), WITH_KEY)
async def test_every_route_wants_a_key(shared_site: Site, method: str, path: str) -> None:
    async with client_of(shared_site.app) as nobody:
        answer = await nobody.request(method, path.replace("{job_id}", "task_1").replace("{model:path}", "m"), json={})
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "missing_api_key"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert shared_site.vendor.requests == []
