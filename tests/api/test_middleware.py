"""The request id, the line in the log, and what happens when we break."""

import logging

import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse

from app.api import errors, middleware
from app.domain.errors import BodyTooLarge
from app.settings import Settings
from tests.api.conftest import VIDEO, Site, client_of, error_of
from tests.gateways import KEY_TEXT

pytestmark = pytest.mark.anyio


async def test_every_answer_has_an_id_of_its_own_and_no_client_chooses_it(site: Site) -> None:
    answers = [
        await site.client.get("/healthz", headers={"x-request-id": "mine"}),
        await site.client.get("/v1/models"),
        await site.client.get("/nothing"),
        await site.client.post("/v1/videos", json=VIDEO),
        await site.client.get("/docs"),
    ]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == len(answers)
    assert all(found.startswith("req_") for found in ids)


async def test_a_line_tells_what_was_asked_without_secrets(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    job = await site.finished()
    caplog.set_level(logging.INFO)
    caplog.clear()
    answer = await site.client.get(f"/v1/videos/{job['id']}", params={"token": "canary-query"})
    await site.client.get(job["url"])
    await site.client.get(f"/files/{job['url'].rpartition('/')[2]}/more")
    await site.client.get("/v1/no%0Athing")
    lines = [record for record in caplog.records if record.name == middleware.__name__]
    facts = vars(lines[0])
    assert {name: facts[name] for name in ("method", "path", "status", "key_id", "request_id")} == {
        "method": "GET",
        "path": "/v1/videos/{job_id}",
        "status": 200,
        "key_id": "key_1",
        "request_id": answer.headers["x-request-id"],
    }
    assert facts["milliseconds"] > 0
    assert [vars(line)["path"] for line in lines[1:]] == ["/files/{token}", "/files/…", "/v1/no%0Athing"]
    text = "\n".join(record.getMessage() for record in lines)
    for secret in (KEY_TEXT, "canary", job["url"].rpartition("/")[2]):
        assert secret not in text


async def test_a_client_that_leaves_while_it_sends_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    headers = [(b"content-length", b"99999999999999999999999")]  # nobody can have announced that; what comes is counted
    scope = {"type": "http", "method": "POST", "path": "/read", "raw_path": b"/read", "query_string": b"", "headers": headers}
    await broken()({**scope, "scheme": "http", "server": ("x", 80), "http_version": "1.1", "root_path": ""}, receive, send)
    assert sent == []
    assert [vars(line)["status"] for line in caplog.records if line.name == middleware.__name__] == [499]


async def test_nothing_is_written_when_nobody_reads_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with client_of(broken()) as client:
        assert (await client.get("/teapot")).status_code == 418
    assert [line for line in caplog.records if line.name == middleware.__name__] == []


def broken() -> FastAPI:
    """An application that goes wrong in several ways."""
    app = FastAPI()

    @app.get("/broken")
    @app.post("/broken")
    async def fail() -> None:
        raise RuntimeError("canary in the cellar")

    @app.post("/read")
    async def read(request: Request) -> None:
        await request.body()

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def chunks() -> object:
            yield b"half"
            raise RuntimeError("canary in the middle")

        return StreamingResponse(chunks())  # type: ignore[arg-type]  # a generator of bytes

    @app.get("/wrapped")
    async def wrapped() -> None:
        raise HTTPException(400, "There was an error") from BodyTooLarge("too much")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout", {"x-spout": "yes"})

    errors.install(app)
    middleware.install(app, Settings(_env_file=None))
    return app


@pytest.mark.parametrize(("method", "retry"), [("GET", None), ("POST", "false")])
async def test_a_fault_of_ours_is_logged_and_told_without_its_insides(
    caplog: pytest.LogCaptureFixture, method: str, retry: str | None
) -> None:
    async with client_of(broken()) as client:
        answer = await client.request(method, "/broken")
    assert answer.status_code == 500
    assert error_of(answer)["code"] == "internal_error"
    assert "canary" not in answer.text
    assert answer.headers.get("x-should-retry") == retry
    assert any(record.exc_info and "canary in the cellar" in str(record.exc_info[1]) for record in caplog.records)


async def test_an_answer_that_breaks_off_is_cut_and_not_ended() -> None:
    async with client_of(broken()) as client:
        with pytest.raises(RuntimeError, match="canary in the middle"):
            await client.get("/half")


async def test_an_error_of_ours_that_the_framework_wrapped_keeps_its_meaning() -> None:
    async with client_of(broken()) as client:
        answer = await client.get("/wrapped")
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "body_too_large"


async def test_another_error_of_the_framework_keeps_its_status_and_headers() -> None:
    async with client_of(broken()) as client:
        answer = await client.get("/teapot")
    assert answer.status_code == 418
    assert answer.headers["x-spout"] == "yes"
    assert error_of(answer)["message"] == "short and stout"
