"""What is left of a job that may not be written down."""

import json
from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from app.domain.canonical import from_json, to_json
from app.domain.errors import (
    Fault,
    UnknownStatus,
    UpstreamError,
    UpstreamMaybeSent,
    UpstreamNeverSent,
    UpstreamRefused,
    UpstreamUnreadable,
)
from app.domain.jobs import Failure, Job, Output
from app.domain.media import Media, MediaType, Role
from app.domain.privacy import (
    WITHHELD,
    failure_without_content,
    job_without_content,
    told_of,
    without_content,
    without_content_of_call,
    without_content_of_reply,
)
from app.domain.requests import ImageRequest, Mode, Notice, Request
from tests.domain.builders import image, job, picture, video

CANARY = "Zq7promptCanaryWk4"
SAID = f"a boat named {CANARY}"
MEDIA = tuple(
    Media(kind, role, src, param="image_url")
    for kind, role, src in (
        (MediaType.IMAGE, Role.FIRST_FRAME, f"https://img.example.com/{CANARY}.png"),
        (MediaType.VIDEO, Role.REFERENCE_VIDEO, f"upload:video#0:{CANARY}.mp4"),
        (MediaType.AUDIO, Role.REFERENCE_AUDIO, f"data:audio/mpeg;base64,{CANARY}"),
    )
)
TEXTS: dict[str, Any] = {
    "prompt": SAID,
    "negative_prompt": CANARY,
    "media": MEDIA,
    "user": CANARY,
    "quality": SAID,
    "resolution": SAID,
    "aspect_ratio": SAID,
    "vendor": {
        "camera": {"move": CANARY, "speed": 3, SAID: 1},
        "list": [CANARY, 1],
        "on": True,
        "note": CANARY,
        "empty": {"a": ""},
    },
}
MEASURES: dict[str, Any] = {
    "width": 1280,
    "height": 720,
    "resolution": "720p",
    "aspect_ratio": "16:9",
    "quality": "high",
    "seed": 7,
}


def told(value: Request | Job) -> str:
    return json.dumps(asdict(value), default=str)


@pytest.mark.parametrize(
    "request_",
    [
        video(mode=Mode.R2V, **TEXTS),
        image(mode=Mode.I2I, style=SAID, background=CANARY, moderation=CANARY, input_fidelity=CANARY, output_format=SAID, **TEXTS),
    ],
)
def test_nothing_that_a_client_wrote_freely_is_left_of_a_request(request_: Request) -> None:
    bare = without_content(request_)
    assert CANARY not in told(bare)
    assert (bare.prompt, bare.negative_prompt, bare.user) == ("", "", None)
    assert bare.vendor == {"camera": {"speed": 3}, "on": True}
    assert [(item.type, item.role, item.src, item.param) for item in bare.media] == [
        (item.type, item.role, WITHHELD, "image_url") for item in MEDIA
    ]


def test_every_text_of_a_request_is_either_known_to_be_harmless_or_gone() -> None:
    """A field that is added one day fails here until somebody has decided."""
    harmless = {"model", "mode", "model_variant", "callback_url", "client_task_id", "response_format", "media", "named"}
    for plain in (video(), image()):
        texts: dict[str, Any] = {name.name: SAID for name in fields(plain) if "str" in str(name.type) and name.name not in harmless}
        left = without_content(replace(plain, **texts | {"vendor": {}}))
        assert CANARY not in told(left), [name for name in texts if getattr(left, name) == SAID]


def test_what_prices_and_shapes_the_result_stays() -> None:
    given = video(**MEASURES, duration=5, fps=24, n=2, client_task_id="their-1", callback_url="https://app.example.com/hook")
    assert without_content(given) == replace(given, prompt="")
    picture_ = image(**MEASURES, output_format="webp", output_compression=80, response_format="b64_json", n=3)
    assert without_content(picture_) == replace(picture_, prompt="")


def test_what_the_client_did_not_say_stays_unsaid() -> None:
    assert without_content(video(prompt=None)) == video(prompt=None)


def test_a_bare_request_is_still_a_canonical_object() -> None:
    bare = without_content(video(mode=Mode.I2V, media=(picture(),), **{name: TEXTS[name] for name in ("prompt", "vendor")}))
    assert from_json(to_json(bare, names=True)) == bare


def full() -> Job:
    notices = (
        Notice("dropped:negative_prompt", "negative_prompt", CANARY, None),
        Notice("metadata_override:prompt", "prompt", CANARY, SAID),
        Notice("unknown_role", "media", CANARY),
        Notice(f"dropped:vendor.{SAID}", f"vendor.{SAID}"),
        Notice("dropped:vendor.cfg_scale", "vendor.cfg_scale"),
        Notice("adjusted:duration", "duration", 5.5, 5),
        Notice("adjusted:size", "size", "1280x720", "1920x1080"),
        Notice("dropped:quality", "quality", SAID),
    )
    request = video(mode=Mode.R2V, **TEXTS)
    return job(
        request=request,
        private=True,
        notices=notices,
        failure=Failure("content_policy_violation", f"{SAID} is not allowed", f"bad {CANARY}"),
        partial_failures=(Failure("generation_failed", SAID, "E-17", billed=True),),
        outputs=(Output(url="https://cdn.example.com/a.png", revised_prompt=SAID, asset="a.png"),),
        facts={"path": "/v1/tasks"},
    )


def test_nothing_is_left_of_a_whole_job() -> None:
    bare = job_without_content(full())
    assert CANARY not in told(bare)
    assert bare.notices == (
        Notice("dropped:negative_prompt", "negative_prompt"),
        Notice("metadata_override:prompt", "prompt"),
        Notice("unknown_role", "media"),
        Notice("dropped:vendor", "vendor"),
        Notice("dropped:vendor.cfg_scale", "vendor.cfg_scale"),
        Notice("adjusted:duration", "duration", 5.5, 5),
        Notice("adjusted:size", "size", "1280x720", "1920x1080"),
        Notice("dropped:quality", "quality"),
    )
    assert bare.failure == Failure("content_policy_violation", "The vendor's moderation stopped the job.")
    assert bare.partial_failures[0].upstream_code == "E-17"
    assert bare.partial_failures[0].billed
    assert bare.outputs == (Output(url="https://cdn.example.com/a.png", asset="a.png"),)
    assert bare.facts == {"path": "/v1/tasks"}


def test_a_second_time_changes_nothing() -> None:
    once = job_without_content(full())
    assert job_without_content(once) == once


@pytest.mark.parametrize("code", ["cancelled", "deadline_exceeded", "upstream_outcome_unknown", "made_up"])
def test_a_failure_has_words_of_ours(code: str) -> None:
    failure = failure_without_content(Failure(code, SAID))
    assert failure.code == code
    assert CANARY not in failure.message
    assert failure.message.endswith(".")


def test_a_call_keeps_where_it_went_and_the_names_of_its_headers() -> None:
    call: dict[str, Any] = {
        "method": "POST",
        "url": f"https://up.example.com/v1/videos?Action=Submit&prompt={CANARY}",
        "headers": {"Content-Type": "application/json", "X-Note": CANARY},
        "json": {"prompt": SAID},
        "form": [["prompt", SAID]],
    }
    bare = without_content_of_call(call)
    assert bare == {
        "method": "POST",
        "url": "https://up.example.com/v1/videos?Action&prompt",
        "headers": {"Content-Type": "", "X-Note": ""},
    }
    assert without_content_of_call(bare) == bare


REFUSED = UpstreamRefused(
    f"No {SAID} here",
    fault=Fault.CREDENTIAL,
    param=CANARY,
    retry_after=7,
    job_id="task_1",
    status=401,
    upstream_code=f"bad {CANARY}",
    body=SAID,
    request_id="req-1",
)


@pytest.mark.parametrize(
    "error",
    [
        REFUSED,
        UpstreamMaybeSent(SAID, body=SAID),
        UpstreamUnreadable(SAID),
        UnknownStatus(SAID, upstream_code=SAID),
        UpstreamError(SAID),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_told_without_the_vendors_words(error: UpstreamError) -> None:
    told_error = told_of(full(), error)
    assert CANARY not in f"{told_error!r} {vars(told_error)}"
    assert (type(told_error), told_error.code, told_error.status) == (type(error), error.code, error.status)
    assert told_of(replace(full(), private=False), error) is error


def test_what_is_decided_by_an_error_is_decided_alike() -> None:
    told_error = told_of(full(), REFUSED)
    assert isinstance(told_error, UpstreamRefused)
    assert (told_error.fault, told_error.retry_after, told_error.job_id) == (Fault.CREDENTIAL, 7, "task_1")
    assert told_error.message == "The vendor could not serve the request (HTTP 401)."
    assert told_error.request_id == "req-1"


def test_an_error_from_before_anything_was_sent_is_told_as_it_is() -> None:
    error = UpstreamNeverSent("The name does not exist.")
    assert told_of(full(), error) is error


def test_of_a_reply_its_length_is_kept() -> None:
    assert without_content_of_reply(None) is None
    note = without_content_of_reply(SAID)
    assert note == f"…({len(SAID)} chars)"
    assert without_content_of_reply(note) == note
    assert without_content_of_reply(f"…({CANARY} chars)") != f"…({CANARY} chars)"


def test_numbers_and_switches_for_the_vendor_stay() -> None:
    steered = video(prompt=SAID, vendor={"sandbox": {"delay": 30, "progress_steps": 4, "fail": "boom"}})
    assert without_content(steered).vendor == {"sandbox": {"delay": 30, "progress_steps": 4}}


def test_an_image_request_stays_one() -> None:
    assert isinstance(without_content(image()), ImageRequest)
