"""Who looks at a page, and how they like it: the operator or a key's holder, their language and theme."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, cast

from fastapi import Depends
from starlette.requests import Request

from app.console.texts import LANGUAGES, Language, preferred
from app.domain.channels import Key
from app.domain.errors import NotAllowed, Unauthenticated
from app.engine.addresses import client_address, may_come_from
from app.engine.gateway import Gateway
from app.engine.sessions import Session

LANGUAGE_COOKIE, THEME_COOKIE = "filmgate_language", "filmgate_theme"
Theme: TypeAlias = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")


class SignInNeeded(Unauthenticated):
    """Nobody is signed in; the page leads to the sign-in and back."""

    code = "sign_in_needed"


@dataclass(frozen=True, slots=True)
class Taste:
    """How a page is to be written and drawn."""

    language: Language
    theme: Theme


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who is signed in; `key` is None for the operator, who sees everything."""

    session: Session
    key: Key | None
    taste: Taste
    csrf: str

    @property
    def admin(self) -> bool:
        """Whether everything may be seen."""
        return self.key is None


def taste_of(request: Request) -> Taste:
    """What the reader chose, else what the browser says."""
    language = LANGUAGES.get(request.cookies.get(LANGUAGE_COOKIE, "")) or preferred(request.headers.get("accept-language", ""))
    theme = request.cookies.get(THEME_COOKIE)
    return Taste(language, theme if theme in THEMES else "auto")


async def _gateway(request: Request) -> Gateway:
    return cast(Gateway, request.app.state.gateway)


async def _viewer(request: Request) -> Viewer:
    gateway = await _gateway(request)
    session = gateway.sessions.read(request.cookies)
    if session is None:
        raise SignInNeeded("Sign in to see this page.")
    key = gateway.sessions.key(session)
    if key is not None and key.allowed_ips:
        peer = request.client.host if request.client else None
        address = client_address(peer, request.headers.getlist("x-forwarded-for"), gateway.settings.trusted_proxies)
        if not may_come_from(address, key.allowed_ips):
            raise NotAllowed("This API key may not be used from this address.", code="ip_not_allowed")
    return Viewer(session, key, taste_of(request), gateway.sessions.csrf(session))


async def _admin(viewer: Annotated[Viewer, Depends(_viewer)]) -> Viewer:
    if not viewer.admin:
        raise NotAllowed("This page is the operator's; sign in with the admin key.")
    return viewer


Console: TypeAlias = Annotated[Gateway, Depends(_gateway)]
CurrentViewer: TypeAlias = Annotated[Viewer, Depends(_viewer)]
Operator: TypeAlias = Annotated[Viewer, Depends(_admin)]
