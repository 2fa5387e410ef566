"""What endpoints ask for, as nouns: the gateway, the key that was shown and admitted, the address by which the client knows us."""

import re
from typing import Annotated, cast

from fastapi import Depends, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.datastructures import Headers
from starlette.requests import Request

from app.domain.channels import Key
from app.domain.errors import NotAllowed, NotFound, TooManyRequests, Unauthenticated
from app.domain.jobs import Job
from app.domain.requests import Operation
from app.engine.addresses import Address, client_address, may_come_from
from app.engine.gateway import Gateway
from app.engine.sessions import AS_KEY_HEADER, CSRF_HEADER

SAFE_METHODS = frozenset({"GET", "HEAD"})
_BEARER = re.compile(r"(?i:bearer)(?::\s*|\s+)(.*)", re.DOTALL)
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_FREE = "/cancel"  # the end of the one path whose POST stops work instead of asking for some
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


async def find_gateway(request: Request) -> Gateway:
    """The gateway that this application serves."""
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
    """Knows a key from memory, and whether it may be used from here and now; what the client says of its host plays no part in it.

    Raises Unauthenticated, NotAllowed, and TooManyRequests for a POST too many. `sessions` is whether a page of our console may
    ask without a key.
    """

    def __init__(self, *, sessions: bool = True) -> None:
        self._sessions = sessions
        self.model = HTTPBearer(description="A client key of this gateway. `api-key` and `x-api-key` work too.")
        self.scheme_name = "key"

    async def __call__(self, request: Request) -> Key:
        gateway = await find_gateway(request)
        text = shown_key(request.headers)
        key = gateway.configuration.key(text) if text is not None else self._signed_in(request, gateway)
        if key is None or not key.valid(gateway.now()):
            raise Unauthenticated("This API key is unknown, disabled or expired.")
        request.state.key_id = key.id
        if key.allowed_ips and not may_come_from(_address(request, gateway), key.allowed_ips):
            raise NotAllowed("This API key may not be used from this address.", code="ip_not_allowed")
        if key.rpm is not None and _counts(request):
            await _count(gateway, key)
        return key

    def _signed_in(self, request: Request, gateway: Gateway) -> Key | None:
        """The key of a page of our console, or the one that the operator names there; raises Unauthenticated, NotAllowed."""
        session = gateway.sessions.read(request.cookies) if self._sessions else None
        if session is None:
            raise Unauthenticated("No API key was given; send it as `Authorization: Bearer sk-…`.", code="missing_api_key")
        if request.method not in SAFE_METHODS:
            gateway.sessions.check(session, request.headers.get(CSRF_HEADER))
        if not session.admin:
            return gateway.sessions.key(session)
        key = gateway.configuration.key_by_id(request.headers.get(AS_KEY_HEADER, ""))
        if key is None:
            raise NotAllowed("An operator must choose the key for which to ask.", code="key_not_chosen", param=AS_KEY_HEADER)
        return key


async def _count(gateway: Gateway, key: Key) -> None:
    try:
        await gateway.rates.check(key)
    except TooManyRequests:
        # refused unread: what an SDK sends next is no retry of an earlier request that happens to be equal
        gateway.replays.refusals.note(key.id, "", gateway.now())
        raise


def _address(request: Request, gateway: Gateway) -> Address | None:
    peer = None if request.client is None else request.client.host
    return client_address(peer, request.headers.getlist("x-forwarded-for"), gateway.settings.trusted_proxies)


def _counts(request: Request) -> bool:
    """Whether a request counts against a rate: reading, deleting and cancelling do not."""
    return request.method == "POST" and not request.scope["path"].endswith(_FREE)


GatewayDep = Annotated[Gateway, Depends(find_gateway)]
CurrentKey = Annotated[Key, Security(KeyScheme())]


def base_url(request: Request, gateway: Gateway) -> str:
    """Scheme and host for links: as the operator says, else as the client called us."""
    if gateway.settings.public_url:
        return gateway.settings.public_url
    host = request.headers.get("host", "")
    if _HOST.fullmatch(host) is None:
        name, port = request.scope.get("server") or ("localhost", None)
        host = f"{name}:{port}" if port else str(name)
    return f"{_scheme(request, gateway)}://{host}"


def _scheme(request: Request, gateway: Gateway) -> str:
    """As the proxy next to us heard the request, if one is in front of us and says so."""
    said = request.headers.getlist("x-forwarded-proto") if gateway.settings.trusted_proxies > 0 else []
    nearest = said[-1].rpartition(",")[2].strip().lower() if said else ""
    return nearest if nearest in ("http", "https") else str(request.scope["scheme"])


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
