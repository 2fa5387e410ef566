"""Writes `docs/api.md` from the application's OpenAPI document; a test holds the two together."""

import re
from collections.abc import Iterable, Iterator, Sequence

from app.engine.reference import Answer, Field, Operation, Section
from app.engine.reference_samples import Sample

BASE = "http://127.0.0.1:8000"
_HEAD = """# API reference

Every endpoint, generated from the application itself: `filmgate docs api > docs/api.md`. A running gateway shows the same, with a
search box, at `/docs`, and the OpenAPI document at `/openapi.json`. A test sends every request on this page to the sandbox and
compares what comes back.

* **Address**: `http://127.0.0.1:8000` stands for your gateway. OpenAI SDKs take it with `/v1` as their base URL.
* **Keys**: client endpoints want `Authorization: Bearer $FILMGATE_KEY` (`api-key` and `x-api-key` work too), admin endpoints
  the admin key. Another key's job is a 404 everywhere.
* **Bodies** are JSON, or multipart where it says so. Further fields and other spellings are read, too. What a model cannot do
  to the letter is adjusted and reported in `warnings` and `x-filmgate-warnings`; `x-filmgate-strict: true` makes a 400 of it.
  Pictures, videos and sounds that it cannot take are a 400 that names your own field.
* **Errors** have one body, with and without `error` around it: `message`, `type`, `param` (your own field), `code`,
  `request_id`. Every answer carries `x-request-id`.
* **Repeating** a POST with the same `Idempotency-Key` gives the first answer again. An unfinished job says by
  `openai-poll-after-ms` and `Retry-After` when to ask again.
* Times are Unix seconds, amounts are decimal texts in USD.

Besides, agents find the gateway at `/mcp` (Model Context Protocol, streamable HTTP, the same keys).
"""
_TITLES = {
    "images": "Images",
    "videos": "Videos",
    "models": "Models",
    "usage": "Usage",
    "webhooks": "Webhooks",
    "files": "Files and callbacks",
    "health": "Health",
    "ark": "Ark's dialect",
    "kling": "Kling's dialect",
    "jimeng": "Jimeng's dialect",
    "admin": "Administration",
}


def api_page(sections: Sequence[Section]) -> str:
    """The whole page, in Markdown."""
    objects: dict[str, tuple[Field, ...]] = {}
    for section in sections:
        objects |= section.objects
    parts = [_HEAD, *_contents(sections)]
    for section in sections:
        parts.append(f"## {_title(section)}\n")
        parts += [part for operation in section.operations for part in _operation(operation)]
    parts.append("## Objects\n")
    for name, fields in objects.items():
        parts += [f"### {name} object\n", *_table(("field", "type", "meaning"), [_row(field) for field in fields])]
    return "\n".join(parts)


def anchor(heading: str) -> str:
    """How Markdown renderers call a heading in links."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _title(section: Section) -> str:
    return _TITLES.get(section.tag, section.tag.capitalize())


def _link(heading: str, code: str = "") -> str:
    return f"[{code}{heading}{code}](#{anchor(heading)})"


def _contents(sections: Sequence[Section]) -> Iterator[str]:
    for section in sections:
        yield f"* {_link(_title(section))}: {', '.join(_link(_heading(found), '`') for found in section.operations)}"
    yield f"* {_link('Objects')}\n"


def _heading(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def _operation(operation: Operation) -> Iterator[str]:
    yield f"### `{_heading(operation)}`\n"
    yield f"{operation.meaning}\n"
    if operation.key != "key":
        yield "Needs the admin key.\n" if operation.key else "Needs no key.\n"
    if operation.parameters:
        rows = [(f"`{field.name}` ({field.place})", *_row(field)[1:]) for field in operation.parameters]
        yield from _table(("parameter", "type", "meaning"), rows)
    if operation.like is not None:
        also = ", and besides or differently:" if operation.body else "."
        yield f"Body fields{_form(operation)}: as in {_link(_heading(operation.like), '`')}{also}\n"
    if operation.body:
        yield from _table(
            (f"body field{_form(operation) if operation.like is None else ''}", "type", "meaning"),
            [_row(field, operation.optional(field)) for field in operation.body],
        )
    yield "Answers:\n"
    yield "".join(f"* {_answer(answer)}\n" for answer in operation.answers)
    for sample in operation.samples:
        yield from _sample(sample)


def _form(operation: Operation) -> str:
    return " (JSON or multipart)" if operation.forms else ""


def _row(field: Field, optional: bool = False) -> tuple[str, ...]:
    told = " (optional)" if optional else " **required**" if field.required and field.place == "body" else ""
    return (f"`{field.name}`{told}", field.kind, field.meaning)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [head, ["---"] * len(head), *rows]
    yield "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _answer(answer: Answer) -> str:
    named = f" [{answer.schema}](#{anchor(answer.schema)}-object)" if answer.schema and answer.schema != "Nothing" else ""
    files = [kind for kind in answer.types if kind != "application/json"]
    told = f" ({', '.join(files)})" if files else ""
    return f"**{answer.status}**{named}{told}{f': {answer.meaning}' if answer.meaning != 'The answer.' else ''}"


def _sample(sample: Sample) -> Iterator[str]:
    yield f"Example: {sample.name}\n"
    yield f"```sh\n{sample.command(BASE)}\n```\n"
    if sample.answer is None:
        yield f"{sample.status}, a file of the type `{sample.type}`.\n"
    else:
        language = "json" if sample.type == "application/json" else "text"
        yield f"{sample.status}:\n\n```{language}\n{sample.answer.rstrip()}\n```\n"
