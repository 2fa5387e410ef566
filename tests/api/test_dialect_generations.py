"""The wrapped task, key by key (newapi.md §9)."""

import pytest

from app.api.dialects.generations import generation_object
from app.api.dialects.videos import video_object
from app.domain.jobs import Job, JobStatus
from app.domain.json import Json
from app.domain.requests import Mode
from tests.api.samples import EPOCH, completed, failed, fully_known, link, queued, video_request

RUNNING = queued(status=JobStatus.IN_PROGRESS, progress=30)


def task_of(job: Job) -> dict[str, Json]:
    """The wrapped task in the answer."""
    task = generation_object(job, link)["data"]
    assert isinstance(task, dict)
    return task


def test_the_flat_keys_are_those_of_the_video() -> None:
    flat = video_object(fully_known(), link)
    whole = generation_object(fully_known(), link)
    assert whole == {**flat, "code": "success", "message": "", "data": whole["data"]}


def test_a_completed_task() -> None:
    url = link(0)
    assert task_of(fully_known()) == {
        "id": 812,
        "task_id": "task_1",
        "action": "textGenerate",
        "status": "SUCCESS",
        "progress": "100%",
        "fail_reason": "",
        "result_url": url,
        "url": url,
        "format": "mp4",
        "submit_time": EPOCH,
        "start_time": EPOCH + 4,
        "finish_time": EPOCH + 71,
        "created_at": EPOCH,
        "updated_at": EPOCH + 71,
        "properties": {"origin_model_name": "film-1"},
        "error": None,
        "data": {
            "status": "succeeded",
            "content": {"video_url": url},
            "task_result": {"videos": [{"url": url, "duration": "5"}]},
        },
    }


def test_a_failed_task() -> None:
    task = task_of(failed())
    assert (task["status"], task["progress"], task["fail_reason"]) == ("FAILURE", "40%", "The boat sank in task_1.")
    assert task["result_url"] is None
    assert task["data"] == {"status": "failed", "error": task["error"]}


def test_times_that_are_not_reached_are_zero() -> None:
    assert (task_of(queued())["start_time"], task_of(queued())["finish_time"]) == (0, 0)


@pytest.mark.parametrize(
    ("job", "word", "inner", "legacy"),
    [
        (queued(), "QUEUED", "queued", "processing"),
        (RUNNING, "IN_PROGRESS", "running", "processing"),
        (completed(), "SUCCESS", "succeeded", "succeeded"),
        (failed(), "FAILURE", "failed", "failed"),
    ],
)
def test_the_status_words_of_each_population(job: Job, word: str, inner: str, legacy: str) -> None:
    task = task_of(job)
    assert task["status"] == word
    assert isinstance(task["data"], dict)
    assert task["data"]["status"] == inner
    assert generation_object(job, link)["status"] == job.status.value
    assert generation_object(job, link, legacy=True)["status"] == legacy


@pytest.mark.parametrize(
    ("mode", "action"),
    [
        (Mode.T2V, "textGenerate"),
        (Mode.I2V, "generate"),
        (Mode.FLF2V, "firstTailGenerate"),
        (Mode.R2V, "referenceGenerate"),
        (Mode.REMIX, "remixGenerate"),
        (Mode.EDIT, "generate"),
    ],
)
def test_the_action_is_told_in_new_apis_words(mode: Mode, action: str) -> None:
    assert task_of(queued(video_request(mode=mode)))["action"] == action


def test_nothing_of_the_operators_is_shown() -> None:
    text = str(generation_object(completed(channel_id="channel_9", upstream_model="secret-model"), link))
    for word in ("channel_9", "secret-model", "up-77", "vendor.example.com", "key_1", "quota", "user_id"):
        assert word not in text
