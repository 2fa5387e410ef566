"""Money as people see it: of the right key, in the right period, in decimal strings."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.domain.capabilities import Price
from app.domain.channels import BudgetPeriod, Channel, Key
from app.domain.jobs import Job, JobStatus, Output
from app.domain.prices import Terms
from app.engine.configuration import Configuration
from app.engine.money_desk import MoneyDesk, recent
from app.engine.money_views import csv_text, period_bounds, terms_view
from app.store import channels as channel_store
from app.store import keys as key_store
from app.store import ledger, usage
from app.store.database import Database
from app.store.ledger_pages import LineFilter
from app.store.secrets import Vault
from app.store.usage import Dimension, Wanted
from tests.databases import fresh_database
from tests.store import samples

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OWNER = Key(id="key_a", name="=owner", hash="0" * 64, budget=1_000_000, budget_period="month", created_at=NOW)
STRANGER = replace(OWNER, id="key_b", name="stranger", hash="1" * 64, budget=None)
CHANNEL = Channel(id="ch_1", name="+vendor", adapter="sandbox", base_url="sandbox://local")
ALL = tuple(Dimension)


@asynccontextmanager
async def desk_on(folder: Path) -> AsyncIterator[MoneyDesk]:
    """A desk over a database of two keys and a channel."""
    with fresh_database("sqlite", folder) as url:
        database, vault = Database.open(url), Vault(["tests"])
        async with database.write() as connection:
            for key in (OWNER, STRANGER):
                await key_store.insert_one(connection, key)
            await channel_store.insert_one(connection, vault, CHANNEL)
        configuration = Configuration(database, vault)
        await configuration.refresh()
        yield MoneyDesk(database, configuration, lambda: NOW)
        await database.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[MoneyDesk]:
    async with desk_on(tmp_path) as opened:
        yield opened


def job(number: int = 1, **values: Any) -> Job:
    """A job of the owner that is done and costs 0.25 USD."""
    done = {"status": JobStatus.COMPLETED, "outputs": (Output(url="x"),), "cost": 250_000, "seconds": 5.0}
    given = {"channel_id": CHANNEL.id, "created_at": NOW, "reserved": 300_000, "key_id": OWNER.id}
    return replace(samples.job(number), **{**done, **given, **values})


async def made(desk: MoneyDesk, *jobs: Job) -> None:
    """Reserves and settles each of the jobs, as the engine does."""
    for one in jobs:
        async with desk.database.write() as connection:
            await ledger.reserve(connection, one, NOW)
            await ledger.settle(connection, one, one.cost or 0, NOW)
            await usage.add(connection, one)


async def test_own_usage_says_what_is_spent_held_and_left(desk: MoneyDesk) -> None:
    await made(desk, job(1), job(2, created_at=NOW - 40 * DAY), job(3, key_id=STRANGER.id))
    async with desk.database.write() as connection:
        await ledger.reserve(connection, job(4), NOW)
    assert await desk.own_usage(OWNER) == {
        "object": "usage",
        "key": {"id": "key_a", "name": "=owner"},
        "currency": "usd",
        "spent_usd": "0.250000",
        "reserved_usd": "0.300000",
        "spent_total_usd": "0.500000",
        "budget_usd": "1.000000",
        "budget_period": "month",
        "remaining_usd": "0.450000",
        "period": {"start": 1_772_323_200, "end": 1_775_001_600},
        "limits": {"rpm": None, "max_concurrency": None},
        "by_day": [
            {"day": "2026-03-31", "jobs": 1, "completed": 1, "failed": 0, "results": 1, "seconds": 5, "usd": "0.250000"},
        ],
        "by_model": [
            {"model": "film-1", "jobs": 1, "completed": 1, "failed": 0, "results": 1, "seconds": 5, "usd": "0.250000"},
        ],
    }


async def test_a_key_without_a_budget_counts_all_time_and_has_nothing_left_to_say(desk: MoneyDesk) -> None:
    await made(desk, job(1, key_id=STRANGER.id, created_at=NOW - 40 * DAY))
    found = await desk.own_usage(replace(STRANGER, rpm=7, max_concurrency=3, allowed_ips=("10.0.0.0/8",)))
    assert (found["spent_usd"], found["budget_usd"], found["remaining_usd"]) == ("0.250000", None, None)
    assert (found["budget_period"], found["period"]) == ("total", {"start": None, "end": None})
    assert found["limits"] == {"rpm": 7, "max_concurrency": 3, "allowed_ips": ["10.0.0.0/8"]}
    assert (found["by_day"], found["by_model"]) == ([], [])


async def test_nothing_is_left_of_a_budget_that_was_lowered_below_what_is_spent(desk: MoneyDesk) -> None:
    await made(desk, job())
    assert (await desk.own_usage(replace(OWNER, budget=1)))["remaining_usd"] == "0.000000"


@pytest.mark.parametrize(("past", "days"), [(29, 1), (30, 0)])
async def test_by_day_reaches_back_thirty_days(desk: MoneyDesk, past: int, days: int) -> None:
    await made(desk, job(created_at=NOW - past * DAY))
    found = (await desk.own_usage(OWNER))["by_day"]
    assert isinstance(found, list)
    assert len(found) == days


async def test_keys_are_shown_with_what_they_spent_in_their_own_period(desk: MoneyDesk) -> None:
    await made(desk, job(1), job(2, created_at=NOW - 40 * DAY))
    shown = await desk.keys([OWNER, STRANGER])
    assert [(one["id"], one["spent_usd"], one["reserved_usd"], one["spent_total_usd"]) for one in shown] == [
        ("key_a", "0.250000", "0.000000", "0.500000"),
        ("key_b", "0.000000", "0.000000", "0.000000"),
    ]
    assert shown[0]["name"] == "=owner"


async def test_lines_of_the_ledger_are_signed_decimals(desk: MoneyDesk) -> None:
    await made(desk, job())
    settled, reserved = await desk.ledger(LineFilter(job_id="job_000001"), before=None, limit=10)
    assert reserved == {
        "id": "reserve_job_000001",
        "at": int(NOW.timestamp()),
        "key_id": "key_a",
        "job_id": "job_000001",
        "kind": "reserve",
        "usd": "-0.300000",
    }
    assert (settled["kind"], settled["usd"]) == ("settle", "0.050000")


async def test_usage_bears_the_names_of_those_that_still_exist(desk: MoneyDesk) -> None:
    gone = job(3, key_id="key_gone", channel_id="ch_gone")
    await made(desk, job(1), gone, job(4, key_id="key_z", channel_id=""))
    found = desk.named(await desk.usage(recent(NOW.date()), ALL, after=None, limit=10))
    assert [(one["key_id"], one["key_name"], one["channel_id"], one["channel_name"]) for one in found] == [
        ("key_a", "=owner", "ch_1", "+vendor"),
        ("key_gone", None, "ch_gone", None),
        ("key_z", None, None, None),
    ]


async def test_a_deleted_channel_that_still_runs_jobs_has_no_name(desk: MoneyDesk) -> None:
    await made(desk, job())
    async with desk.database.write() as connection:
        await channel_store.delete_one(connection, CHANNEL.id)
    await desk.configuration.refresh()
    (found,) = desk.named(await desk.usage(recent(NOW.date()), (Dimension.CHANNEL,), after=None, limit=10))
    assert (found["channel_id"], found["channel_name"]) == ("ch_1", None)


async def test_a_table_holds_every_line_however_small_the_pages_are(desk: MoneyDesk) -> None:
    await made(desk, job(1), job(2, created_at=NOW - DAY), job(3, key_id="key_z"))
    text = "".join([piece async for piece in desk.table(recent(NOW.date()), ALL, at_once=1)])
    header, *rows = csv.reader(io.StringIO(text))
    assert ",".join(header) == "day,model,key_id,key_name,channel_id,channel_name,jobs,completed,failed,results,seconds,usd"
    assert rows[0] == ["2026-03-31", "film-1", "key_a", "'=owner", "ch_1", "'+vendor", "1", "1", "0", "1", "5", "0.250000"]
    assert [row[0] for row in rows] == ["2026-03-31", "2026-03-31", "2026-03-30"]
    assert rows[1][3] == ""


async def test_a_table_of_nothing_is_its_header(desk: MoneyDesk) -> None:
    pieces = [piece async for piece in desk.table(recent(NOW.date()), (Dimension.KEY,))]
    assert pieces == ["key_id,key_name,jobs,completed,failed,results,seconds,usd\r\n"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_looks_like_a_formula_is_kept_a_text(text: str) -> None:
    assert next(csv.reader(io.StringIO(csv_text([[text, "a=1"]]), newline=""))) == [f"'{text}", "a=1"]


@pytest.mark.parametrize("text", ['a "quoted", name', "two\r\nlines", "日本", ""])
def test_any_name_survives_a_table(text: str) -> None:
    assert next(csv.reader(io.StringIO(csv_text([[text, 1]]), newline=""))) == [text, "1"]


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("day", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("month", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("total", None, None),
    ],
)
def test_a_period_ends_where_the_next_begins(period: BudgetPeriod, start: datetime | None, end: datetime | None) -> None:
    assert period_bounds(period, datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == (start, end)


def test_recent_days_never_lie_before_the_calendar() -> None:
    assert recent(date(1, 1, 5)) == Wanted(first=date(1, 1, 1), last=date(1, 1, 5))
    assert recent(date(2026, 3, 30)).first == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("terms", "shown"),
    [
        (None, None),
        (Terms(price=None), {"unit": None, "usd": None, "ratio": 1}),
        (
            Terms(price=Price(unit="second", usd={"720p": Decimal("0.05")}), ratio=Decimal("1.50")),
            {"unit": "second", "usd": {"720p": "0.05"}, "ratio": 1.5},
        ),
    ],
)
def test_terms_say_unit_price_and_ratio(terms: Terms | None, shown: object) -> None:
    assert terms_view(terms) == shown
