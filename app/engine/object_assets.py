"""Keeps files in a bucket of an S3-compatible store.

An object appears when its last byte has arrived, or never. What a crash leaves behind are parts of an unfinished upload, which
nobody can read; a lifecycle rule of the bucket (AbortIncompleteMultipartUpload) clears them away.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from app.engine.assets import CHUNK, Asset, batches, mime_of_name, missing, new_name, place_of

PART = 5 * 1024 * 1024  # bytes of a part of a large upload, the least that S3 takes; each upload holds some three of them
_BATCH = 1024 * 1024  # bytes handed over at a time
_PARTS_AT_ONCE = 2
_LONGEST_LIFETIME = timedelta(days=7)  # of a presigned URL (S3 documentation, read 2026-11-21)


class ObjectAssets:
    """Files as objects under a store's prefix."""

    def __init__(self, store: S3Store) -> None:
        self._store = store

    async def put(self, name_hint: str, chunks: AsyncIterator[bytes] | bytes, mime: str) -> Asset:
        name = new_name(name_hint, mime)
        source = _Measured(batches(chunks, _BATCH))
        first = await source.first()
        whole = isinstance(chunks, bytes) or len(first) < PART
        with _translated():
            await obstore.put_async(
                self._store,
                place_of(name),
                first if whole else source.rest(first),
                attributes={"Content-Type": mime},
                use_multipart=not whole,
                chunk_size=PART,
                max_concurrency=_PARTS_AT_ONCE,
            )
        return Asset(name, source.size, mime, source.digest.hexdigest())

    async def open(self, name: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        size = (await self.stat(name)).size if end is None or end <= start else end
        end = size if end is None else end
        if end <= start:
            return
        with _translated(reading=True):
            found = await obstore.get_async(self._store, place_of(name), options={"range": (start, end)})
            async for chunk in found.stream(CHUNK):
                yield chunk

    async def stat(self, name: str) -> Asset:
        with _translated(reading=True):
            found = await obstore.head_async(self._store, place_of(name))
        return Asset(name, found["size"], mime_of_name(name))

    async def delete(self, name: str) -> None:
        with _translated():
            await obstore.delete_async(self._store, place_of(name))

    async def presigned(self, name: str, lifetime: timedelta, method: Literal["GET", "HEAD"] = "GET") -> str | None:
        with _translated():
            return await obstore.sign_async(self._store, method, place_of(name), min(lifetime, _LONGEST_LIFETIME))


class _Measured:
    """Pieces of a file, counted as they go by."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.size = 0
        self.digest = hashlib.sha256()

    async def first(self) -> bytes:
        """As much as makes a part, or all of it."""
        pieces: list[bytes] = []
        async for piece in self._pieces:
            pieces.append(await self._count(piece))
            if self.size >= PART:
                break
        return b"".join(pieces)

    async def rest(self, first: bytes) -> AsyncIterator[bytes]:
        """All of it, the first part included."""
        yield first
        async for piece in self._pieces:
            if piece:
                yield await self._count(piece)

    async def _count(self, piece: bytes) -> bytes:
        self.size += len(piece)
        await asyncio.to_thread(self.digest.update, piece)
        return piece


@contextmanager
def _translated(*, reading: bool = False) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if reading:
            raise missing() from error
        raise OSError(f"the storage cannot be written: {_said(error)}") from error
    except (BaseError, ValueError) as error:
        raise OSError(f"the storage failed: {_said(error)}") from error


def _said(error: Exception) -> str:
    return str(error).partition("\n")[0]
