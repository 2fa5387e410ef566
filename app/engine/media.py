"""Brings what a client gave (links, data URIs, uploaded files) to a form that the model's adapter can hand over."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from app.domain.capabilities import InputRule
from app.domain.errors import InputRefused
from app.domain.media import Form, Media, MediaType, Role
from app.domain.replacing import replace
from app.domain.requests import Request
from app.engine.assets import Assets
from app.engine.data_uris import decode
from app.engine.fetch import Fetched, Fetcher
from app.engine.links import Links
from app.engine.sniff import ImageTooLarge, dimensions, mime_of, mime_of_extension

ITEM_LIMIT = 64 * 1024 * 1024  # bytes, where the model names no limit
TOTAL_LIMIT = 256 * 1024 * 1024
DOWNLOAD_SECONDS = 60.0
_AT_ONCE = 4

_OPEN = InputRule(most=64, forms=(Form.URL, Form.DATA_URI, Form.UPLOAD, Form.VERBATIM))
_INLINE = (Form.DATA_URI, Form.BASE64, Form.UPLOAD)
_ALIASES = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "video/mov": "video/quicktime",
}
_USUAL = {MediaType.IMAGE: "image/jpeg", MediaType.VIDEO: "video/mp4", MediaType.AUDIO: "audio/mpeg"}
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class MediaDesk:
    """What media are prepared with.

    `dry_run` fetches and stores nothing: placeholders stand for what would have been. `total_limit` is in bytes, for the inputs
    of one request that are held in memory.
    """

    fetcher: Fetcher
    links: Links
    assets: Assets
    dry_run: bool = False
    total_limit: int = TOTAL_LIMIT


async def prepare(
    request: Request, rules: Mapping[Role, InputRule] | None, uploads: Mapping[str, bytes], desk: MediaDesk
) -> Request:
    """The request with each medium in a form that its rule lists; raises InputRefused naming the client's field.

    `rules` None is an open card, which takes everything as it came. `uploads` maps the whole `upload:…` source to its bytes.
    """
    if not request.media:
        return request
    work = _Work(rules, uploads, desk)
    media = await _together([work.bring(item) for item in request.media])
    if work.mixed(media):
        media = await _together([work.without_link(item) for item in media])
    return replace(request, media=tuple(media))


@dataclass(slots=True)
class _Work:
    rules: Mapping[Role, InputRule] | None
    uploads: Mapping[str, bytes]
    desk: MediaDesk
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    held: int = 0  # bytes

    async def bring(self, media: Media) -> Media:
        if media.form is not None:
            return media  # a source by its vendor's id
        rule = _OPEN if self.rules is None else self.rules.get(media.role)
        if rule is None:
            raise _refused(media, f"The model takes no {media.role.value.replace('_', ' ')}.")
        if media.scheme in ("http", "https"):
            return await self._from_url(media, rule)
        if media.scheme in ("data", "upload"):
            return await self._from_bytes(media, rule)
        if Form.VERBATIM not in rule.forms:
            raise _refused(media, f"The model takes no {media.scheme!r} references here; give a URL or the file itself.")
        return replace(media, form=Form.VERBATIM)

    def mixed(self, media: Sequence[Media]) -> bool:
        """Whether links and bytes stand side by side where the vendor takes either, but not both."""
        forms = {item.form for item in media if self.rules and (rule := self.rules.get(item.role)) and rule.alike}
        return Form.URL in forms and len(forms) > 1

    async def without_link(self, media: Media) -> Media:
        """The medium as bytes if it is a link that its vendor takes only beside other links."""
        rule = self.rules.get(media.role) if self.rules else None
        if rule is None or not rule.alike or media.form is not Form.URL:
            return media
        return await self._from_url(media, replace(rule, forms=tuple(form for form in rule.forms if form is not Form.URL)))

    async def _from_url(self, media: Media, rule: InputRule) -> Media:
        self.desk.fetcher.guard.check(media.src, param=media.param)
        if Form.URL in rule.forms:
            return replace(media, form=Form.URL, mime=media.mime or _mime_of_url(media))
        form = _inline_form(rule)
        if form is None:
            raise _refused(media, "The model takes no URL here.")
        if self.desk.dry_run:
            return replace(media, form=form, mime=_mime_of_url(media), data=b"<bytes of URL>")
        async with self.gate:
            limit = rule.max_bytes or ITEM_LIMIT
            file = await self.desk.fetcher.fetch(media.src, param=media.param, limit=limit, timeout=DOWNLOAD_SECONDS)
        return await self._inline(media, rule, form, file)

    async def _from_bytes(self, media: Media, rule: InputRule) -> Media:
        # an open card keeps what the client chose, a multipart part or a data URI
        form = Form.UPLOAD if rule is _OPEN and media.scheme == "upload" else _inline_form(rule)
        if form is None and Form.URL not in rule.forms:
            raise _refused(media, "The model takes no files here.")
        if form is None and not self.desk.links.public_url:
            raise _refused(
                media,
                "This model's vendor only fetches URLs, and this gateway has no public address to offer the file at: "
                "give an https URL, or have the operator set FILMGATE_PUBLIC_URL.",
            )
        item = await self._inline(media, rule, form or Form.URL, await self._given(media))
        return item if form else await self._published(item)

    async def _given(self, media: Media) -> Fetched:
        if media.scheme == "upload":
            uploaded = self.uploads.get(media.src)
            if uploaded is None:
                raise _refused(media, "The file is missing from the request.")
            return Fetched(uploaded, media.mime)
        try:
            data, declared = await asyncio.to_thread(decode, media.src)
        except ValueError as error:
            raise _refused(media, f"The data URI {error}.") from error
        return Fetched(data, declared)

    async def _inline(self, media: Media, rule: InputRule, form: Form, file: Fetched) -> Media:
        mime = _mime(media, file)
        self.held += len(file.data)
        if not file.data:
            raise _refused(media, "The file is empty.")
        if len(file.data) > (rule.max_bytes or ITEM_LIMIT):
            raise _refused(media, f"The file has {len(file.data)} bytes; at most {rule.max_bytes or ITEM_LIMIT} are taken.")
        if self.held > self.desk.total_limit:
            raise _refused(media, f"The inputs have more than {self.desk.total_limit} bytes together.")
        if rule.mimes and mime not in {_ALIASES.get(known, known) for known in rule.mimes}:
            raise _refused(media, f"The file is {mime}; the model takes {', '.join(sorted(rule.mimes))}.")
        if media.type is MediaType.IMAGE:
            await _check_pixels(media, file.data)
        label = f"data:{mime}" if media.scheme == "data" else media.src
        return replace(media, src=label, form=form, mime=mime, data=file.data)

    async def _published(self, media: Media) -> Media:
        if self.desk.dry_run:
            return replace(media, src=f"{self.desk.links.public_url}/files/<token>", data=None)
        asset = await self.desk.assets.put("upload", media.data or b"", media.mime or "application/octet-stream")
        return replace(media, src=self.desk.links.upload(asset.name), data=None)


async def _together(work: Sequence[Awaitable[_Item]]) -> list[_Item]:
    """All results in order; the first refusal in that order cancels the rest."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        return [await task for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _inline_form(rule: InputRule) -> Form | None:
    return next((form for form in rule.forms if form in _INLINE), None)


def _mime(media: Media, file: Fetched) -> str:
    """The type by the bytes, else as declared; raises InputRefused when it is not what the field is for."""
    found = mime_of(file.data)
    mime = found or (file.mime or media.mime or "").lower()
    mime = _ALIASES.get(mime, mime)
    kind, _, subtype = mime.partition("/")
    if media.type is MediaType.AUDIO and mime in ("video/mp4", "video/webm", "video/ogg"):
        return f"audio/{subtype}"  # containers do not say at their start whether there is a picture track
    if kind != media.type.value:
        raise _refused(media, f"This is not {_ARTICLE[media.type]} file, but {mime or 'of an unknown type'}.")
    return mime


_ARTICLE = {MediaType.IMAGE: "an image", MediaType.VIDEO: "a video", MediaType.AUDIO: "an audio"}


def _mime_of_url(media: Media) -> str:
    guess = mime_of_extension(urlsplit(media.src).path.rpartition(".")[2])
    return guess if guess and guess.startswith(media.type.value) else _USUAL[media.type]


async def _check_pixels(media: Media, data: bytes) -> None:
    try:
        await asyncio.to_thread(dimensions, data)
    except ImageTooLarge as error:
        raise _refused(media, str(error)) from error


def _refused(media: Media, message: str) -> InputRefused:
    return InputRefused(message, param=media.param or None)
