"""`/admin/ledger` and `/admin/usage`: every line, and every sum."""

import csv
import io
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.domain.jobs import Job
from app.store import ledger, usage
from tests.api.conftest import Site, error_of
from tests.api.samples import TERMS, completed
from tests.gateways import CHANNEL, KEY

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
FIGURES = ["jobs", "completed", "failed", "results", "seconds", "usd"]


async def spent(site: Site, number: int, **values: Any) -> Job:
    """A job that is done and cost 0.25 USD."""
    now = site.gateway.now()
    given = {"id": f"task_{number}", "key_id": KEY.id, "created_at": now, "channel_id": CHANNEL.id, "terms": TERMS}
    job = completed(**{**given, "reserved": 300_000, "cost": 250_000, "seconds": 5.0, **values})
    async with site.gateway.database.write() as connection:
        await ledger.reserve(connection, job, now)
        await ledger.settle(connection, job, job.cost or 0, now)
        await usage.add(connection, job)
    return job


async def read(admin: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await admin.get(f"/admin/{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_lines_come_newest_first_and_sum_to_minus_the_cost(site: Site, admin: httpx.AsyncClient) -> None:
    await spent(site, 1)
    lines = (await read(admin, "ledger"))["data"]
    assert [(line["id"], line["kind"], line["usd"]) for line in lines] == [
        ("settle_task_1", "settle", "0.050000"),
        ("reserve_task_1", "reserve", "-0.300000"),
    ]
    assert all((line["key_id"], line["job_id"]) == (KEY.id, "task_1") for line in lines)
    assert all(isinstance(line["at"], int) for line in lines)


async def test_lines_can_be_filtered(site: Site, admin: httpx.AsyncClient) -> None:
    await spent(site, 1)
    await spent(site, 2, key_id="key_2", cost=0)
    for query, expected in (
        ({"key_id": KEY.id}, ["settle_task_1", "reserve_task_1"]),
        ({"job_id": "task_2"}, ["refund_task_2", "reserve_task_2"]),
        ({"kind": "reserve"}, ["reserve_task_2", "reserve_task_1"]),
        ({"kind": "adjust"}, []),
        ({"key_id": "key%"}, []),
    ):
        assert [line["id"] for line in (await read(admin, "ledger", **query))["data"]] == expected


async def test_the_ledger_turns_pages_by_next(site: Site, admin: httpx.AsyncClient) -> None:
    await spent(site, 1)
    await spent(site, 2)
    first = await read(admin, "ledger", limit=3)
    second = await read(admin, "ledger", limit=3, before=first["next"])
    assert [line["id"] for line in (*first["data"], *second["data"])] == [
        "settle_task_2",
        "reserve_task_2",
        "settle_task_1",
        "reserve_task_1",
    ]
    assert (first["has_more"], second["has_more"], second["next"]) == (True, False, None)


async def test_usage_is_told_apart_by_day_model_key_and_channel(site: Site, admin: httpx.AsyncClient) -> None:
    job = await spent(site, 1)
    found = await read(admin, "usage")
    figures = {"jobs": 1, "completed": 1, "failed": 0, "results": 1, "seconds": 5, "usd": "0.250000"}
    assert found == {
        "data": [
            {
                "day": f"{job.created_at:%Y-%m-%d}",
                "model": "film-1",
                "key_id": KEY.id,
                "key_name": KEY.name,
                "channel_id": CHANNEL.id,
                "channel_name": CHANNEL.name,
                **figures,
            }
        ],
        "total": figures,
        "has_more": False,
        "next": None,
    }


async def test_usage_is_grouped_by_what_is_asked_for(site: Site, admin: httpx.AsyncClient) -> None:
    await spent(site, 1)
    await spent(site, 2, key_id="key_2", cost=1)
    found = await read(admin, "usage", group_by="model")
    assert [list(line) for line in found["data"]] == [["model", *FIGURES]]
    assert found["data"][0]["usd"] == found["total"]["usd"] == "0.250001"
    by_key = await read(admin, "usage", group_by=" key , day,key")
    assert [list(line) for line in by_key["data"]] == [["key_id", "key_name", "day", *FIGURES]] * 2


async def test_usage_can_be_filtered(site: Site, admin: httpx.AsyncClient) -> None:
    await spent(site, 1)
    await spent(site, 2, key_id="key_2", channel_id="channel_sandbox", model="film-2")
    for query, jobs in (
        ({"key_id": KEY.id}, 1),
        ({"model": "film-2"}, 1),
        ({"channel": CHANNEL.name}, 1),
        ({"channel": CHANNEL.id}, 1),
        ({"channel": "nobody"}, 0),
        ({"model": "film%"}, 0),
        ({"key_id": KEY.id, "model": "film-2"}, 0),
    ):
        assert (await read(admin, "usage", **query))["total"]["jobs"] == jobs


async def test_both_ends_of_a_range_count_and_thirty_days_are_the_default(site: Site, admin: httpx.AsyncClient) -> None:
    today = site.gateway.now()
    for number, past in enumerate((0, 1, 29, 30)):
        await spent(site, number, created_at=today - past * DAY)
    last, first = f"{today - DAY:%Y-%m-%d}", f"{today - 29 * DAY:%Y-%m-%d}"
    assert (await read(admin, "usage"))["total"]["jobs"] == 3
    assert (await read(admin, "usage", **{"from": first, "to": last}))["total"]["jobs"] == 2
    assert (await read(admin, "usage", to=last))["total"]["jobs"] == 3
    assert (await read(admin, "usage", **{"from": last}))["total"]["jobs"] == 2
    assert [line["day"] for line in (await read(admin, "usage", group_by="day"))["data"]][1:] == [last, first]


@pytest.mark.parametrize("group_by", ["day,model,key,channel", "channel", "model,day"])
async def test_usage_turns_pages_by_next(site: Site, admin: httpx.AsyncClient, group_by: str) -> None:
    today = site.gateway.now()
    for number in range(4):
        made = today - (number % 2) * DAY
        await spent(site, number, model=f"film 日本 {number}", channel_id=f"ch_{number}" if number else "", created_at=made)
    whole = (await read(admin, "usage", group_by=group_by))["data"]
    page = await read(admin, "usage", group_by=group_by, limit=1)
    found = page["data"]
    while page["has_more"]:
        page = await read(admin, "usage", group_by=group_by, limit=1, before=page["next"])
        found += page["data"]
        assert page["total"]["jobs"] == 4
    assert found == whole
    assert len(found) == 4


async def test_csv_is_a_file_with_a_header_and_every_line(site: Site, admin: httpx.AsyncClient) -> None:
    await admin.patch(f"/admin/keys/{KEY.id}", json={"name": '=HYPERLINK("http://evil.example.com")'})
    await spent(site, 1)
    await spent(site, 2, key_id="key_none")
    query: dict[str, str | int] = {"format": "csv", "group_by": "key", "from": "2026-01-01", "to": "9999-12-31", "limit": 1}
    answer = await admin.get("/admin/usage", params=query)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="filmgate-usage-2026-01-01-9999-12-31.csv"'
    assert list(csv.reader(io.StringIO(answer.text, newline=""))) == [
        ["key_id", "key_name", *FIGURES],
        [KEY.id, '\'=HYPERLINK("http://evil.example.com")', "1", "1", "0", "1", "5", "0.250000"],
        ["key_none", "", "1", "1", "0", "1", "5", "0.250000"],
    ]


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("ledger", {"kind": "gift"}, "kind"),
        ("ledger", {"limit": "0"}, "limit"),
        ("ledger", {"before": "\x00"}, "before"),
        ("ledger", {"job_id": ""}, "job_id"),
        ("usage", {"from": "yesterday"}, "from"),
        ("usage", {"to": "2026-02-30"}, "to"),
        ("usage", {"from": "2026-02-02", "to": "2026-02-01"}, "from"),
        ("usage", {"group_by": "colour"}, "group_by"),
        ("usage", {"group_by": ""}, "group_by"),
        ("usage", {"format": "xml"}, "format"),
        ("usage", {"limit": "10001"}, "limit"),
        ("usage", {"before": "?"}, "before"),
        ("usage", {"before": "e30="}, "before"),
        ("usage", {"before": "WyJhIl0="}, "before"),
        ("usage", {"group_by": "model", "before": "WzFd"}, "before"),
        ("usage", {"group_by": "model", "before": "WyJcdTAwMDAiXQ=="}, "before"),
        ("usage", {"model": "\x00"}, "model"),
    ],
)
async def test_a_bad_query_is_a_400_naming_the_field(
    shared_admin: httpx.AsyncClient, path: str, query: dict[str, str], param: str
) -> None:
    answer = await shared_admin.get(f"/admin/{path}", params=query)
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)


@pytest.mark.parametrize("query", [{"to": "0001-01-01"}, {"from": "0001-01-01", "to": "9999-12-31"}])
async def test_the_ends_of_the_calendar_are_no_error(admin: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await read(admin, "usage", **query))["data"] == []


@pytest.mark.parametrize("path", ["ledger", "usage"])
async def test_only_the_admin_key_opens_money(site: Site, admin: httpx.AsyncClient, path: str) -> None:
    assert (await site.client.get(f"/admin/{path}")).status_code == 403


async def test_keys_show_what_they_spent(site: Site, admin: httpx.AsyncClient) -> None:
    await spent(site, 1)
    await spent(site, 2, created_at=site.gateway.now() - 400 * DAY)
    await admin.patch(f"/admin/keys/{KEY.id}", json={"budget_usd": "9", "budget_period": "month"})
    one = await read(admin, f"keys/{KEY.id}")
    assert (one["spent_usd"], one["reserved_usd"], one["spent_total_usd"]) == ("0.250000", "0.000000", "0.500000")
    listed = {key["id"]: key["spent_usd"] for key in (await read(admin, "keys"))["data"]}
    assert listed == {KEY.id: "0.250000", "key_2": "0.000000"}
