"""OpenAI's picture routes as a strict ASGI application: generations, edits, streams, base64 and links.

Words in a prompt steer it: `[[fail:<code>]]` (refused with 400 and this code), `[[mixed]]` (the first of several pictures is
withheld), `[[hang]]` (never answered), `[[html:<n>]]` (the first n calls get a proxy's error page), and those of `openai_wire`.
"""

import asyncio
import base64
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.ark_media import tiny_jpeg, tiny_png
from tests.fakes.openai_wire import (
    Door,
    File,
    Refused,
    bad,
    error_page,
    failure_in,
    is_multipart,
    number_in,
    one_of,
    only_known,
    read_form,
    read_json,
    served,
    words,
)

_SHARED = frozenset(
    {
        *("model", "prompt", "n", "size", "quality", "background", "moderation", "output_format", "output_compression"),
        *("stream", "partial_images", "user", "safety_identifier", "complexity", "svg"),
    }
)
_EDIT = frozenset({"image", "images", "mask", "input_fidelity"})
_LEGACY = frozenset({"response_format", "style", "negative_prompt", "seed", "watermark", "image"})
_FIXED = ("auto", "1024x1024", "1536x1024", "1024x1536")
_MOST_PICTURES = 16


@dataclass(slots=True)
class FakeImages:
    """The server and what it saw. Names that begin with `gpt-image` keep OpenAI's rules, others those of open servers."""

    key: str = "test-key"
    models: frozenset[str] | None = None  # None: any name
    now: Callable[[], float] = time.time
    created: list[dict[str, Any]] = field(default_factory=list)  # bodies of accepted calls, files as `File`
    door: Door = field(init=False)
    _pages: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.door = Door(self.key)

    @property
    def creates(self) -> int:
        """How many calls were served."""
        return len(self.created)

    @property
    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(routes=self.routes())

    def routes(self) -> list[Route]:
        """What the application serves; links to pictures need no key."""
        return [
            Route("/v1/images/generations", self.door.guarded(self._generate), methods=["POST"]),
            Route("/v1/images/edits", self.door.guarded(self._edit), methods=["POST"]),
            Route("/pictures/{name}.png", self._picture, methods=["GET"]),
        ]

    async def _generate(self, request: Request) -> Response:
        body = await read_json(request)
        self._check(body, _SHARED | (frozenset() if _gpt(body) else _LEGACY))
        return await self._answer(request, body, "image_generation")

    async def _edit(self, request: Request) -> Response:
        body = await read_form(request) if is_multipart(request) else await read_json(request)
        if is_multipart(request):
            body = {name: _typed(name, value) for name, value in body.items()}
        self._check(body, _SHARED | _EDIT | (frozenset() if _gpt(body) else _LEGACY))
        check_pictures(body, files=is_multipart(request))
        return await self._answer(request, body, "image_edit")

    async def _picture(self, request: Request) -> Response:
        return served(request, tiny_png(), "image/png")

    def _check(self, body: Mapping[str, Any], known: frozenset[str]) -> None:
        words(body, "prompt", 32_000, required=True)
        model = words(body, "model", 256, required=True)
        if self.models is not None and model not in self.models:
            raise Refused(404, "model_not_found", f"The model '{model}' does not exist.", "model")
        only_known(body, known)
        check_numbers(body)
        one_of(body, "response_format", ("url", "b64_json"))
        if _gpt(body):
            check_gpt_image(body)

    async def _answer(self, request: Request, body: dict[str, Any], kind: str) -> Response:
        prompt = str(body["prompt"])
        self.door.turn_away(prompt)
        if self._pages[prompt] < number_in("html", prompt):
            self._pages[prompt] += 1
            return error_page()
        if "[[hang]]" in prompt:
            await asyncio.Event().wait()
        code = failure_in(prompt)
        if code:
            raise bad("Your request was rejected by the safety system.", code=code)
        self.created.append(body)
        if body.get("stream"):
            return StreamingResponse(self._events(body, kind), media_type="text/event-stream")
        entries = [self._entry(request, body, number) for number in range(int(body.get("n", 1)))]
        head = {"created": int(self.now()), "data": entries}
        return JSONResponse({**head, **_looks(body), "usage": _usage(len(entries))} if _gpt(body) else head)

    def _entry(self, request: Request, body: Mapping[str, Any], number: int) -> dict[str, Any]:
        if number == 0 and "[[mixed]]" in str(body["prompt"]):
            return {"error": {"code": "moderation_blocked", "message": "This picture was withheld."}}
        if _gpt(body) or body.get("response_format") == "b64_json":
            return {"b64_json": _encoded(body), "revised_prompt": None}
        name = f"{len(self.created)}-{number}"
        return {"url": f"{request.url.scheme}://{request.url.netloc}/pictures/{name}.png", "revised_prompt": "as asked"}

    def _events(self, body: Mapping[str, Any], kind: str) -> Iterator[str]:
        for number in range(int(body.get("n", 1))):
            head = {"b64_json": _encoded(body), "created_at": int(self.now()), **_looks(body)}
            for index in range(int(body.get("partial_images", 0))):
                yield _event({"type": f"{kind}.partial_image", "partial_image_index": index, **head})
            yield ": ping\n\n"
            yield _event({"type": f"{kind}.completed", **head, "usage": _usage(number + 1)})


def _gpt(body: Mapping[str, Any]) -> bool:
    return str(body.get("model", "")).startswith(("gpt-image", "chatgpt-image"))


def _typed(name: str, value: Any) -> Any:
    """A text part as the number or boolean that it stands for."""
    if name in ("n", "output_compression", "partial_images", "seed") and isinstance(value, str) and value.isdigit():
        return int(value)
    return value == "true" if name in ("stream", "watermark") and value in ("true", "false") else value


def check_numbers(body: Mapping[str, Any]) -> None:
    """Whole numbers within their bounds."""
    for name, low, high in (("n", 1, 10), ("output_compression", 0, 100), ("partial_images", 0, 3)):
        value = body.get(name, low)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise bad(
                f"Invalid value for '{name}'.", name, "invalid_type" if not isinstance(value, int) else "integer_out_of_range"
            )
    if not isinstance(body.get("stream", False), bool):
        raise bad("Invalid type for 'stream'.", "stream", "invalid_type")


def check_gpt_image(body: Mapping[str, Any]) -> None:
    """OpenAI's own rules (openai.md §2.1-2.4)."""
    newer = not re.match(r"gpt-image-1|chatgpt-image", str(body["model"]))
    one_of(body, "quality", ("auto", "low", "medium", "high", *(("xhigh", "max") if newer else ())))
    one_of(body, "background", ("auto", "opaque", "transparent"))
    one_of(body, "moderation", ("auto", "low"))
    one_of(body, "output_format", ("png", "jpeg", "webp", *(("gif", "svg") if newer else ())))
    one_of(body, "input_fidelity", () if newer else ("low", "high"))
    if not newer:
        one_of(body, "size", _FIXED)
    elif body.get("size", "auto") != "auto":
        sides = re.fullmatch(r"(\d+)x(\d+)", str(body["size"]))
        width, height = (int(sides[1]), int(sides[2])) if sides else (0, 0)
        if not width or width % 16 or height % 16 or not 1 / 3 <= width / height <= 3 or width * height > 3840 * 2160:
            raise bad(f"Invalid size '{body['size']}'.", "size")


def check_pictures(body: Mapping[str, Any], *, files: bool) -> None:
    """Files `image` or `image[]` and `mask`; in JSON `images` of objects with exactly one of `image_url` and `file_id`."""
    given = body.get("image") if files else body.get("images")
    pictures = given if isinstance(given, list) else [given] if given is not None else []
    if not 1 <= len(pictures) <= _MOST_PICTURES:
        raise bad("One to 16 images are needed.", "image", "missing_required_parameter")
    for item in [*pictures, *([body["mask"]] if "mask" in body else [])]:
        if files and not (isinstance(item, File) and item.content_type in ("image/png", "image/webp", "image/jpeg") and item.data):
            raise bad("Invalid image file.", "image", "invalid_image_file")
        if not files and not (isinstance(item, Mapping) and len(item) == 1 and set(item) <= {"image_url", "file_id"}):
            raise bad("Invalid image.", "images", "invalid_type")


def _encoded(body: Mapping[str, Any]) -> str:
    return base64.b64encode(tiny_jpeg() if body.get("output_format") == "jpeg" else tiny_png()).decode()


def _looks(body: Mapping[str, Any]) -> dict[str, Any]:
    size = body.get("size", "auto")
    return {
        "background": body.get("background", "opaque"),
        "output_format": body.get("output_format", "png"),
        "quality": body.get("quality", "high"),
        "size": "1024x1024" if size == "auto" else size,
    }


def _usage(pictures: int) -> dict[str, Any]:
    return {
        "input_tokens": 12,
        "input_tokens_details": {"text_tokens": 12, "image_tokens": 0},
        "output_tokens": 1056 * pictures,
        "total_tokens": 12 + 1056 * pictures,
    }


def _event(data: Mapping[str, Any]) -> str:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n"
