"""W3 and a part of W4: creates of video jobs, each with its durable row, and reads of a job's status."""

import json
from collections.abc import Iterator

from bench.findings import Finding
from bench.gateway import VIDEO_MODEL
from bench.load import Manner, Request
from bench.rounds import Case, Row, Rows, interleaved
from bench.setting import Setting
from bench.tables import COLUMNS, measured, table
from bench.targets import BARE, CARELESS, GATEWAY, LITELLM, PLAIN, USUAL, Target, Targets, running_targets

CREATE, STATUS = "video create", "video status"
PATH = "/v1/videos"
WANTED = json.dumps({"model": VIDEO_MODEL, "prompt": "a small red kite above a quiet harbour", "seconds": "5", "size": "1280x720"})

_CONNECTIONS = (1, 32)
# A job is first polled one second after its create: a shorter window holds creates alone, their polls come after it.
_BEFORE_THE_FIRST_POLL = 0.8  # seconds
_NOTE_CREATE = """\
A row is committed with synchronous=FULL before the request leaves, and its ledger entry with it; nobody else here stores
anything. The window holds creates alone; "to the end" adds the poll that ends each job and the copy of its result."""
_NOTE_STATUS = (
    "The gateway answers from its own table, the others ask the vendor. Reads of many stored jobs stand in a table of their own."
)


def measure(setting: Setting) -> list[Finding]:
    """Both, in rounds of their own."""
    with running_targets(setting) as targets:
        creates = interleaved(setting, _creates(targets))
        reads = interleaved(setting, _reads(targets, setting.pace.seconds))
    return [
        Finding("W3", "Video jobs created", COLUMNS, table(creates), _create_figures(creates), _NOTE_CREATE),
        Finding("W4", "Status of a video job", COLUMNS, table(reads), {}, _NOTE_STATUS),
    ]


def create_manner(connections: int) -> Manner:
    """All jobs are made before the first of them is polled."""
    return Manner(connections=connections, seconds=_BEFORE_THE_FIRST_POLL, warm_up=0.0)


def read_request(targets: Targets, target: Target) -> Request:
    """Where a job can be read that does not end."""
    job = targets.gateway.open_job if target.server is targets.gateway.server else "video_open_1"
    return Request(f"{PATH}/{job}", headers=target.headers)


def _creates(targets: Targets) -> Iterator[Case]:
    for connections in _CONNECTIONS:
        for target in targets.chosen(BARE, USUAL, PLAIN, GATEWAY, CARELESS, LITELLM):
            yield Case(CREATE, target, Request(PATH, WANTED, target.headers), create_manner(connections))


def _reads(targets: Targets, seconds: float) -> Iterator[Case]:
    for connections in _CONNECTIONS:
        for target in targets.chosen(BARE, USUAL, PLAIN, GATEWAY):
            yield Case(STATUS, target, read_request(targets, target), Manner(connections=connections, seconds=seconds))


def _create_figures(rows: Rows) -> dict[str, float]:
    found = {}
    for ours, kept in ((GATEWAY, ""), (CARELESS, ", results not kept")):
        for other in (LITELLM, USUAL, PLAIN, BARE):
            found[f"video create per core over {other}{kept}"] = rows.ratio(
                ours, other, CREATE, create_manner(32), _creates_per_core
            )
    return measured(found)


def _creates_per_core(row: Row) -> float:
    """Creates alone: nobody else follows a job to its end."""
    return 1e6 / row.median("cpu_us")
