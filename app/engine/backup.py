"""Backup: the database, the secret file that opens it, and on demand the stored results, in one file.

Keys of clients and the admin key are in the database as hashes alone, vendors' credentials sealed. A secret that comes from
FILMGATE_SECRET_KEY is never written into a backup.
"""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.domain.errors import NotFound
from app.domain.json import Json
from app.engine import archive
from app.engine.archive import BadBackup, Member
from app.engine.assets import FolderAssets, place_of
from app.engine.secret import FILE, secrets_of
from app.engine.storage import assets_of
from app.settings import Settings
from app.store import dumps
from app.store.database import Database
from app.store.schema import revision_of

DATABASE = "database"  # the member's name
FILES = "files/"  # what the names of stored results begin with


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds; `size` in bytes, `files` is how many results, None where they were not asked for."""

    path: Path
    size: int
    revision: str
    secret: bool
    files: int | None


async def back_up(settings: Settings, target: Path, *, files: bool, now: datetime, version: str) -> BackedUp:
    """Writes a new backup file while gateways run; `version` is this program's. Raises BadBackup, OSError."""
    folder = results_folder(settings) if files else None
    kind, revision = await _tables(settings)
    facts: dict[str, Json] = {
        "filmgate": version,
        "made_at": now.isoformat(timespec="seconds"),
        "database": kind,
        "revision": revision,
        "files": files,
    }
    dump = await asyncio.to_thread(_prepared, target)
    try:
        await dumps.dump(settings.database, dump)
        members, size = await asyncio.to_thread(_write, target, dump, _secret_file(settings), folder, facts)
    finally:
        dump.unlink(missing_ok=True)
    stored = sum(name.startswith(FILES) for name in members) if files else None
    return BackedUp(target, size, revision, FILE in members, stored)


async def _tables(settings: Settings) -> tuple[str, str]:
    """The kind of the database, and the revision of its tables."""
    database = Database.open(settings.database)
    try:
        revision = await revision_of(database)
    finally:
        await database.close()
    if revision is None:
        raise BadBackup("The database has no tables yet: there is nothing to back up.")
    return database.dialect, revision


def _prepared(target: Path) -> Path:
    """An empty file for the copy of the database, which nobody else may read while it grows."""
    if target.exists():
        raise FileExistsError(f"{target} is there already.")
    target.parent.mkdir(parents=True, exist_ok=True)
    dump = target.with_name(f".{target.name}.{secrets.token_hex(8)}.dump")
    dump.touch(0o600, exist_ok=False)
    return dump


def _write(
    target: Path, dump: Path, secret: Path | None, folder: Path | None, facts: dict[str, Json]
) -> tuple[dict[str, Member], int]:
    with archive.writing(target) as writer:
        writer.add(DATABASE, dump)
        if secret is not None:
            writer.add(FILE, secret)
        if folder is not None:
            for place in places(folder):
                with suppress(FileNotFoundError):  # its job was deleted meanwhile
                    writer.add(f"{FILES}{place}", folder / place)
        writer.finish(facts)
    return writer.members, target.stat().st_size


def _secret_file(settings: Settings) -> Path | None:
    """The file whose secret is in force, made if it is not there yet; None where the secret is the settings'."""
    if settings.secret_key is not None or not settings.database.startswith("sqlite"):
        return None
    secrets_of(settings)
    return settings.data_dir / FILE


def results_folder(settings: Settings) -> Path:
    """Where stored results lie; raises BadBackup for a bucket."""
    assets = assets_of(settings)
    if not isinstance(assets, FolderAssets):
        raise BadBackup("Results are in a bucket: copy that with the tools of its store, and leave --files out.")
    return assets.root


def places(folder: Path) -> Iterator[str]:
    """Every whole stored file, as its path in the folder."""
    for path in sorted(folder.glob("*/*")):
        place = path.relative_to(folder).as_posix()
        if is_result(f"{FILES}{place}") and path.is_file():
            yield place


def is_result(name: str) -> bool:
    """Whether a member is a stored result under the one path that it can have, so that nothing is written elsewhere."""
    place = name.removeprefix(FILES)
    try:
        return name.startswith(FILES) and place_of(place.rpartition("/")[2]) == place
    except NotFound:
        return False
