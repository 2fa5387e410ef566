"""Bodies that come compressed."""

import zlib
from collections.abc import Awaitable, Callable

import httpx

_MOST = 1024 * 1024  # bytes that come out at a time: a small piece may hold gigabytes


class Unpacking:
    """A gzip or deflate body being unpacked."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._stream: zlib._Decompress | None = None  # made when the first bytes tell which kind it is
        self._rest = b""  # packed bytes that have come

    async def read(self, more: Callable[[], Awaitable[bytes]]) -> bytes:
        """The next unpacked bytes, none at the end; raises DecodingError of httpx. `more` gives packed ones, none at their end."""
        while True:
            if not self._rest:
                self._rest = await more()
                if not self._rest:
                    return self._ended()
            out = self._unpacked()
            if out:
                return out

    def _unpacked(self) -> bytes:
        if self._stream is None:
            self._stream = self._fresh(self._rest)
        elif self._stream.eof:  # gzip may have several members; what else follows is padding
            if not self._rest.startswith(b"\x1f"):
                self._rest = b""
                return b""
            self._stream = self._fresh(self._rest)
        stream = self._stream
        try:
            out = stream.decompress(self._rest, _MOST)
        except zlib.error as error:
            raise httpx.DecodingError("the answer's compression is broken") from error
        self._rest = stream.unused_data if stream.eof and self._gzip else stream.unconsumed_tail
        return out

    def _ended(self) -> bytes:
        if self._stream is None or self._stream.eof:
            return b""
        out = self._stream.flush()
        if not self._stream.eof:
            raise httpx.DecodingError("the answer's compression broke off")
        return out

    def _fresh(self, data: bytes) -> "zlib._Decompress":
        if self._gzip:
            return zlib.decompressobj(16 + zlib.MAX_WBITS)
        # "deflate" should have zlib's wrapping, and often has none; its first byte tells
        return zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS)


def unpacking(encoding: str) -> Unpacking | None:
    """For what a `content-encoding` says, None for no encoding; raises DecodingError of httpx for one that was not asked for."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in ("gzip", "x-gzip", "deflate"):
        raise httpx.DecodingError("the answer's compression is not one that was asked for")
    return Unpacking(gzip=name != "deflate")
