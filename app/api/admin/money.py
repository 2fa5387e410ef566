"""Money for operators: the ledger line by line, usage in sums."""

from typing import Annotated, Literal, TypeAlias

from fastapi import Depends, Query, Response
from starlette.responses import StreamingResponse

from app.api.admin.access import admin_router
from app.api.admin.desks import Before, Limit
from app.api.admin.types import Name
from app.api.admin.usage_query import UsageAsked
from app.api.answers import json_answer
from app.api.deps import GatewayDep
from app.engine.money_desk import MoneyDesk
from app.engine.views import page_view, split_page
from app.store.ledger_pages import LineFilter
from app.store.usage import Wanted

router = admin_router()
LineKind: TypeAlias = Literal["reserve", "settle", "refund", "adjust"]
Format: TypeAlias = Annotated[Literal["json", "csv"], Query(description="`csv` is the whole table.")]
Rows: TypeAlias = Annotated[int, Query(ge=1, le=10_000)]


async def _desk(gateway: GatewayDep) -> MoneyDesk:
    return MoneyDesk(gateway.database, gateway.configuration, gateway.now)


Money: TypeAlias = Annotated[MoneyDesk, Depends(_desk)]


@router.get("/ledger")
async def list_ledger(
    money: Money,
    key_id: Name | None = None,
    job_id: Name | None = None,
    kind: LineKind | None = None,
    before: Before = None,
    limit: Limit = 50,
) -> Response:
    """Every movement of money, the newest first; negative is taken from the key."""
    wanted = LineFilter(key_id=key_id, job_id=job_id, kind=kind)
    found, more = split_page(await money.ledger(wanted, before=before, limit=limit + 1), limit)
    return json_answer(page_view(found, more))


@router.get("/usage", responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}})
async def list_usage(money: Money, asked: UsageAsked, format: Format = "json", limit: Rows = 1_000) -> Response:
    """What was made and what it cost, the newest day first, with the sum of all pages."""
    if format == "csv":
        return StreamingResponse(
            money.table(asked.wanted, asked.dimensions),
            headers={"content-disposition": f'attachment; filename="{_file_name(asked.wanted)}"'},
            media_type="text/csv; charset=utf-8",
        )
    rows = await money.usage(asked.wanted, asked.dimensions, after=asked.after, limit=limit + 1)
    found, more = split_page(rows, limit)
    return json_answer(
        {
            "data": money.named(found),
            "total": await money.total(asked.wanted),
            "has_more": more,
            "next": asked.next(found[-1].of) if more else None,
        }
    )


def _file_name(wanted: Wanted) -> str:
    return f"filmgate-usage-{wanted.first}-{wanted.last}.csv"
