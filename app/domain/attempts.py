"""One call to a vendor that may have made (or did make) a job: what was sent and what came of it."""

from dataclasses import dataclass, field
from datetime import datetime

from app.domain.json import JsonObject
from app.domain.replacing import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The `number`-th try (from 1) to have a vendor accept a job.

    `call` and `reply` are redacted, `reply` is shortened; `status` is the vendor's HTTP status. `outcome` is one word of the
    engine's; `ended_at` is None while the answer is awaited, and stays None when a crash took the answer. Times are aware UTC.
    """

    job_id: str
    number: int
    channel_id: str
    channel_name: str
    credential_id: str
    started_at: datetime
    ended_at: datetime | None = None
    call: JsonObject = field(default_factory=dict)
    status: int | None = None
    reply: str | None = None
    request_id: str | None = None  # the vendor's support handle
    outcome: str = ""
    detail: str | None = None
