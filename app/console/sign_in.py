"""Signing in and out, and how a reader likes the pages."""

import asyncio
import secrets
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.console.pages import keep_session, open_page, secure
from app.console.texts import LANGUAGES
from app.console.viewer import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, Console, CurrentViewer
from app.engine.sessions import COOKIE

HOME = "/console/"
_YEAR = 365 * 86_400  # seconds
_GUESS_PAUSE = 0.5  # seconds: guessing goes slower than knowing
router = APIRouter()
Text = Annotated[str, Form(max_length=2_000)]


@router.get("/sign-in")
async def show_sign_in(request: Request, gateway: Console, next: str = HOME) -> Response:
    """The form; somebody who is signed in goes on at once."""
    if gateway.sessions.read(request.cookies) is not None:
        return RedirectResponse(inside(next), 303)
    return open_page(request, "sign_in.html", {"next": inside(next), "wrong": False})


@router.post("/sign-in")
async def sign_in(request: Request, gateway: Console, key: Text = "", next: Text = HOME) -> Response:
    """Begins a session for whoever shows the admin key or a client key."""
    if not _of_ours(request):
        return open_page(request, "sign_in.html", {"next": HOME, "wrong": False}, 403)
    session = gateway.sessions.begin(key.strip(), secrets.token_hex(16))
    if session is None:
        await asyncio.sleep(_GUESS_PAUSE)
        return open_page(request, "sign_in.html", {"next": inside(next), "wrong": True}, 401)
    answer = RedirectResponse(inside(next), 303)
    keep_session(request, answer, gateway.sessions.seal(session))
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, viewer: CurrentViewer, gateway: Console, csrf: Text = "") -> Response:
    """Ends the session in this browser."""
    gateway.sessions.check(viewer.session, csrf)
    answer = RedirectResponse("/console/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/language/{language}")
async def choose_language(request: Request, language: str, next: str = HOME) -> Response:
    """Remembers a language in this browser."""
    return _remembered(request, LANGUAGE_COOKIE, language if language in LANGUAGES else "en", next)


@router.get("/theme/{theme}")
async def choose_theme(request: Request, theme: str, next: str = HOME) -> Response:
    """Remembers light or dark in this browser."""
    return _remembered(request, THEME_COOKIE, theme if theme in THEMES else "auto", next)


def inside(address: str) -> str:
    """The address, if it is a page of the console or the reference; else the first page."""
    parts = urlsplit(address) if address.isprintable() and "\\" not in address else None
    ours = parts is not None and (parts.path.startswith((HOME, "/docs/")) or parts.path == "/docs")
    if parts is None or parts.scheme or parts.netloc or not ours or parts.path.startswith("/console/sign-"):
        return HOME
    return quote(parts.path) + (f"?{quote(parts.query, safe='=&%+,:')}" if parts.query else "")


def _remembered(request: Request, cookie: str, value: str, next: str) -> Response:
    answer = RedirectResponse(inside(next), 303)
    answer.set_cookie(cookie, value, max_age=_YEAR, httponly=True, samesite="lax", secure=secure(request))
    return answer


def _of_ours(request: Request) -> bool:
    """Whether a page of ours sends the form: nobody shall be signed in by somebody else's page to somebody else's key."""
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
