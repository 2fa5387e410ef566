"""What a team's first version looks like: FastAPI, a pydantic body, and an HTTP client. No keys, no routing, no rows.

python -m bench.plain httpx http://127.0.0.1:9100       or aiohttp; prints its own address; same server options as the gateway
"""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import aiohttp
import httpx
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from bench.passthrough import serve

Json: TypeAlias = dict[str, object]
Ask: TypeAlias = Callable[[str, str, Json | None], Awaitable[Json]]

_HEADERS = {"authorization": "Bearer canary"}
_PATIENCE = 600.0  # seconds; httpx's own 5 seconds would end every slow picture


class Wanted(BaseModel):
    """The body of a create."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=200)
    prompt: str = Field(min_length=1, max_length=32_000)
    n: int = Field(default=1, ge=1, le=10)
    size: str | None = None
    quality: str | None = None
    response_format: str | None = None
    seconds: str | int | None = None
    user: str | None = None


@asynccontextmanager
async def httpx_client(upstream: str) -> AsyncIterator[Ask]:
    """httpx with its own defaults but the timeout."""
    async with httpx.AsyncClient(base_url=upstream, timeout=_PATIENCE, headers=_HEADERS) as client:

        async def ask(method: str, path: str, body: Json | None) -> Json:
            answer: Json = (await client.request(method, path, json=body)).raise_for_status().json()
            return answer

        yield ask


@asynccontextmanager
async def aiohttp_client(upstream: str) -> AsyncIterator[Ask]:
    """aiohttp, the fastest client in common use."""
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(_PATIENCE)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), headers=_HEADERS, raise_for_status=True
    ) as session:

        async def ask(method: str, path: str, body: Json | None) -> Json:
            async with session.request(method, upstream + path, json=body) as answer:
                found: Json = json.loads(await answer.read())
                return found

        yield ask


_CLIENTS = {"httpx": httpx_client, "aiohttp": aiohttp_client}


def create_app(client: str, upstream: str) -> FastAPI:
    """Reads what comes, sends it on by this client, and writes what is answered."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _CLIENTS[client](upstream) as ask:
            app.state.ask = ask
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/images/generations")
    async def image(wanted: Wanted) -> Json:
        found: Json = await app.state.ask("POST", "/v1/images/generations", wanted.model_dump(exclude_none=True))
        return found

    @app.post("/v1/videos")
    async def video(wanted: Wanted) -> Json:
        found: Json = await app.state.ask("POST", "/v1/videos", wanted.model_dump(exclude_none=True))
        return found

    @app.get("/v1/videos/{job}")
    async def status(job: str) -> Json:
        found: Json = await app.state.ask("GET", f"/v1/videos/{job}", None)
        return found

    return app


if __name__ == "__main__":
    serve(create_app(sys.argv[1], sys.argv[2]))
