"""The OAuth exchange of a Google service account: a signed assertion for an access token.

https://developers.google.com/identity/protocols/oauth2/service-account (read 2026-11-20).
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from app.adapters._fields import number, text, web_link
from app.adapters.base import Call, Reply, Token
from app.domain.errors import UpstreamNeverSent, UpstreamUnreadable
from app.domain.json import JsonObject

if TYPE_CHECKING:  # 7 MB that a gateway without service accounts does without
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address, not a secret
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE = 3600  # seconds, the longest that Google accepts
_SAME = 300  # seconds in which one assertion is used again: signing costs about a millisecond, and every call asks for it
_EARLY = 240.0  # seconds by which a token is renewed before the engine's own margin of 60: five minutes in all


def token_call(account: JsonObject, now: datetime) -> Call:
    """The exchange for this service account; raises UpstreamNeverSent for a key that cannot sign."""
    issued = int(now.timestamp()) // _SAME * _SAME
    uri = web_link(account.get("token_uri")) or TOKEN_URI
    email, key_id = text(account.get("client_email")) or "", text(account.get("private_key_id"))
    if not email:
        raise UpstreamNeverSent("The service account has no client_email.")
    assertion = _assertion(text(account.get("private_key")) or "", key_id, email, issued)
    return Call(
        method="POST",
        path=uri,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        raw=urlencode({"grant_type": _GRANT, "assertion": assertion}).encode(),
        timeout=30,
    )


def read_token(reply: Reply) -> Token:
    """The token of a 2xx answer; raises UpstreamUnreadable."""
    answer = reply.object()
    token = text(answer.get("access_token"))
    if token is None:
        raise UpstreamUnreadable("Google's token endpoint answered without a token.", status=reply.status)
    lifetime = number(answer.get("expires_in"))
    return Token(token, max((_LIFE if lifetime is None else lifetime) - _EARLY, 0.0))


@lru_cache(maxsize=64)
def _assertion(pem: str, key_id: str | None, email: str, issued: int) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    header: dict[str, str | int] = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
    # the audience is always Google's address, also on the way through a relay: so google-auth writes it
    claims: dict[str, str | int] = {"iss": email, "scope": SCOPE, "aud": TOKEN_URI, "iat": issued, "exp": issued + _LIFE}
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{_text(_key(pem).sign(signed.encode(), PKCS1v15(), SHA256()))}"


@lru_cache(maxsize=64)
def _key(pem: str) -> "RSAPrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UpstreamNeverSent("The service account's private_key cannot be read.") from error
    if not isinstance(key, RSAPrivateKey):
        raise UpstreamNeverSent("The service account's private_key is not an RSA key.")
    return key


def _part(value: Mapping[str, str | int]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
