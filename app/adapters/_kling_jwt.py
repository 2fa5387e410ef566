"""Signs the token that stands for an access key and a secret key (HS256, as the vendor's page describes it)."""

import base64
import hashlib
import hmac
import json
from datetime import datetime

from app.domain.json import Json, JsonObject

_LIFETIME = 1800  # seconds
_SKEW = 5  # seconds by which the vendor's clock may be behind


def signed_token(access_key: str, secret_key: str, now: datetime) -> str:
    """A token for the next half hour. It says who, until when and from when, and no more: the vendor knows no `iat`."""
    issued = int(now.timestamp())
    claims: dict[str, Json] = {"iss": access_key, "exp": issued + _LIFETIME, "nbf": issued - _SKEW}
    text = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{text}.{_base64(hmac.digest(secret_key.encode(), text.encode(), hashlib.sha256))}"


def _part(value: JsonObject) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
