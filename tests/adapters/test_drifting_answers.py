"""Vendors change the type of a figure or invent a status word without a word about it: no job may end or get lost by that."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.base import Adapter, Call, Reply
from app.adapters.registry import adapters
from app.domain.errors import UnknownStatus, UpstreamError
from app.domain.jobs import Job, Snapshot, advance
from tests.adapters.stories import NOW, Story, fitted, job_of, reply_of, stories

FIGURE = re.compile(r"usage|token|duration|second|count|image_num|ticks", re.IGNORECASE)
OUTCOME = re.compile(r"fail|filtered", re.IGNORECASE)  # counts of what was withheld decide, they do not measure
DRIFT = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", "12", "12.5", "-1", "1e400", "NaN", "Infinity", "0x10", "١٢", 10**400, [], {}, [7], {"value": 7}]),
)
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a story, the job as it was then, and what the answer means."""

    story: Story
    number: int
    job: Job
    step: dict[str, Any]
    means: Snapshot

    def __str__(self) -> str:
        return f"{self.story}/{self.number}"

    @property
    def adapter(self) -> Adapter:
        return adapters()[self.story.adapter]

    def with_body(self, body: Any) -> Snapshot | Call:
        """What the answer means with another body."""
        return read(self.adapter, self.job, self.step["do"], reply_of({**self.step["reply"], "json": body}))


def read(adapter: Adapter, job: Job, kind: str, reply: Reply) -> Snapshot | Call:
    """What the adapter makes of an answer; raises its error."""
    if not reply.ok and not (kind == "status" and adapter.reads_status(reply)):
        raise adapter.parse_error(job, reply)
    readers = {"submit": adapter.parse_submit, "status": adapter.parse_status, "result": adapter.parse_result}
    return readers[kind](job, reply)


@cache
def answers() -> tuple[Answer, ...]:
    """Every answer of every story that says how a job is doing."""
    return tuple(answer for story in stories() if "steps" in story.content for answer in told(story))


def told(story: Story) -> Iterator[Answer]:
    job = job_of(story, fitted(story).request)
    for number, step in enumerate(story.content["steps"]):
        if step["do"] not in ("submit", "status", "result") or "json" not in step.get("reply", {}):
            continue
        try:
            means = read(adapters()[story.adapter], job, step["do"], reply_of(step["reply"]))
        except UpstreamError:
            continue
        if isinstance(means, Snapshot):
            yield Answer(story, number, job, step, means)
            job = advance(job, means, NOW)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each place of a body that holds no further places, with what it holds."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inside is None:
        yield path, value
        return
    for name, item in inside:
        yield from leaves(item, (*path, name))


def changed(body: Any, path: Path, value: Any) -> Any:
    """A copy of the body with another value at this place."""
    copy = json.loads(json.dumps(body))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


def figures(answer: Answer) -> list[tuple[Path, Any]]:
    """The numbers of an answer that say what was used or made."""
    return [
        (path, value)
        for path, value in leaves(answer.step["reply"]["json"])
        if any(FIGURE.search(str(step)) for step in path) and not OUTCOME.search(str(path[-1])) and is_number(value)
    ]


def is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value) is not None)


def result(snapshot: Snapshot | Call) -> object:
    """What a client would lose if it changed."""
    assert isinstance(snapshot, Snapshot)
    outputs = tuple((output.url, output.data) for output in snapshot.outputs)
    return snapshot.status, snapshot.upstream_id, outputs, snapshot.failure and snapshot.failure.code


# the sandbox is a vendor in this very process
MEASURED = [answer for answer in answers() if figures(answer) and answer.story.adapter != "sandbox"]


def words(answer: Answer) -> list[Path]:
    """Where the answer holds a word of the adapter's table of statuses."""
    known = {word.lower() for word in answer.adapter.statuses}
    found = leaves(answer.step["reply"]["json"])
    return [path for path, value in found if isinstance(value, str) and value.lower() in known and "stat" in str(path[-1]).lower()]


# a failure may be clear from what stands beside the word
WORDED = [answer for answer in answers() if answer.step["do"] == "status" and answer.means.failure is None and words(answer)]


def test_every_vendor_that_counts_is_among_the_answers() -> None:
    counting = {"ark", "azure", "byteplus", "dashscope", "gemini", "kling", "minimax", "newapi", "openai", "vidu", "xai"}
    assert counting - {answer.story.adapter for answer in MEASURED} == set()


@pytest.mark.parametrize("answer", MEASURED, ids=str)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_usage_field_type_drift_int_str_null(answer: Answer, data: st.DataObject) -> None:
    body = answer.step["reply"]["json"]
    path, value = data.draw(st.sampled_from(figures(answer)))
    assert answer.with_body(changed(body, path, str(value))) == answer.with_body(changed(body, path, float(value)))
    drifted = answer.with_body(changed(body, path, data.draw(DRIFT)))
    assert result(drifted) == result(answer.means)
    used = drifted.usage if isinstance(drifted, Snapshot) else None
    if used is not None:
        whole = (used.images, used.input_tokens, used.output_tokens, used.total_tokens, used.micros)
        assert all(figure is None or type(figure) is int for figure in whole)
        assert used.seconds is None or (isinstance(used.seconds, int | float) and not isinstance(used.seconds, bool))


@pytest.mark.parametrize("answer", WORDED, ids=str)
@pytest.mark.parametrize("word", ["dreaming", "99", "not completed"])
def test_unknown_vendor_status_keeps_previous_state(answer: Answer, word: str) -> None:
    body = answer.step["reply"]["json"]
    for path in words(answer):
        body = changed(body, path, word)
    with pytest.raises(UnknownStatus):  # which leaves the job as it is until the next poll
        answer.with_body(body)


def test_every_adapter_with_words_is_asked_about_an_unknown_one() -> None:
    asked = {answer.story.adapter for answer in WORDED}
    assert {name for name, adapter in adapters().items() if adapter.statuses} - asked == set()


@pytest.mark.parametrize("written", ["", "soon", "1.5", "-1", "²", "١٢", "9" * 5_000])
def test_a_pause_that_cannot_be_read_is_none(written: str) -> None:
    for adapter in adapters().values():
        refusal = adapter.parse_error(None, Reply(429, {"retry-after": written}))
        assert isinstance(refusal, UpstreamError)
        assert refusal.retry_after is None
