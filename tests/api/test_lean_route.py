"""Routes that find an endpoint's arguments by themselves never leave out who is to be asked."""

import pytest
from fastapi import FastAPI, Security
from httpx import ASGITransport, AsyncClient
from starlette.requests import Request
from starlette.responses import Response

from app.api.deps import KeyScheme
from app.api.lean_route import LeanRoute
from app.domain.channels import Key
from app.domain.errors import Unauthenticated

pytestmark = pytest.mark.anyio


class Refusing(KeyScheme):
    async def __call__(self, request: Request) -> Key:
        raise Unauthenticated("no")


async def test_a_key_that_only_the_route_asks_for_is_asked_for() -> None:
    async def endpoint(name: str) -> Response:
        return Response(name)

    app = FastAPI()
    app.router.route_class = LeanRoute
    app.add_api_route("/open/{name}", endpoint, response_class=Response)
    app.add_api_route("/closed/{name}", endpoint, dependencies=[Security(Refusing())], response_class=Response)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://gate") as client:
        assert (await client.get("/open/x")).text == "x"
        with pytest.raises(Unauthenticated):
            await client.get("/closed/x")
