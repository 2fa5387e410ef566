"""W2: pictures in the answer itself, 2 and 4 MB of base64."""

from collections.abc import Iterator

from bench.findings import Finding
from bench.gateway import IMAGE_MODEL
from bench.images import request
from bench.load import Manner
from bench.rounds import Case, Row, Rows, interleaved
from bench.setting import Setting
from bench.tables import COLUMNS, measured, per_core, table
from bench.targets import CARELESS, GATEWAY, OTHERS, Target, running_targets

_SIZES = ("2mb", "4mb")
_CONNECTIONS = 8
_NOTE = "Base64 inside the JSON answer; the gateway stores the picture before it answers, the others pass it on."


def measure(setting: Setting) -> list[Finding]:
    """Large answers, a few connections."""
    manner = Manner(connections=_CONNECTIONS, seconds=setting.pace.seconds)
    with running_targets(setting) as targets:
        rows = interleaved(setting, _cases(targets.all, manner))
    columns, cells = (*COLUMNS, "MB/s"), tuple((*line, _speed(row)) for line, row in zip(table(rows), rows.all, strict=True))
    return [Finding("W2", "Pictures of 2 and 4 MB in the answer", columns, cells, _figures(rows, manner), _NOTE)]


def _cases(targets: tuple[Target, ...], manner: Manner) -> Iterator[Case]:
    for size in _SIZES:
        for target in targets:
            if target.name != CARELESS:  # a picture inside an answer is nowhere else: it is kept for every key
                yield Case(_title(size), target, request(target, f"{IMAGE_MODEL}-{size}"), manner)


def _title(size: str) -> str:
    return f"image of {size.removesuffix('mb')} MB"


def _figures(rows: Rows, manner: Manner) -> dict[str, float]:
    return measured(
        {
            f"{size.removesuffix('mb')} MB answers per core over {other}": rows.ratio(
                GATEWAY, other, _title(size), manner, per_core
            )
            for size in _SIZES
            for other in OTHERS
        }
    )


def _speed(row: Row) -> str:
    return f"{row.median('mb_s'):.0f}"
