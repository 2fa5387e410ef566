"""Routing, retry, pacing, prices and ids: decisions as values."""

import random
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from app.domain.capabilities import Capabilities, ModelCard, Price
from app.domain.channels import Channel
from app.domain.errors import (
    Fault,
    UnknownStatus,
    UpstreamError,
    UpstreamMaybeSent,
    UpstreamNeverSent,
    UpstreamRefused,
    UpstreamUnreadable,
)
from app.domain.ids import new_id
from app.domain.money import quote
from app.domain.pacing import learned, poll_after_ms, poll_interval
from app.domain.prices import Terms, price_from_json
from app.domain.requests import Operation, Request
from app.domain.retry import AfterCreate, after_create, after_poll
from app.domain.routing import Served, candidates
from tests.domain.builders import channel, image, video

CARD = ModelCard(name="m", upstream="up-m", capabilities=Capabilities(op="video"))
DEFAULT = frozenset({"default"})
ELSEWHERE = (Fault.RATE, Fault.OVERLOADED, Fault.CREDENTIAL, Fault.BALANCE, Fault.MODEL)


def serves(found: Channel, model: str, op: Operation, variant: str | None) -> Served | None:
    del op, variant
    if found.models == "*":
        return Served(model, CARD, named=False)
    upstream = found.models.get(model)
    return None if upstream is None else Served(upstream, CARD)


def order(*channels: Channel, seed: int = 1, groups: frozenset[str] = DEFAULT) -> list[str]:
    found = candidates("m", "video", groups, channels, serves, random.Random(seed))
    return [candidate.channel.name for candidate in found if candidate.eligible]


def test_higher_priority_goes_first() -> None:
    low, high = channel("low", models={"m": "x"}), channel("high", models={"m": "x"}, priority=5)
    assert all(order(low, high, seed=seed) == ["high", "low"] for seed in range(20))


def test_weights_share_a_tier() -> None:
    heavy, light = channel("heavy", models={"m": "x"}, weight=3), channel("light", models={"m": "x"}, weight=1)
    first = Counter(order(heavy, light, seed=seed)[0] for seed in range(2000))
    assert 0.70 < first["heavy"] / 2000 < 0.80


def test_weight_zero_comes_last_and_all_zero_is_equal() -> None:
    idle, busy = channel("idle", models={"m": "x"}, weight=0), channel("busy", models={"m": "x"}, weight=1)
    assert {order(idle, busy, seed=seed)[0] for seed in range(50)} == {"busy"}
    other = channel("other", models={"m": "x"}, weight=0)
    assert {order(idle, other, seed=seed)[0] for seed in range(50)} == {"idle", "other"}


def test_every_skip_has_its_reason() -> None:
    found = candidates(
        "m", "video", DEFAULT,
        [
            channel("off", models={"m": "x"}, enabled=False), channel("foreign", models={"m": "x"}, groups=frozenset({"vip"})),
            channel("gone", models={"m": "x"}, deleted=True), channel("tired", models={"m": "x"}), channel("any"),
            channel("good", models={"m": "x"}), channel("other", models={"z": "x"}),
        ],
        serves, random.Random(1), {"channel_tired": "cooling down"},
    )  # fmt: skip
    assert {candidate.channel.name: candidate.reason for candidate in found} == {
        "good": "",
        "off": "disabled",
        "foreign": "not in the key's groups",
        "gone": "deleted",
        "tired": "cooling down",
        "any": "another channel names this model",
    }
    assert found[0].eligible


@pytest.mark.parametrize("closed", [{"groups": frozenset({"vip"})}, {"enabled": False}, {"deleted": True}])
def test_a_name_behind_a_closed_door_is_nobodys(closed: dict[str, Any]) -> None:
    assert order(channel("any"), channel("closed", models={"m": "x"}, **closed)) == ["any"]


def test_an_open_catalogue_serves_what_nobody_names() -> None:
    assert order(channel("any"), channel("other", models={"z": "x"})) == ["any"]


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (UpstreamNeverSent("x"), AfterCreate.NEXT_CHANNEL),
        (UpstreamMaybeSent("x"), AfterCreate.UNKNOWN),
        (UpstreamUnreadable("x"), AfterCreate.UNKNOWN),
        (UnknownStatus("x"), AfterCreate.UNKNOWN),
        (UpstreamError("x"), AfterCreate.UNKNOWN),
        *[(UpstreamRefused("x", fault=fault), AfterCreate.NEXT_CHANNEL) for fault in ELSEWHERE],
        *[(UpstreamRefused("x", fault=fault), AfterCreate.GIVE_UP) for fault in Fault if fault not in ELSEWHERE],
    ],
)  # fmt: skip
def test_only_what_was_certainly_not_accepted_goes_elsewhere(error: UpstreamError, wanted: AfterCreate) -> None:
    assert after_create(error) is wanted


def test_poll_trouble_backs_off_to_a_minute_and_counts_only_not_found() -> None:
    delays = [after_poll(UpstreamMaybeSent("x"), failures, 2, 5.0).delay for failures in range(8)]
    assert delays == [5, 10, 20, 40, 60, 60, 60, 60]
    assert after_poll(UpstreamMaybeSent("x"), 0, 2, 5.0).gone == 0
    assert after_poll(UpstreamRefused("x", fault=Fault.NOT_FOUND), 0, 2, 5.0).gone == 3
    assert after_poll(UpstreamRefused("x", fault=Fault.MODEL, status=404), 0, 0, 5.0).gone == 1
    assert after_poll(UpstreamRefused("x", fault=Fault.RATE, retry_after=30), 0, 0, 5.0).delay == 30


def polls_until(end: float, pace: float) -> list[float]:
    moments, age = [], 0.0
    while age < end:
        age += poll_interval(age, pace)
        moments.append(age)
    return moments


def test_a_job_of_ninety_seconds_costs_at_most_fifteen_polls() -> None:
    moments = polls_until(90, 90)
    assert len(moments) <= 15
    assert moments[-1] - 90 <= 7.5


def test_a_quick_job_is_noticed_within_a_second_and_a_slow_one_is_asked_ever_less() -> None:
    assert polls_until(3, 3)[-1] <= 4
    moments = polls_until(3600, 60)
    gaps = [after - before for before, after in pairwise(moments)]
    assert gaps[-2] == pytest.approx(20)
    assert len(moments) < 250


def test_clients_are_told_to_wait_between_one_and_ten_seconds() -> None:
    assert [poll_after_ms(pace) for pace in (0.1, 60, 600)] == [1000, 5000, 10000]


def test_the_pace_follows_what_was_seen() -> None:
    pace = 90.0
    for _ in range(30):
        pace = learned(pace, 30)
    assert pace == pytest.approx(30, abs=0.2)


PER_IMAGE = Price(unit="image", usd={"1024x1024": Decimal("0.04"), "*": Decimal(1)})
PER_SECOND = Price(
    unit="second", usd={"720p": Decimal("0.05"), "1080p": Decimal("0.12"), "1080p+audio": Decimal("0.2"), "*": Decimal("0.01")}
)


@pytest.mark.parametrize(
    ("request_", "price", "ratio", "usd"),
    [
        (video(duration=5, resolution="720p"), PER_SECOND, "1", "0.250000"),
        (video(duration=5, resolution="1080p", generate_audio=True), PER_SECOND, "1", "1.000000"),
        (video(duration=5, resolution="1080p"), PER_SECOND, "1", "1.000000"),
        (video(duration=5, resolution="1080p", generate_audio=False), PER_SECOND, "1", "0.600000"),
        (video(duration=2.5, resolution="480p", n=2), PER_SECOND, "1.5", "0.075000"),
        (image(n=3, width=1024, height=1024), PER_IMAGE, "1", "0.120000"),
        (image(quality="high"), Price(unit="image", usd={"high": Decimal("0.2"), "*": Decimal("0.1")}), "1", "0.200000"),
        (video(), Price(unit="job", usd={"*": Decimal("0.0000001")}), "1", "0.000001"),
    ],
)  # fmt: skip
def test_price_seconds_x_resolution_x_audio_matrix(request_: Request, price: Price, ratio: str, usd: str) -> None:
    found = quote(request_, Terms(price=price, ratio=Decimal(ratio)))
    assert (found.usd, found.unpriced) == (usd, False)


def test_what_has_no_price_says_so() -> None:
    assert quote(video(), Terms(price=None)).unpriced
    assert quote(video(resolution="4320p"), Terms(price=Price(unit="second", usd={"720p": Decimal(1)}))).unpriced


def test_a_channels_price_is_read_or_refused() -> None:
    assert price_from_json({"unit": "job", "usd": "0.5"}).usd == {"*": Decimal("0.5")}
    assert price_from_json({"unit": "second", "usd": {"720p": 1}}).usd == {"720p": Decimal(1)}
    for wrong in (
        None,
        {},
        {"unit": "mile", "usd": "1"},
        {"unit": "job"},
        {"unit": "job", "usd": "-1"},
        {"unit": "job", "usd": "NaN"},
    ):
        with pytest.raises(ValueError, match=r"price|amount"):
            price_from_json(wrong)


def test_ids_are_opaque_and_sort_by_time() -> None:
    ids = [new_id("task", moment, bytes([255 - number] * 10)) for number, moment in enumerate((1, 2, 1 << 40, (1 << 48) - 1))]
    assert ids == sorted(ids)
    assert all(len(one) == len("task_") + 26 for one in ids)
    assert len({new_id("task", 1, bytes([number] * 10)) for number in range(200)}) == 200
