"""`filmgate doctor`: is everything in place for this gateway to work?"""

import asyncio
import stat
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from app.cli.console import AsJson, print_json, print_table, run
from app.cli.local import channels_of, database_problem, local_gateway
from app.domain.errors import GatewayError
from app.engine.probe import probe
from app.engine.secret import FILE, secrets_of
from app.engine.storage import assets_of, tried
from app.engine.urls import split
from app.settings import Settings

_OLDEST = datetime(2026, 1, 1, tzinfo=UTC)  # this program did not exist earlier; an earlier clock is wrong
_NEWEST = datetime(2100, 1, 1, tzinfo=UTC)
_ALL = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `detail` says what to do where it is not well."""

    about: str
    ok: bool
    detail: str


def doctor_command(as_json: AsJson = False) -> None:
    """Look at the database, folders, storage, clock, settings and every channel; exit code 1 when something is wrong."""
    findings = run(_examined())
    if as_json:
        print_json([{"about": one.about, "ok": one.ok, "detail": one.detail} for one in findings])
    else:
        rows = [("ok" if one.ok else "WRONG", one.about, one.detail) for one in findings]
        print_table(("", "what", "found"), rows, "")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


async def _examined() -> list[Finding]:
    settings = Settings()
    findings = [
        folder(settings.data_dir),
        clock(datetime.now(UTC)),
        secret(settings),
        public_url(settings.public_url),
        await database(settings),
        await storage(settings),
    ]
    if all(one.ok for one in findings if one.about in ("data folder", "database", "secret key")):
        findings += await channels(settings)
    return findings


def folder(path: Path) -> Finding:
    """Whether files can be written where the gateway keeps them."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path):
            return Finding("data folder", True, f"{path.absolute()} can be written")
    except OSError as error:
        return Finding("data folder", False, f"{path.absolute()} cannot be written: {error.strerror}; set FILMGATE_DATA_DIR")


def clock(now: datetime) -> Finding:
    """Whether the time can be right: vendors refuse signatures of a wrong one."""
    sane = _OLDEST <= now < _NEWEST
    return Finding("clock", sane, f"{now:%Y-%m-%d %H:%M:%S} UTC" + ("" if sane else " cannot be right; set this machine's clock"))


def secret(settings: Settings) -> Finding:
    """Whether credentials can be sealed, and the file that does it is for its owner alone."""
    path = settings.data_dir / FILE
    if settings.secret_key is None and settings.database.startswith("sqlite") and not path.exists():
        return Finding("secret key", True, f"{path.absolute()} will be made at the first start")
    try:
        secrets_of(settings)
    except GatewayError as error:
        return Finding("secret key", False, error.message)
    if settings.secret_key is not None:
        return Finding("secret key", True, "from FILMGATE_SECRET_KEY")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("secret key", False, f"others may read {path.absolute()}: chmod 600 it")
    return Finding("secret key", True, f"from {path.absolute()}")


def public_url(url: str) -> Finding:
    """Whether links that we give out can work."""
    if not url:
        return Finding("public URL", True, "not set: links name the address that each client used; vendors cannot fetch uploads")
    try:
        scheme = split(url).scheme
    except ValueError as error:
        return Finding("public URL", False, f"FILMGATE_PUBLIC_URL {error}")
    if scheme not in ("http", "https") or url.endswith("/v1"):
        return Finding("public URL", False, "FILMGATE_PUBLIC_URL must be http(s)://host, without /v1")
    return Finding("public URL", True, url)


async def database(settings: Settings) -> Finding:
    """Whether the database answers and has our tables."""
    try:
        problem = await database_problem(settings)
    except Exception as error:  # noqa: BLE001  # a driver may raise anything at all for a server that is not there
        problem = f"it does not answer: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return Finding("database", problem is None, problem or "reachable and up to date")


async def storage(settings: Settings) -> Finding:
    """Whether results can be kept: writes, reads and removes a small file."""
    place = settings.storage_url or "the data folder"
    try:
        await tried(assets_of(settings))
    except (OSError, ValueError) as error:
        return Finding("storage", False, f"{place}: {error}; look at FILMGATE_STORAGE_URL")
    return Finding("storage", True, f"{place} can be written and read")


async def channels(settings: Settings) -> list[Finding]:
    """Each enabled channel's own test."""
    try:
        async with local_gateway(settings) as gateway:
            chosen = [one for one in await channels_of(gateway).page(before=None, limit=_ALL) if one.enabled]
            vendors = gateway.submitter.desk.vendors
            verdicts = await asyncio.gather(*(probe(vendors, channel) for channel in chosen))
    except GatewayError as error:
        return [Finding("channels", False, error.message)]
    except ValueError as error:  # a setting with which no gateway starts
        return [Finding("channels", False, str(error))]
    return [
        Finding(f"channel {channel.name}", verdict.ok, f"{verdict.detail} ({verdict.latency_ms} ms)")
        for channel, verdict in zip(chosen, verdicts, strict=True)
    ]
