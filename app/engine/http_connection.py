"""One connection to an upstream: a request goes out, its answer comes in pieces as they arrive. HTTP/1.1, parsed by httptools.

Nothing here decides whether a request may be sent again. Errors are httpx's, as `carriers` has them: a ConnectError where the
connection had ended before it was asked, else one that says that the request may have arrived.
"""

import asyncio
import select
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

_HEAD_LIMIT = 128 * 1024  # bytes of status line and headers
_ENOUGH = 128 * 1024  # bytes of a body that wait to be read, before no more are taken from the socket
_ONE_WRITE = 64 * 1024  # a body up to this size goes out together with its head
_PIECE = 256 * 1024  # bytes written at a time
_REFUSED = 300  # statuses from here on
_UNTIL_IT_CLOSES = 1 << 62  # bytes


class Connection(asyncio.Protocol):
    """One exchange after another. `lost` is told when the connection is gone."""

    __slots__ = (
        *("closed", "headers", "idle_since", "silent", "status", "whole"),
        *("_failure", "_head_size", "_keeps", "_left", "_lost", "_parser", "_paused", "_pieces", "_raw", "_sent", "_start"),
        *("_transport", "_waiter", "_waiting_size", "_writable"),
    )

    def __init__(self, lost: "Callable[[Connection], None]") -> None:
        self._lost = lost
        self._parser: HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None  # while the transport wants no more
        self._pieces: deque[bytes] = deque()
        self._paused = False
        self.closed = False
        self.idle_since = 0.0
        self._begin()
        self.whole = True  # nothing is asked yet

    def _begin(self) -> None:
        self.status = 0  # until status and headers are there
        self.headers: dict[str, str] = {}
        self.whole = False  # whether all of the answer is there
        self.silent = True  # whether not a byte of an answer has come
        self._raw: list[tuple[bytes, bytes]] = []
        self._sent = False
        self._keeps = False
        self._left = 0  # bytes of the body that need no parser
        self._head_size = self._waiting_size = self._start = 0
        self._failure: httpx.RequestError | None = None

    async def ask(self, head: bytes, parts: Sequence[bytes]) -> None:
        """Sends a request, which is no HEAD; returns when `status` and `headers` of its answer are there."""
        if not self.open:
            raise httpx.ConnectError("the connection was closed before it was used")
        self._begin()
        if sum(map(len, parts)) <= _ONE_WRITE:
            self._transport.write(b"".join((head, *parts)))
        else:
            await self._send(head, parts)
        self._sent = True
        while not self.status and self._failure is None:
            await self._news()
        if not self.status and self._failure is not None:
            raise self._failure

    async def read(self, most: int | None = None) -> bytes:
        """The next bytes of the body, so many at most; none at its end. Raises when it breaks off."""
        while not self._pieces:
            if self.whole:
                return b""
            if self._failure is not None:
                raise self._failure
            await self._news()
        piece, start = self._pieces[0], self._start
        if most is not None and len(piece) - start > most:
            self._start += most
            piece = piece[start : start + most]
        else:
            self._start = 0
            self._pieces.popleft()
            piece = piece[start:]  # the same bytes where nothing of them was read
        self._waiting_size -= len(piece)
        if self._paused and self._waiting_size < _ENOUGH:
            self._paused = False
            self._transport.resume_reading()
        return piece

    @property
    def open(self) -> bool:
        """Whether what is written would leave."""
        return not (self.closed or self._transport.is_closing())

    @property
    def usable(self) -> bool:
        """Whether it can be asked again."""
        return self.whole and self._keeps and self._sent and not self._pieces and self.open

    def heard_from(self) -> bool:
        """Whether the other side has said something, most likely goodbye, that the loop has not come to yet."""
        if not hasattr(select, "poll"):  # on Windows it cannot be told so cheaply
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Ends it; what it still had to send is dropped."""
        if not self.closed:
            self.closed = True
            if self._transport.get_write_buffer_size():
                self._transport.abort()
            else:
                self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's have no such base

    def data_received(self, data: bytes) -> None:
        self.silent = False
        if self._left:
            self._take(data)
        elif self.whole:  # nobody asked
            self.close()
        else:
            self._parse(data)
        if self.status:
            self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self._left == _UNTIL_IT_CLOSES and error is None:
            self.whole = True
        elif not self.whole and self._failure is None:
            self._failure = (
                httpx.RemoteProtocolError("the answer broke off") if error is None else httpx.ReadError("the connection broke")
            )
        self._parser = None  # each of them refers to the other
        self._wake()
        self.resume_writing()
        self._lost(self)

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._keeps = self._keeps and not self.whole  # what comes behind the answer belongs to nothing

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if not self.status:  # else it stands behind the body
            self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        parser = cast(HttpResponseParser, self._parser)
        status = parser.get_status_code()
        if self.status or status < 200:  # more than was asked for; or there is more to come
            self._raw.clear()
            return
        self.headers = _read(self._raw)
        self._keeps = parser.should_keep_alive()
        self.status = status
        if status >= _REFUSED:
            self.resume_writing()  # the rest of the request is not wanted

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        if not self.whole:
            self._hold(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self.status:
            self.whole = True

    async def _send(self, head: bytes, parts: Sequence[bytes]) -> None:
        """In pieces, so that the loop can breathe, until all is out or the other side does not want it any more."""
        self._transport.write(head)
        for part in parts:
            view = memoryview(part)
            for start in range(0, len(part), _PIECE):
                if self._writable is not None:
                    await self._writable
                if self.closed or self.status >= _REFUSED:
                    self._keeps = False
                    return
                self._transport.write(view[start : start + _PIECE])

    async def _news(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _parse(self, data: bytes) -> None:
        if self._parser is None:
            self._parser = _parser(self)
        if not self.status:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._end(httpx.RemoteProtocolError("the answer was not HTTP"))
            return
        if not self.status:
            if self._head_size > _HEAD_LIMIT:
                self._end(httpx.RemoteProtocolError("the answer's headers have no end"))
        elif not self.whole:
            self._left = self._rest()

    def _rest(self) -> int:
        """How much of the body comes as it is; 0 where the parser is needed to the end."""
        if "transfer-encoding" in self.headers:
            return 0
        self._parser = None  # it would wait for what it does not get; the next answer has another
        length = self.headers.get("content-length")
        return _UNTIL_IT_CLOSES if length is None else int(length) - self._waiting_size

    def _take(self, data: bytes) -> None:
        """Part of a body that needs no parser."""
        if len(data) > self._left:
            data, self._keeps = data[: self._left], False
        self._hold(data)
        if self._left != _UNTIL_IT_CLOSES:
            self._left -= len(data)
            self.whole = not self._left

    def _hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting_size += len(piece)
        if self._waiting_size >= _ENOUGH and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _end(self, failure: httpx.RequestError) -> None:
        if not self.whole:
            self._failure = failure
            self._wake()
        self.close()


def _parser(connection: Connection) -> HttpResponseParser:
    parser = HttpResponseParser(connection)
    # as lenient as other clients are: some vendors' front ends need it
    parser.set_dangerous_leniencies(lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
    return parser


def _read(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """By name in lower case; several of one name are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
