"""Judges a campaign: what was lost, doubled or stuck, and whether the money is right. Pure, so that it can itself be tested."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from app.domain.jobs import Job, JobStatus
from app.domain.replays import started_nothing
from tests.chaos.clients import Told
from tests.chaos.evidence import Books, Evidence
from tests.chaos.vendor import Made

UNKNOWN, INTERRUPTED = "upstream_outcome_unknown", "interrupted"
Findings = Mapping[str, Sequence[str]]


def findings(evidence: Evidence, price: int) -> Findings:
    """Kind of violation -> one line for each; every list is empty when all is well. `price` of a job in micro-dollars."""
    return {
        "lost": [*_lost_promises(evidence), *_lost_creates(evidence)],
        "doubled": list(_doubled(evidence)),
        "stuck": [f"job {job.id} is still {job.status} ({job.stage})" for job in evidence.jobs if not job.status.final],
        "invented": list(_invented(evidence)),
        "misled": list(_misled(evidence)),
        "money": [*_wrong_jobs(evidence.jobs, evidence.books, price), *_wrong_accounts(evidence.books)],
        "odd": [*evidence.odd, *evidence.deaths],
    }


def flagged(evidence: Evidence) -> Sequence[Job]:
    """Jobs that say of themselves that nobody knows what became of them."""
    return [job for job in evidence.jobs if outcome(job) == UNKNOWN]


def outcome(job: Job) -> str:
    """`completed`, or why it failed."""
    if job.status is JobStatus.FAILED:
        return job.failure.code if job.failure else "failed without a reason"
    return str(job.status)


def _lost_promises(evidence: Evidence) -> Iterator[str]:
    """An id that a client was given stands for a job that is stored, and that ended as its vendor says."""
    stored, made = {job.id: job for job in evidence.jobs}, _by_mark(evidence.made)
    for told in evidence.told:
        if told.job_id is None:
            continue
        job = stored.get(told.job_id)
        if job is None:
            yield f"{told.mark}: a client was given the id {told.job_id}, and no such job is stored"
        elif _accepted(told) and job.status.final and outcome(job) != _end_of(made.get(told.mark)):
            yield f"{told.mark}: a client was told that {job.id} is accepted, and it ended as {outcome(job)}"
        elif told.status == 200 and outcome(job) == INTERRUPTED:
            yield f"{told.mark}: a client was given the job {job.id}, and it was never sent"


def _accepted(told: Told) -> bool:
    """Whether this answer says that the vendor has the job.

    A second call by name may be shown a job that is still on its way, and a key with a limit one that waits for room.
    """
    return told.status == 200 and told.state in ("queued", "in_progress") and not told.named and not told.limited


def _lost_creates(evidence: Evidence) -> Iterator[str]:
    """What the vendor accepted is known to a job that ended as the vendor says, or says that it does not know."""
    jobs = _of_marks(evidence.jobs)
    for one in evidence.made:
        mine = jobs.get(one.mark, [])
        job = next((job for job in mine if job.upstream_id == one.id), mine[-1] if mine else None)
        if job is None:
            yield f"{one.mark}: the vendor accepted it ({one.id}), and no stored job knows of it"
        elif job.status.final and outcome(job) not in (_end_of(one), UNKNOWN):
            yield f"{one.mark}: the vendor accepted it ({one.id}), and job {job.id} says {outcome(job)}"


def _doubled(evidence: Evidence) -> Iterator[str]:
    for mark, count in Counter(one.mark for one in evidence.made).items():
        if count > 1:
            yield f"{mark}: the vendor accepted it {count} times"
    for mark, mine in _of_marks(evidence.jobs).items():
        if len(mine) > 1:
            yield f"{mark}: it is stored as {len(mine)} jobs"


def _invented(evidence: Evidence) -> Iterator[str]:
    """A job that completed without its vendor, or with another job's result."""
    made = {one.id: one for one in evidence.made}
    for job in evidence.jobs:
        if job.upstream_id is not None and (job.upstream_id not in made or made[job.upstream_id].mark != job.asked.prompt):
            yield f"job {job.id} ({job.asked.prompt}) has the vendor's id {job.upstream_id}, which is not its own"
        elif job.status is JobStatus.COMPLETED and job.upstream_id is None:
            yield f"job {job.id} completed, and no vendor made it"


def _misled(evidence: Evidence) -> Iterator[str]:
    """A client that heard a plain "no" may ask again, which is dear when the vendor said yes."""
    made = _by_mark(evidence.made)
    for told in evidence.told:
        if told.status == 500:
            yield f"{told.mark}: a create was answered with 500 ({told.code})"
        elif told.status >= 400 and told.code != UNKNOWN and told.mark in made:
            yield f"{told.mark}: a client heard {told.status} {told.code}, and the vendor accepted it"


def _wrong_jobs(jobs: Sequence[Job], books: Books, price: int) -> Iterator[str]:
    """Each job costs its price when it completed, else nothing; its lines say the same, and settle it once."""
    lines = defaultdict(list)
    for line in books.lines:
        lines[line.job_id].append(line)
    for job in jobs:
        mine = lines.pop(job.id, [])
        due = price if job.status is JobStatus.COMPLETED else 0
        if job.status.final and (job.cost or 0) != due:
            yield f"job {job.id} ({outcome(job)}) costs {job.cost}, not {due}"
        if sum(line.micros for line in mine) != -(job.cost or 0) and job.status.final:
            yield f"job {job.id} costs {job.cost}, and its lines sum to {sum(line.micros for line in mine)}"
        reserves, ends = (sum(line.kind in kinds for line in mine) for kinds in (("reserve",), ("settle", "refund")))
        if job.status.final and (reserves, ends) not in ((1, 1), (0, 0)):
            yield f"job {job.id} was reserved {reserves} times and settled or refunded {ends} times"
    for job_id in lines:
        yield f"the ledger has lines of {job_id}, which is not a stored job"


def _wrong_accounts(books: Books) -> Iterator[str]:
    for key_id in sorted({line.key_id for line in books.lines} | {account.key_id for account in books.accounts}):
        mine = [account for account in books.accounts if account.key_id == key_id]
        held, spent = sum(account.reserved for account in mine), sum(account.spent for account in mine)
        written = sum(line.micros for line in books.lines if line.key_id == key_id)
        if any(account.reserved for account in mine):
            yield f"key {key_id}: {held} micro-dollars are still reserved"
        if spent != -written:
            yield f"key {key_id}: {spent} micro-dollars are spent, and the ledger says {-written}"


def _of_marks(jobs: Sequence[Job]) -> Mapping[str, Sequence[Job]]:
    """The jobs of each client's create. One that certainly reached no vendor frees its name, and the next try is a job anew."""
    found = defaultdict(list)
    for job in jobs:
        found[str(job.asked.prompt)].append(job)
    return {mark: [job for job in mine if not started_nothing(job)] or mine[-1:] for mark, mine in found.items()}


def _by_mark(made: Sequence[Made]) -> Mapping[str, Made]:
    return {one.mark: one for one in made}


def _end_of(one: Made | None) -> str:
    """How a job of the vendor ends."""
    if one is None:
        return "nothing at the vendor"
    return "completed" if one.works else "generation_failed"
