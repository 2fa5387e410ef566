"""The first page: how the gateway fares, while one looks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from app.console.charts import Bar
from app.console.figures import money, number, percent, span
from app.console.pages import page
from app.console.viewer import Console, CurrentViewer, Operator
from app.domain.money import usd
from app.engine.gateway import Gateway
from app.engine.overview import DAYS, Overview
from app.store.usage import Dimension

router = APIRouter()
_INTERVAL = 1.0  # seconds between two looks
_PING = 15  # looks after which a silent stream says that it is still there


@router.get("/")
async def show_overview(request: Request, viewer: CurrentViewer, gateway: Console) -> Response:
    """The operator's first page; others begin in the playground."""
    if not viewer.admin:
        return RedirectResponse("/console/playground", 303)
    seen = await gateway.overview.look()
    today = gateway.now().date()
    ends = [today - timedelta(days=DAYS - 1), today]
    content = {"seen": seen, "figures": _figures(seen), "days": _days(seen, today), "ends": ends, "fresh": not seen.days}
    return page(request, viewer, "overview.html", content)


@router.get("/live")
async def stream_figures(request: Request, viewer: Operator, gateway: Console) -> Response:
    """The numbers of the first page as server-sent events, each time they have changed."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_changes(gateway), headers=headers, media_type="text/event-stream")


async def _changes(gateway: Gateway) -> AsyncIterator[bytes]:
    last, silent = b"", 0
    while not gateway.draining:
        figures = orjson.dumps(_figures(await gateway.overview.look()))
        silent += 1
        if figures != last:
            last, silent = figures, 0
            yield b"data: %b\n\n" % figures
        elif silent >= _PING:
            silent = 0
            yield b": ping\n\n"
        await asyncio.sleep(_INTERVAL)


def _figures(seen: Overview) -> dict[str, str]:
    """What changes while one looks, as it is written."""
    spans = {f"span-{one.op}": f"{span(one.median)} · {span(one.ninth)}" for one in seen.spans}
    return {
        "queued": number(seen.queued),
        "running": number(seen.running),
        "completed": number(seen.today.completed),
        "failed": number(seen.today.failed),
        "success": percent(seen.success),
        "spent": money(usd(seen.today.spent)),
        "states": " ".join(f"{state.channel.id}={state.word}" for state in seen.channels),
        **spans,
    }


def _days(seen: Overview, today: date) -> list[Bar]:
    """A bar for each of the last days, the empty ones too."""
    known = {usage.of[Dimension.DAY]: usage for usage in seen.days}
    bars = []
    for back in range(DAYS - 1, -1, -1):
        day = (today - timedelta(days=back)).isoformat()
        usage = known.get(day)
        jobs, failed = (usage.jobs, usage.failed) if usage else (0, 0)
        bars.append(Bar(jobs, f"{day}: {jobs} / {failed} / {money(usd(usage.spent if usage else 0))}", failed))
    return bars
