"""Reads the fixture stories: one file tells how one job goes through one vendor.

    {
      "about": "one sentence",
      "job": {
        "model": "public or upstream name",            looked up in the adapter's data file (else its open card)
        "request": { … },                               canonical object (normalisation.md §1), without `model`
        "upstream_model": "…", "settings": { … }        optional
      },
      "refused": {"param": "…", "code": "…"},            the model or adapter refuses before anything is sent; no steps then
      "notices": ["adjusted:duration"],                  codes that fitting reports; default none
      "steps": [
        {"do": "submit" | "status" | "result" | "lookup",
         "call": {"method", "path", "query", "headers", "json" | "form"},   compared key by key, json and form whole
         "reply": {"status": 200, "headers": {}, "json": … | "body": "text"},
         "means": {"status": "queued", "upstream_id": "…", "outputs": [{"url": "…"}], …}   listed keys are compared
               | {"call": { … }}                          parse_status asks one more question
               | {"error": "UpstreamRefused", "fault": "rate", "code": …, "upstream_code": …, "param": …}},
        {"do": "download" | "cancel", "call": { … }}
      ]
    }

A step acts on the job as the steps before it left it. In `form`, a file is {"name", "filename", "content_type", "bytes": n}.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.adapters.base import Adapter, Call, FilePart, Reply
from app.adapters.registry import catalogue
from app.domain.canonical import from_json
from app.domain.capabilities import InputRule, ModelCard
from app.domain.fit import Fitted, fit
from app.domain.jobs import Job
from app.domain.media import Form, Media
from app.domain.requests import Request

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 11, 20, 20, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Story:
    """One fixture file."""

    adapter: str
    name: str
    content: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.adapter}/{self.name}"


def stories() -> Iterator[Story]:
    """Every story of every adapter."""
    for path in sorted(FIXTURES.glob("*/*.json")):
        yield Story(path.parent.name, path.stem, json.loads(path.read_text(encoding="utf-8")))


def card_of(story: Story) -> ModelCard:
    """The model card that the story's job is held against."""
    models, job = catalogue(story.adapter), story.content["job"]
    op = job["request"].get("op", "video")
    return models.find(job["model"], op) or models.open_card(op)


def asked(story: Story) -> Request:
    """The request as the client wrote it."""
    job = story.content["job"]
    return from_json({"model": job["model"], **job["request"]})


def fitted(story: Story) -> Fitted:
    """The request as the model can serve it."""
    return fit(asked(story), card_of(story).capabilities)


def job_of(story: Story, request: Request) -> Job:
    """The job before anything was sent, its media brought to a form that the model takes."""
    card, job = card_of(story), story.content["job"]
    rules = card.capabilities.inputs
    media = tuple(prepared(item, None if rules is None else rules.get(item.role)) for item in request.media)
    return Job(
        id="task_01jd3b7v9c8x5m2k4q6r8t0w1y",
        key_id="key_1",
        model=job["model"],
        asked=asked(story),
        request=replace(request, media=media),
        adapter=story.adapter,
        channel_id="channel_1",
        credential_id="credential_1",
        upstream_model=job.get("upstream_model") or card.upstream or job["model"],
        settings=job.get("settings", {}),
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW,
    )


def prepared(item: Media, rule: InputRule | None) -> Media:
    """What the engine's media step would hand to the adapter."""
    forms = rule.forms if rule else (Form.URL, Form.DATA_URI, Form.UPLOAD, Form.VERBATIM, Form.TASK)
    if item.scheme == "task" and Form.TASK in forms:
        return replace(item, src=item.src.removeprefix("task:"), form=Form.TASK)
    if item.scheme == "data":
        head, _, text = item.src.partition(",")
        form = next(form for form in forms if form is not Form.URL and form is not Form.VERBATIM)
        return replace(item, form=form, mime=head[5:].partition(";")[0], data=base64.b64decode(text))
    if item.scheme in ("http", "https"):
        if Form.URL in forms:
            return replace(item, form=Form.URL)
        return replace(item, form=forms[0], mime="image/png", data=b"\x89PNG\r\n\x1a\n fetched")
    return replace(item, form=Form.VERBATIM)


def reply_of(value: Mapping[str, Any]) -> Reply:
    """The vendor's answer of a step."""
    body = value["body"].encode() if "body" in value else json.dumps(value.get("json")).encode()
    return Reply(status=value.get("status", 200), headers=value.get("headers", {}), json=value.get("json"), body=body)


def shown(call: Call) -> dict[str, Any]:
    """A call in the notation of the stories."""
    return {
        "method": call.method,
        "path": call.path,
        "query": [list(pair) for pair in call.query],
        "headers": dict(call.headers),
        "json": call.json,
        "form": None if call.form is None else [_shown_field(name, value) for name, value in call.form],
    }


def _shown_field(name: str, value: str | FilePart) -> object:
    if isinstance(value, str):
        return [name, value]
    return {"name": name, "filename": value.filename, "content_type": value.content_type, "bytes": len(value.data)}


def ask(adapter: Adapter, kind: str, job: Job) -> Call | None:
    """The call that a step of this kind makes."""
    if kind == "submit":
        return adapter.build_request(job)
    if kind == "status":
        return adapter.build_status(job)
    if kind == "lookup":
        return adapter.build_lookup(job)
    if kind == "cancel":
        return adapter.build_cancel(job)
    if kind == "download":
        return adapter.build_download(job, job.outputs[0])
    raise AssertionError(f"no call belongs to {kind!r}")
