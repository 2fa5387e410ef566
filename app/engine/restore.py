"""Restore: puts a backup in the place of what is there, and brings it to the tables of this version."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from app.engine import archive
from app.engine.archive import BadBackup, Reader
from app.engine.backup import DATABASE, FILES, is_result, places, results_folder
from app.engine.secret import FILE, secrets_of
from app.settings import Settings
from app.store import dumps, sealed
from app.store import workers as worker_store
from app.store.database import Database, async_url
from app.store.migrate import migrate
from app.store.secrets import Vault
from app.store.versions import known_revisions

_DEAD = timedelta(seconds=30)  # without a heartbeat for so long no gateway runs


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and whose credentials or webhook secrets do not open with the secret that is in force now."""

    made_at: str
    revision: str
    files: int
    unopened: Sequence[str]


async def restore(settings: Settings, source: Path, *, force: bool, now: datetime) -> Restored:
    """Puts a backup back. Nothing is touched unless the backup is whole, fits, and nobody works on the database.

    Raises BadBackup, OSError.
    """
    with archive.reading(source) as found:  # blocks: whoever restores has nothing else to do
        folder = results_folder(settings) if found.facts.get("files") else None
        revision = _checked(settings, found)
        _check_folders(settings, found, folder, force=force)
        await _check_database(settings, now, force=force)
        loose = settings.data_dir / f".restore-{secrets.token_hex(8)}"
        try:
            await asyncio.to_thread(found.extract, DATABASE, loose, 0o600)
            await dumps.load(settings.database, loose)
        finally:
            loose.unlink(missing_ok=True)
        await asyncio.to_thread(_put_back, settings, found, folder)
        count = sum(name.startswith(FILES) for name in found.members)
    await migrate(settings.database)
    return Restored(str(found.facts.get("made_at")), revision, count, await _settled(settings))


def _checked(settings: Settings, found: Reader) -> str:
    """The revision of the backup's tables; raises BadBackup for a backup that does not belong here."""
    kind, revision = async_url(settings.database).get_backend_name(), found.facts.get("revision")
    if found.facts.get("database") != kind:
        raise BadBackup(f"It is a backup of {found.facts.get('database')}, and the database here is {kind}.")
    if not isinstance(revision, str) or revision not in known_revisions():
        raise BadBackup("It was made by a newer version of Filmgate than this one: restore it with that version.")
    if DATABASE not in found.members or any(name not in (DATABASE, FILE) and not is_result(name) for name in found.members):
        raise BadBackup("It does not hold what a backup of Filmgate holds.")
    return revision


def _check_folders(settings: Settings, found: Reader, folder: Path | None, *, force: bool) -> None:
    key = settings.data_dir / FILE
    if FILE not in found.members:
        if settings.secret_key is None and not key.exists():
            raise BadBackup("It was made under FILMGATE_SECRET_KEY, which is not in it: set the same one here first.")
    elif not force and settings.secret_key is None and key.exists():
        raise BadBackup(f"There is a secret key {key} already: --force replaces it by that of the backup.")
    if not force and folder is not None and next(places(folder), None) is not None:
        raise BadBackup(f"There are results in {folder} already: --force adds those of the backup.")


async def _check_database(settings: Settings, now: datetime, *, force: bool) -> None:
    if not dumps.is_there(settings.database):
        return
    database = Database.open(settings.database)
    try:
        if await dumps.is_used(database, now - _DEAD):
            raise BadBackup("A gateway works on this database, or did half a minute ago: stop it first.")
        if not force and not await dumps.is_empty(database):
            raise BadBackup("The database here is not empty: --force throws away what is in it.")
    finally:
        await database.close()


def _put_back(settings: Settings, found: Reader, folder: Path | None) -> None:
    for name in found.members:
        if name == FILE and settings.secret_key is None:
            found.extract(FILE, settings.data_dir / FILE, 0o600)
        elif name.startswith(FILES) and folder is not None:
            found.extract(name, folder / name.removeprefix(FILES))


async def _settled(settings: Settings) -> Sequence[str]:
    """Takes the jobs from the processes that worked on the original; says what does not open with the secret in force."""
    vault, database = Vault(secrets_of(settings)), Database.open(settings.database)
    try:
        async with database.write() as connection:
            for worker in await worker_store.every(connection):
                await worker_store.forget(connection, worker.id)
            channels = await sealed.credentials_of_channels(connection, vault)
            keys = await sealed.webhook_secrets(connection, vault)
    finally:
        await database.close()
    return [*(f"channel {name}" for name in channels.unopened), *(f"key {name}" for name in keys.unopened)]
