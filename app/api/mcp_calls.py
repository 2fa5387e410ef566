"""One call of a tool, and how it asks: as a client of the HTTP API would, with the key of the message that brought it."""

import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TypeVar, cast

from starlette.requests import Request
from starlette.types import Message

from app.api.deps import KeyScheme
from app.domain.channels import Key
from app.domain.errors import InvalidRequest
from app.domain.json import Json, JsonObject
from app.domain.normalise.values import Reading
from app.engine.gateway import Gateway

_PASSED_ON = frozenset(
    {
        *("authorization", "api-key", "x-api-key", "host", "user-agent"),
        *("x-forwarded-for", "x-forwarded-proto", "x-filmgate-strict"),
    }
)
_SHOWN = 100  # characters of a name
_known_key = KeyScheme(sessions=False)
Progress = Callable[[float, str], Awaitable[None]]  # percent, and what is happening
Read = TypeVar("Read")


class Refusal(Exception):  # not an error of ours: the answer that a client of the HTTP API would get
    """An answer that says no; `body` is the error body."""

    def __init__(self, body: dict[str, Json]) -> None:
        super().__init__(body.get("message"))
        self.body = body


@dataclass(frozen=True, slots=True)
class SmallPicture:
    """A picture that fits into an answer."""

    base64: str
    mime: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool has to say; `failed` when that is not what was asked for."""

    content: dict[str, Json]
    picture: SmallPicture | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool; `request` is the message that brought it."""

    request: Request
    arguments: JsonObject
    progress: Progress

    @staticmethod
    def of(request: Request, arguments: JsonObject, known: Collection[str], progress: Progress) -> "Call":
        """The call with the arguments that say something; raises InvalidRequest for one that the tool does not know."""
        for name in arguments:
            if name not in known:
                short, listed = name[:_SHOWN], ", ".join(known)
                raise InvalidRequest(
                    f"There is no argument {short!r}; there are {listed}.", param=short if short.isprintable() else None
                )
        return Call(request, {name: value for name, value in arguments.items() if value is not None}, progress)

    @property
    def gateway(self) -> Gateway:
        """What the call is served by."""
        return cast(Gateway, self.request.app.state.gateway)

    def get(self, name: str, read: Reading[Read], default: Read) -> Read:
        """An argument that is the tool's own; raises InvalidRequest for a value that cannot be read."""
        return read(self.arguments[name], name) if name in self.arguments else default

    async def key(self) -> Key:
        """The key that the message shows."""
        return await _known_key(self.as_client("GET", "/"))

    async def spending(self, path: str, body: JsonObject, headers: dict[str, str]) -> tuple[Request, Key]:
        """The POST that a client of the HTTP API would have sent instead, and its key; raises TooManyRequests for one too many."""
        request = self.as_client("POST", path, body, headers)
        return request, await _known_key(request)

    def as_client(self, method: str, path: str, body: JsonObject | None = None, headers: dict[str, str] | None = None) -> Request:
        """A request from the same client at another endpoint."""
        kept = [(name, value) for name, value in self.request.scope["headers"] if name.decode("latin-1") in _PASSED_ON]
        given = {"content-type": "application/json", **(headers or {})}
        scope = {
            **self.request.scope,
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [*kept, *((name.encode(), value.encode()) for name, value in given.items())],
        }
        # not orjson: what it cannot write (a huge number, half a character) is for the reader of bodies to refuse
        message: Message = {"type": "http.request", "body": json.dumps(body or {}).encode(), "more_body": False}

        async def receive() -> Message:
            return message

        return Request(scope, receive)
