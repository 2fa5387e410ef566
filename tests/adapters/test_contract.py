"""Runs every fixture story through its adapter, and holds every adapter to the checklist of the style page."""

from dataclasses import replace
from typing import Any

import pytest

from app.adapters.base import VARIABLE_ENDINGS, Adapter, Call
from app.adapters.catalogue import capability_fields, parser_names
from app.adapters.registry import adapters, catalogue
from app.domain.channels import Credential
from app.domain.errors import InvalidRequest, UpstreamError
from app.domain.jobs import Job, Output, Snapshot, advance
from app.domain.media import Role
from app.domain.requests import codes
from tests.adapters.stories import NOW, Story, ask, fitted, job_of, reply_of, shown, stories

STORIES = list(stories())
NAMES = sorted(adapters())


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_the_story_is_told_as_written(story: Story) -> None:
    if "refused" in story.content:
        _assert_refused(story)
        return
    fitted_request = fitted(story)
    assert list(codes(fitted_request.notices)) == story.content.get("notices", [])
    adapter = adapters()[story.adapter]
    job = job_of(story, fitted_request.request)
    for number, step in enumerate(story.content["steps"]):
        job = _tell(adapter, job, step, f"step {number} ({step['do']})")


def _assert_refused(story: Story) -> None:
    adapter, wanted = adapters()[story.adapter], story.content["refused"]
    with pytest.raises(InvalidRequest) as refusal:
        adapter.build_request(job_of(story, fitted(story).request))
    assert {"param": refusal.value.param, "code": refusal.value.code}.items() >= wanted.items()


def _tell(adapter: Adapter, job: Job, step: dict[str, Any], where: str) -> Job:
    kind = step["do"]
    if "call" in step:
        call = ask(adapter, kind, job)
        assert call is not None, where
        _assert_call(call, step["call"], where)
    if "reply" not in step:
        return job
    means = step["means"]
    if "error" in means:
        _assert_error(adapter, job, step, where)
        return job
    answer = _read(adapter, job, step)
    if isinstance(answer, Call):
        _assert_call(answer, means["call"], where)
        return job
    assert answer is not None, where
    _assert_snapshot(answer, means, where)
    return advance(job, answer, NOW)


def _read(adapter: Adapter, job: Job, step: dict[str, Any]) -> Snapshot | Call | None:
    reply = reply_of(step["reply"])
    if not reply.ok and not (step["do"] == "status" and adapter.reads_status(reply)):
        raise adapter.parse_error(job, reply)
    readers = {
        "submit": adapter.parse_submit,
        "status": adapter.parse_status,
        "result": adapter.parse_result,
        "lookup": adapter.parse_lookup,
    }
    return readers[step["do"]](job, reply)


def _assert_call(call: Call, wanted: dict[str, Any], where: str) -> None:
    real = shown(call)
    assert {key: real[key] for key in wanted} == wanted, where


def _assert_error(adapter: Adapter, job: Job, step: dict[str, Any], where: str) -> None:
    means = dict(step["means"])
    with pytest.raises(UpstreamError) as caught:
        _read(adapter, job, step)
    assert type(caught.value).__name__ == means.pop("error"), where
    for key, value in means.items():
        assert getattr(caught.value, key) == value, f"{where}: {key}"


def _assert_snapshot(snapshot: Snapshot, means: dict[str, Any], where: str) -> None:
    for key, value in means.items():
        real = getattr(snapshot, key)
        if key in ("outputs", "partial_failures"):
            assert len(real) == len(value), where
            for item, expected in zip(real, value, strict=True):
                assert _partial(item, expected) == expected, f"{where}: {key}"
        elif key in ("failure", "usage") and value is not None:
            assert _partial(real, value) == value, f"{where}: {key}"
        else:
            assert real == value, f"{where}: {key}"


def _partial(item: object, wanted: dict[str, Any]) -> dict[str, Any]:
    if isinstance(item, Output) and item.data is not None and "bytes" in wanted:
        return {**{key: getattr(item, key) for key in wanted if key != "bytes"}, "bytes": len(item.data)}
    return {key: getattr(item, key) for key in wanted}


@pytest.mark.parametrize("name", NAMES)
def test_every_status_word_stands_in_a_story(name: str) -> None:
    told = "".join(str(story.content) for story in STORIES if story.adapter == name).lower()
    assert [word for word in adapters()[name].statuses if word not in told] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_vendor_error_body_stands_in_a_story(name: str) -> None:
    steps = [step for story in STORIES if story.adapter == name for step in story.content.get("steps", [])]
    assert any("error" in step.get("means", {}) for step in steps)


@pytest.mark.parametrize("name", NAMES)
def test_each_claimed_mode_and_input_stands_in_a_story(name: str) -> None:
    told = [story.content["job"]["request"] for story in STORIES if story.adapter == name and "steps" in story.content]
    modes = {request.get("mode", "t2v") for request in told}
    roles = {item["role"] for request in told for item in request.get("media", [])}
    cards = catalogue(name).cards
    claimed_modes = {mode.value for card in cards for mode in card.capabilities.modes or ()}
    claimed_roles = {role.value for card in cards for role, rule in (card.capabilities.inputs or {}).items() if rule.most}
    assert claimed_modes - modes == set()
    assert claimed_roles - roles == set()


@pytest.mark.parametrize("name", NAMES)
def test_an_input_outside_the_capabilities_is_refused_by_the_clients_name(name: str) -> None:
    closed = [
        card for card in catalogue(name).cards if card.capabilities.inputs is not None and len(card.capabilities.inputs) < len(Role)
    ]
    refused = [story for story in STORIES if story.adapter == name and "refused" in story.content]
    assert refused or not closed
    assert all(story.content["refused"].get("param") for story in refused)


@pytest.mark.parametrize("name", NAMES)
def test_the_documented_words_of_the_interface_are_there(name: str) -> None:
    adapter = adapters()[name]
    assert adapter.__doc__ or type(adapter).__doc__
    assert adapter.name == name
    assert adapter.default_base_url or adapter.open_catalogue
    assert [variable for variable in adapter.environment.values() if not variable.endswith(VARIABLE_ENDINGS)] == []


@pytest.mark.parametrize("story", [story for story in STORIES if "steps" in story.content], ids=str)
def test_no_client_field_reaches_model_callback_or_credentials(story: Story) -> None:
    adapter = adapters()[story.adapter]
    job = job_of(story, fitted(story).request)
    hostile = dict.fromkeys(("model", "model_name", "req_key_", "callback_url", "callBackUrl", "webhook_url", "api_key"), "hostile")
    vendor = {**job.request.vendor, **hostile}
    call = adapter.build_request(replace(job, request=replace(job.request, vendor=vendor)))
    assert "hostile" not in str(shown(call))


def test_a_credential_is_put_on_by_authorize_alone() -> None:
    credential = Credential("credential_1", {"api_key": "canary-1", "access_key": "canary-2", "secret_key": "canary-3"})
    for story in STORIES:
        if "steps" in story.content:
            call = adapters()[story.adapter].build_request(job_of(story, fitted(story).request))
            assert "canary" not in str(call)
            assert adapters()[story.adapter].authorize(call, credential, NOW).path.startswith(call.path.partition("?")[0])


def test_the_data_file_can_set_every_capability() -> None:
    assert set(parser_names()) == capability_fields()
