"""What the stories of `openai` cannot say: settings, streams, and answers that nobody would write."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters._openai_errors import problem_of
from app.adapters.base import Adapter, Call, FilePart, Reply, StreamEvent
from app.adapters.registry import adapters, catalogue
from app.domain.errors import UpstreamError, UpstreamMaybeSent, UpstreamRefused
from app.domain.jobs import Failure, Job, JobStatus, Output, Snapshot
from app.domain.json import Json
from app.domain.media import Form, Media, MediaType, Role
from app.domain.requests import Mode
from tests.domain.builders import channel, image, job, video

OPENAI = adapters()["openai"]
FILE = Media(MediaType.IMAGE, Role.IMAGE, "data:image/png", form=Form.UPLOAD, mime="image/png", data=b"\x89PNG")


def polled(**values: Any) -> Job:
    return job(upstream_id="video_1", upstream_model="m", adapter="openai", **values)


def reply(body: Json, status: int = 200) -> Reply:
    return Reply(status, {}, body, json.dumps(body).encode())


@pytest.mark.parametrize(
    "given_", ["https://api.example.com", "https://api.example.com/", "https://api.example.com/v1", "https://api.example.com/v1/"]
)
def test_a_base_url_may_end_in_v1(given_: str) -> None:
    assert OPENAI.base_url(given_) == "https://api.example.com"


def test_without_a_base_url_openai_itself_is_meant() -> None:
    assert OPENAI.base_url("") == "https://api.openai.com"


def test_the_channel_test_lists_models() -> None:
    assert OPENAI.build_test(channel()) == Call(path="/v1/models")
    assert OPENAI.build_test(channel(settings={"path_prefix": "/api/v1"})) == Call(path="/api/v1/models")


def test_a_server_without_cancelling_is_not_asked_to() -> None:
    assert OPENAI.build_cancel(polled()) is None


@pytest.mark.parametrize("wrong", [7, None, "sideways", ["json"], {"a": 1}])
def test_a_setting_of_no_sense_is_the_default(wrong: Json) -> None:
    names = (
        "path_prefix",
        "size_sep",
        "image_edits",
        "response_format",
        "video_body",
        "input_reference",
        "seconds_type",
        "status_aliases",
    )
    settings_ = {name: wrong for name in names if (name, wrong) != ("path_prefix", "sideways")}
    for request in (video(duration=5), image(width=64, height=64), image(mode=Mode.I2I, media=(FILE,))):
        plain, odd = (OPENAI.build_request(job(request=request, settings=chosen)) for chosen in ({}, settings_))
        assert plain == odd
    assert isinstance(OPENAI.parse_status(polled(settings=settings_), reply({"id": "video_1", "status": "running"})), Snapshot)


def test_a_stream_is_the_same_call_with_stream_true() -> None:
    call = OPENAI.build_stream(job(request=image(partial_images=2, n=2), upstream_model="gpt-image-2"))
    assert call is not None
    assert (call.path, call.json) == (
        "/v1/images/generations",
        {"model": "gpt-image-2", "prompt": "a paper boat", "n": 2, "stream": True, "partial_images": 2},
    )


def test_a_streamed_edit_stays_multipart() -> None:
    call = OPENAI.build_stream(job(request=image(mode=Mode.I2I, media=(FILE,)), upstream_model="gpt-image-2"))
    assert call is not None
    assert call.form is not None
    assert list(call.form) == [
        ("stream", "true"),
        ("model", "gpt-image-2"),
        ("prompt", "a paper boat"),
        ("image", FilePart("image_0.png", "image/png", b"\x89PNG")),
    ]


def test_videos_and_servers_without_streams_have_none() -> None:
    assert OPENAI.build_stream(job()) is None
    assert OPENAI.build_stream(job(request=image(), settings={"stream": False})) is None


def test_an_event_without_a_picture_means_nothing_unless_it_is_an_error() -> None:
    wanted = job(request=image())
    assert OPENAI.parse_event(wanted, {"type": "image_generation.started"}) is None
    assert OPENAI.parse_event(wanted, {"type": "image_generation.completed", "b64_json": "é"}) is None
    nested = OPENAI.parse_event(wanted, {"error": {"code": "moderation_blocked", "message": "Blocked."}})
    flat = OPENAI.parse_event(wanted, {"type": "error", "code": "moderation_blocked", "message": "Blocked."})
    failure = Failure("content_policy_violation", "Blocked.", "moderation_blocked")
    assert nested == flat == StreamEvent("failed", failure=failure)


def test_a_failed_job_with_an_error_status_is_still_a_job() -> None:
    assert OPENAI.reads_status(reply({"id": "video_1", "status": "failed"}, 500))
    assert not OPENAI.reads_status(reply({"error": {"message": "no"}, "status": "failed"}, 500))
    assert not OPENAI.reads_status(reply({"id": "video_1", "status": 500}, 500))
    assert not OPENAI.reads_status(reply(["id", "status"], 500))


def test_an_absolute_link_is_fetched_as_it_is() -> None:
    link = "https://cdn.example.com/v.mp4?x=1"
    assert OPENAI.build_download(polled(), Output(url=link)) == Call(path=link)


def test_without_a_job_an_error_names_no_field() -> None:
    error = OPENAI.parse_error(None, reply({"error": {"message": "bad", "param": "size"}}, 400))
    assert isinstance(error, UpstreamRefused)
    assert error.param is None


@pytest.mark.parametrize("code", ["upstream_outcome_unknown", "upstream_timeout", "do_request_failed"])
@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_a_relay_that_does_not_know_the_outcome_is_believed(code: str, status: int) -> None:
    assert isinstance(OPENAI.parse_error(job(), reply({"error": {"message": "?", "code": code}}, status)), UpstreamMaybeSent)


@pytest.mark.parametrize(
    ("message", "shown", "request_id"),
    [
        ("No (request id: 20260102abc)", "No", "20260102abc"),
        ("No, request ID req_0a1b2c3d4e5f6a7b in your message", "No, in your message", "req_0a1b2c3d4e5f6a7b"),
        ("The request id is missing", "The request id is missing", None),
        ("Key sk-proj-abc***xyz of org-Aa1Bb2Cc3Dd4Ee5Ff6 is bad", "Key … of … is bad", None),
        ("user_prompt and req_key are needed", "user_prompt and req_key are needed", None),
    ],
)
def test_a_message_is_shown_without_accounts_and_request_ids(message: str, shown: str, request_id: str | None) -> None:
    problem = problem_of({"error": {"message": message}})
    assert (problem.message, problem.request_id) == (shown, request_id)


def test_every_name_of_the_data_file_is_found() -> None:
    found = catalogue("openai")
    for name in ("gpt-image-2", "gpt-image-2.6-flare", "dall-e-3", "sora-2-2025-12-08"):
        assert found.find(name) is not None
    assert {card.name for card in found.cards if card.retired} == {"gpt-image-1", "dall-e-2", "dall-e-3", "sora-2", "sora-2-pro"}
    assert all(card.note for card in found.cards if card.retired)


KEYS = st.sampled_from(
    [
        *(
            "id",
            "task_id",
            "status",
            "state",
            "error",
            "code",
            "message",
            "param",
            "data",
            "url",
            "video_url",
            "metadata",
            "progress",
        ),
        *(
            "output",
            "outputs",
            "videos",
            "fail_reason",
            "detail",
            "errors",
            "loc",
            "msg",
            "usage",
            "total_tokens",
            "b64_json",
            "seconds",
        ),
        *("size", "seed", "fps", "created", "inner_error", "request_id", "output_format", "revised_prompt", "duration", "width"),
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        [
            "completed",
            "failed",
            "success",
            "https://cdn.example.com/v.mp4",
            "data:video/mp4;base64,AAAA",
            "data:x",
            "1280x720",
            "50%",
            "1e999",
        ]
    ),
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)), max_leaves=20
)


def read(adapter: Adapter, wanted: Job, body: Json, status: int) -> object:
    """Everything that is done with one answer; an UpstreamError is an answer too."""
    answer = reply(body, status)
    try:
        if not answer.ok and not adapter.reads_status(answer):
            return adapter.parse_error(wanted, answer)
        return adapter.parse_status(wanted, answer) if wanted.upstream_id else adapter.parse_submit(wanted, answer)
    except UpstreamError as error:
        return error


@given(BODIES, st.sampled_from([200, 202, 400, 404, 429, 500, 503]), st.sampled_from(["openai", "newapi"]))
@settings(max_examples=400, deadline=None)
def test_no_answer_raises_anything_but_an_upstream_error(body: Json, status: int, name: str) -> None:
    for wanted in (job(), polled(), job(request=image(), upstream_model="m")):
        found = read(adapters()[name], wanted, body, status)
        assert isinstance(found, Snapshot | UpstreamError)
        if isinstance(found, Snapshot):
            assert isinstance(found.status, JobStatus)
            assert found.progress is None or 0 <= found.progress <= 100
