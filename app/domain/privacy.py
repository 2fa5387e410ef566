"""What may be written down of a job whose owner keeps prompts and media out of the database: everything but their content.

What stays: ids, model, mode, sizes, lengths, counts, switches; each medium's kind and role; the client's own handle and the
address that it wants to be called at; the vendor's links to results, without which nobody could fetch them. Any other text that
a client wrote, or that a vendor may have written in answer to it, goes. All of it can be done twice: the second time changes
nothing.
"""

import re
from collections.abc import Mapping

from app.domain.errors import UnknownStatus, UpstreamError, UpstreamNeverSent, UpstreamRefused, UpstreamUnreadable
from app.domain.jobs import Failure, Job
from app.domain.json import Json, JsonObject
from app.domain.media import Media
from app.domain.replacing import replace
from app.domain.requests import ImageRequest, Notice, Request

WITHHELD = "withheld:"  # stands where a medium's source was; nothing fetches this scheme

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:*+_-]{0,23}")  # `1280x720`, `16:9`, `high`: too short to say anything
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,79}")
_OWN_FIELD = "vendor."
# what a job's price, size and format are worked out from, when it is read again
_MEASURES = frozenset(
    {"size", "width", "height", "resolution", "aspect_ratio", "duration", "frames", "fps", "quality", "output_format", "n", "seed"}
)
_MESSAGES = {
    "cancelled": "The job was cancelled.",
    "content_policy_violation": "The vendor's moderation stopped the job.",
    "deadline_exceeded": "The job did not end before its deadline.",
    "expired": "The vendor did not finish the job in time.",
    "interrupted": "The gateway stopped before anything was sent to a vendor; nothing was made.",
    "invalid_request": "The vendor refused the request.",
    "no_output": "The vendor finished and returned no result.",
    "rate_limit_exceeded": "The vendor had no room for the job.",
    "upstream_error": "The vendor could not serve the request.",
    "upstream_job_lost": "The vendor no longer knows this job.",
    "upstream_outcome_unknown": "The vendor's answer to the create was lost; the job may exist there. It was not sent again.",
    "upstream_unreachable": "The vendor could not be reached.",
}
_OTHERWISE = "The job failed; what its vendor said is not kept."


def job_without_content(job: Job) -> Job:
    """The job as it may be written: its requests, notices, failures and results without what was said in them."""
    return replace(
        job,
        asked=without_content(job.asked),
        request=without_content(job.request),
        notices=tuple(_notice(notice) for notice in job.notices),
        failure=None if job.failure is None else failure_without_content(job.failure),
        partial_failures=tuple(failure_without_content(failure) for failure in job.partial_failures),
        outputs=tuple(replace(output, revised_prompt=None) for output in job.outputs),
    )


def without_content(request: Request) -> Request:
    """The request without prompts, sources of media, texts for the vendor and the name of an end user."""
    bare = replace(
        request,
        prompt=_emptied(request.prompt),
        negative_prompt=_emptied(request.negative_prompt),
        resolution=_word(request.resolution),
        aspect_ratio=_word(request.aspect_ratio),
        quality=_word(request.quality),
        media=tuple(Media(item.type, item.role, WITHHELD, item.param) for item in request.media),
        user=None,
        vendor=_switches(request.vendor),
    )
    if not isinstance(bare, ImageRequest):
        return bare
    output_format = _word(bare.output_format)
    return replace(bare, output_format=output_format, background=None, moderation=None, input_fidelity=None, style=None)


def failure_without_content(failure: Failure) -> Failure:
    """The failure in our own words for its code: a vendor's message may repeat the prompt."""
    return replace(failure, message=_MESSAGES.get(failure.code, _OTHERWISE), upstream_code=_code(failure.upstream_code))


def told_of(job: Job, error: UpstreamError) -> UpstreamError:
    """The error as logs, tries and cooldowns may tell it: of a private job without its vendor's words and answer.

    Class, code, fault and status stay, so that whatever is decided by them is decided alike. What never arrived is told as it is.
    """
    if not job.private or isinstance(error, UpstreamNeverSent):
        return error
    said = f"{_message(error)[:-1]} (HTTP {error.status})." if error.status is not None else _message(error)
    told = UpstreamRefused(said, fault=error.fault) if isinstance(error, UpstreamRefused) else type(error)(said)
    told.code, told.status, told.retry_after, told.job_id = error.code, error.status, error.retry_after, error.job_id
    told.upstream_code, told.request_id = _code(error.upstream_code), _code(error.request_id)
    return told


def without_content_of_call(call: JsonObject) -> JsonObject:
    """A call as admins see it, without its body and without the values of its headers and its query."""
    address, question, query = str(call.get("url", "")).partition("?")
    names = "&".join(pair.partition("=")[0] for pair in query.split("&"))
    headers = call.get("headers")
    shown = dict.fromkeys(headers, "") if isinstance(headers, Mapping) else {}
    return {"method": call.get("method"), "url": address + question + names, "headers": shown}


def without_content_of_reply(text: str | None) -> str | None:
    """How long a vendor's words were (an answer, an error message), in place of them."""
    return text if text is None or _is_note(text) else f"…({len(text)} chars)"


def _message(error: UpstreamError) -> str:
    if isinstance(error, UnknownStatus):
        return "The vendor answered with an unknown status."
    if isinstance(error, UpstreamUnreadable):
        return "The vendor's answer could not be read."
    return _MESSAGES.get(error.code, _OTHERWISE)


def _is_note(text: str) -> bool:
    return text.startswith("…(") and text.endswith(" chars)") and text[2:-7].isdecimal()


def _emptied(text: str | None) -> str | None:
    return None if text is None else ""


def _code(text: str | None) -> str | None:
    return text if text is not None and _CODE.fullmatch(text) else None


def _word(text: str | None) -> str | None:
    return text if text is not None and _WORD.fullmatch(text) else None


def _switches(fields: Mapping[str, Json]) -> dict[str, Json]:
    """The numbers and switches among a vendor's own fields: they steer how the job is made, and say nothing."""
    kept: dict[str, Json] = {}
    for name, value in fields.items():
        inner = _switches(value) if isinstance(value, Mapping) else value
        if _NAME.fullmatch(name) and (isinstance(inner, bool | int | float) or (isinstance(inner, Mapping) and inner)):
            kept[name] = inner
    return kept


def _notice(notice: Notice) -> Notice:
    field = notice.field
    if field is not None and field.startswith(_OWN_FIELD) and not _NAME.fullmatch(field.removeprefix(_OWN_FIELD)):
        return Notice(notice.code.partition(_OWN_FIELD)[0] + "vendor", "vendor")
    return replace(notice, before=_measure(field, notice.before), after=_measure(field, notice.after))


def _measure(field: str | None, value: Json) -> Json:
    if isinstance(value, str):
        return _word(value) if field in _MEASURES else None
    return value if isinstance(value, bool | int | float) else None
