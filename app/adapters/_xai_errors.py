"""What xAI means by an error. Its codes come as English sentences or in snake_case, so that status and text decide.

Bodies: `{"code", "error": "text"}`, `{"error": {"message", "type", "param", "code"}}`, `{"error": "text"}`, plain text with 422.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.adapters._fields import table, text
from app.adapters.base import Reply, error_by_status
from app.domain.errors import Fault, UpstreamError
from app.domain.jobs import Failure, Job
from app.domain.json import Json
from app.domain.media import Role
from app.domain.requests import Request

_MODERATION = re.compile(r"moderation|usage guidelines", re.IGNORECASE)
_KEY = re.compile(r"\bapi[ _-]key\b", re.IGNORECASE)
_MONEY = re.compile(r"\bcredits?\b|spending limit|\bbilling\b|\bbalance\b", re.IGNORECASE)
_MODEL = re.compile(r"\bmodel\b", re.IGNORECASE)
_NO_MODEL = re.compile(r"\bmodel\b.{0,80}\b(?:not found|not exist|deprecated|not available|no access)", re.IGNORECASE)
_MISSING = re.compile(r"(?:missing|unknown) field `(\w{1,40})`")
# keys (also masked ones), and the ids of teams and requests
_PRIVATE = re.compile(
    r"\bxai-[\w-]{4,}|\w*\*{2,}\w*|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE
)

_SCALARS: Mapping[str, tuple[str, ...]] = {
    "model": ("model",),
    "prompt": ("prompt",),
    "duration": ("duration", "frames"),
    "aspect_ratio": ("aspect_ratio", "width"),
    "resolution": ("resolution", "width"),
    "n": ("n",),
    "quality": ("quality",),
    "response_format": ("response_format",),
    "generate_audio": ("generate_audio",),
    "user": ("user",),
}
_MEDIA: Mapping[str, tuple[Role, ...]] = {
    "image": (Role.IMAGE, Role.FIRST_FRAME),
    "images": (Role.IMAGE,),
    "last_frame": (Role.LAST_FRAME,),
    "reference_images": (Role.REFERENCE_IMAGE,),
    "video": (Role.SOURCE_VIDEO,),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error body says; `param` is the vendor's own field name."""

    message: str | None = None
    code: str | None = None
    param: str | None = None
    moderated: bool = False


def error_of(job: Job | None, reply: Reply) -> UpstreamError:
    """The error to raise for an answer that is none of a job."""
    problem = problem_of(reply.json) if isinstance(reply.json, Mapping | str) else _plain(reply)
    return error_by_status(
        reply,
        problem.message,
        upstream_code=problem.code,
        fault=_fault(job, reply, problem),
        param=None if job is None else _client_param(job.request, problem.param),
        request_id=reply.headers.get("x-request-id"),
    )


def is_moderated(reply: Reply) -> bool:
    """Whether a 400 says that moderation withheld the result."""
    return reply.status == 400 and problem_of(reply.json).moderated


def failure_of(body: Json) -> Failure:
    """Why a job failed, for the client, by the body that says so."""
    problem = problem_of(body)
    code = "content_policy_violation" if problem.moderated else "generation_failed"
    return Failure(code, problem.message or "The vendor reported a failure and gave no reason.", problem.code)


def withheld() -> Failure:
    """The failure of a result that says `respect_moderation: false` and nothing else."""
    return Failure("content_policy_violation", "The vendor's moderation withheld the result.")


def problem_of(body: Json) -> Problem:
    """What an error body says, in whichever of the three shapes."""
    flat = table(body)
    error = flat.get("error")
    nested = table(error)
    message = text(nested.get("message")) or text(error) or text(flat.get("message")) or text(body)
    blocked = text(flat.get("block_reason"))
    code = text(nested.get("code")) or text(flat.get("code")) or text(nested.get("type"))
    moderated = blocked is not None or _MODERATION.search(f"{message} {code}") is not None
    return Problem(_scrubbed(message or blocked), code, text(nested.get("param")) or _named_in(message), moderated)


def _plain(reply: Reply) -> Problem:
    """A body that is not JSON: the vendor's own are plain text, a proxy's pages are not shown to anybody."""
    if not reply.headers.get("content-type", "").startswith("text/plain"):
        return Problem()
    return problem_of(reply.excerpt().strip())


def _named_in(message: str | None) -> str | None:
    found = _MISSING.search(message or "")
    return found[1] if found else None


def _scrubbed(message: str | None) -> str | None:
    return None if message is None else _PRIVATE.sub("…", message)[:1000]


def _fault(job: Job | None, reply: Reply, problem: Problem) -> Fault | None:
    """By status and text; None where the status alone decides. What a 5xx says is no verdict."""
    status, message = reply.status, problem.message or ""
    if status >= 500:
        return None
    if job is not None and job.upstream_id is not None and status in (404, 410):
        return Fault.NOT_FOUND
    if status in (402, 403, 429) and _MONEY.search(message):
        return Fault.BALANCE
    if problem.moderated and status not in (401, 429):
        return Fault.CONTENT
    if status == 400 and _KEY.search(message):  # 401 is only for a key that is missing
        return Fault.CREDENTIAL
    if (status == 403 and _MODEL.search(message)) or (status == 400 and _NO_MODEL.search(message)):
        return Fault.MODEL
    return None


def _client_param(request: Request, name: str | None) -> str | None:
    """The client's own name of what the vendor calls `name`; None for a field that the client did not write."""
    root = re.split(r"[.\[]", name or "")[0]
    if root in _MEDIA:
        item = request.first(*_MEDIA[root])
        return item.param or None if item else None
    if root in _SCALARS:
        said = next((canonical for canonical in _SCALARS[root] if canonical in request.named), root)
        return request.client_name(said)
    return root if root in request.vendor else None
