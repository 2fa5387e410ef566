"""Jimeng's own API as new-api serves it (the vendor's pages as of 2026-11-20): bodies, answers and error codes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.api.dialects.images import Picture
from app.api.dialects.native_ark import EXPIRED
from app.api.dialects.native_fields import IMAGES, NativeBody
from app.api.dialects.videos import Link
from app.domain.jobs import Failure, Job, JobStatus
from app.domain.json import Json, JsonObject
from app.domain.normalise.guard import parsed
from app.domain.normalise.reader import shown
from app.domain.normalise.values import given, mapping, truth
from app.domain.requests import ImageRequest, Notice
from app.engine.failure_text import failure_text

ROUTE = "/jimeng/"  # as which a body is read whose kind only the name of its model tells
SUCCESS = 10_000
SUBMITS = frozenset({"CVSync2AsyncSubmitTask", "CVSubmitTask"})
RESULTS = frozenset({"CVSync2AsyncGetResult", "CVGetResult"})
_STATUSES = {JobStatus.QUEUED: "in_queue", JobStatus.IN_PROGRESS: "generating"}
_AREAS = {"1K": 1024 * 1024, "2K": 2048 * 2048, "4K": 4096 * 4096}
_WITHHELD = {"video": 50_516, "image": 50_511}
_BY_CODE = {"content_policy_violation": 50_412, "concurrency_limit_exceeded": 50_430, "model_not_found": 50_400}
_BY_STATUS = {401: 50_400, 403: 50_400, 429: 50_429}


def submit_body(body: JsonObject) -> NativeBody:
    """The fields of a task; `size` may be an area in pixels, which width and height together beat."""
    area = body.get("size")
    if isinstance(area, bool) or not isinstance(area, int | float) or area <= 0:
        return NativeBody(body, route=ROUTE)
    width, height = body.get("width"), body.get("height")
    if given(width) and given(height):
        written = {name: value for name, value in body.items() if name != "size"}
        same = isinstance(width, int) and isinstance(height, int) and width * height == area
        return NativeBody(written, route=ROUTE, notices=() if same else (Notice("dropped:size", "size", area, None),))
    tier = min(_AREAS, key=lambda word: abs(_AREAS[word] - area))
    snapped = () if _AREAS[tier] == area else (Notice("adjusted:size", "size", area, tier),)
    return NativeBody({**body, "size": tier}, route=ROUTE, notices=snapped)


def picture_body(body: JsonObject) -> NativeBody:
    """The same for a name that is known to make pictures, whatever it looks like."""
    read = submit_body(body)
    fields, names = dict(read.fields), dict[str, str | None]()
    name, links = fields.pop("req_key", None), truth(fields.get("return_url"))
    left_out = read.notices
    if not given(fields.get("model")):
        fields["model"], names["model"] = name, "req_key"
    elif given(name) and name != fields["model"]:
        left_out += (Notice("dropped:vendor.req_key", "vendor.req_key", shown(name), None),)
    if links is not None:
        del fields["return_url"]
        names["response_format"] = "return_url"
        fields["response_format"] = "url" if links else "b64_json"
    return NativeBody(fields, names, IMAGES, left_out)


def asked_again(job: Job, fields: JsonObject) -> tuple[Job, tuple[Notice, ...]]:
    """The job as a question about it wants its pictures handed over (`req_json`), and what comes too late to be wished for.

    Raises InvalidRequest for a `req_json` that is no JSON object.
    """
    wishes = fields.get("req_json")
    if not given(wishes):
        return job, ()
    wanted = mapping(parsed(wishes, "req_json") if isinstance(wishes, str) else wishes, "req_json")
    late = [name for name, value in wanted.items() if name != "return_url" and given(value) and not _says_no(value)]
    links = truth(wanted.get("return_url"))
    if links is not None and isinstance(job.asked, ImageRequest):
        job = replace(job, asked=replace(job.asked, response_format="url" if links else "b64_json"))
    return job, tuple(Notice(f"dropped:vendor.{name}", f"vendor.{name}", None, None) for name in late)


def submitted(job: Job, request_id: str) -> dict[str, Json]:
    """The answer to a submit."""
    return _envelope({"task_id": job.id}, job, request_id)


def video_result(job: Job, link: Link, request_id: str) -> dict[str, Json]:
    """The answer to a question about a film."""
    made: dict[str, Json] = {"video_url": link(0)} if job.status is JobStatus.COMPLETED else {}
    return _result(job, made, request_id)


def image_result(job: Job, pictures: Sequence[Picture], request_id: str) -> dict[str, Json]:
    """The answer to a question about pictures: all as links, or all as base64."""
    links: list[Json] = [picture.url for picture in pictures if picture.url is not None]
    inline: list[Json] = [picture.b64_json for picture in pictures if picture.b64_json is not None]
    return _result(job, {"image_urls": links or None, "binary_data_base64": inline or None}, request_id)


def error_code(status: int, code: str) -> int:
    """The vendor's number for an error of ours with this HTTP status."""
    return _BY_CODE.get(code) or _BY_STATUS.get(status) or (50_500 if status >= 500 else 50_215)


def _says_no(logo: Json) -> bool:
    return isinstance(logo, Mapping) and logo.get("add_logo") is False


def _result(job: Job, made: JsonObject, request_id: str) -> dict[str, Json]:
    if job.failure is not None and job.failure.code in EXPIRED:
        return _envelope({"status": "expired"}, job, request_id)
    answer = _envelope({"status": _STATUSES.get(job.status, "done"), **made}, job, request_id)
    return {**answer, **_verdict(job.failure, job)} if job.failure is not None else answer


def _verdict(failure: Failure, job: Job) -> dict[str, Json]:
    """What says, beside `done`, that it ended badly; the question itself was answered, so the HTTP status is 200."""
    withheld = failure.code == "content_policy_violation"
    code = _WITHHELD[job.op] if withheld else 50_500
    return {"code": code, "status": code, "message": failure_text(failure, job)}


def _envelope(data: JsonObject, job: Job, request_id: str) -> dict[str, Json]:
    head: dict[str, Json] = {"code": SUCCESS, "message": "Success", "request_id": request_id, "status": SUCCESS}
    return {**head, "data": data, "id": job.id, "task_id": job.id}
