"""The way past the framework's layers, for requests whose endpoint is known by their method and path alone.

Each layer adds a coroutine through which every step of a request passes; together they cost more than some endpoints do.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.lean_route import LeanRoute

Frame = Callable[[ASGIApp], ASGIApp]


class Application(FastAPI):
    """The framework's application with shortcuts; what lies around every request is put around those by `frame`."""

    frame: Frame | None = None

    def build_middleware_stack(self) -> ASGIApp:
        """All layers, outermost first: called once, when every route is there."""
        usual = super().build_middleware_stack()
        return usual if self.frame is None else Shortcuts(Places.of(self.routes), self.frame(_serve), usual)


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    await scope["route"].app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Places:
    """Where lean routes are: by method and whole path, or by method and all of the path but its last part."""

    whole: dict[tuple[str, str], LeanRoute] = field(default_factory=dict)
    under: dict[tuple[str, str], tuple[LeanRoute, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, routes: Sequence[BaseRoute]) -> "Places":
        """Only those that the router would find, too, for every path that is found here."""
        places = cls()
        for number, route in enumerate(routes):
            if isinstance(route, LeanRoute) and route.lean:
                for method in sorted(route.methods or ()):
                    if not any(_in_the_way(other, route, method) for other in routes[:number]):
                        places._add(route, method)
        return places

    def _add(self, route: LeanRoute, method: str) -> None:
        folder, _, last = route.path.rpartition("/")
        if "{" not in route.path:
            self.whole.setdefault((method, route.path), route)
        elif "{" not in folder and route.param_convertors.keys() == {last[1:-1]}:
            self.under.setdefault((method, folder), (route, last[1:-1]))

    def find(self, scope: Scope) -> tuple[LeanRoute, dict[str, str]] | None:
        """The route of a request and the texts of its path; None where the router has to look."""
        path, method = scope["path"], scope["method"]
        route = self.whole.get((method, path))
        if route is not None:
            return route, {}
        folder, _, last = path.rpartition("/")
        found = self.under.get((method, folder)) if last else None
        return None if found is None else (found[0], {found[1]: last})


def _in_the_way(other: BaseRoute, route: LeanRoute, method: str) -> bool:
    """Whether the router may give to `other`, which it comes to first, what would be found to be the route's."""
    if isinstance(other, APIRoute):
        same_method = method in (other.methods or ())
        if isinstance(other, LeanRoute) and other.lean and "{" not in other.path:
            return same_method and other.path == route.path  # whole paths are found before others here, too
        if not same_method:
            return False
    return any(other.matches(_asked(method, path))[0] is not Match.NONE for path in _examples(route, other))


def _examples(route: LeanRoute, other: BaseRoute) -> Iterator[str]:
    """Paths of the route, one of them ending as the other one's path does."""
    folder, _, last = route.path.rpartition("/")
    ends = [last] if "{" not in last else ["any", getattr(other, "path", "").rpartition("/")[2] or "any"]
    yield from (f"{folder}/{end}" for end in ends)


def _asked(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": [], "path_params": {}}


class Shortcuts:
    """Pure ASGI: serves what has a place by the short way, and everything else by the usual one."""

    def __init__(self, places: Places, short: ASGIApp, usual: ASGIApp) -> None:
        self._places = places
        self._short = short
        self._usual = usual

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain = scope["type"] == "http" and not scope["query_string"] and not scope.get("root_path")
        found = self._places.find(scope) if plain else None
        if found is None:
            await self._usual(scope, receive, send)
            return
        scope["route"], scope["path_params"] = found
        await self._short(scope, receive, send)
