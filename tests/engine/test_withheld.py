"""A vendor says "done" and hands out nothing, because its moderation kept every result: that is a failure, and costs nothing."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.channels import Channel
from app.domain.errors import UpstreamError
from app.domain.jobs import JobStatus
from app.domain.requests import Request
from app.store import ledger
from tests.domain.builders import image, video
from tests.gateways import CHANNEL, Answer, answer, ended, gateway_on, stored, wish

pytestmark = pytest.mark.anyio

PRICES: dict[str, Any] = {"m": {"unit": "job", "usd": "0.25"}}
KEPT_BACK = {"code": "moderation_blocked", "message": "Not this one."}


@dataclass(frozen=True, slots=True)
class Withheld:
    """A vendor that makes a job and keeps what came out."""

    channel: Channel
    wanted: Request
    created: dict[str, Any]
    asked: dict[str, Any]

    def __call__(self, request: httpx.Request) -> Answer:
        return answer(self.created if request.method == "POST" else self.asked)


OPENAI = replace(CHANNEL, prices=PRICES)
OPERATION = "models/veo-3.1-generate-preview/operations/up1"
FILTERED = {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["The video was filtered. Support codes: 58061214"]}
VEO = Withheld(
    replace(OPENAI, adapter="gemini", models={"m": "veo-3.1-generate-preview"}),
    video(duration=8),
    {"name": OPERATION},
    {"name": OPERATION, "done": True, "response": {"generateVideoResponse": FILTERED}},
)
ONE_PICTURE = Withheld(OPENAI, image(), {"created": 1, "data": [{"error": KEPT_BACK}]}, {})
ALL_PICTURES = Withheld(
    replace(OPENAI, models={"m": "gpt-image-1.5"}), image(n=2), {"created": 1, "data": [{"error": KEPT_BACK}] * 2}, {}
)
IN_PARTS = replace(ONE_PICTURE, wanted=image(n=2))


@pytest.mark.parametrize(
    "vendor", [VEO, ONE_PICTURE, ALL_PICTURES, IN_PARTS], ids=["a film", "a picture", "two in one call", "two in two calls"]
)
async def test_done_but_all_filtered_is_failure_with_refund(tmp_path: Path, vendor: Withheld) -> None:
    async with gateway_on(tmp_path, vendor, channels=(vendor.channel,)) as (gateway, _):
        try:
            job_id = (await gateway.create(wish(vendor.wanted))).id
        except UpstreamError as refusal:  # what is known at once is told at once
            job_id = refusal.job_id or ""
        job = await ended(gateway, job_id)
        async with gateway.database.read() as connection:
            lines = await ledger.of_job(connection, job_id)
        parts = [one for one in await stored(gateway) if one.parent_id]
    assert (job.status, job.failure and job.failure.code) == (JobStatus.FAILED, "content_policy_violation")
    assert (job.outputs, job.cost) == ((), 0)
    assert [(line.kind, line.micros) for line in lines] == [("reserve", -job.reserved), ("refund", job.reserved)]
    assert job.reserved > 0
    assert {part.status for part in parts} <= {JobStatus.FAILED}
