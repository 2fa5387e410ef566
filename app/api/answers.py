"""Answers as bytes: JSON without another pass over it, and the headers that clients of jobs read."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

import orjson
from starlette.responses import Response

from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.pacing import poll_after_ms
from app.domain.requests import Notice, codes

WARNINGS_HEADER = "x-filmgate-warnings"
_LONGEST_HEADER = 2_000  # characters


def json_answer(content: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON, as it stands."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


def poll_headers(job: Job, pace: float) -> dict[str, str]:
    """When to ask again for an unfinished job that typically takes `pace` seconds; nothing for a finished one.

    The milliseconds are an integer: the official Python client reads them with `int()`.
    """
    if job.status.final:
        return {}
    wait = poll_after_ms(pace)
    return {"openai-poll-after-ms": str(wait), "Retry-After": str(-(-wait // 1000))}


def warning_headers(notices: Iterable[Notice]) -> dict[str, str]:
    """The codes of what was not done as asked. Codes may hold names that the client chose, so they are escaped."""
    written = ""
    for code in codes(notices):
        longer = f"{written}, {_escaped(code)}" if written else _escaped(code)
        if len(longer) > _LONGEST_HEADER:
            break
        written = longer
    return {WARNINGS_HEADER: written} if written else {}


def _escaped(code: str) -> str:
    return quote(code, safe=":._-[]")
