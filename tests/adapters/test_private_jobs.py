"""A job whose prompt and media were not written down goes on after a restart as any other: every story, told from its row."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from app.adapters.base import Adapter, Call, Reply
from app.adapters.registry import adapters
from app.domain.errors import UpstreamError
from app.domain.jobs import Job, Snapshot, advance
from app.domain.privacy import job_without_content
from tests.adapters.stories import NOW, Story, ask, fitted, job_of, reply_of, shown, stories

# the sandbox remembers nothing: each question carries the wish
# Jimeng is told with each question what to write into the picture's metadata, a text of the client's
FORGETFUL = ("sandbox", "jimeng/a_marked_picture")
TOLD = [story for story in stories() if "steps" in story.content and not str(story).startswith(FORGETFUL)]


@pytest.mark.parametrize("story", TOLD, ids=str)
def test_the_rest_of_the_story_does_not_need_what_was_said(story: Story) -> None:
    adapter, job = adapters()[story.adapter], job_of(story, fitted(story).request)
    for number, step in enumerate(story.content["steps"]):
        if step["do"] != "submit":
            bare = job_without_content(job)
            where = f"step {number} ({step['do']})"
            if step["do"] != "result":
                assert _asked(adapter, step["do"], bare) == _asked(adapter, step["do"], job), where
            assert _heard(adapter, bare, step) == _heard(adapter, job, step), where
        job = _after(adapter, job, step)


def _asked(adapter: Adapter, kind: str, job: Job) -> dict[str, Any] | None:
    call = ask(adapter, kind, job)
    return None if call is None else shown(call)


def _heard(adapter: Adapter, job: Job, step: Mapping[str, Any]) -> object:
    """What the adapter makes of the step's answer, an error as its class and fields."""
    try:
        return _read(adapter, job, step)
    except UpstreamError as error:
        return type(error), vars(error)


def _after(adapter: Adapter, job: Job, step: Mapping[str, Any]) -> Job:
    try:
        answer = _read(adapter, job, step)
    except UpstreamError:
        return job
    return advance(job, answer, NOW) if isinstance(answer, Snapshot) else job


def _read(adapter: Adapter, job: Job, step: Mapping[str, Any]) -> Snapshot | Call | None:
    if "reply" not in step:
        return None
    reply = reply_of(step["reply"])
    if not reply.ok and not (step["do"] == "status" and adapter.reads_status(reply)):
        raise adapter.parse_error(job, reply)
    return _reader(adapter, step["do"])(job, reply)


def _reader(adapter: Adapter, kind: str) -> Callable[[Job, Reply], Snapshot | Call | None]:
    readers: dict[str, Callable[[Job, Reply], Snapshot | Call | None]] = {
        "submit": adapter.parse_submit,
        "status": adapter.parse_status,
        "result": adapter.parse_result,
        "lookup": adapter.parse_lookup,
    }
    return readers[kind]
