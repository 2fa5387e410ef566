"""The table of errors, and the body that every client can read."""

import httpx
import orjson
import pytest

from app.api.errors import TABLE, JobFailed, error_answer, job_failed
from app.domain import errors as domain_errors
from app.domain.errors import (
    BodyTooLarge,
    Fault,
    GatewayError,
    InputRefused,
    InvalidRequest,
    MethodNotAllowed,
    NoChannel,
    NotAllowed,
    NotFound,
    ShuttingDown,
    TooManyRequests,
    Unauthenticated,
    UnknownStatus,
    UnsupportedBody,
    UpstreamError,
    UpstreamMaybeSent,
    UpstreamNeverSent,
    UpstreamRefused,
    UpstreamUnreadable,
)
from app.domain.jobs import Failure
from tests.api.conftest import IMAGE, VIDEO, Site, error_of
from tests.api.samples import failed

pytestmark = pytest.mark.anyio
SECRET = "vendor.example.com refused sk-canarycanarycanary of account 4711"
STATUS = [
    (InvalidRequest("x"), 400),
    (InputRefused("x"), 400),
    (Unauthenticated("x"), 401),
    (NotAllowed("x"), 403),
    (NotFound("x"), 404),
    (MethodNotAllowed("x"), 405),
    (BodyTooLarge("x"), 413),
    (UnsupportedBody("x"), 415),
    (TooManyRequests("x"), 429),
    (NoChannel("x"), 503),
    (ShuttingDown("x"), 503),
    (UpstreamError("x"), 502),
    (UpstreamNeverSent("x"), 502),
    (UpstreamMaybeSent("x"), 502),
    (UpstreamMaybeSent("x", code="upstream_timeout"), 504),
    (UpstreamUnreadable("x"), 502),
    (UnknownStatus("x"), 502),
    (UpstreamRefused("x", fault=Fault.REQUEST), 400),
    (UpstreamRefused("x", fault=Fault.CONTENT), 400),
    (UpstreamRefused("x", fault=Fault.CREDENTIAL), 502),
    (UpstreamRefused("x", fault=Fault.BALANCE), 502),
    (UpstreamRefused("x", fault=Fault.MODEL), 502),
    (UpstreamRefused("x", fault=Fault.OVERLOADED), 502),
    (UpstreamRefused("x", fault=Fault.NOT_FOUND), 502),
    (UpstreamRefused("x", fault=Fault.RATE), 429),
    (JobFailed("x"), 502),
    (JobFailed("x", code="content_policy_violation"), 400),
    (JobFailed("x", code="deadline_exceeded"), 504),
    (GatewayError("x"), 500),
]


@pytest.mark.parametrize(("error", "status"), STATUS, ids=lambda value: getattr(value, "code", None) or str(value))
def test_each_error_has_its_status(error: GatewayError, status: int) -> None:
    assert error_answer(error).status_code == status


def test_every_class_of_the_tree_is_tried_above() -> None:
    tree = {value for value in vars(domain_errors).values() if isinstance(value, type) and issubclass(value, GatewayError)}
    assert tree == {type(error) for error, _ in STATUS} - {JobFailed}
    assert set(TABLE) <= tree | {JobFailed}


def test_the_body_is_nested_and_flat_at_once() -> None:
    error = InvalidRequest("`seconds` must be a number.", code="invalid_type", param="seconds", job_id="task_1")
    named = {
        "message": "`seconds` must be a number.",
        "type": "invalid_request_error",
        "param": "seconds",
        "code": "invalid_type",
    }
    body = orjson.loads(bytes(error_answer(error).body))
    assert body == {"error": named, **named, "data": None, "request_id": "", "id": "task_1", "task_id": "task_1"}


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (TooManyRequests("x", retry_after=7), "7"),
        (TooManyRequests("x", retry_after=3600), "60"),
        (TooManyRequests("x", retry_after=0), "10"),
        (TooManyRequests("x"), "10"),
        (NoChannel("x", retry_after=30), "30"),
        (UpstreamRefused("x", fault=Fault.RATE, retry_after=600), "60"),
        (InvalidRequest("x"), None),
        (NoChannel("x"), None),
    ],
)
def test_no_client_is_told_to_wait_longer_than_it_would(error: GatewayError, waits: str | None) -> None:
    assert error_answer(error).headers.get("retry-after") == waits


@pytest.mark.parametrize(
    ("error", "forbidden"),
    [
        (UpstreamMaybeSent("x"), True),
        (UpstreamMaybeSent("x", job_id="task_1"), True),
        (UpstreamUnreadable("x", job_id="task_1"), True),
        (JobFailed("x", job_id="image_1"), True),
        (UpstreamRefused("x", fault=Fault.RATE, job_id="task_1"), False),
        (UpstreamNeverSent("x", job_id="task_1"), False),
        (UpstreamError("x"), False),
        (NoChannel("x"), False),
        (TooManyRequests("x"), False),
    ],
)
def test_a_repeat_is_forbidden_where_it_could_make_a_second_job(error: GatewayError, forbidden: bool) -> None:
    assert (error_answer(error).headers.get("x-should-retry") == "false") is forbidden


@pytest.mark.parametrize(
    "error",
    [
        UpstreamNeverSent(SECRET),
        UpstreamMaybeSent(SECRET),
        UpstreamError(SECRET),
        *(UpstreamRefused(SECRET, fault=fault) for fault in (Fault.CREDENTIAL, Fault.BALANCE, Fault.MODEL, Fault.OVERLOADED)),
    ],
    ids=str,
)
def test_trouble_of_the_operators_is_told_without_names(error: UpstreamError) -> None:
    body = bytes(error_answer(error).body)
    for word in (b"vendor.example.com", b"canary", b"4711"):
        assert word not in body


@pytest.mark.parametrize("fault", [Fault.REQUEST, Fault.CONTENT, Fault.RATE])
def test_what_the_vendor_says_of_the_request_is_passed_on_redacted(fault: Fault) -> None:
    body = bytes(error_answer(UpstreamRefused(f"Seconds? {SECRET}", fault=fault, param="seconds")).body)
    assert b"Seconds?" in body
    assert b"canary" not in body
    assert orjson.loads(body)["param"] == "seconds"


def test_a_lost_answer_has_the_contracts_code_even_after_a_timeout() -> None:
    body = orjson.loads(bytes(error_answer(UpstreamMaybeSent("x", code="upstream_timeout")).body))
    assert body["code"] == "upstream_outcome_unknown"


def test_a_failed_job_is_told_with_its_id_and_code() -> None:
    error = job_failed(failed(failure=Failure("content_policy_violation", "No boats.")))
    assert (error.code, error.message, error.job_id) == ("content_policy_violation", "No boats.", "task_1")
    assert job_failed(failed(failure=None)).code == "generation_failed"


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/videos/a/b/c", "/v1/images", "/files", "/V1/videos"])
async def test_an_unknown_path_is_a_404_of_ours(shared_site: Site, path: str) -> None:
    answer = await shared_site.client.get(path)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "unknown_path"


@pytest.mark.parametrize("path", ["/v1/images/variations", "/v1/videos/characters"])
async def test_what_only_openai_has_had_is_a_404_that_says_what_there_is(site: Site, path: str) -> None:
    answer = await site.client.post(path, files={"image": b"x"}, data={"name": "x"})
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "unknown_path"
    assert "POST /v1/" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/videos", "GET, POST"),
        ("DELETE", "/v1/videos", "GET, POST"),
        ("POST", "/v1/videos/task_1", "DELETE, GET"),
        ("GET", "/v1/video/generations", "POST"),
        ("POST", "/v1/videos/task_1/content", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_names_every_right_one(shared_site: Site, method: str, path: str, allowed: str) -> None:
    answer = await shared_site.client.request(method, path)
    assert answer.status_code == 405
    assert error_of(answer)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (httpx.Response(400, json={"error": {"message": "bad seconds", "param": "seconds"}}), 400, "invalid_request"),
        (httpx.Response(401, json={"error": {"message": "bad key"}}), 502, "upstream_error"),
        (httpx.Response(402, json={"error": {"message": "no money"}}), 502, "upstream_error"),
        (httpx.Response(429, json={"error": {"message": "slow"}}, headers={"retry-after": "300"}), 429, "rate_limit_exceeded"),
        (httpx.Response(503, json={"error": {"message": "full"}}), 502, "upstream_error"),
        (httpx.Response(500, text="<html>"), 502, "upstream_outcome_unknown"),
        (httpx.ReadTimeout("slow"), 504, "upstream_outcome_unknown"),
        (httpx.ReadError("cut"), 502, "upstream_outcome_unknown"),
        (httpx.ConnectError("refused"), 502, "upstream_unreachable"),
    ],
)
async def test_what_a_vendor_does_to_a_create(site: Site, refusal: httpx.Response | Exception, status: int, code: str) -> None:
    site.studio.refusal = refusal
    answer = await site.client.post("/v1/videos", json=VIDEO)
    body = error_of(answer)
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["id"] == body["task_id"]
    assert body["id"].startswith("task_")
    assert (answer.headers.get("x-should-retry") == "false") is (code == "upstream_outcome_unknown")
    assert int(answer.headers.get("retry-after", "0")) <= 60
    job = (await site.client.get(f"/v1/videos/{body['id']}")).json()
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert site.vendor.creates() == 1


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"prompt": "a"}, "missing_required_parameter", "model"),
        ({"model": "m"}, "missing_required_parameter", "prompt"),
        ({**VIDEO, "seconds": True}, "invalid_type", "seconds"),
        ({**VIDEO, "seconds": "0"}, "invalid_value", "seconds"),
        ({**VIDEO, "size": "huge"}, "invalid_value", "size"),
        ({**VIDEO, "image": "file:///etc/passwd"}, "invalid_value", "image"),
        ({**VIDEO, "metadata": "text"}, "invalid_value", "metadata"),
        ({**VIDEO, "model": "sandbox-image"}, "invalid_value", "model"),
        ({**VIDEO, "image": "http://127.0.0.1/a.png"}, "invalid_value", "image"),
    ],
)
async def test_a_refusal_names_the_clients_own_field(shared_site: Site, body: dict[str, object], code: str, param: str) -> None:
    answer = await shared_site.client.post("/v1/videos", json=body)
    assert answer.status_code == 400
    assert error_of(answer)["param"] == param
    assert error_of(answer)["code"] == code
    assert shared_site.vendor.requests == []


async def test_a_draining_gateway_sends_clients_elsewhere(site: Site) -> None:
    await site.gateway.drain()
    answer = await site.client.post("/v1/images/generations", json=IMAGE)
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "shutting_down"
    assert answer.headers["retry-after"] == "5"
