"""How OpenAI-shaped bodies are written: multipart parts, what of a client's own fields may pass, a channel's settings."""

import json
from collections.abc import Collection, Iterable, Mapping

from app.adapters._fields import items, link, table
from app.adapters.base import FilePart, FormField
from app.domain.errors import InputRefused
from app.domain.json import Json, JsonObject
from app.domain.media import Form, Media

_EXTENSIONS = {"jpeg": "jpg", "quicktime": "mov", "mpeg": "mp3", "svg+xml": "svg", "octet-stream": "bin"}

# Names, without case and separators, that choose the model, the host, the credential or who is called back: those are the
# operator's and the gateway's. The `extra_*` boxes are merged over the body by some servers (SGLang), so nothing of
# the kind may hide in them either.
_PROTECTED = frozenset(
    {
        "model",
        "modelname",
        "modelid",
        "reqkey",
        "callbackurl",
        "callback",
        "webhook",
        "webhookurl",
        "notifyurl",
        "notifyhook",
        "apikey",
        "xapikey",
        "accesskey",
        "secretkey",
        "authorization",
        "token",
        "baseurl",
        "headers",
        "extrabody",
        "extraheaders",
        "extraquery",
        "stream",
        "externaltaskid",
        "group",  # of a relay: who pays how much
    }
)


def choice(settings: JsonObject, name: str, *allowed: str) -> str:
    """The channel's setting of this name; the first allowed word when unset or unknown."""
    value = settings.get(name)
    return value if isinstance(value, str) and value in allowed else allowed[0]


def prefix(settings: JsonObject) -> str:
    """What stands before `/videos`, `/images` and `/models`: "/v1" unless the setting `path_prefix` says otherwise."""
    value = settings.get("path_prefix")
    return "/" + value.strip("/") if isinstance(value, str) and value.strip("/") else "/v1"


def forwarded(vendor: JsonObject, taken: Collection[str], allowed: Collection[str] = ()) -> dict[str, Json]:
    """The client's further fields that go along: none that we write ourselves, none that is protected unless `allowed`."""
    return {
        name: value for name, value in vendor.items() if name not in taken and (name in allowed or _folded(name) not in _PROTECTED)
    }


def _folded(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def form_of(body: JsonObject, files: Iterable[tuple[str, Media]]) -> list[FormField]:
    """A multipart body: text parts with bracket names, as the official SDKs write them (openai.md §3.3), then the files."""
    parts: list[FormField] = [part for name, value in body.items() for part in _text_parts(name, value)]
    parts.extend((name, file_part(media, number)) for number, (name, media) in enumerate(files))
    return parts


def _text_parts(name: str, value: Json) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in table(value).items():
            yield from _text_parts(f"{name}[{key}]", inner)
    elif isinstance(value, str):
        yield name, value
    elif isinstance(value, bool | int | float):
        yield name, json.dumps(value)
    else:
        for inner in items(value):
            yield from _text_parts(f"{name}[]", inner)


def linked(media: Media) -> str:
    """The medium as one string; raises InputRefused for an id, which means nothing in the place of a link."""
    kind = "task" if media.form is Form.TASK else media.scheme
    if media.data is None and kind in ("file", "task"):
        message = f"This upstream takes no {kind} ids for a {media.role.value.replace('_', ' ')}; give a URL or the file itself."
        raise InputRefused(message, param=media.param, code="unsupported_input")
    return link(media)


def reference(media: Media) -> JsonObject:
    """The picture as OpenAI's JSON bodies name one: by a file id of the vendor's, or by a link or data URI."""
    if media.data is None and media.scheme == "file":
        return {"file_id": media.src.partition(":")[2]}
    return {"image_url": linked(media)}


def file_part(media: Media, number: int) -> FilePart:
    """The medium's bytes under a name of ours: a client's file name is no business of the vendor's."""
    mime = media.mime or "application/octet-stream"
    ending = mime.partition("/")[2]
    return FilePart(f"{media.role.value}_{number}.{_EXTENSIONS.get(ending, ending)}", mime, media.data or b"")
