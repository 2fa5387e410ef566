"""A storage whose bytes are counted as they go in and out."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from app.engine.assets import Asset, Assets
from app.engine.metric_table import ASSET_BYTES
from app.engine.metrics import Metrics


@dataclass(frozen=True, slots=True)
class CountedAssets:
    """Another storage, with a count. What a bucket hands out itself is not seen here."""

    inner: Assets
    metrics: Metrics

    async def put(self, name_hint: str, chunks: AsyncIterator[bytes] | bytes, mime: str) -> Asset:
        asset = await self.inner.put(name_hint, chunks, mime)
        self.metrics.count(ASSET_BYTES, "written", by=asset.size)
        return asset

    async def open(self, name: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        size = 0
        try:
            async with aclosing(self.inner.open(name, start, end)) as chunks:
                async for chunk in chunks:
                    size += len(chunk)
                    yield chunk
        finally:
            self.metrics.count(ASSET_BYTES, "read", by=size)

    async def stat(self, name: str) -> Asset:
        return await self.inner.stat(name)

    async def delete(self, name: str) -> None:
        await self.inner.delete(name)

    async def presigned(self, name: str, lifetime: timedelta, method: Literal["GET", "HEAD"] = "GET") -> str | None:
        return await self.inner.presigned(name, lifetime, method)
