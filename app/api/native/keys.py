"""The key of a client that speaks a vendor's API: one of ours, in the place where the vendor's stood."""

import re
from typing import Annotated

from fastapi import Security
from starlette.datastructures import Headers
from starlette.requests import Request

from app.api.deps import KeyScheme
from app.api.dialects.native_jimeng import RESULTS
from app.domain.channels import Key
from app.domain.errors import Unauthenticated

_SIGNED = re.compile(r"(?i:bearer)(?::\s*|\s+)eyJ[\w-]+\.[\w-]+\.[\w-]*|HMAC-SHA256\s.*", re.DOTALL)


class NativeKeyScheme(KeyScheme):
    """Says what to send instead to a client that signs its requests: only the vendor knows the secret behind a signature."""

    async def __call__(self, request: Request) -> Key:
        try:
            return await super().__call__(_as_counted(request))
        except Unauthenticated as error:
            if not _signs(request.headers):
                raise
            message = (
                "A signed token (JWT or HMAC-SHA256) cannot be checked by this gateway; "
                "send one of its own keys as it is: `Authorization: Bearer sk-…`."
            )
            raise Unauthenticated(message, code="invalid_api_key") from error


def _signs(headers: Headers) -> bool:
    return _SIGNED.fullmatch(headers.get("authorization", "").strip()) is not None


def _as_counted(request: Request) -> Request:
    """The request as rates shall see it: Jimeng's question about a task is a POST, and reading counts against no rate."""
    if request.query_params.get("Action") not in RESULTS:
        return request
    request.scope.setdefault("state", {})  # shared with the copy, which notes whose key it is
    return Request({**request.scope, "method": "GET"}, request.receive)


NativeKey = Annotated[Key, Security(NativeKeyScheme())]
