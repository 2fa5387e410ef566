"""Usage and money in the console: charts, tables and files for the operator, their own sums for holders of keys."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.console.usage_times import Sums, by_name, by_time, costliest, sums
from app.domain.json import Json
from app.store import ledger, usage
from app.store.usage import Dimension
from tests.api.conftest import STRANGER
from tests.console.conftest import Rooms
from tests.gateways import CHANNEL, KEY
from tests.store import samples
from tests.store.test_usage import ended

pytestmark = pytest.mark.anyio
HOSTILE = "<script>alert(1)</script>"


async def counted(rooms: Rooms, **values: Any) -> None:
    """A job of today that has ended and cost 25 cents, as the sums know it."""
    given = {"key_id": KEY.id, "channel_id": CHANNEL.id, "created_at": rooms.site.gateway.now(), **values}
    async with rooms.site.gateway.database.write() as connection:
        await usage.add(connection, ended(**given))


def shown(page: str) -> list[list[str]]:
    """The rows of the page's table, as text."""
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)] for row in rows
    ]


async def test_the_operator_sees_all_usage_with_its_sum(rooms: Rooms) -> None:
    await counted(rooms)
    await counted(rooms, key_id=STRANGER.id)
    rows = shown((await rooms.operator.get("/console/usage")).text)
    today = f"{rooms.site.gateway.now():%Y-%m-%d}"
    assert rows[1][:3] == [today, "$0.50", "2"]
    assert rows[-1][:3] == ["All together", "$0.50", "2"]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("model", ["film-1"]),
        ("key", [f"tests{KEY.id}", f"stranger{STRANGER.id}"]),
        ("channel", [f"vendor{CHANNEL.id}", "no channel"]),
    ],
)
async def test_usage_is_told_apart_and_what_cost_most_comes_first(rooms: Rooms, by: str, names: Sequence[str]) -> None:
    await counted(rooms, cost=500_000)
    await counted(rooms, key_id=STRANGER.id, channel_id="")
    rows = shown((await rooms.operator.get(f"/console/usage?by={by}")).text)
    assert [re.sub(r"\s", "", row[0]) for row in rows[1:-1]] == [name.replace(" ", "") for name in names]


async def test_usage_is_narrowed_to_one_key(rooms: Rooms) -> None:
    await counted(rooms)
    await counted(rooms, key_id=STRANGER.id, cost=70_000)
    page = (await rooms.operator.get(f"/console/usage?key_id={STRANGER.id}")).text
    assert shown(page)[-1][:3] == ["All together", "$0.07", "1"]
    assert "key: stranger" in page


@pytest.mark.parametrize(("query", "jobs"), [("days=1", "1"), ("days=7", "2"), ("days=30", "3"), ("", "3")])
async def test_a_period_counts_back_from_today(rooms: Rooms, query: str, jobs: str) -> None:
    for days in (0, 6, 29, 30):
        await counted(rooms, created_at=rooms.site.gateway.now() - timedelta(days=days))
    assert shown((await rooms.operator.get(f"/console/usage?{query}")).text)[-1][2] == jobs


async def test_the_reader_writes_first_and_last_day(rooms: Rooms) -> None:
    await counted(rooms, created_at=datetime(2020, 2, 29, 23, 59, tzinfo=UTC))
    await counted(rooms, created_at=datetime(2020, 3, 1, tzinfo=UTC))
    page = (await rooms.operator.get("/console/usage?from=2020-02-01&to=2020-02-29")).text
    assert shown(page)[-1][2] == "1"
    assert 'value="2020-02-29"' in page


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "from=2026-02-30", "to=2020-01-01&from=2021-01-01", "by=moon", "show=moon", "days=0", "days=x", "days=9999"],
)
async def test_a_period_that_is_none_is_refused(shared_rooms: Rooms, query: str) -> None:
    assert (await shared_rooms.operator.get(f"/console/usage?{query}")).status_code == 400


@pytest.mark.parametrize("query", ["from=0001-01-01&to=9999-12-31", "to=0001-01-01", "from=&to=", "key_id=%00", "model=a%0Ab"])
async def test_extreme_choices_are_answered(shared_rooms: Rooms, query: str) -> None:
    await counted(shared_rooms)
    assert (await shared_rooms.operator.get(f"/console/usage?{query}")).status_code == 200


async def test_the_files_are_what_the_page_shows(rooms: Rooms) -> None:
    await counted(rooms)
    await counted(rooms, key_id=STRANGER.id)
    page = (await rooms.operator.get(f"/console/usage?by=key&key_id={KEY.id}&days=7")).text
    found = re.search(r'id="csv" href="([^"]+)"', page)
    assert found is not None
    answer = await rooms.operator.get(found[1].replace("&amp;", "&"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.splitlines()[1].startswith(f"{KEY.id},tests,1,1,0,1,")
    assert STRANGER.id not in answer.text


async def test_a_holder_sees_only_their_own_usage(rooms: Rooms) -> None:
    await counted(rooms)
    await counted(rooms, key_id=STRANGER.id, model="secret-of-the-stranger", cost=9_000_000)
    page = (await rooms.holder.get(f"/console/usage?key_id={STRANGER.id}&by=key")).text
    assert "film-1" in page
    assert "secret-of-the-stranger" not in page
    assert "stranger" not in page
    assert CHANNEL.name not in page
    assert "/admin/" not in page


@pytest.mark.parametrize("path", ["/console/usage/ledger", "/console/usage/groups"])
async def test_ledger_and_group_prices_are_the_operators(shared_rooms: Rooms, path: str) -> None:
    assert (await shared_rooms.operator.get(path)).status_code == 200
    assert (await shared_rooms.holder.get(path)).status_code == 403


async def moved(rooms: Rooms, *names: str, key_id: str = KEY.id) -> None:
    """What is held for jobs and settled."""
    async with rooms.site.gateway.database.write() as connection:
        for name in names:
            job = replace(samples.job(), id=name, key_id=key_id, reserved=500_000)
            await ledger.reserve(connection, job, rooms.site.gateway.now())
            await ledger.settle(connection, job, 200_000, rooms.site.gateway.now())


async def test_the_ledger_shows_every_movement(rooms: Rooms) -> None:
    await moved(rooms, "video_1")
    rows = shown((await rooms.operator.get("/console/usage/ledger")).text)
    assert [row[1:] for row in rows[1:]] == [["settled", "tests", "video_1", "$0.30"], ["held", "tests", "video_1", "−$0.50"]]


@pytest.mark.parametrize(
    ("query", "lines"),
    [(f"key_id={STRANGER.id}", 2), ("job_id=video_1", 2), ("kind=reserve", 2), ("kind=moon", 0), ("key_id=%00", 0), ("job_id=", 4)],
)
async def test_the_ledger_is_filtered(rooms: Rooms, query: str, lines: int) -> None:
    await moved(rooms, "video_1")
    await moved(rooms, "video_2", key_id=STRANGER.id)
    page = (await rooms.operator.get(f"/console/usage/ledger?{query}")).text
    assert page.count('<td class="num">') == lines


async def test_the_ledger_turns_its_pages_with_its_filters(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.console.usage.PAGE", 1)
    await moved(rooms, "video_1", "video_2")
    first = (await rooms.operator.get("/console/usage/ledger?kind=settle")).text
    found = re.search(r'rel="next" href="([^"]+)"', first)
    assert found is not None
    second = (await rooms.operator.get(found[1].replace("&amp;", "&"))).text
    assert [shown(page)[1][1:4] for page in (first, second)] == [["settled", "tests", "video_2"], ["settled", "tests", "video_1"]]


async def test_hostile_models_and_ids_are_texts(rooms: Rooms) -> None:
    await counted(rooms, model=HOSTILE)
    await counted(rooms, key_id=HOSTILE)
    await moved(rooms, HOSTILE, key_id='"><img src=x>')
    pages = ("usage?by=model", "usage?by=key", f"usage?model={HOSTILE}", "usage/ledger", f"usage/ledger?job_id={HOSTILE}")
    for path in pages:
        page = (await rooms.operator.get(f"/console/{path}")).text
        assert HOSTILE not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page
    assert HOSTILE not in (await rooms.holder.get("/console/usage")).text


async def test_the_pages_speak_chinese(rooms: Rooms) -> None:
    await counted(rooms)
    for browser in (rooms.operator, rooms.holder):
        await browser.get("/console/language/zh")
        assert "合计" in (await browser.get("/console/usage")).text
    assert "账目" in (await rooms.operator.get("/console/usage/ledger")).text
    assert "价格倍率" in (await rooms.operator.get("/console/usage/groups")).text


async def test_groups_show_what_they_pay(rooms: Rooms) -> None:
    page = (await rooms.operator.get("/console/usage/groups")).text
    assert shown(page)[1][:3] == ["default", "2", "2"]
    assert 'data-call="/admin/groups/default" data-method="PUT"' in page


def line(day: str, usd: str = "0.100000", jobs: int = 2, failed: int = 1) -> dict[str, Json]:
    counts = {"jobs": jobs, "completed": jobs - failed, "failed": failed, "results": jobs - failed}
    return {Dimension.DAY.value: day, **counts, "seconds": 2.5, "usd": usd}


def test_days_without_a_line_have_an_empty_bar() -> None:
    bars = by_time([line("2026-03-01"), line("2026-02-27")], date(2026, 2, 27), date(2026, 3, 1))
    assert [(bar.label, bar.sums.jobs) for bar in bars] == [("02-27", 2), ("02-28", 0), ("03-01", 2)]


def test_too_many_days_become_the_months_between_the_lines() -> None:
    bars = by_time([line("2025-11-30"), line("2026-01-01"), line("2026-01-31")], date.min, date.max)
    assert [(bar.time, bar.sums.jobs) for bar in bars] == [("2025-11", 2), ("2025-12", 0), ("2026-01", 4)]


def test_too_many_days_without_a_line_have_no_bar() -> None:
    assert by_time([], date.min, date.max) == []


def test_lines_add_up() -> None:
    total = sums([line("2026-03-01"), line("2026-02-27", "1.000001")])
    assert total == Sums(4, 2, 2, 2, 5.0, Decimal("1.100001"))
    assert total.failed_share == 0.5
    assert sums([]).failed_share is None


def test_what_cost_most_comes_first() -> None:
    lines = by_name([line("a", "0.1"), line("b", "0.9"), line("c", "0.1", jobs=9)], "day")
    assert [one.name for one in costliest(lines, 2)] == ["b", "c"]
