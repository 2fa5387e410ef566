"""`/docs`: the API reference for anybody, made of the application's own OpenAPI document; nothing comes from elsewhere."""

import asyncio
import re
from collections.abc import Sequence
from typing import cast

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from app.console.pages import open_page, secure
from app.engine.gateway import Gateway
from app.engine.reference import Section, reference_of
from app.logs import request_id

_HOME = "/docs"
_CODE = re.compile(r"`([^`]+)`")


def reference_pages(app: FastAPI) -> Router:
    """The pages that describe the application."""
    sections: list[Section] = []  # read once, when somebody looks

    async def show_all(request: Request) -> Response:
        return _overview(request, await asyncio.to_thread(_read, app, sections))

    async def show_section(request: Request) -> Response:
        return _section(request, await asyncio.to_thread(_read, app, sections))

    return Router([Route(_HOME, show_all), Route(f"{_HOME}/{{tag}}", show_section)])


def _read(app: FastAPI, sections: list[Section]) -> Sequence[Section]:
    if not sections:
        sections[:] = reference_of(app.openapi())  # at once: two may read at the same time
    return sections


def _overview(request: Request, sections: Sequence[Section]) -> Response:
    """Every endpoint in a line; `text` leaves those that have all of its words."""
    text = request.query_params.get("text", "")[:200]
    wanted = text.lower().split()
    shown = {
        section.tag: [(found, words, _fits(words, wanted)) for found in section.operations if (words := found.words())]
        for section in sections
    }
    content = {"sections": sections, "here": None, "shown": shown, "text": text, "base": _base(request), "spans": spans}
    return open_page(request, "reference.html", content)


def _fits(words: str, wanted: Sequence[str]) -> bool:
    return all(word in words for word in wanted)


def _section(request: Request, sections: Sequence[Section]) -> Response:
    """One tag's endpoints with everything about them."""
    here = next((section for section in sections if section.tag == request.path_params["tag"]), None)
    if here is None:
        content = {"status": 404, "message": "There is no such page.", "request_id": request_id.get()}
        return open_page(request, "error.html", content, 404)
    content = {"sections": sections, "here": here, "base": _base(request), "spans": spans}
    return open_page(request, "reference_section.html", content)


def spans(text: str) -> list[tuple[bool, str]]:
    """A sentence in pieces: whether each is code, and the piece."""
    return [(bool(place % 2), piece) for place, piece in enumerate(_CODE.split(text)) if piece]


def _base(request: Request) -> str:
    """By which clients know us."""
    gateway = cast(Gateway, request.app.state.gateway)
    return gateway.settings.public_url or f"{'https' if secure(request) else 'http'}://{request.url.netloc}"
