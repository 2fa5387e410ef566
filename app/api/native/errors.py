"""Gives errors under the path of a vendor whose codes are numbers that vendor's number; everything else of them stays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.dialects import native_jimeng, native_kling
from app.domain.json import Json

Numbering = Callable[[int, str], int]  # HTTP status and our code -> the vendor's code
_BY_PATH: Mapping[str, Numbering] = {"kling": native_kling.error_code, "jimeng": native_jimeng.error_code}


def install(app: FastAPI) -> None:
    """Puts the translation around the application and around every middleware that is installed before."""
    app.add_middleware(NativeErrors)


class NativeErrors:
    """Rewrites the body of every answer from 400 up under the vendors' paths, whoever wrote it; its headers stay. Pure ASGI."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        numbering = _BY_PATH.get(_first_part(scope["path"])) if scope["type"] == "http" else None
        await self._app(scope, receive, send if numbering is None else _Numbered(send, numbering))


def _first_part(path: str) -> str:
    """What stands between the first two slashes; a path may also be `*`."""
    return path.removeprefix("/").partition("/")[0]


@dataclass(slots=True)
class _Numbered:
    """The way out; holds an error back until all of it is there."""

    send: Send
    numbering: Numbering
    start: Message | None = None
    body: bytearray = field(default_factory=bytearray)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self.start = message
            return
        if self.start is None:
            await self.send(message)
            return
        self.body += message.get("body", b"")
        if not message.get("more_body", False):
            rewritten = numbered(bytes(self.body), self.start["status"], self.numbering)
            MutableHeaders(scope=self.start)["content-length"] = str(len(rewritten))
            await self.send(self.start)
            await self.send({"type": "http.response.body", "body": rewritten})


def numbered(body: bytes, status: int, numbering: Numbering) -> bytes:
    """An error body of ours with the vendor's number as its code; what is none stays as it is."""
    try:
        answer: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(answer, Mapping) or not isinstance(answer.get("code"), str):
        return body
    nested = answer.get("error")
    code = numbering(status, str(answer["code"]))
    inner = {**nested, "code": code} if isinstance(nested, Mapping) else nested
    return orjson.dumps({**answer, "error": inner, "code": code})
