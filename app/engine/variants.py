"""Other ways to see a film: made when first asked for, from our copy or the vendor's, and kept."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from app.domain.errors import NotFound, UpstreamError
from app.domain.jobs import Job, Output, Variant
from app.engine.clock import Now
from app.engine.content import Ask, Content, open_content
from app.engine.films import Films, NothingMade
from app.engine.results import Results, output_of
from app.engine.sniff import mime_of
from app.store import variants as variant_store
from app.store.database import Database
from app.store.variants import Kept, Place

_PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})  # of a vendor, that are passed on
_LARGEST_PICTURE = 32 * 1024 * 1024  # bytes
_PICTURE_SECONDS = 30.0
_REMEMBERED = timedelta(minutes=10)  # how long a film of which nothing can be made is not tried again
_MOST_REMEMBERED = 1000


@dataclass(slots=True)
class Refusals:
    """Films of which nothing came a while ago, so that asking again and again costs nothing."""

    _entries: dict[Place, tuple[datetime, str]] = field(default_factory=dict)

    def note(self, place: Place, reason: str, now: datetime) -> None:
        """Nothing can be made there for a while."""
        self._entries.pop(place, None)
        self._entries[place] = now + _REMEMBERED, reason
        if len(self._entries) > _MOST_REMEMBERED:
            del self._entries[next(iter(self._entries))]

    def reason(self, place: Place, now: datetime) -> str | None:
        """Why nothing can be made there; None where it is worth a try."""
        until, reason = self._entries.get(place, (now, ""))
        return reason if now < until else None


class Variants:
    """Serves variants; one per process. Of equal requests the first has it made, the others wait for that."""

    def __init__(self, database: Database, results: Results, films: Films, now: Now) -> None:
        self.results = results
        self._database, self._films, self._now = database, films, now
        self._assets = results.sources.assets
        self._refusals = Refusals()
        self._locks: WeakValueDictionary[Place, asyncio.Lock] = WeakValueDictionary()

    async def content(self, job: Job, index: int, variant: Variant, ask: Ask) -> Content:
        """One variant of one output as a stream, as the client asked for it (ranges, validators).

        Raises what `Results.content` raises for the film, and NotFound `variant_not_available` for one that cannot be decoded.
        """
        output = output_of(job, index)
        if job.op != "video":
            raise _unavailable(variant, "It is no film.")
        place = Place(job.id, index, variant)
        found = await self._kept(place)
        if found is None:
            lock = self._locks.setdefault(place, asyncio.Lock())
            async with lock:
                found = await self._kept(place) or await self._made(job, output, place, variant)
        return await open_content(_stand_in(job, place, found), 0, ask, way=None, sources=self.results.sources)

    async def _kept(self, place: Place) -> Output | None:
        """What was made before and is still there."""
        async with self._database.read() as connection:
            kept = await variant_store.get(connection, place)
        if kept is None:
            return None
        try:
            await self._assets.stat(kept.asset)
        except NotFound:
            async with self._database.write() as connection:
                await variant_store.forget(connection, place, kept.asset)
            return None
        return Output(asset=kept.asset, mime=kept.mime)

    async def _made(self, job: Job, output: Output, place: Place, variant: Variant) -> Output:
        # a still of a film that is not to be written down is made each time, unless the film itself is kept
        keeps = not job.private or output.asset is not None
        given = await self._given(job, output, place, variant)
        if given is not None:
            return await self._keep(place, *given) if keeps else Output(data=given[0], mime=given[1])
        with self._refused(place, variant):
            made = await self._films.make(variant, lambda: self.results.content(job, place.output, Ask()))
        with made.file:
            if keeps:
                return await self._keep(place, made.chunks(), made.mime)
            return Output(data=b"".join([chunk async for chunk in made.chunks()]), mime=made.mime)

    async def _given(self, job: Job, output: Output, place: Place, variant: Variant) -> tuple[bytes, str] | None:
        """The vendor's own picture and its type, where it gave one that can still be had."""
        if variant not in ("thumbnail", "last_frame"):
            return None
        if not (output.thumbnail_url if variant == "thumbnail" else output.last_frame_url):
            return None
        try:
            async with asyncio.timeout(_PICTURE_SECONDS):
                data = await _whole(await self.results.content(job, place.output, Ask(), variant))
        except (NotFound, UpstreamError, TimeoutError):
            return None
        mime = mime_of(data)
        return None if mime is None or mime not in _PICTURES else (data, mime)

    async def _keep(self, place: Place, chunks: AsyncIterator[bytes] | bytes, mime: str) -> Output:
        asset = await self._assets.put(f"{place.job_id}-{place.variant}", chunks, mime)
        standing: Kept | None = None
        try:
            async with self._database.write() as connection:
                standing = await variant_store.keep(connection, place, Kept(asset.name, mime))
        finally:
            if standing is None or standing.asset != asset.name:
                await self._assets.delete(asset.name)
        if standing is None:
            raise NotFound(f"No task with the id {place.job_id!r} exists.", code="task_not_exist", param="id")
        return Output(asset=standing.asset, mime=standing.mime)

    @contextmanager
    def _refused(self, place: Place, variant: Variant) -> Iterator[None]:
        known = self._refusals.reason(place, self._now())
        if known is not None:
            raise _unavailable(variant, known)
        try:
            yield
        except NothingMade as error:
            self._refusals.note(place, str(error), self._now())
            raise _unavailable(variant, str(error)) from error


async def _whole(content: Content) -> bytes:
    """At most `_LARGEST_PICTURE` bytes; more of them are no picture that anybody meant."""
    data = bytearray()
    try:
        async for chunk in content.chunks:
            data += chunk
            if len(data) > _LARGEST_PICTURE:
                return b""
    finally:
        await content.close()
    return bytes(data)


def _stand_in(job: Job, place: Place, output: Output) -> Job:
    """A job whose only result is the variant: its file name and its tag are not the film's, and change when the file does."""
    stem = f"{job.id}-{place.output}" if place.output else job.id
    digest = hashlib.sha256(output.data or (output.asset or "").encode()).hexdigest()
    return replace(job, id=f"{stem}-{place.variant}-{digest[:8]}", outputs=(output,))


def _unavailable(variant: Variant, reason: str) -> NotFound:
    return NotFound(f"There is no {variant} of this film. {reason}", code="variant_not_available", param="variant")
