"""Takes secrets and bulk out of whatever is stored or logged about an exchange with a vendor."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar, overload
from urllib.parse import quote

from app.domain.channels import Credential
from app.domain.json import Json, JsonObject

MASK = "***"
TEXT_LIMIT = 4_000  # characters of one string that are kept
_SHORTEST_SECRET = 6  # shorter values would mask ordinary words
_LONGEST_NAME = 64  # characters; clients invent longer ones

_WORDS = (
    r"authorization|api_?key|apikey|token|secret|password|passwd|signature|sig|credential|cookie|private_?key"
    r"|access_?key|access_?key_?id|secret_?key|session_?token"
)
_SECRET_NAME = re.compile(rf"(?:^|_)(?:{_WORDS})$")
_QUERY = re.compile(r"([?&;])([^=&;\s\"'<>]+)=([^&;\s\"'<>]+)")
_ASSIGNED = re.compile(
    r"(?i)([\"']?\b(?:[a-z0-9]+[_-])*(?:api[_-]?key|access[_-]?key(?:[_-]?id)?|secret(?:[_-]?key)?|password|signature|token|authorization)"
    r"[\"']?\s*[:=]\s*[\"']?)(?!(?:Bearer|Basic|Token)\s)([^\s\"',;&}]{6,})"
)
_SCHEME = re.compile(r"(?i)\b(bearer:?|basic|hmac-sha256|token)\s+(?:credential=)?([A-Za-z0-9._~+/=|-]{6,})")
_KNOWN = re.compile(
    r"\b(?:(?:sk|xai|whsec|ark|rk|pk)[-_][A-Za-z0-9_-]{12,}|AIza[A-Za-z0-9_-]{20,}|AK[LI][A-Z][A-Za-z0-9]{12,}"
    r"|ya29\.[A-Za-z0-9_-]{10,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
)
_USERINFO = re.compile(r"(://)[^/\s@\"'?#]+@")
_DATA_URI = re.compile(r"(data:[\w.+/-]*(?:;[\w=.+-]+)*?;base64,)([A-Za-z0-9+/=_-]{24,})")
_SHORTEST_RUN = 512  # characters
_BASE64_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{_SHORTEST_RUN},}}={{0,2}}")
# One of these is in every text in which a pattern for secrets finds something, in small letters: most texts are done with a look.
_MARKS = (
    *("=", ":", "basic", "bearer", "hmac-sha256", "token", "aiza", "akl", "aki", "ya29.", "eyj"),
    *(f"{word}{sign}" for word in ("sk", "xai", "whsec", "ark", "rk", "pk") for sign in "-_"),
)

_Value = TypeVar("_Value", str, JsonObject)


@overload
def redact(value: str, secrets: Iterable[str] = ...) -> str: ...
@overload
def redact(value: JsonObject, secrets: Iterable[str] = ...) -> JsonObject: ...
@overload
def redact(value: Json, secrets: Iterable[str] = ...) -> Json: ...
def redact(value: Json, secrets: Iterable[str] = ()) -> Json:
    """The same text or JSON without credentials, and with base64 and long strings cut to a note of their length.

    Masked are: values under secret names, bearer tokens, signed query parameters, well-known key shapes, and each of `secrets`
    (see `secrets_of`).
    """
    return _walk(value, tuple(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET))


def redact_headers(headers: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    """Headers fit for storing; the names stay."""
    known = tuple(secrets)
    return {name: MASK if is_secret(name) else redact(value, known) for name, value in headers.items()}


def secrets_of(credential: Credential) -> tuple[str, ...]:
    """Every text in a credential, in the spellings in which it could turn up in a log."""
    found = list(_texts(credential.fields))
    spelled = [quote(text, safe="") for text in found] + [text.replace("\n", "\\n") for text in found]
    return tuple(sorted({*found, *spelled}, key=len, reverse=True))


def _walk(value: Json, secrets: tuple[str, ...]) -> Json:
    if isinstance(value, str):
        return _text(value, secrets)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, dict | Mapping):
        return {name: _named(name, item, secrets) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [_walk(item, secrets) for item in value]
    return value


def _named(name: str, value: Json, secrets: tuple[str, ...]) -> Json:
    return MASK if value and isinstance(value, str) and is_secret(name) else _walk(value, secrets)


def is_secret(name: str) -> bool:
    """Whether what stands under this name is a secret."""
    return _remembered(name) if len(name) <= _LONGEST_NAME else _secret_name(name)


def _secret_name(name: str) -> bool:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).replace("-", "_").lower()
    return _SECRET_NAME.search(words) is not None


_remembered = lru_cache(4096)(_secret_name)


def _text(text: str, secrets: tuple[str, ...]) -> str:
    # bulk first: the other patterns need not look at megabytes of base64
    if "base64," in text:
        text = _DATA_URI.sub(lambda found: f"{found[1]}…({len(found[2])} chars)", text)
    if len(text) >= _SHORTEST_RUN:
        text = _BASE64_RUN.sub(lambda found: f"…({len(found[0])} chars)", text)
    if len(text) > TEXT_LIMIT:
        text = f"{text[:TEXT_LIMIT]}…({len(text)} chars)"
    for secret in secrets:
        text = text.replace(secret, MASK)
    small = text.casefold()
    for mark in _MARKS:
        if mark in small:
            return _masked(text)
    return text


def _masked(text: str) -> str:
    text = _QUERY.sub(_query_value, text)
    text = _SCHEME.sub(rf"\1 {MASK}", text)
    text = _ASSIGNED.sub(rf"\1{MASK}", text)
    text = _KNOWN.sub(MASK, text)
    return _USERINFO.sub(rf"\1{MASK}@", text)


def _query_value(found: re.Match[str]) -> str:
    hidden = found[2].lower() == "key" or is_secret(found[2])
    return f"{found[1]}{found[2]}={MASK}" if hidden else found[0]


def _texts(value: Json) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)
