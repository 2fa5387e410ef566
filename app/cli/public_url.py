"""Whether what FILMGATE_PUBLIC_URL names leads to this very gateway."""

import secrets

import httpx

from app.cli.finding import Finding
from app.domain.errors import GatewayError
from app.engine.links import Links
from app.engine.secret import secrets_of
from app.engine.storage import assets_of
from app.engine.urls import split
from app.settings import Settings

_PATIENCE = 10.0  # seconds
_RANDOM = 32  # bytes
_ABOUT = "public URL"


async def public_url(settings: Settings) -> Finding:
    """Whether links that we give out work: a small file is stored, and its link is followed by the public way."""
    if not settings.public_url:
        return Finding(_ABOUT, True, "not set: links name the address that each client used; vendors cannot fetch uploads")
    trouble = _misspelt(settings.public_url)
    if trouble is not None:
        return Finding(_ABOUT, False, trouble)
    try:
        return await _followed(settings)
    except (GatewayError, OSError, ValueError) as error:
        return Finding(_ABOUT, False, f"no link could be tried: {error}")


def _misspelt(url: str) -> str | None:
    try:
        scheme = split(url).scheme
    except ValueError as error:
        return f"FILMGATE_PUBLIC_URL {error}"
    if scheme not in ("http", "https") or url.endswith("/v1"):
        return "FILMGATE_PUBLIC_URL must be http(s)://host, without /v1"
    return None


async def _followed(settings: Settings) -> Finding:
    """Only a gateway with our secret and our storage can answer with these bytes."""
    assets, wanted, url = assets_of(settings), secrets.token_bytes(_RANDOM), settings.public_url
    stored = await assets.put("doctor", wanted, "application/octet-stream")
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE) as client:
            answer = await client.get(Links(secrets_of(settings), url, 60.0).upload(stored.name))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        return Finding(_ABOUT, False, f"{url} cannot be reached from here ({why}): is a gateway running, and do name and port fit?")
    finally:
        await assets.delete(stored.name)
    if answer.status_code == 200 and answer.content == wanted:
        return Finding(_ABOUT, True, f"{url} leads to this gateway")
    said = f"{url} answers HTTP {answer.status_code}, but not as this gateway would"
    return Finding(_ABOUT, False, f"{said}: look at the proxy, and whether secret and storage are those of what runs there")
