"""How is this job doing? One question to its vendor, and as many more as the adapter needs to know."""

from collections.abc import Callable

from app.adapters.base import Call, Reply
from app.adapters.registry import adapters
from app.domain.channels import Channel, Credential
from app.domain.errors import UpstreamUnreadable
from app.domain.jobs import Job, Snapshot
from app.engine.vendors import Vendors

_MOST = 4  # questions in a row before an adapter is taken to be confused


async def ask_status(vendors: Vendors, channel: Channel, credential: Credential, job: Job) -> Snapshot:
    """What the vendor says of the job now; raises UpstreamError when it says nothing that can be read."""
    adapter = adapters()[job.adapter]
    answer: Snapshot | Call = adapter.build_status(job)
    understood: Callable[[Reply], bool] = adapter.reads_status
    read: Callable[[Job, Reply], Snapshot | Call] = adapter.parse_status
    for _ in range(_MOST):
        if isinstance(answer, Snapshot):
            return answer
        reply = await vendors.ask(channel, credential, answer)
        if not understood(reply):
            raise adapter.parse_error(job, reply)
        answer, read, understood = read(job, reply), adapter.parse_result, _fine
    if isinstance(answer, Snapshot):
        return answer
    raise UpstreamUnreadable("The adapter keeps asking further questions.")


def _fine(reply: Reply) -> bool:
    return reply.ok
