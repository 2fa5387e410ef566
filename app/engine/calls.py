"""Calls as operators change them (overrides) and as people may see them (redacted)."""

from functools import lru_cache

from app.adapters.base import Call, FilePart
from app.domain.channels import Channel
from app.domain.json import Json
from app.domain.replacing import replace
from app.engine.redaction import redact

_LONGEST_KNOWN = 200  # characters of a URL that is remembered


def overridden(call: Call, channel: Channel) -> Call:
    """The call with the channel's `overrides` on its body: `set` replaces top-level fields, `drop` removes them."""
    if not channel.set_fields and not channel.drop_fields:
        return call
    if call.json is not None:
        kept = {name: value for name, value in call.json.items() if name not in channel.drop_fields}
        return replace(call, json={**kept, **channel.set_fields})
    if call.form is not None:
        gone = {*channel.drop_fields, *channel.set_fields}
        form = [field for field in call.form if field[0] not in gone]
        return replace(call, form=[*form, *((name, _text(value)) for name, value in channel.set_fields.items())])
    return call


def shown(call: Call, base_url: str) -> dict[str, Json]:
    """The call for admins' eyes: method, URL, headers and body, without secrets and with media shortened."""
    url = call.path if "://" in call.path else base_url + call.path
    if call.query:
        url += "?" + "&".join(f"{name}={value}" for name, value in call.query)
    picture: dict[str, Json] = {"method": call.method, "url": _url(url), "headers": redact(dict(call.headers))}
    if call.json is not None:
        picture["json"] = redact(call.json)
    if call.form is not None:
        picture["form"] = redact([[name, _part(value)] for name, value in call.form])
    return picture


def _url(text: str) -> str:
    """Most creates go to the same few places."""
    return _known_url(text) if len(text) <= _LONGEST_KNOWN else redact(text)


_known_url = lru_cache(256)(redact)


def _part(value: str | FilePart) -> Json:
    if isinstance(value, str):
        return value
    return {"filename": value.filename, "content_type": value.content_type, "bytes": len(value.data)}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else str(value)
