"""An open job comes out of its bytes as it went in, and they are few."""

import sys
import tracemalloc
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest

from app.domain.capabilities import Price
from app.domain.jobs import Failure, Job, JobStatus, Output, Stage, Usage
from app.domain.media import Form, Media, MediaType, Origin, Role
from app.domain.prices import Terms
from app.domain.requests import Notice
from app.engine.packing import packed, unpacked
from app.engine.tracked import Lane, Tracked
from app.store.rows import job_of, new_row
from tests.domain.builders import NOW, image, job, picture, video

FULL = job(
    request=video(
        media=(picture(), Media(MediaType.VIDEO, Role.SOURCE_VIDEO, "task:1", origin=Origin("task_1", "c", "k", "up", {"a": "b"}))),
        vendor={"cfg_scale": 0.5, "deep": {"list": [1, None, True, "x"]}},
        named={"duration": "seconds"},
        duration=5.5,
    ),
    asked=image(n=3, stream=True),
    status=JobStatus.IN_PROGRESS,
    stage=Stage.ACCEPTED,
    adapter="openai",
    channel_id="channel_1",
    settings={"video_body": "json", "nested": {"a": [1]}},
    facts={"path": "/v1/x"},
    outputs=(Output(url="https://x.example.com/a.mp4", data=b"\0\xff", width=1),),
    failure=Failure("code", "message", billed=True),
    partial_failures=(Failure("code", "message"),),
    usage=Usage(seconds=1.5, micros=7),
    notices=(Notice("adjusted", "size", {"width": 1}, [2]),),
    terms=Terms(price=Price(unit="second", usd={"720p": Decimal("0.10")}), ratio=Decimal("1.5")),
    accepted_at=NOW + timedelta(microseconds=1),
    number=2**40,
)


def from_its_row(whole: Job) -> Job:
    row = new_row(whole) | {"number": 7}
    return job_of(row)  # type: ignore[arg-type]  # a mapping by the same names


@pytest.mark.parametrize("whole", [job(), FULL, from_its_row(FULL), job(request=image(), private=True)])
def test_a_job_comes_out_as_it_went_in(whole: Job) -> None:
    kept = packed(whole)
    assert isinstance(kept, bytes)
    found = unpacked(kept)
    assert found == whole
    assert (found.asked.named, found.request.named) == (whole.asked.named, whole.request.named)
    assert [(item.param, item.origin) for item in found.request.media] == [
        (item.param, item.origin) for item in whole.request.media
    ]
    assert (type(found.private), type(found.progress), type(found.request)) == (bool, int, type(whole.request))
    with pytest.raises(AttributeError):
        found.progress = 1  # type: ignore[misc]  # it is frozen, as it was


def test_what_cannot_be_packed_stays_as_it_is() -> None:
    odd = job(settings=MappingProxyType({"a": 1}))
    assert packed(odd) is odd
    assert unpacked(packed(odd)) is odd


def test_inline_media_are_left_to_the_vendor_who_has_them() -> None:
    data = Media(MediaType.IMAGE, Role.FIRST_FRAME, "data:image/png;base64,AAAA", "image", Form.BASE64, "image/png", b"\0" * 10**6)
    whole = job(request=video(media=(data,)))
    kept = packed(whole)
    assert isinstance(kept, bytes)
    assert len(kept) < 1000
    found = unpacked(kept)
    assert found.request == from_its_row(whole).request
    assert found.request.media[0].data is None


def test_an_open_job_takes_less_than_a_kilobyte() -> None:
    lane, open_jobs, count = Lane(), {}, 500
    packed(FULL)  # what is made once
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            prompt = f"A paper boat number {number} drifts down a rainy street at dusk, seen from very near, slowly."
            one = from_its_row(job(id=f"task_{number:026}", upstream_id=f"video_{number:020}", request=video(prompt=prompt)))
            open_jobs[one.id] = Tracked(one, lane, float(number))
            open_jobs[one.id].rest()
        taken = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    assert taken < 900  # about 600
    assert sys.getsizeof(open_jobs["task_" + "0" * 26].kept) < 400
