"""Fetches URLs that clients or vendors chose: guarded, without credentials, with every redirect checked anew."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from app.adapters.base import Call, Reply
from app.domain.errors import InputRefused, UpstreamError
from app.engine.guard import Blocked, Guard
from app.engine.http_carrier import HttpCarrier
from app.engine.names import guarded
from app.engine.sniff import mime_of
from app.engine.transport import StreamReply, Transport
from app.engine.urls import follow

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_IDENTITY = {"Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A downloaded file; `mime` is by its own bytes, else as its server says, else None."""

    data: bytes = field(repr=False)
    mime: str | None


class Unfetchable(Exception):
    """A URL could not be fetched; `status` is the HTTP status, where one was the reason."""

    def __init__(self, message: str, *, status: int | None = None, blocked: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.blocked = blocked


def guarded_transport(guard: Guard) -> Transport:
    """A transport that connects only to addresses which passed the guard."""
    return Transport(HttpCarrier(lookup=guarded(guard)))


class Fetcher:
    """Fetches under a guard.

    `own_hosts` of a call are let through although private (a channel's own host). Each set of them has connections of its own,
    so that no other URL can ride on one that was opened under an exception.
    """

    def __init__(self, guard: Guard, open_transport: Callable[[Guard], Transport] = guarded_transport) -> None:
        self.guard = guard
        self._open_transport = open_transport
        self._ways: dict[tuple[str, ...], tuple[Guard, Transport]] = {}

    async def fetch(
        self,
        url: str,
        *,
        param: str | None,
        limit: int,
        timeout: float,  # noqa: ASYNC109 - the bound for the whole download is part of what is asked for
        own_hosts: Sequence[str] = (),
    ) -> Fetched:
        """A whole file within `timeout` seconds and `limit` bytes; raises InputRefused naming `param`."""
        try:
            async with asyncio.timeout(timeout), self.open_stream(url, idle=timeout, own_hosts=own_hosts) as answer:
                if not answer.ok:
                    raise Unfetchable(f"could not be fetched: its server answered with HTTP {answer.status}")
                return await _file(answer, limit)
        except Unfetchable as error:
            raise InputRefused(f"The URL {error.message}.", param=param) from error
        except TimeoutError as error:
            raise InputRefused(f"The URL could not be fetched within {timeout:g} seconds.", param=param) from error

    @asynccontextmanager
    async def open_stream(
        self, url: str, *, idle: float, headers: Mapping[str, str] | None = None, own_hosts: Sequence[str] = ()
    ) -> AsyncIterator[StreamReply]:
        """The first answer that is no redirect, whatever its status; raises Unfetchable. `idle` bounds each silence, in seconds."""
        call_headers = {**_IDENTITY, **(headers or {})}
        async with AsyncExitStack() as stack:
            for _ in range(MOST_REDIRECTS + 1):
                answer = await stack.enter_async_context(self._open(url, call_headers, idle, own_hosts))
                location = answer.headers.get("location")
                if answer.status not in _REDIRECTS or not location:
                    break
                url = follow(url, location)
                await stack.aclose()
            else:
                raise Unfetchable(f"redirects more than {MOST_REDIRECTS} times")
            yield answer

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str], timeout: float, limit: int = 65_536) -> Reply:  # noqa: ASYNC109
        """One guarded POST (webhooks), answered within `timeout` seconds; redirects are answers. Raises Unfetchable.

        Of the body comes what arrives in that time, at most `limit` bytes: its status says all that matters.
        """
        guard, transport = self._way(())
        until = asyncio.get_running_loop().time() + timeout
        try:
            call = Call(method="POST", path=guard.inspect(url).text, headers=headers, raw=body, timeout=timeout)
            async with transport.stream("", call) as answer:
                return Reply(answer.status, answer.headers, None, await _beginning(answer, limit, until))
        except (Blocked, UpstreamError) as error:
            raise _unfetchable(error) from error

    async def aclose(self) -> None:
        """Close every connection."""
        for _, transport in self._ways.values():
            await transport.aclose()
        self._ways.clear()

    @asynccontextmanager
    async def _open(
        self, url: str, headers: Mapping[str, str], idle: float, own_hosts: Sequence[str]
    ) -> AsyncIterator[StreamReply]:
        guard, transport = self._way(tuple(own_hosts))
        async with AsyncExitStack() as stack:
            try:
                call = Call(path=guard.inspect(url).text, headers=headers, timeout=idle)
                answer = await stack.enter_async_context(transport.stream("", call))
            except (Blocked, UpstreamError) as error:
                raise _unfetchable(error) from error
            yield answer

    def _way(self, own_hosts: tuple[str, ...]) -> tuple[Guard, Transport]:
        way = self._ways.get(own_hosts)
        if way is None:
            guard = self.guard.also(own_hosts)
            way = self._ways[own_hosts] = guard, self._open_transport(guard)
        return way


def _unfetchable(error: Blocked | UpstreamError) -> Unfetchable:
    if isinstance(error, Blocked):
        return Unfetchable(str(error), blocked=True)
    return Unfetchable(f"could not be fetched: {error.message.rstrip('.')}")


async def _beginning(answer: StreamReply, limit: int, until: float) -> bytes:
    """As much of a body as comes by `until` (the loop's time) and fits, also of one that breaks off."""
    begun = bytearray()
    with suppress(TimeoutError, UpstreamError):
        async with asyncio.timeout_at(until):
            async for chunk in answer.chunks:
                begun += chunk[: limit - len(begun)]
                if len(begun) >= limit:
                    break
    return bytes(begun)


async def _file(answer: StreamReply, limit: int) -> Fetched:
    announced = answer.headers.get("content-length", "")
    too_large = Unfetchable(f"leads to a file larger than {limit} bytes")
    if announced.isdigit() and int(announced) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async for chunk in answer.chunks:
            size += len(chunk)
            if size > limit:
                raise too_large
            parts.append(chunk)
    except UpstreamError as error:
        raise _unfetchable(error) from error
    data = b"".join(parts)
    declared = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(data, mime_of(data) or declared or None)
