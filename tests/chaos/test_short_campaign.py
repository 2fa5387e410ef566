"""A short kill campaign in the suite; `make chaos` is the long one."""

from pathlib import Path

import pytest

from tests.chaos.campaign import PRICE, Plan, campaign
from tests.chaos.fleet import LOG
from tests.chaos.report import report
from tests.chaos.verdict import findings
from tests.databases import fresh_database

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("kind", "kills"), [("postgresql", 25), ("sqlite", 10)])
async def test_kills_at_random_moments_lose_double_and_hold_up_nothing(kind: str, kills: int, tmp_path: Path) -> None:
    said: list[str] = []
    with fresh_database(kind, tmp_path) as url:
        result = await campaign(Plan(kills=kills, seed=20_261_121, clients=6), url, tmp_path, said.append)
    found = findings(result.evidence, PRICE)
    assert not any(found.values()), report(result, found)
    assert result.kills >= kills
    assert len(result.evidence.made) >= kills
    assert "Traceback" not in (tmp_path / LOG).read_text(encoding="utf-8", errors="replace")
