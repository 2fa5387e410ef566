"""How Vidu calls back: what it signs, with which headers, and how often it tries."""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

Deliver = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]  # url, headers, body -> HTTP status
TRIES = 3  # of a final state


def signed_text(method: str, url: str, date: str, nonce: str) -> str:
    """What is signed; it ends with a line break, and the body is not part of it."""
    parts = urlsplit(url)
    lines = [method, parts.path or "/", parts.query, "vidu", date, f"Date:{date}", f"x-request-nonce:{nonce}"]
    return "".join(f"{line}\n" for line in lines)


def signature(key: str, text: str) -> str:
    """The value of X-HMAC-SIGNATURE; `key` is the API key that created the task."""
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def headers_of(key: str, url: str, seconds: float, nonce: str) -> dict[str, str]:
    """The headers of one delivery at this time (Unix seconds)."""
    date = format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
    return {
        "Content-Type": "application/json",
        "Date": date,
        "x-request-nonce": nonce,
        "X-HMAC-SIGNED-HEADERS": "Date;x-request-nonce",
        "X-HMAC-SIGNATURE": signature(key, signed_text("POST", url, date, nonce)),
        "X-HMAC-ALGORITHM": "hmac-sha256",
        "X-HMAC-ACCESS-KEY": "vidu",
    }


async def call_back(deliver: Deliver, key: str, url: str, task: Mapping[str, Any], seconds: float) -> int:
    """Tells the state of a task: final ones up to three times, until somebody answers 2xx. Returns the number of tries."""
    body = json.dumps(task).encode()
    tries = TRIES if task["state"] in ("success", "failed") else 1
    for number in range(1, tries + 1):
        status = await deliver(url, headers_of(key, url, seconds, f"nonce-{task['id']}-{number}"), body)
        if 200 <= status < 300:
            return number
    return tries
