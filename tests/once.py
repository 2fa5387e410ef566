"""What a test process makes once, though its tests start a gateway each: a gateway of its own would make it once, too.

A process that serves has one application and one database, and so reads its endpoints' signatures and compiles its statements
once; a process of tests has thousands of both, and spent half of its time on that.
"""

from typing import TypeAlias

from fastapi import FastAPI
from sqlalchemy import Dialect, Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import CompiledCacheType
from starlette.routing import BaseRoute

from app.api import routes
from app.api.lean_route import LeanRoute

_Kind: TypeAlias = tuple[type[Dialect], frozenset[tuple[str, object]]]
_PLAIN = (str, bool, int, float, type, type(None))


def share() -> None:
    """From now on routes and compiled statements are shared by all applications and databases of this process."""
    _share_routes()
    _share_statements()


def _share_routes() -> None:
    """They know nothing of the application that they stand in; those of the admin API are shared everywhere."""
    include = routes.include
    made: list[BaseRoute] = []

    def include_made(app: FastAPI) -> None:
        if made:
            app.router.route_class = LeanRoute
            app.router.routes.extend(made)
            return
        before = len(app.router.routes)
        include(app)
        made.extend(app.router.routes[before:])

    routes.include = include_made


def _share_statements() -> None:
    """Engines whose dialect has the same options take the first one's, with all that was compiled for it."""
    firsts: dict[_Kind, tuple[Dialect, CompiledCacheType | None]] = {}

    def like_the_first(_: type[Dialect], engine: Engine) -> None:
        dialect, compiled = firsts.setdefault(_kind(engine.dialect), (engine.dialect, engine._compiled_cache))
        if "default_schema_name" in vars(dialect):  # it has connected, and so knows its server
            engine.dialect, engine._compiled_cache = dialect, compiled

    DefaultDialect.engine_created = classmethod(like_the_first)  # type: ignore[method-assign, assignment]


def _kind(dialect: Dialect) -> _Kind:
    options = ((name, value) for name, value in vars(dialect).items() if isinstance(value, _PLAIN))
    return type(dialect), frozenset(options)
