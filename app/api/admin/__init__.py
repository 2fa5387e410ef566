"""The admin API (CONTRACT §4)."""

from fastapi import FastAPI

from app.api.admin import channels, explain, jobs, keys


def include(app: FastAPI) -> None:
    """Adds every admin endpoint."""
    for part in (channels, keys, jobs, explain):
        app.router.routes.extend(part.router.routes)  # as they are: an included router would hide them from the route table
