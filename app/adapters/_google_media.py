"""How Google is handed pictures and clips, and where its results lie."""

import re
from urllib.parse import quote

from app.adapters._fields import base64_text, decoded, table, text, web_link
from app.adapters.base import Call
from app.domain.errors import InputRefused
from app.domain.jobs import Output
from app.domain.json import Json, JsonObject
from app.domain.media import Form, Media, MediaType

_USUAL = {MediaType.IMAGE: "image/jpeg", MediaType.VIDEO: "video/mp4", MediaType.AUDIO: "audio/mpeg"}
_EXTENSIONS = {"png": "image/png", "webp": "image/webp", "heic": "image/heic", "heif": "image/heif", "mov": "video/quicktime"}
_FILE = re.compile(r"https?://[^/?#]+/(?:download/)?v1(?:beta|alpha)?/files/([A-Za-z0-9_-]{1,128})(?::download)?(?:[?#].*)?")
_OBJECT = re.compile(r"gs://([a-z0-9._-]{1,222})/(.+)", re.DOTALL)
_BYTES = ("bytesBase64Encoded", "encodedVideo", "videoBytes", "data")
_ADDRESSES = ("uri", "gcsUri", "url")


def blob(item: Media) -> dict[str, Json]:
    """A medium as Veo and Imagen take it: the bytes, or an object in Cloud Storage."""
    if item.form is Form.VERBATIM:
        return {"gcsUri": bucket_link(item), "mimeType": mime_of(item)}
    return {"bytesBase64Encoded": base64_text(item), "mimeType": mime_of(item)}


def part(item: Media) -> dict[str, Json]:
    """A medium as a part of `generateContent`."""
    if item.form is Form.VERBATIM:
        return {"fileData": {"fileUri": bucket_link(item), "mimeType": mime_of(item)}}
    return {"inlineData": {"mimeType": mime_of(item), "data": base64_text(item)}}


def block(item: Media) -> dict[str, Json]:
    """A medium as a content block of an interaction."""
    if item.form is Form.VERBATIM:
        return {"type": item.type.value, "uri": bucket_link(item), "mime_type": mime_of(item)}
    return {"type": item.type.value, "data": base64_text(item), "mime_type": mime_of(item)}


def bucket_link(item: Media) -> str:
    """The `gs://` link of a medium; raises InputRefused for a scheme that is another vendor's."""
    if item.scheme != "gs":
        raise InputRefused(
            f"Google knows gs:// objects, not {item.scheme}: ones.", param=item.param or None, code="unsupported_input"
        )
    return item.src


def mime_of(item: Media) -> str:
    """The media type; of a `gs://` link by its ending."""
    ending = item.src.rpartition(".")[2].lower() if item.form is Form.VERBATIM else ""
    return item.mime or _EXTENSIONS.get(ending, _USUAL[item.type])


def output_of(entry: Json, mime: str) -> Output | None:
    """One result in any of the shapes that Google has used: inline bytes, a file of the API, an object in a bucket, a link.

    A bare string is base64 or a link.
    """
    found: JsonObject = {"data": entry, "uri": entry} if isinstance(entry, str) else table(entry)
    kind = text(found.get("mimeType")) or text(found.get("mime_type")) or text(found.get("encoding")) or mime
    for name in _ADDRESSES:
        url = result_address(found.get(name))
        if url is not None:
            return Output(url=url, mime=kind)
    for name in _BYTES:
        data = decoded(found.get(name))
        if data is not None:
            return Output(data=data, mime=kind)
    return None


def result_address(value: Json) -> str | None:
    """Where a result can be fetched: a path on the base URL for files of the API (they need the key), else the link itself."""
    link = web_link(value)
    if link is None:
        written = text(value) or ""
        return written if _OBJECT.fullmatch(written) else None
    file = _FILE.fullmatch(link)
    return f"{file_path(file[1])}:download?alt=media" if file else link


def file_path(file_id: str) -> str:
    """The path of a file's metadata."""
    return f"/v1beta/files/{quote(file_id, safe='')}"


def file_of(address: str | None) -> str | None:
    """The path of the metadata of the file at this download path; None for any other address."""
    path, mark, _ = (address or "").partition(":download?")
    return path if mark and path.startswith("/v1beta/files/") else None


def object_download(url: str) -> Call | None:
    """The call that fetches an object of Cloud Storage; None for other links."""
    found = _OBJECT.fullmatch(url)
    if found is None:
        return None
    return Call(path=f"/storage/v1/b/{quote(found[1], safe='')}/o/{quote(found[2], safe='')}", query=(("alt", "media"),))
