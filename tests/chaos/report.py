"""A campaign in words: how much of everything there was, and each thing that must not have happened."""

from collections import Counter

from tests.chaos.campaign import Outcome
from tests.chaos.verdict import Findings, flagged, outcome

_SHOWN = 20  # violations of a kind that are spelled out


def report(result: Outcome, found: Findings) -> str:
    """Several lines of text, for the terminal and for logs."""
    evidence = result.evidence
    answers = Counter("no answer" if told.status == 0 else str(told.status) for told in evidence.told)
    ends = Counter(outcome(job) for job in evidence.jobs)
    spent = -sum(line.micros for line in evidence.books.lines)
    lines = [
        f"kills              {result.kills} in {result.under_fire:.0f} s, {result.kills_at_start} of them during a start",
        f"creates sent       {result.posts}: {_counted(answers)}",
        f"other requests     {result.reads} status reads, {result.films} films; {result.broken} connections broke in all",
        f"jobs stored        {len(evidence.jobs)}: {_counted(ends)}",
        f"vendor             {len(evidence.made)} creates accepted, {result.refused} refused",
        f"flagged            {len(flagged(evidence))} jobs say that their outcome is unknown",
        f"money              {len(evidence.books.lines)} lines in the ledger, {spent / 1_000_000:.6f} USD spent",
        f"settled            {result.settled:.0f} s after the last kill",
        *(f"{kind:<18} {len(cases)}" for kind, cases in found.items()),
    ]
    for kind, cases in found.items():
        lines += [f"  {kind}: {case}" for case in cases[:_SHOWN]]
    return "\n".join([*lines, "PASSED" if not any(found.values()) else "FAILED"])


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
