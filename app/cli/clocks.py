"""Whether this machine's time can be right, by itself, by its database and by the vendors that it asks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.cli.finding import Finding
from app.settings import Settings
from app.store import clock as database_clock
from app.store.database import Database, async_url

_OLDEST = datetime(2026, 1, 1, tzinfo=UTC)  # this program did not exist earlier; an earlier clock is wrong
_NEWEST = datetime(2100, 1, 1, tzinfo=UTC)
_DATABASE_OFF = 5.0  # seconds by which a server's clock may differ; deadlines are compared between machines
_VENDORS_OFF = 30.0  # seconds; the Date header of an answer is whole seconds, and a signature lives for minutes


def clock(now: datetime) -> Finding:
    """Whether the time can be right: vendors refuse signatures of a wrong one."""
    sane = _OLDEST <= now < _NEWEST
    return Finding("clock", sane, f"{now:%Y-%m-%d %H:%M:%S} UTC" + ("" if sane else " cannot be right; set this machine's clock"))


async def against_database(settings: Settings, now: datetime) -> Finding:
    """Whether the database knows the same time: a server says it, a file must not have been written in the future."""
    url = async_url(settings.database)
    if url.get_backend_name() == "sqlite":
        return written(Path(url.database or ""), now)
    database = Database.open(settings.database)
    try:
        ahead = await database_clock.ahead(database, lambda: datetime.now(UTC))
    except (SQLAlchemyError, OSError) as error:
        return Finding("clock of the database", False, f"it cannot be asked: {type(error).__name__}")
    finally:
        await database.close()
    return _compared("clock of the database", "the database server", ahead.total_seconds(), _DATABASE_OFF)


def written(path: Path, now: datetime) -> Finding:
    """Whether a SQLite file was last written in the past, as far as this machine's clock knows."""
    beside = [path, path.with_name(f"{path.name}-wal")]
    newest = max((other.stat().st_mtime for other in beside if other.exists()), default=0.0)
    future = datetime.fromtimestamp(newest, UTC) - now > timedelta(seconds=_DATABASE_OFF)
    detail = f"{path} was last written at {datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return Finding(
        "clock of the database", not future, detail + (", in the future: this machine's clock was set back" if future else "")
    )


def against_vendors(ahead: Mapping[str, float]) -> list[Finding]:
    """Whether any of the vendors that said their time (seconds ahead of ours, by channel) agrees with us; nothing if none did."""
    if not ahead:
        return []
    channel = min(ahead, key=lambda name: abs(ahead[name]))
    return [_compared("clock of the vendors", f"channel {channel}", ahead[channel], _VENDORS_OFF)]


def _compared(about: str, whom: str, ahead: float, most: float) -> Finding:
    if abs(ahead) <= most:
        return Finding(about, True, f"as {whom} says, within {most:g} seconds")
    direction = "ahead of" if ahead > 0 else "behind"
    return Finding(about, False, f"{whom} is {abs(ahead):.0f} seconds {direction} this machine: let both ask a time server")
