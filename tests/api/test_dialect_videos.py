"""The flat video object, key by key (newapi.md §9)."""

from dataclasses import replace

import orjson
import pytest

from app.api.dialects.videos import deleted_object, video_list, video_object
from app.domain.jobs import Failure, Job, JobStatus, Output, Usage
from app.domain.json import JsonObject
from app.domain.prices import Terms
from app.domain.requests import VideoRequest
from tests.api.samples import EPOCH, NOW, SECONDS, TERMS, completed, failed, fully_known, image_request, link, queued, video_request

ALWAYS = {
    *("id", "task_id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "prompt"),
    *("seconds", "size", "quality", "remixed_from_video_id", "error", "duration", "resolution", "aspect_ratio", "url"),
    *("video_url", "result_url", "format", "thumbnail_url", "last_frame_url", "updated_at", "external_task_id", "metadata"),
    *("warnings", "cost_usd", "reserved_usd"),
}


def test_a_completed_video_of_which_all_is_known() -> None:
    url = link(0)
    assert video_object(fully_known(), link) == {
        "id": "task_1",
        "task_id": "task_1",
        "object": "video",
        "model": "film-1",
        "status": "completed",
        "progress": 100,
        "created_at": EPOCH,
        "completed_at": EPOCH + 71,
        "expires_at": EPOCH + 86_400,
        "prompt": "a paper boat",
        "seconds": "5",
        "size": "480x854",
        "quality": "pro",
        "remixed_from_video_id": "task_0",
        "error": None,
        "duration": 5,
        "resolution": "480p",
        "aspect_ratio": "9:16",
        "url": url,
        "video_url": url,
        "result_url": url,
        "format": "mp4",
        "thumbnail_url": link(0, "thumbnail"),
        "last_frame_url": None,
        "updated_at": EPOCH + 71,
        "external_task_id": "mine",
        "metadata": {"url": url, "duration": 5, "fps": 24, "width": 480, "height": 854, "seed": 7},
        "warnings": [{"code": "adjusted:fps", "field": "fps", "from": 25, "to": 24}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 108_900, "total_tokens": 108_903},
        "cost_usd": "0.250000",
        "reserved_usd": "0.000000",
    }


@pytest.mark.parametrize("job", [queued(), queued(status=JobStatus.IN_PROGRESS, progress=30), completed(), failed()])
def test_every_key_is_always_there_and_none_is_called_code(job: Job) -> None:
    video = video_object(job, link)
    assert set(video) - {"unpriced"} == ALWAYS
    assert "code" not in video
    assert orjson.loads(orjson.dumps(video)) == video
    for name in ("created_at", "updated_at", "progress"):
        assert type(video[name]) is int
    for name in ("completed_at", "expires_at"):
        assert video[name] is None or type(video[name]) is int
    for name in ("seconds", "size", "quality", "format"):
        assert isinstance(video[name], str)
        assert video[name]


@pytest.mark.parametrize("job", [queued(), queued(status=JobStatus.IN_PROGRESS), failed()])
def test_without_a_result_there_is_no_link_and_no_metadata(job: Job) -> None:
    video = video_object(job, link)
    assert (video["url"], video["video_url"], video["result_url"], video["metadata"]) == (None, None, None, {})


@pytest.mark.parametrize(
    ("fields", "still", "shown"),
    [
        ({"return_last_frame": True}, None, True),
        ({"return_last_frame": False}, None, False),
        ({"return_last_frame": "true"}, None, False),
        ({}, "https://vendor.example.com/a.png", True),
    ],
)
def test_the_last_frame_is_linked_where_it_was_asked_for_or_came_unasked(
    fields: JsonObject, still: str | None, shown: bool
) -> None:
    made = (Output(url="https://vendor.example.com/a.mp4", last_frame_url=still),)
    asked = video_request(vendor=fields)
    assert video_object(completed(asked, outputs=made), link)["last_frame_url"] == (link(0, "last_frame") if shown else None)
    assert video_object(queued(asked), link)["last_frame_url"] is None


def test_a_failure_keeps_its_progress_and_hides_the_vendors_id() -> None:
    video = video_object(failed(), link)
    assert (video["status"], video["progress"]) == ("failed", 40)
    assert video["error"] == {"code": "generation_failed", "message": "The boat sank in task_1.", "type": "server_error"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("content_policy_violation", "invalid_request_error"),
        ("cancelled", "invalid_request_error"),
        ("upstream_outcome_unknown", "upstream_error"),
        ("deadline_exceeded", "server_error"),
    ],
)
def test_the_type_of_a_failure_follows_its_code(code: str, kind: str) -> None:
    video = video_object(failed(failure=Failure(code, "x")), link)
    assert isinstance(video["error"], dict)
    assert video["error"]["type"] == kind


@pytest.mark.parametrize("code", ["upstream_outcome_unknown", "upstream_unreachable", "upstream_error"])
def test_trouble_with_a_vendor_does_not_name_it(code: str) -> None:
    text = str(video_object(failed(failure=Failure(code, "vendor.example.com: account 4711 is empty")), link)["error"])
    assert "vendor.example.com" not in text
    assert "4711" not in text


def test_a_credential_in_a_failure_is_masked() -> None:
    text = str(video_object(failed(failure=Failure("x", "bad key sk-abcdefghijklmnop1234")), link)["error"])
    assert "abcdefghijklmnop" not in text


@pytest.mark.parametrize(
    ("asked", "made", "seconds", "duration"),
    [
        (video_request(duration=5), {}, "5", 5),
        (video_request(duration=5.0), {"seconds": 5.04}, "5.04", 5.04),
        (video_request(duration=7), {"request": video_request(duration=8)}, "8", 8),
        (video_request(frames=48, fps=24), {}, "2", 2),
        (video_request(frames=121), {}, "auto", None),
        (video_request(duration_auto=True), {}, "auto", None),
        (video_request(), {"seconds": 4.0}, "4", 4),
    ],
)
def test_seconds_are_the_effective_ones_as_text(
    asked: VideoRequest, made: dict[str, object], seconds: str, duration: float | None
) -> None:
    video = video_object(queued(asked, **made), link)
    assert (video["seconds"], video["duration"]) == (seconds, duration)


PHONE = video_request(width=480, height=854, resolution="480p", aspect_ratio="9:16")


@pytest.mark.parametrize(
    ("asked", "made", "size"),
    [
        (PHONE, {}, "480x854"),
        (PHONE, {"request": replace(PHONE, width=None, height=None)}, "480x854"),
        (PHONE, {"request": replace(PHONE, width=496, height=864)}, "496x864"),
        (PHONE, {"request": replace(PHONE, width=None, height=None, resolution="720p")}, "720x1280"),
        (PHONE, {"resolution": "1080p"}, "1080x1920"),
        (PHONE, {"resolution": "vendor HD", "aspect_ratio": "tall"}, "480x854"),
        (PHONE, {"aspect_ratio": "1:0"}, "480x854"),
        (PHONE, {"outputs": (Output(url="u", width=481, height=853),)}, "481x853"),
        (video_request(resolution="1080p", aspect_ratio="1:1"), {}, "1080x1080"),
        (video_request(aspect_ratio="auto"), {}, "1280x720"),
        (video_request(), {}, "1280x720"),
        (video_request(resolution="a vendor's word"), {}, "1280x720"),
        (image_request(), {}, "1024x1024"),
    ],
)
def test_the_size_is_what_is_known_else_what_tier_and_shape_mean(asked: VideoRequest, made: dict[str, object], size: str) -> None:
    assert video_object(completed(asked, **made), link)["size"] == size


def test_several_results_are_listed_and_the_first_is_the_result() -> None:
    video = video_object(completed(outputs=(Output(url="a"), Output(url="b"))), link)
    assert video["url"] == link(0)
    assert video["videos"] == [{"index": 0, "url": link(0)}, {"index": 1, "url": link(1)}]


def test_results_that_were_withheld_are_errors() -> None:
    video = video_object(completed(partial_failures=(Failure("content_policy_violation", "No."),)), link)
    assert video["errors"] == [{"code": "content_policy_violation", "message": "No.", "type": "invalid_request_error"}]


@pytest.mark.parametrize(
    ("usage", "shown"),
    [
        (Usage(output_tokens=7), {"completion_tokens": 7, "total_tokens": 7}),
        (Usage(seconds=5.0), {"seconds": 5}),
    ],
)
def test_usage_shows_what_is_known(usage: Usage, shown: dict[str, object]) -> None:
    assert video_object(completed(usage=usage), link)["usage"] == shown


def test_usage_without_a_figure_is_left_out() -> None:
    assert "usage" not in video_object(completed(usage=Usage()), link)


@pytest.mark.parametrize(
    ("mime", "name"),
    [("video/webm", "webm"), ("video/quicktime", "mov"), ("video/mp4; codecs=x", "mp4"), (None, "mp4"), ("odd", "mp4")],
)
def test_the_format_is_that_of_the_file(mime: str | None, name: str) -> None:
    assert video_object(completed(outputs=(Output(url="a", mime=mime),)), link)["format"] == name


def test_an_open_job_shows_what_is_held_for_it_and_no_cost() -> None:
    video = video_object(queued(terms=TERMS, reserved=300_000), link)
    assert (video["cost_usd"], video["reserved_usd"]) == (None, "0.300000")
    assert "unpriced" not in video


def test_an_ended_job_shows_its_cost_and_holds_nothing() -> None:
    video = video_object(failed(terms=TERMS, reserved=300_000, cost=0), link)
    assert (video["cost_usd"], video["reserved_usd"]) == ("0.000000", "0.000000")


@pytest.mark.parametrize("terms", [None, Terms(price=None)])
def test_a_job_without_a_price_says_so(terms: Terms | None) -> None:
    assert video_object(completed(terms=terms, cost=0), link)["unpriced"] is True


def test_what_came_after_the_deadline_is_linked_although_the_job_failed() -> None:
    job = failed(late_at=NOW + 900 * SECONDS, outputs=(Output(url="https://vendor.example.com/a.mp4"),))
    video = video_object(job, link)
    assert video["late"] == {"completed_at": EPOCH + 900, "url": link(0)}
    assert (video["status"], video["url"], video["metadata"]) == ("failed", None, {})


@pytest.mark.parametrize("job", [failed(), failed(late_at=NOW), completed(late_at=NOW)])
def test_only_a_failed_job_with_a_late_result_links_one(job: Job) -> None:
    assert "late" not in video_object(job, link)


def test_a_page_names_its_ends() -> None:
    jobs = [queued(id="task_2"), queued(id="task_1")]
    page = video_list(jobs, lambda job: link, has_more=True)
    assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == ("list", "task_2", "task_1", True)
    assert page["data"] == [video_object(job, link) for job in jobs]


def test_a_deletion_is_told() -> None:
    assert deleted_object("task_1") == {"id": "task_1", "object": "video.deleted", "deleted": True}
