"""Builds the application: the only place that knows everybody."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import __version__, logs
from app.api import admin, errors, mcp, metrics, middleware, openapi, routes
from app.api.native import errors as native_errors
from app.api.shortcuts import Application
from app.console import entrance as console
from app.engine.telemetry import Telemetry
from app.settings import Settings
from app.wiring import Outside, running_gateway


def create_app(settings: Settings, outside: Outside | None = None) -> FastAPI:
    """The gateway as an ASGI application; it migrates the database and starts polling when its lifespan begins."""
    outside, telemetry = outside or Outside(), Telemetry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Callable[[], None]]]:
        async with running_gateway(settings, outside, telemetry) as gateway:
            app.state.gateway = gateway
            yield {"leave": gateway.leave}  # for connections that hear of a shutdown before the lifespan does

    app = Application(
        title="Filmgate",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,  # `app.api.openapi` has its own
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # we have our own; looking for its providers costs a tenth
    )
    app.state.settings = settings
    errors.install(app)
    routes.include(app)
    admin.include(app)
    mcp.include(app)
    metrics.include(app)
    console.include(app)
    openapi.install(app)
    middleware.install(app, settings, telemetry)
    native_errors.install(app)  # last, so outermost: it translates whatever the others answer
    frame = middleware.frame(settings, telemetry)
    app.frame = lambda short: native_errors.NativeErrors(frame(short))
    return app


def app_from_environment() -> FastAPI:
    """For an ASGI server's factory option; settings come from the environment."""
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    return create_app(settings)
