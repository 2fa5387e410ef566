"""The way past the framework's layers leads where the router leads, or nowhere."""

import re
from collections.abc import Iterator
from itertools import product

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from app.api.lean_route import LeanRoute
from app.api.shortcuts import Places
from app.main import create_app
from app.settings import Settings

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def asked(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": [], "path_params": {}}


def routed(routes: list[BaseRoute], scope: Scope) -> tuple[BaseRoute, dict[str, str]] | None:
    for route in routes:
        match, child = route.matches(dict(scope))
        if match is Match.FULL:
            return route, child.get("path_params", {})
    return None


def paths(routes: list[BaseRoute]) -> Iterator[str]:
    """Every path of the application with every word of it in the places that are open."""
    templates = sorted({getattr(route, "path", "/") for route in routes})
    words = {word for path in templates for word in path.split("/") if word and "{" not in word}
    for template in templates:
        yield template
        yield f"{template}/"
        if template.count("{") == 1:
            for word in sorted(words | {"video_1", "a b", "é", "..", ""}):
                yield re.sub(r"\{[^}]*\}", lambda _, word=word: word, template)


def test_every_shortcut_is_the_routers_way() -> None:
    app = create_app(Settings(_env_file=None))
    routes, places = app.routes, Places.of(app.routes)
    found = 0
    for method, path in product(METHODS, paths(routes)):
        scope = asked(method, path)
        short = places.find(scope)
        if short is not None:
            found += 1
            assert routed(routes, scope) == short, (method, path)
    assert found > 100


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/videos"),
        ("POST", "/v1/video/generations"),
        ("GET", "/v1/videos/video_1"),
        ("GET", "/v1/video/generations/task_1"),
    ],
)
def test_what_is_asked_most_has_a_shortcut(method: str, path: str) -> None:
    assert Places.of(create_app(Settings(_env_file=None)).routes).find(asked(method, path)) is not None


def app_with(*added: tuple[str, type[LeanRoute] | None]) -> FastAPI:
    app = FastAPI()

    async def lean(request: Request) -> Response:
        return Response()

    async def slow(request: Request, must: int) -> Response:
        return Response()

    for path, kind in added:
        app.router.route_class = LeanRoute
        app.add_api_route(path, lean if kind else slow, methods=["GET"], response_class=Response)
    return app


def test_a_route_that_stands_before_and_may_be_meant_closes_the_shortcut() -> None:
    open_, closed = app_with(("/a/{b}", LeanRoute)), app_with(("/a/special", None), ("/a/{b}", LeanRoute))
    assert Places.of(open_.routes).find(asked("GET", "/a/special")) is not None
    assert Places.of(closed.routes).find(asked("GET", "/a/other")) is None
    assert Places.of(app_with(("/a/{b}", None), ("/a/special", LeanRoute)).routes).find(asked("GET", "/a/special")) is None


def test_a_whole_path_of_a_lean_route_that_stands_behind_is_the_earlier_routes() -> None:
    app = app_with(("/a/{b}", LeanRoute), ("/a/c", LeanRoute))
    short = Places.of(app.routes).find(asked("GET", "/a/c"))
    assert short is None or short == routed(app.routes, asked("GET", "/a/c"))
