"""A vendor's file from its first byte to its last, whatever breaks in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from app.domain.errors import UpstreamError, UpstreamMaybeSent, UpstreamUnreadable
from app.engine.content_source import Body
from app.engine.ranges import Span

_RESUMES = 5  # of one file, before it is begun anew some time later
_LARGEST = 16 * 1024**3  # bytes; more is no film but a stream without an end

Reopen = Callable[[Span, str], Awaitable[Body]]


@dataclass(frozen=True, slots=True)
class WholeFile:
    """Reads on where a stream broke off, from vendors that can say that the file is still the same one.

    `reopen` asks for the rest of the file with this tag; `pause` is how long a broken line is left alone, in seconds.
    """

    body: Body
    reopen: Reopen
    pause: float

    async def chunks(self) -> AsyncIterator[bytes]:
        """Every byte once; raises UpstreamError when the rest cannot be had now, and for a file that is empty or has no end."""
        body, place, resumed = self.body, 0, 0
        while True:
            try:
                async for chunk in _within(body, place):
                    place += len(chunk)
                    yield chunk
                if place == 0:
                    raise UpstreamUnreadable("The vendor's file is empty.")
                if body.end is None or place >= body.end:
                    return
                raise UpstreamMaybeSent("The vendor's file ended before its announced end.")
            except UpstreamMaybeSent as error:
                if self.body.tag is None or place == 0 or resumed == _RESUMES:
                    raise
                resumed += 1
                await asyncio.sleep(self.pause)
                body = await self._rest(place, self.body.tag, error)

    async def _rest(self, place: int, tag: str, broken: UpstreamError) -> Body:
        body = await self.reopen(Span(place, None), tag)
        same_size = None in (body.size, self.body.size) or body.size == self.body.size
        if same_size and body.chunks is None and body.size == place:
            return Body(_nothing(), place, place)  # it broke off after the last byte
        if same_size and body.chunks is not None and body.start == place and body.partial:
            return body
        raise broken


async def _within(body: Body, place: int) -> AsyncIterator[bytes]:
    if body.chunks is None:
        raise UpstreamUnreadable("The vendor's file has no beginning.")
    async for chunk in body.chunks:
        place += len(chunk)
        if place > _LARGEST:
            raise UpstreamUnreadable(f"The vendor's file is larger than {_LARGEST} bytes.")
        yield chunk


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""  # makes this a generator
