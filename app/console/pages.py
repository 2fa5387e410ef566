"""Turns a template and what it is about into a page, with the headers that keep it to itself."""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app import __version__
from app.console import charts, figures
from app.console.static_files import static_url
from app.console.texts import Language, translated
from app.console.viewer import Taste, Viewer, taste_of
from app.engine.gateway import Gateway
from app.engine.sessions import COOKIE, LIFETIME

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}


def page(request: Request, viewer: Viewer, template: str, content: Mapping[str, object], status: int = 200) -> HTMLResponse:
    """A page for somebody who is signed in."""
    answer = _page(request, viewer.taste, template, {**content, "viewer": viewer}, status)
    gateway: Gateway = request.app.state.gateway
    if gateway.sessions.stale(viewer.session):
        keep_session(request, answer, gateway.sessions.seal(viewer.session))
    return answer


def open_page(request: Request, template: str, content: Mapping[str, object], status: int = 200) -> HTMLResponse:
    """A page for anybody."""
    return _page(request, taste_of(request), template, {**content, "viewer": None}, status)


def keep_session(request: Request, answer: Response, sealed: str) -> None:
    """Gives the browser the session's cookie, which no script can read."""
    answer.set_cookie(COOKIE, sealed, max_age=LIFETIME, httponly=True, samesite="lax", secure=secure(request))


def secure(request: Request) -> bool:
    """Whether the browser reached us by https, as far as we can know."""
    gateway: Gateway = request.app.state.gateway
    said = request.headers.get("x-forwarded-proto", "") if gateway.settings.trusted_proxies else ""
    scheme = said.rpartition(",")[2].strip() or request.url.scheme
    return scheme == "https"


def _page(request: Request, taste: Taste, template: str, content: Mapping[str, object], status: int) -> HTMLResponse:
    known = {"taste": taste, "path": request.url.path, "version": __version__, "request": request}
    text = _environment(taste.language).get_template(template).render({**known, **content})
    return HTMLResponse(text, status, HEADERS)


@cache
def _environment(language: Language) -> Environment:
    """One for each language: its texts and the forms of its numbers are part of it."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # the extension adds this method when it is loaded
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        partial(translated, language=language), partial(_plural, language), newstyle=True
    )
    environment.globals |= {"static": static_url, "chart": charts}
    environment.filters |= figures.filters(language)
    return environment


def _plural(language: Language, one: str, many: str, number: int) -> str:
    return translated(one if number == 1 else many, language)
