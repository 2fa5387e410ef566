"""What every answer about a job says of its cost to its owner."""

from app.domain.jobs import Job
from app.domain.json import Json
from app.domain.money import usd


def cost_keys(job: Job) -> dict[str, Json]:
    """The cost, null until the job has ended; what is held for it till then; and whether nobody has set a price."""
    cost = job.cost if job.status.final else None
    costs: dict[str, Json] = {
        "cost_usd": None if cost is None else usd(cost),
        "reserved_usd": usd(0 if job.status.final else job.reserved),
    }
    return {**costs, "unpriced": True} if job.terms is None or job.terms.price is None else costs
