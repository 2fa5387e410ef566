"""Signs requests for Volcengine's open API: HMAC-SHA256 over host, query, headers and body; a relative of AWS's version 4.

https://volcengine.com/docs/6731/942192 describes it for one of the services. Unlike AWS's, the first key is the bare secret and
the last word of the scope is `request`. A test holds it against the vendor's own signer.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_ALGORITHM = "HMAC-SHA256"
_LAST = "request"
_SAFE = "-_.~"
_DEFAULT_PORTS = (":80", ":443")


@dataclass(frozen=True, slots=True)
class Service:
    """The part of the platform that a signature is for."""

    region: str
    name: str


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key with its secret, used exactly as issued, and the token of temporary ones."""

    access_key: str
    secret_key: str
    session_token: str = ""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request in the form in which it is signed: `url` without its query, the body's exact bytes."""

    method: str
    url: str
    query: Sequence[tuple[str, str]]
    content_type: str
    body: bytes


def signed_headers(request: Unsigned, service: Service, keys: Keys, now: datetime) -> dict[str, str]:
    """Every header that the signature covers, and `Authorization`; they must be sent as they stand here."""
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "Content-Type": request.content_type,
        "Host": urlsplit(request.url).netloc.lower(),
        "X-Content-Sha256": hashlib.sha256(request.body).hexdigest(),
        "X-Date": moment,
    }
    if keys.session_token:
        headers["X-Security-Token"] = keys.session_token
    scope = "/".join((moment[:8], service.region, service.name, _LAST))
    key = signing_key(keys.secret_key, moment[:8], service)
    signature = _hmac(key, string_to_sign(canonical_request(request, headers), moment, scope)).hex()
    headers["Authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={_names(headers)}, Signature={signature}"
    )
    return headers


def canonical_request(request: Unsigned, headers: Mapping[str, str]) -> str:
    """The request in the one spelling that both sides hash."""
    lines = {name.lower(): value for name, value in headers.items()}
    for port in _DEFAULT_PORTS:
        lines["host"] = lines["host"].removesuffix(port)
    block = "".join(f"{name}:{lines[name]}\n" for name in sorted(lines))
    path = urlsplit(request.url).path or "/"
    return "\n".join((request.method, path, _query(request.query), block, _names(headers), lines["x-content-sha256"]))


def string_to_sign(canonical: str, moment: str, scope: str) -> str:
    """What the signature is made of; `moment` is the value of `X-Date`."""
    return "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))


def signing_key(secret_key: str, date: str, service: Service) -> bytes:
    """The key of one day (`YYYYMMDD`), region and service."""
    key = secret_key.encode()
    for word in (date, service.region, service.name, _LAST):
        key = _hmac(key, word)
    return key


def _query(pairs: Sequence[tuple[str, str]]) -> str:
    spelled = sorted((quote(name, safe=_SAFE), quote(value, safe=_SAFE)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in spelled)


def _names(headers: Mapping[str, str]) -> str:
    return ";".join(sorted(name.lower() for name in headers))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
