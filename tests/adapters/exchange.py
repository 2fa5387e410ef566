"""Plays the engine for one job against a fake in this process: sends what the adapter says, hands it the answers."""

import httpx
from starlette.types import ASGIApp

from app.adapters.base import Adapter, Call, FilePart, Reply
from app.domain.channels import Credential
from app.domain.jobs import Job, Snapshot, advance
from app.domain.json import Json
from tests.domain.builders import NOW

CREDENTIAL = Credential("credential_1", {"api_key": "test-key"})


async def send(app: ASGIApp, adapter: Adapter, call: Call) -> Reply:
    """The answer of the fake to the call, shown the credential."""
    call = adapter.authorize(call, CREDENTIAL, NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://fake.example.com") as client:
        answer = await client.send(_request(client, call))
    return Reply(answer.status_code, dict(answer.headers), _json(answer), answer.content)


def _request(client: httpx.AsyncClient, call: Call) -> httpx.Request:
    files = None
    if call.form is not None:
        files = [
            (name, (value.filename, value.data, value.content_type) if isinstance(value, FilePart) else (None, value.encode()))
            for name, value in call.form
        ]
    return client.build_request(
        call.method, call.path, params=list(call.query) or None, headers=dict(call.headers), json=call.json, files=files
    )


def _json(answer: httpx.Response) -> Json:
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return None
    body: Json = answer.json()
    return body


async def submit(app: ASGIApp, adapter: Adapter, job: Job) -> Job:
    """The job as the fake accepted it; raises the adapter's error otherwise."""
    reply = await send(app, adapter, adapter.build_request(job))
    if not reply.ok:
        raise adapter.parse_error(job, reply)
    return advance(job, adapter.parse_submit(job, reply), NOW)


async def poll(app: ASGIApp, adapter: Adapter, job: Job) -> Job:
    """The job after one question; raises the adapter's error otherwise."""
    reply = await send(app, adapter, adapter.build_status(job))
    if not adapter.reads_status(reply):
        raise adapter.parse_error(job, reply)
    answer = adapter.parse_status(job, reply)
    assert isinstance(answer, Snapshot)
    return advance(job, answer, NOW)


async def finish(app: ASGIApp, adapter: Adapter, job: Job, polls: int = 10) -> Job:
    """The job with its outcome; fails the test when that takes more polls."""
    job = await submit(app, adapter, job)
    for _ in range(polls):
        if job.status.final:
            return job
        job = await poll(app, adapter, job)
    raise AssertionError(f"{job.status} after {polls} polls")
