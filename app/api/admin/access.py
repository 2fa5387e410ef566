"""The gate in front of every admin endpoint: it looks at the key before anything else of the request is read."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import APIRouter, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from starlette.responses import Response

from app.api.deps import SAFE_METHODS, shown_key
from app.domain.errors import InvalidRequest, NotAllowed, Unauthenticated
from app.engine.gateway import Gateway
from app.engine.sessions import CSRF_HEADER

_MISSING, _UNKNOWN, _INVALID = "missing_required_parameter", "unknown_parameter", "invalid_value"


class AdminRoute(APIRoute):
    """An endpoint that only the admin key opens; a bad body is explained by the field's name, without its value."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Any]]:  # type: ignore[override]
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            check_admin(request)
            try:
                return await handler(request)
            except RequestValidationError as error:
                raise refusal(error) from error

        return guarded


class AdminScheme(SecurityBase):
    """Tells readers of `/docs` which key is needed; the route itself has looked at it by then."""

    def __init__(self) -> None:
        self.model = HTTPBearer(description="The admin key of this gateway.")
        self.scheme_name = "admin key"

    async def __call__(self) -> None:
        """Nothing is left to do."""


def admin_router() -> APIRouter:
    """A router whose every endpoint is behind the gate."""
    return APIRouter(
        prefix="/admin",
        tags=["admin"],
        route_class=AdminRoute,
        dependencies=[Security(AdminScheme())],
        generate_unique_id_function=lambda route: route.name,
    )


def check_admin(request: Request) -> None:
    """Raises Unauthenticated without a key that we know, NotAllowed for a client's."""
    gateway = cast(Gateway, request.app.state.gateway)
    text = shown_key(request.headers)
    if text is None and _signed_in(request, gateway):
        return
    if text is None:
        raise Unauthenticated("No admin key was given; send it as `Authorization: Bearer …`.", code="missing_api_key")
    if gateway.configuration.is_admin(text):
        return
    key = gateway.configuration.key(text)
    if key is not None and key.valid(gateway.now()):
        raise NotAllowed("This needs the admin key.")
    raise Unauthenticated("This key is unknown.")


def _signed_in(request: Request, gateway: Gateway) -> bool:
    """Whether a page of our console asks, in which somebody showed the admin key; raises NotAllowed for a forged request."""
    session = gateway.sessions.read(request.cookies)
    if session is None:
        return False
    if not session.admin:
        raise NotAllowed("This needs the admin key.")
    if request.method not in SAFE_METHODS:
        gateway.sessions.check(session, request.headers.get(CSRF_HEADER))
    return True


def refusal(error: RequestValidationError) -> InvalidRequest:
    """The first thing that is wrong with a body or a query."""
    first = error.errors()[0]
    kind, place = str(first["type"]), [str(part)[:100] for part in first["loc"][1:]]
    param = ".".join(place) or None
    if kind == "json_invalid":
        return InvalidRequest("The request body is not valid JSON.")
    if kind == "extra_forbidden":
        return InvalidRequest(f"`{param}` is not a known field.", code=_UNKNOWN, param=param)
    if kind == "missing":
        return InvalidRequest(f"`{param}` is missing." if param else "A JSON body is needed.", code=_MISSING, param=param)
    said = str(first["msg"]).removeprefix("Value error, ")
    return InvalidRequest(f"`{param}`: {said}." if param else f"{said}.", code=_INVALID, param=param)
