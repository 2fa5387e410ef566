"""The settings' page and what it is made of: values in force, where they come from, and no secret."""

import re
from pathlib import Path

import pytest

from app.console.setting_lines import SettingLine, setting_lines, without_password
from app.console.texts import translated
from app.settings import Settings
from tests.console.conftest import Rooms

pytestmark = pytest.mark.anyio


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, SettingLine]:
    """The lines of a gateway that was started with variables and a `.env` file."""
    environment = {
        "FILMGATE_SECRET_KEY": "canary-secret",
        "FILMGATE_JOB_HOURS": "2.5",
        "filmgate_link_hours": "3",
        "FILMGATE_MAX_BODY_MB": "",
        "FILMGATE_DATABASE_URL": "postgresql+asyncpg://filmgate:canary@pa/ss@db.example.com/filmgate?password=canary-2",
        "FILMGATE_ALLOW_HOSTS": "10.0.0.0/8, nas.local",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "some.env"
    file.write_text("FILMGATE_MAX_BODY_MB=8\nFILMGATE_JOB_HOURS=9\nFILMGATE_REDIS_URL=redis://:canary-3@cache.example.com/1\n")
    lines = setting_lines(Settings(_env_file=file), environment)
    return {line.variable.removeprefix("FILMGATE_").lower(): line for line in lines}


def test_every_setting_says_where_it_comes_from(started: dict[str, SettingLine]) -> None:
    shown = {
        name: (started[name].value, started[name].origin) for name in ("job_hours", "link_hours", "max_body_mb", "drain_seconds")
    }
    assert shown == {
        "job_hours": ("2.5", "environment"),
        "link_hours": ("3", "environment"),
        "max_body_mb": ("8", "file"),
        "drain_seconds": ("60", "default"),
    }
    assert started["max_body_mb"].default == "64"
    assert started["allow_hosts"].value == "10.0.0.0/8, nas.local"
    assert set(started) == set(Settings.model_fields)


def test_no_secret_is_in_any_line(started: dict[str, SettingLine]) -> None:
    assert "canary" not in repr(started)
    assert (started["secret_key"].secret, started["secret_key"].value) == (True, "***")
    assert (started["admin_key"].secret, started["admin_key"].value, started["admin_key"].origin) == (True, None, "default")
    assert started["database_url"].value == "postgresql+asyncpg://***@db.example.com/filmgate?password=***"
    assert started["redis_url"].value == "redis://***@cache.example.com/1"


@pytest.mark.parametrize("address", ["sqlite+aiosqlite:////data/filmgate.db", "s3://bucket/prefix", "/var/lib/x@y", ""])
def test_an_address_without_a_password_stays_as_it_is(address: str) -> None:
    assert without_password(address) == address


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_explained_in_both_languages(name: str) -> None:
    about = Settings.model_fields[name].description
    assert about
    assert translated(about, "zh") != about


async def test_the_page_shows_what_is_in_force_and_what_it_stands_on(rooms: Rooms) -> None:
    page = (await rooms.operator.get("/console/settings")).text
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    gateway = rooms.site.gateway
    assert "FILMGATE_KEEP_RESULTS" in text
    assert str(gateway.settings.data_dir) in text
    for said in ("SQLite (tables at 00", "1 process", "answered you"):
        assert said in text
    secret = gateway.settings.secret_key
    assert secret is not None
    assert f">{secret.get_secret_value()}<" not in page
    assert "<code>redis://" in page  # of the explanation


async def test_the_page_speaks_chinese_to_the_operator_alone(rooms: Rooms) -> None:
    assert "环境变量" in (await rooms.operator.get("/console/settings", headers={"accept-language": "zh"})).text
    assert (await rooms.holder.get("/console/settings")).status_code == 403
    assert (await rooms.nobody.get("/console/settings")).status_code == 303
