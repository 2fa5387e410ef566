"""The admin API (CONTRACT §4)."""

from fastapi import FastAPI

from app.api.admin import audit, channels, explain, groups, jobs, keys, money, webhooks


def include(app: FastAPI) -> None:
    """Adds every admin endpoint."""
    for part in (channels, keys, groups, jobs, money, webhooks, audit, explain):
        app.router.routes.extend(part.router.routes)  # as they are: an included router would hide them from the route table
