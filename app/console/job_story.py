"""One job in order: what was asked and what was sent, when each thing happened, what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.console.figures import compact, pretty
from app.console.job_cards import file_address, gone, has_results, took
from app.domain.canonical import to_json, without_bytes
from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.requests import Request
from app.engine.gateway import Gateway
from app.engine.redaction import redact

_LONGEST, _LONGEST_NAME = 160, 48  # characters of one value, and of a field's name
_MOST_FIELDS = 40
_ROOM = 10_000  # characters of all calls and replies together: a page stays small
_MOST_ATTEMPTS = 10
_LEFT_OUT = frozenset({"op", "prompt", "media", "vendor"})  # shown by themselves, or name by name


@dataclass(frozen=True, slots=True)
class Compared:
    """One field: its name here, the client's name for it, what was asked and what was sent, both shortened.

    `changed`: the vendor was asked for something else, even where that lies behind what is shown.
    """

    name: str
    written: str
    asked: str | None
    sent: str | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened; `after` are the seconds since what happened before it."""

    name: str
    at: datetime
    after: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """One file: its address, and that of a still of a film."""

    index: int
    address: str | None
    still: str | None
    mime: str
    size: int | None
    sha256: str | None
    shape: str
    revised_prompt: str | None


@dataclass(frozen=True, slots=True)
class Try:
    """An attempt as JSON, with its call and reply as texts of bounded length."""

    about: Mapping[str, Json]
    call: str
    reply: str | None


def compared(asked: Request, sent: Request) -> tuple[Sequence[Compared], int]:
    """The first fields that somebody set, what was changed before the rest, and how many are left out."""
    before, after = dict(_fields(asked)), dict(_fields(sent))
    names = [*before, *(name for name in after if name not in before)]
    if len(names) > _MOST_FIELDS:
        names.sort(key=lambda name: before.get(name) == after.get(name))
    lines = [_compared(name, _written(asked, name), before.get(name), after.get(name)) for name in names[:_MOST_FIELDS]]
    return lines, len(names) - len(lines)


def steps(job: Job) -> Sequence[Step]:
    """What happened so far, the first thing first."""
    known = (
        ("created", job.created_at),
        ("accepted", job.accepted_at),
        ("started", job.started_at),
        (job.status.value, job.completed_at if job.status.final else None),
        ("delivered late", job.late_at),
    )
    happened = sorted(((name, at) for name, at in known if at is not None), key=lambda step: step[1])
    before = [None, *(at for _, at in happened)]
    return [Step(name, at, took(last, at)) for (name, at), last in zip(happened, before, strict=False)]


def results(gateway: Gateway, job: Job) -> Sequence[Result]:
    """The files; one that only its vendor had, and has no longer, is without an address."""
    if not has_results(job):
        return ()
    now, film = gateway.now(), job.op == "video"
    return [
        Result(
            index=index,
            address=None if gone(job, output, now) else file_address(gateway.links, job.id, index),
            still=file_address(gateway.links, job.id, index, "thumbnail") if film else None,
            mime=output.mime or "",
            size=output.size,
            sha256=output.sha256,
            shape=f"{output.width} × {output.height}" if output.width and output.height else "",
            revised_prompt=output.revised_prompt,
        )
        for index, output in enumerate(job.outputs)
    ]


def tries(attempts: Json) -> tuple[Sequence[Try], int]:
    """The first attempts, and how many are left out."""
    every = [attempt for attempt in attempts if isinstance(attempt, Mapping)] if isinstance(attempts, Sequence) else []
    shown = every[:_MOST_ATTEMPTS]
    room = _ROOM // max(2 * len(shown), 2)
    return [_try(attempt, room) for attempt in shown], len(every) - len(shown)


def _try(attempt: Mapping[str, Json], room: int) -> Try:
    reply = attempt.get("reply")
    return Try(attempt, _cut(pretty(attempt.get("call")), room), _cut(reply, room) if isinstance(reply, str) and reply else None)


def _compared(name: str, written: str, asked: str | None, sent: str | None) -> Compared:
    shown = [None if text is None else _cut(text, _LONGEST) for text in (asked, sent)]
    return Compared(_cut(name, _LONGEST_NAME), _cut(written, _LONGEST_NAME), shown[0], shown[1], asked != sent)


def _fields(request: Request) -> Iterator[tuple[str, str]]:
    for name, given in to_json(request, inline=False).items():
        if name not in _LEFT_OUT and given is not None and given is not False:
            yield name, compact(given)
    for place, item in enumerate(request.media):
        yield f"media[{place}]", f"{item.type.value} · {item.role.value} · {redact(without_bytes(item.src))}"
    for name, given in request.vendor.items():
        yield f"vendor.{name}", compact(redact(given))


def _written(asked: Request, name: str) -> str:
    """The client's own word for a field; nothing for what follows from others or is usual."""
    if name.startswith("media["):
        place = int(name[6:-1])
        return asked.media[place].param if place < len(asked.media) else ""
    return name.removeprefix("vendor.") if name.startswith("vendor.") else asked.named.get(name, "")


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[:room]}…"
