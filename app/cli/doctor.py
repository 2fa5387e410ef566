"""`filmgate doctor`: is everything in place for this gateway to work?"""

import asyncio
import shutil
import stat
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli.clocks import against_database, against_vendors, clock
from app.cli.console import AsJson, print_json, print_table, run
from app.cli.finding import Finding
from app.cli.local import channels_of, database_problem, local_gateway
from app.cli.public_url import public_url
from app.domain.errors import GatewayError
from app.engine.assets import FolderAssets
from app.engine.probe import probe
from app.engine.secret import FILE, secrets_of
from app.engine.storage import assets_of, tried
from app.settings import Settings
from app.store import sealed
from app.store.database import Database
from app.store.secrets import Vault

_ALL = 1_000
_LEAST_FREE = 1024**3  # bytes; a few films, and room for a database to grow while somebody makes more
_WithChannels = Annotated[bool, typer.Option("--channels/--no-channels", help="Whether every enabled channel's vendor is asked.")]


def doctor_command(test_channels: _WithChannels = True, as_json: AsJson = False) -> None:
    """Look at the database, folders, storage, clock, settings and every channel; exit code 1 when something is wrong."""
    findings = run(_examined(test_channels=test_channels))
    if as_json:
        print_json([{"about": one.about, "ok": one.ok, "detail": one.detail} for one in findings])
    else:
        rows = [("ok" if one.ok else "WRONG", one.about, one.detail) for one in findings]
        print_table(("", "what", "found"), rows, "")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


async def _examined(*, test_channels: bool) -> list[Finding]:
    settings, now = Settings(), datetime.now(UTC)
    findings = [folder(settings.data_dir), disk(settings), clock(now), secret(settings), await database(settings)]
    findings.append(await storage(settings))
    well = {one.about for one in findings if one.ok}
    findings.append(await public_url(settings))
    if not {"data folder", "database", "secret key"} <= well:
        return findings
    findings += [await against_database(settings, now), await stored_secrets(settings)]
    return findings + (await channels(settings) if test_channels else [])


def folder(path: Path) -> Finding:
    """Whether files can be written where the gateway keeps them."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path):
            return Finding("data folder", True, f"{path.absolute()} can be written")
    except OSError as error:
        return Finding("data folder", False, f"{path.absolute()} cannot be written: {error.strerror}; set FILMGATE_DATA_DIR")


def disk(settings: Settings) -> Finding:
    """Whether there is room for the database and for results."""
    assets = FolderAssets(settings.data_dir)
    with suppress(ValueError):  # said of the storage
        assets = found if isinstance(found := assets_of(settings), FolderAssets) else assets
    places = {_existing(path): path for path in (settings.data_dir, assets.root)}
    free = {path: shutil.disk_usage(place).free for place, path in places.items()}
    path = min(free, key=lambda one: free[one])
    room = f"{free[path] / 1024**3:,.1f} GiB free at {path.absolute()}"
    ok = free[path] >= _LEAST_FREE
    return Finding("disk space", ok, room if ok else f"{room}: make room, or set FILMGATE_RETENTION_DAYS")


def _existing(path: Path) -> Path:
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


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


async def stored_secrets(settings: Settings) -> Finding:
    """Whether the secret key opens every credential and webhook secret that is stored."""
    opened = Database.open(settings.database)
    try:
        async with opened.read() as connection:
            vault = Vault(secrets_of(settings))
            credentials, webhooks = (
                await sealed.credentials_of_channels(connection, vault),
                await sealed.webhook_secrets(connection, vault),
            )
    finally:
        await opened.close()
    whose = [*(f"channel {name}" for name in credentials.unopened), *(f"key {name}" for name in webhooks.unopened)]
    if whose:
        detail = f"sealed with another secret than the one in force: {', '.join(whose)}; set FILMGATE_SECRET_KEY to new,old"
        return Finding("stored secrets", False, detail)
    return Finding("stored secrets", True, f"{credentials.count} credentials and {webhooks.count} webhook secrets open")


async def channels(settings: Settings) -> list[Finding]:
    """Each enabled channel's own test, and what the vendors say about our clock."""
    try:
        async with local_gateway(settings) as gateway:
            chosen = [one for one in await channels_of(gateway).page(before=None, limit=_ALL) if one.enabled]
            vendors = gateway.submitter.desk.vendors
            verdicts = await asyncio.gather(*(probe(vendors, channel) for channel in chosen))
    except GatewayError as error:
        return [Finding("channels", False, error.message)]
    except ValueError as error:  # a setting with which no gateway starts
        return [Finding("channels", False, str(error))]
    found = list(zip(chosen, verdicts, strict=True))
    ahead = {channel.name: verdict.ahead for channel, verdict in found if verdict.ahead is not None}
    return [
        *(Finding(f"channel {one.name}", verdict.ok, f"{verdict.detail} ({verdict.latency_ms} ms)") for one, verdict in found),
        *against_vendors(ahead),
    ]
