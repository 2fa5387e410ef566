"""W1 and W7: pictures passed through, with few and many connections, at a fixed rate, and one after another."""

import json
import math
from collections.abc import Iterator

from bench.findings import Finding
from bench.gateway import IMAGE_MODEL
from bench.load import Manner, Request
from bench.rounds import Case, Rows, interleaved
from bench.setting import Setting
from bench.tables import COLUMNS, measured, per_core, table
from bench.targets import BARE, CARELESS, DIRECT, GATEWAY, LITELLM, NGINX, PLAIN, PORTKEY, USUAL, Target, running_targets

PATH = "/v1/images/generations"
TITLE, AT_A_RATE = "image", "image at 80 rps"

_CONNECTIONS = (1, 32, 200)
_RATE, _RATE_CONNECTIONS = 80.0, 64
_NOTE = """\
300-byte answers. "To the end" adds the copy that the gateway makes of each picture after its answer, which nobody else does;
"results not kept" is the same gateway asked with a key whose results are not copied. A fixed rate counts latency from the
instant at which a request was due."""
_NOTE_SEQUENTIAL = "The median at one connection less that of the vendor itself."


def body(model: str = IMAGE_MODEL) -> str:
    """A request for one picture."""
    return json.dumps({"model": model, "prompt": "a small red kite above a quiet harbour", "n": 1, "size": "1024x1024"})


def request(target: Target, model: str = IMAGE_MODEL) -> Request:
    """The same, to this target."""
    return Request(PATH, body(model), target.headers)


def measure(setting: Setting) -> list[Finding]:
    """Both."""
    with running_targets(setting) as targets:
        rows = interleaved(setting, _cases(targets.all, setting.pace.seconds))
    seconds = setting.pace.seconds
    sequential = _sequential(rows, seconds)
    return [
        Finding("W1", "Images passed through", COLUMNS, table(rows), _figures(rows, seconds), _NOTE),
        Finding("W7", "Overhead of one image", ("served by", "added p50 ms"), sequential, {}, _NOTE_SEQUENTIAL),
    ]


def _cases(targets: tuple[Target, ...], seconds: float) -> Iterator[Case]:
    for connections in _CONNECTIONS:
        for target in targets:
            yield Case(TITLE, target, request(target), _closed(connections, seconds))
    for target in targets:
        yield Case(AT_A_RATE, target, request(target), _fixed(seconds))


def _closed(connections: int, seconds: float) -> Manner:
    return Manner(connections=connections, seconds=seconds)


def _fixed(seconds: float) -> Manner:
    return Manner(connections=_RATE_CONNECTIONS, rate=_RATE, seconds=seconds * 1.5)


def _figures(rows: Rows, seconds: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for ours, kept in ((GATEWAY, ""), (CARELESS, ", results not kept")):
        for other, theirs in ((LITELLM, "LiteLLM"), (PORTKEY, "Portkey"), (NGINX, "nginx")):
            found[f"image per core over {theirs}{kept}"] = rows.ratio(ours, other, TITLE, _closed(32, seconds), per_core)
            found[f"image added p50 over {theirs}{kept}"] = _added_ratio(rows, ours, other, TITLE, _closed(1, seconds), "p50_ms")
            found[f"image added p99 at 80 rps over {theirs}{kept}"] = _added_ratio(
                rows, ours, other, AT_A_RATE, _fixed(seconds), "p99_ms"
            )
        for other, theirs in ((PLAIN, "plain on the same client"), (USUAL, "the usual first version"), (BARE, "bare")):
            found[f"image per core over {theirs}{kept}"] = rows.ratio(ours, other, TITLE, _closed(32, seconds), per_core)
        found[f"image added p50 ms{kept}"] = _added(rows, ours, TITLE, _closed(1, seconds), "p50_ms")
    return measured(found)


def _added(rows: Rows, name: str, title: str, manner: Manner, figure: str) -> float:
    """Beyond what the vendor itself takes, in milliseconds."""
    one, direct = rows.one(name, title, manner), rows.one(DIRECT, title, manner)
    return math.nan if one is None or direct is None else one.median(figure) - direct.median(figure)


def _added_ratio(rows: Rows, above: str, below: str, title: str, manner: Manner, figure: str) -> float:
    return _added(rows, above, title, manner, figure) / _added(rows, below, title, manner, figure)


def _sequential(rows: Rows, seconds: float) -> tuple[tuple[str, ...], ...]:
    names = [row.case.target.name for row in rows.all if (row.case.title, row.case.manner) == (TITLE, _closed(1, seconds))]
    return tuple((name, f"{_added(rows, name, TITLE, _closed(1, seconds), 'p50_ms'):.2f}") for name in names if name != DIRECT)
