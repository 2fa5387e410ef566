"""A route that finds an endpoint's arguments by itself where they cost nothing to find.

The framework's way of doing so, made for any argument, takes longer than some of our answers do.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.deps import KeyScheme, find_gateway
from app.api.errors import HANDLED, handled

Finder = Callable[[Request], Awaitable[Any]]


class LeanRoute(APIRoute):
    """Serves an endpoint that takes the request, a key, the gateway and texts of the path without asking the framework for them.

    Parameters of the query have their defaults where there is no query; every other request and endpoint goes the usual way.
    `lean` tells whether it does so; then a request without a query needs none of the framework's layers around it.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        arguments = self.dependant
        self.lean = _is_lean(arguments)
        if self.lean:
            self.app = _lean(endpoint, arguments, self.app)


def _is_lean(arguments: Dependant) -> bool:
    """Whether nothing of it needs to be read, checked or closed."""
    texts = all(field.field_info.annotation is str and not field.field_info.metadata for field in arguments.path_params)
    optional = not any(field.field_info.is_required() for field in arguments.query_params)
    known = all(_is_known(found) for found in arguments.dependencies)
    others = arguments.header_params or arguments.cookie_params or arguments.body_params
    special = arguments.response_param_name or arguments.background_tasks_param_name or arguments.security_scopes_param_name
    return texts and optional and known and not others and not special and not arguments.websocket_param_name


def _is_known(found: Dependant) -> bool:
    """What an endpoint does not name (a route's own `dependencies`) is asked for its refusals alone, by the framework."""
    return found.name is not None and (found.call is find_gateway or isinstance(found.call, KeyScheme))


def _lean(endpoint: Callable[..., Any], arguments: Dependant, usual: ASGIApp) -> ASGIApp:
    named = {found.name: found.call for found in arguments.dependencies}
    finders: Mapping[str, Finder] = {name: call for name, call in named.items() if name is not None and call is not None}
    defaults = {field.name: field.get_default() for field in arguments.query_params}
    own_name = arguments.request_param_name

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if defaults and scope["query_string"]:
            await usual(scope, receive, send)
            return
        request = Request(scope, receive, send)
        values: dict[str, Any] = {**scope["path_params"], **defaults}
        if own_name is not None:
            values[own_name] = request
        try:
            for name, find in finders.items():
                values[name] = await find(request)
            response: Response = await endpoint(**values)
        except HANDLED as error:
            response = await handled(request, error)
        await response(scope, receive, send)

    return app
