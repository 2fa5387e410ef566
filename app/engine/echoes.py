"""Takes out of a vendor's answer the credential that it was shown: some repeat it in their error messages."""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from app.adapters.base import Call, Reply, StreamEvent
from app.engine.redaction import MASK, is_secret
from app.engine.transport import parsed_json

_SHORTEST = 8  # characters; shorter values would mask ordinary words
_PLAIN = re.compile(r"[A-Za-z0-9._~-]*")  # what is spelled alike everywhere


def quiet(reply: Reply, call: Call) -> Reply:
    """The reply without what this call showed under secret names; the same object where nothing was repeated."""
    repeated = [text for text in _shown(call) if text.encode() in reply.body or _in(reply.headers, text)]
    if not repeated:
        return reply
    body, headers = reply.body, dict(reply.headers)
    for text in repeated:
        body = body.replace(text.encode(), MASK.encode())
        headers = {name: value.replace(text, MASK) for name, value in headers.items()}
    return replace(reply, headers=headers, body=body, json=parsed_json(body))


def quiet_event(event: StreamEvent, call: Call) -> StreamEvent:
    """The same for an event of a stream, where only a failure is the vendor's own words."""
    if event.failure is None:
        return event
    message, code = event.failure.message, event.failure.upstream_code or ""
    for text in _shown(call):
        message, code = message.replace(text, MASK), code.replace(text, MASK)
    return replace(event, failure=replace(event.failure, message=message, upstream_code=code or None))


def _in(headers: Mapping[str, str], text: str) -> bool:
    return any(text in value for value in headers.values())


def _shown(call: Call) -> list[str]:
    """The secrets on a call, in each spelling in which JSON or a URL could repeat them; the longest first."""
    given = [value.rpartition(" ")[2] for name, value in call.headers.items() if is_secret(name)]
    if call.query:
        given += [value for name, value in call.query if name.lower() == "key" or is_secret(name)]
    spelled = {form for text in given for form in _spellings(text)}
    return sorted((text for text in spelled if len(text) >= _SHORTEST), key=len, reverse=True)


def _spellings(text: str) -> tuple[str, ...]:
    return (text,) if _PLAIN.fullmatch(text) else (text, quote(text, safe=""), text.replace("/", "\\/"))
