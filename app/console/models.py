"""The catalogue: what each model can do and costs, who serves it, and what could be added."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.console.lists import Text, older
from app.console.pages import page
from app.console.vendors import told_of
from app.console.viewer import Console, CurrentViewer, Viewer
from app.domain.lengths import span_text
from app.domain.requests import Mode
from app.engine.configuration import Configuration
from app.engine.model_board import ModelRow, place, rows_of_channels, rows_of_key, rows_of_nobody, takes_any_name
from app.engine.views import split_page

router = APIRouter()
_ROWS = 60  # of one page
_MODES = tuple(mode.value for mode in Mode)
Name = Annotated[str, Query(max_length=300)]


@router.get("/models")
async def list_models(
    request: Request,
    viewer: CurrentViewer,
    gateway: Console,
    text: Text = "",
    kind: Text = "",
    mode: Text = "",
    rest: Text = "",
    before: Name = "",
) -> Response:
    """What may be used, by name; with `rest` the operator sees what no channel serves."""
    unserved = viewer.admin and bool(rest)
    filters = {"text": text.strip(), "kind": kind, "mode": mode}
    fitting = [row for row in _rows(gateway.configuration, viewer, unserved) if row.fits(**filters)]
    after = [row for row in fitting if not before or place(row) > (before.lower(), before)]
    rows, more = split_page(after, _ROWS)
    kept = {**filters, "rest": "1" if unserved else ""}
    content = {
        "rows": rows,
        "total": len(fitting),
        "filters": filters,
        "unserved": unserved,
        "other_side": _address(request.url.path, {**filters, "rest": "" if unserved else "1"}),
        "any_name": takes_any_name(gateway.configuration) if viewer.admin and not unserved else [],
        "modes": _MODES,
        "today": gateway.now().date(),
        "told_of": told_of,
        "span": span_text,
        "more": older(request.url.path, kept, rows[-1].name if more else None),
    }
    return page(request, viewer, "models.html", content)


def _rows(configuration: Configuration, viewer: Viewer, unserved: bool) -> list[ModelRow]:
    if viewer.key is not None:
        return rows_of_key(configuration, viewer.key)
    return rows_of_nobody(configuration) if unserved else rows_of_channels(configuration)


def _address(path: str, chosen: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"{path}?{query}" if query else path
