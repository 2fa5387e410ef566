"""What endpoints ask for, as nouns: the gateway, the key that was shown, the address by which the client knows us."""

import re
from typing import Annotated, cast

from fastapi import Depends, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.datastructures import Headers
from starlette.requests import Request

from app.domain.channels import Key
from app.domain.errors import NotFound, Unauthenticated
from app.domain.jobs import Job
from app.domain.requests import Operation
from app.engine.gateway import Gateway

_BEARER = re.compile(r"(?i:bearer)(?::\s*|\s+)(.*)", re.DOTALL)
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


async def _gateway(request: Request) -> Gateway:
    return cast(Gateway, request.app.state.gateway)


def shown_key(headers: Headers) -> str | None:
    """The key text in a request: a bearer (also spelled `Bearer:`), a bare key, or one of the two header aliases.

    Another scheme (Basic) is no key of ours and does not hide an alias.
    """
    written = headers.get("authorization", "").strip()
    bearer = _BEARER.fullmatch(written)
    text = bearer[1].strip() if bearer else "" if " " in written or written.lower() in ("bearer", "bearer:") else written
    return text or headers.get("api-key", "").strip() or headers.get("x-api-key", "").strip() or None


class KeyScheme(SecurityBase):
    """Knows a key from memory; what the client says about host or path plays no part in it."""

    def __init__(self) -> None:
        self.model = HTTPBearer(description="A client key of this gateway. `api-key` and `x-api-key` work too.")
        self.scheme_name = "key"

    async def __call__(self, request: Request) -> Key:
        text = shown_key(request.headers)
        if text is None:
            raise Unauthenticated("No API key was given; send it as `Authorization: Bearer sk-…`.", code="missing_api_key")
        gateway = await _gateway(request)
        key = gateway.configuration.key(text)
        if key is None or not key.valid(gateway.now()):
            raise Unauthenticated("This API key is unknown, disabled or expired.")
        request.state.key_id = key.id
        return key


GatewayDep = Annotated[Gateway, Depends(_gateway)]
CurrentKey = Annotated[Key, Security(KeyScheme())]


def base_url(request: Request, gateway: Gateway) -> str:
    """Scheme and host for links: as the operator says, else as the client called us."""
    if gateway.settings.public_url:
        return gateway.settings.public_url
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host) is None:
        name, port = request.scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else str(name)
    return f"{request.scope['scheme']}://{host}"


async def own_job(gateway: Gateway, key: Key, job_id: str, op: Operation, param: str = "id") -> Job:
    """The key's own job of this kind; anything else does not exist. `param` is where the client wrote the id."""
    unknown = NotFound(f"No task with the id {job_id[:200]!r} exists.", code="task_not_exist", param=param)
    if _ID.fullmatch(job_id) is None:  # cannot be an id, and not every database takes every text
        raise unknown
    try:
        job = await gateway.job(job_id, key.id)
    except NotFound as error:
        raise unknown from error
    if job.op != op:
        raise unknown
    return job


def shown_id(text: str | None) -> str | None:
    """An id that a client wrote, or one that nothing has where the text cannot be an id."""
    return text if text is None or _ID.fullmatch(text) else "?"
