"""A length is the same length however a client writes it, and what is none is refused by the client's own name."""

import json
from typing import Any

import pytest

from app.domain.requests import VideoRequest
from tests.api.conftest import VIDEO, Site, error_of

pytestmark = pytest.mark.anyio

LENGTHLESS = {name: value for name, value in VIDEO.items() if name != "seconds"}
PATHS = pytest.mark.parametrize("path", ["/v1/videos", "/v1/video/generations"])
NAMES = pytest.mark.parametrize("name", ["seconds", "duration"])


@PATHS
@NAMES
@pytest.mark.parametrize("form", ["json", "multipart", "metadata"])
@pytest.mark.parametrize("value", [8, 8.0, "8", " 8 ", "8s", "8.0", "8 seconds"], ids=repr)
async def test_duration_json_int_str_and_multipart(shared_site: Site, path: str, name: str, form: str, value: float | str) -> None:
    answer = await shared_site.client.post(path, **_written(form, name, value))
    assert answer.status_code == 200, answer.text
    job = await shared_site.gateway.job(answer.json()["id"], None)
    assert isinstance(job.request, VideoRequest)
    assert (job.request.duration, type(job.request.duration)) == (8, int)
    assert "x-filmgate-warnings" not in answer.headers
    assert [_sent(body) for body in shared_site.vendor.created()] == ["8"]


@PATHS
@NAMES
@pytest.mark.parametrize("form", ["json", "multipart"])
@pytest.mark.parametrize("value", [0, -3, "soon", "1e9", "NaN", "8:00"], ids=repr)
async def test_what_is_no_length_is_refused_by_its_name(
    shared_site: Site, path: str, name: str, form: str, value: float | str
) -> None:
    answer = await shared_site.client.post(path, **_written(form, name, value))
    assert answer.status_code == 400, answer.text
    assert error_of(answer)["param"] == name
    assert shared_site.vendor.created() == []


def _written(form: str, name: str, value: float | str) -> dict[str, Any]:
    """The request in this form, as arguments of the client."""
    if form == "multipart":
        return {"files": [(field, (None, str(text))) for field, text in {**LENGTHLESS, name: value}.items()]}
    return {"json": {**LENGTHLESS, "metadata": {name: value}} if form == "metadata" else {**LENGTHLESS, name: value}}


def _sent(body: Any) -> str:
    """The length that the vendor was asked for."""
    found = body if isinstance(body, dict) else json.loads(body)
    return str(found["seconds"])
