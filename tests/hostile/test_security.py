"""Who may do what, whatever the request pretends: tables made from the routes that the application really has."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.api.conftest import VIDEO, Site, client_of, error_of, site_on
from tests.api.vendor import HOST
from tests.gateways import CHANNEL, KEY_TEXT
from tests.hostile.conftest import ADMIN_TEXT, operations, row_count

pytestmark = pytest.mark.anyio

OPERATIONS = operations(create_app(Settings(secret_key="tests", _env_file=None)))
ADMIN = [(method, path) for method, path in OPERATIONS if path.startswith("/admin")]
OF_JOBS = [(method, path) for method, path in OPERATIONS if "{job_id}" in path and (method, path) not in ADMIN]
GUARDED = [(method, path) for method, path in OPERATIONS if path.startswith(("/admin", "/v1"))]
MISLEADING: list[dict[str, str]] = [
    {"host": "127.0.0.1"},
    {"host": "gate.example.com/healthz?"},
    {"host": "gate.example.com#@localhost"},
    {"host": "localhost\\@gate.example.com"},
    {"host": "[::1]:8000"},
    {"host": ""},
    {"x-forwarded-host": "127.0.0.1", "x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1;host=localhost;proto=https"},
    {"x-forwarded-for": "::1, 127.0.0.1", "x-real-ip": "127.0.0.1", "x-client-ip": "127.0.0.1", "true-client-ip": "127.0.0.1"},
    {"x-original-url": "/healthz", "x-rewrite-url": "/healthz", "x-forwarded-path": "/healthz", "x-forwarded-prefix": "/healthz"},
    {"x-http-method-override": "GET", "x-method-override": "GET", "x-http-method": "OPTIONS"},
    {"x-forwarded-user": "admin", "remote-user": "admin", "x-auth-request-user": "admin", "x-api-version": "admin"},
]
SQL = [
    "' OR '1'='1",
    "' OR 1=1 --",
    '" OR ""="',
    "x'; DROP TABLE keys; --",
    "x' UNION SELECT hash FROM keys --",
    "%",
    "sk-test-_",
    "sk-test-%",
    "sk-%",
    "\\' OR 1=1 --",
    "0x27",
    "sk-test-1'",
    "sk-test-1\x00",
    "SK-TEST-1",
    "sk-test-1 OR 1=1",
]


def test_the_route_table_was_found() -> None:
    assert len(ADMIN) >= 14
    assert len(OF_JOBS) >= 7
    assert ("HEAD", "/v1/videos/{job_id}/content") in OF_JOBS


@pytest.mark.parametrize(
    "headers", MISLEADING, ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items())[:60]
)
async def test_badhost_header_cannot_change_auth_outcome(
    shared_site: Site, shared_admin: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for shown in ("", KEY_TEXT, ADMIN_TEXT, "sk-unknown"):
        async with client_of(shared_site.app, shown) as plain, client_of(shared_site.app, shown, **headers) as misled:
            for method, path in GUARDED:
                if method == "DELETE" and shown == ADMIN_TEXT:
                    continue
                expected = await plain.request(method, _filled(path), content=b"{}")
                found = await misled.request(method, _filled(path), content=b"{}")
                assert found.status_code == expected.status_code, (method, path, shown)
                assert _code(found) == _code(expected), (method, path, shown)
    assert shared_site.vendor.creates() == 0


@pytest.mark.parametrize(("method", "path"), OF_JOBS)
async def test_every_job_route_404_for_foreign_owner(shared_site: Site, method: str, path: str) -> None:
    job = await shared_site.finished()
    asked = len(shared_site.vendor.requests)
    foreign = await shared_site.stranger.request(method, path.format(job_id=job["id"]), json={"prompt": "mine now"})
    unknown = await shared_site.stranger.request(method, path.format(job_id="task_unknown"), json={"prompt": "mine now"})
    assert foreign.status_code == 404
    assert _comparable(foreign, job["id"]) == _comparable(unknown, "task_unknown")
    assert len(shared_site.vendor.requests) == asked
    assert (await shared_site.client.get(f"/v1/videos/{job['id']}")).json() == job


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/videos/edits", {"prompt": "mine now", "video": {"id": "{id}"}}),
        ("/v1/videos/extensions", {"prompt": "mine now", "video_id": "{id}"}),
        ("/v1/videos/extensions", {"prompt": "mine now", "video": "{id}"}),
        ("/v1/videos", {"model": "m", "prompt": "mine now", "mode": "extend", "video_id": "{id}"}),
        ("/v1/videos", {"model": "m", "prompt": "mine now", "mode": "edit", "video": {"id": "{id}"}}),
        ("/v1/video/generations", {"model": "m", "prompt": "mine now", "metadata": {"task_id": "{id}"}, "mode": "extend"}),
    ],
)
async def test_another_keys_job_is_no_source_wherever_its_id_stands(shared_site: Site, path: str, body: dict[str, Any]) -> None:
    job = await shared_site.finished()
    creates = shared_site.vendor.creates()
    answer = await shared_site.stranger.post(path, content=json.dumps(body).replace("{id}", job["id"]))
    assert 400 <= answer.status_code < 500
    error_of(answer)
    assert shared_site.vendor.creates() == creates


async def test_every_admin_route_403_for_user_key(site: Site, admin: httpx.AsyncClient) -> None:
    before = (await admin.get("/admin/channels")).json(), (await admin.get("/admin/keys")).json()
    async with client_of(site.app) as nobody:
        for method, path in ADMIN:
            for content in (b"{}", b"{broken", b"\xff", b""):
                refused = await site.client.request(method, _filled(path), content=content)
                unasked = await nobody.request(method, _filled(path), content=content)
                assert (refused.status_code, unasked.status_code) == (403, 401), (method, path, content)
                assert error_of(refused)["type"] == "permission_error"
    assert ((await admin.get("/admin/channels")).json(), (await admin.get("/admin/keys")).json()) == before


@pytest.mark.parametrize("text", SQL)
async def test_sql_metacharacters_in_bearer(shared_site: Site, shared_admin: httpx.AsyncClient, text: str) -> None:
    for name, value in (("authorization", f"Bearer {text}"), ("authorization", text), ("x-api-key", text), ("api-key", text)):
        async with client_of(shared_site.app) as client:
            for path in ("/v1/videos", "/v1/models", "/admin/keys", "/admin/jobs"):
                answer = await client.get(path, headers=[(name, value)])
                assert answer.status_code == 401, (name, path)
                error_of(answer)
    assert (await shared_site.client.get("/v1/videos")).status_code == 200
    assert len((await shared_admin.get("/admin/keys")).json()["data"]) == 2


HOSTILE_FIELDS: dict[str, Any] = {
    "base_url": "https://evil.example.com",
    "api_base": "https://evil.example.com",
    "host": "evil.example.com",
    "url": "https://evil.example.com",
    "api_key": "sk-evil",
    "authorization": "Bearer sk-evil",
    "Authorization": "Bearer sk-evil",
    "headers": {"authorization": "Bearer sk-evil", "x-evil": "1", "host": "evil.example.com"},
    "extra_headers": {"x-evil": "1"},
    "extra_query": {"evil": "1"},
    "credential": "sk-evil",
    "channel": "evil",
    "adapter": "evil",
    "organization": "evil",
    "proxy": "http://evil.example.com",
    "upstream_model": "evil-model",
    "path": "/evil",
    "method": "DELETE",
    "callback": "https://evil.example.com/hook",
    "webhook_url": "https://evil.example.com/hook",
    "__class__": "evil",
    "Content-Type": "text/evil",
}


@pytest.mark.parametrize("place", ["top", "metadata", "extra_body", "metadata as text", "provider", "form"])
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/video/generations", "/v1/images/generations"])
async def test_client_fields_cannot_set_host_key_or_headers(site: Site, path: str, place: str) -> None:
    answer = await _with_fields(site.client, path, place)
    if answer.status_code == 400:
        error_of(answer)
        assert site.vendor.requests == []
        return
    assert answer.status_code == 200, answer.text
    sent = [request for request in site.vendor.requests if request.method == "POST"]
    assert {(request.url.host, request.url.query) for request in sent} == {(HOST, b"")}
    assert {request.url.path for request in sent} <= {"/v1/videos", "/v1/images/generations"}
    assert {request.headers["host"] for request in sent} == {HOST}
    assert {request.headers["authorization"] for request in sent} == {"Bearer canary-secret"}
    assert not any("evil" in f"{name}: {value}" for request in sent for name, value in request.headers.items())
    assert [_model_of(body) for body in site.vendor.bodies if body] == ["some-video-model"] * len(sent)


async def _with_fields(client: httpx.AsyncClient, path: str, place: str) -> httpx.Response:
    match place:
        case "top":
            return await client.post(path, json={**HOSTILE_FIELDS, **VIDEO})
        case "metadata as text":
            return await client.post(path, json={**VIDEO, "metadata": json.dumps(HOSTILE_FIELDS)})
        case "form":
            flat = {name: (None, str(value)) for name, value in {**HOSTILE_FIELDS, **VIDEO}.items()}
            return await client.post(path, files={**flat, "metadata[headers][x-evil]": (None, "1")})
    return await client.post(path, json={**VIDEO, place: {**HOSTILE_FIELDS, "model": "evil-model"}})


@pytest.mark.parametrize("name", ['a"; filename="evil', "a\r\nx-evil: 1", "../../etc/passwd", "a\0b.png", "évil.png", "x" * 5000])
async def test_a_file_name_cannot_write_headers_of_the_vendors_form(site: Site, name: str) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(64)
    files = {"input_reference": (name, picture, "image/png\r\nx-evil: 1")}
    answer = await site.client.post("/v1/videos", data=VIDEO, files=files)
    if answer.is_error:
        assert error_of(answer)["type"] == "invalid_request_error"
        return
    heads = re.findall(rb"--[^\r\n]+\r\n(.*?)\r\n\r\n", site.vendor.bodies[-1].replace(picture, b""), re.DOTALL)
    lines = [line for head in heads for line in head.split(b"\r\n")]
    plain = re.compile(rb'Content-Disposition: form-data; name="\w+"(; filename="[A-Za-z0-9_.-]{1,40}")?|Content-Type: image/png')
    assert [line for line in lines if plain.fullmatch(line) is None] == []
    assert any(b"filename=" in line for line in lines)


async def test_a_links_host_is_never_one_that_the_vendor_or_the_body_chose(tmp_path: Path) -> None:
    async with site_on(tmp_path, public_url="https://gate.example.com") as site:
        job = await site.finished()
        async with client_of(site.app, KEY_TEXT, host="evil.example.com", **{"x-forwarded-host": "evil.example.com"}) as client:
            text = (await client.get(f"/v1/videos/{job['id']}")).text
    assert "evil" not in text
    assert "https://gate.example.com/files/" in text


async def test_a_refused_request_leaves_no_row_and_asks_nobody(site: Site) -> None:
    for body in (b"", b"{", b"[]", b'{"model":"m"}', b'{"prompt":"p"}', b'{"model":"m","prompt":"p","n":99}'):
        answer = await site.client.post("/v1/videos", content=body)
        assert error_of(answer)["type"] == "invalid_request_error"
    assert await row_count(site) == 0
    assert site.vendor.requests == []


def _filled(path: str) -> str:
    known = {"channel_id": CHANNEL.id, "key_id": "key_2", "job_id": "task_unknown", "model:path": "m", "model": "m"}
    return re.sub(r"\{([^}]+)\}", lambda found: known.get(found[1], "x"), path)


def _code(answer: httpx.Response) -> str:
    found = answer.json() if answer.content and answer.is_error else {}
    return str(found.get("code", ""))


def _comparable(answer: httpx.Response, own_id: str) -> object:
    """The answer without what differs by nature: the id that was asked for, the id of the request."""
    body = json.loads(answer.text.replace(own_id, "the id")) if answer.content else {}
    return {**body, "request_id": ""}, sorted(set(answer.headers) - {"content-length"})


def _model_of(body: Any) -> str:
    if isinstance(body, bytes):
        found = re.search(rb'name="model"\r\n\r\n([^\r]*)', body)
        return found[1].decode() if found else ""
    return str(body.get("model"))
