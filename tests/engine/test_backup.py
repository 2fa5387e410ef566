"""Backup and restore, of a gateway that runs and of what went wrong with the file since."""

import io
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from app.domain.requests import Mode, VideoRequest
from app.domain.webhooks import WebhookSecrets
from app.engine.backup import BackedUp, back_up
from app.engine.configuration import ADMIN_KEY_SETTING
from app.engine.gateway import Gateway
from app.engine.restore import restore
from app.engine.webhook_secrets import new_secret
from app.settings import Settings
from app.store import channels, keys
from app.store import settings as setting_store
from app.store.database import Database
from app.store.keys import hash_key
from app.store.migrate import migrate
from app.store.schema import revision_of
from app.store.secrets import Vault
from app.store.versions import folder
from tests.api.vendor import Studio
from tests.databases import empty_database
from tests.gateways import CHANNEL, KEY, ended, gateway_on, stored, wish

pytestmark = pytest.mark.anyio
NOW = datetime.now(UTC)
ADMIN_KEY = "fg-admin-canary-of-the-backup"
FILM = b"a film of ours"
BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@contextmanager
def place(kind: str, directory: Path) -> Iterator[Settings]:
    """An empty machine: a data folder and a database without tables."""
    if kind == "postgresql" and (shutil.which("pg_dump") is None or shutil.which("pg_restore") is None):
        pytest.skip("pg_dump and pg_restore are not on this machine")
    directory.mkdir()
    with empty_database(kind, directory) as url:
        yield settings(directory, url)


def settings(directory: Path, url: str = "", **values: Any) -> Settings:
    return Settings(**{"data_dir": directory, "database_url": url, "secret_key": "tests", "_env_file": None, **values})


async def lived(gateway: Gateway) -> str:
    """What a gateway has after a while: a finished job with a stored film, an admin key, a webhook secret; its file's name."""
    job = await gateway.create(wish(VideoRequest(model="some-video-model", mode=Mode.T2V, prompt="a paper boat")))
    await ended(gateway, job.id)
    asset = await gateway.assets.put("film", FILM, "video/mp4")
    async with gateway.database.write() as connection:
        await setting_store.put(connection, ADMIN_KEY_SETTING, hash_key(ADMIN_KEY))
        await keys.put_webhook_secrets(connection, gateway.vault, KEY.id, WebhookSecrets(new_secret()))
    return asset.name


def studio() -> Studio:
    made = Studio()
    made.status = "completed"
    return made


async def backed_up(given: Settings, target: Path, *, files: bool = True) -> tuple[BackedUp, str]:
    """A backup of a gateway while it runs."""
    async with gateway_on(given.data_dir, studio(), database_url=given.database_url) as (gateway, _):
        name = await lived(gateway)
        return await back_up(given, target, files=files, now=NOW, version="tests"), name


@BOTH
async def test_a_running_gateway_is_backed_up_and_another_one_goes_on_from_there(tmp_path: Path, kind: str) -> None:
    with place(kind, tmp_path / "old") as old, place(kind, tmp_path / "new") as new:
        made, name = await backed_up(old, tmp_path / "backup.tar")
        done = await restore(new, made.path, force=False, now=NOW)
        async with gateway_on(new.data_dir, studio(), database_url=new.database_url, channels=(), keys=()) as (gateway, _):
            (job,) = await stored(gateway)
            film = b"".join([chunk async for chunk in gateway.assets.open(name)])
            async with gateway.database.read() as connection:
                secrets = await keys.webhook_secrets(connection, gateway.vault, KEY.id)
            assert gateway.configuration.is_admin(ADMIN_KEY)
            assert gateway.configuration.key_by_id(KEY.id) is not None
            channel = gateway.configuration.channel(CHANNEL.id)
    assert (done.files, done.unopened, made.files, made.secret) == (1, [], 1, False)
    assert (job.status.value, job.key_id, film) == ("completed", KEY.id, FILM)
    assert channel is not None
    assert channel.credentials == CHANNEL.credentials
    assert secrets is not None


async def test_no_secret_is_in_a_backup_in_the_clear(tmp_path: Path) -> None:
    made, _ = await backed_up(settings(tmp_path / "old"), tmp_path / "backup.tar")
    held = made.path.read_bytes()
    assert made.path.stat().st_mode & 0o077 == 0
    assert FILM in held
    assert [canary for canary in (ADMIN_KEY, "canary-secret", "sk-test-1") if canary.encode() in held] == []
    assert beside(made.path) == ["old"]


@BOTH
async def test_what_is_there_is_thrown_away_only_when_that_is_said(tmp_path: Path, kind: str) -> None:
    with place(kind, tmp_path / "old") as old, place(kind, tmp_path / "new") as new:
        made, _ = await backed_up(old, tmp_path / "backup.tar", files=False)
        await migrate(new.database)
        await insert_key(new, "another")
        with pytest.raises(ValueError, match="is not empty: --force"):
            await restore(new, made.path, force=False, now=NOW)
        assert await key_names(new) == ["another"]
        await restore(new, made.path, force=True, now=NOW)
        assert await key_names(new) == [KEY.name]


@BOTH
async def test_a_backup_of_an_earlier_version_is_migrated(tmp_path: Path, kind: str) -> None:
    with place(kind, tmp_path / "old") as old, place(kind, tmp_path / "new") as new:
        at_revision(old, "0003")
        made = await back_up(old, tmp_path / "backup.tar", files=False, now=NOW, version="tests")
        await migrate(new.database)  # its newer indexes and tables are in the way of the older ones
        await restore(new, made.path, force=True, now=NOW)
        await migrate(old.database)
        assert made.revision == "0003"
        assert await revision(new) == await revision(old) != "0003"


async def test_the_secret_file_comes_along_and_is_its_owners_alone(tmp_path: Path) -> None:
    old, new = settings(tmp_path / "old", secret_key=None), settings(tmp_path / "new", secret_key=None)
    await migrate(old.database)
    (old.data_dir / "secret.key").write_text("the secret of the first machine\n")
    vault = Vault(("the secret of the first machine",))
    await insert_channel(old, vault)
    made = await back_up(old, tmp_path / "backup.tar", files=False, now=NOW, version="tests")
    done = await restore(new, made.path, force=False, now=NOW)
    copy = new.data_dir / "secret.key"
    assert (made.secret, done.unopened) == (True, [])
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == ("the secret of the first machine\n", 0o600)


async def test_another_secret_than_the_one_of_the_backup_is_told(tmp_path: Path) -> None:
    old, new = settings(tmp_path / "old"), settings(tmp_path / "new", secret_key="another")
    made, _ = await backed_up(old, tmp_path / "backup.tar", files=False)
    done = await restore(new, made.path, force=False, now=NOW)
    assert done.unopened == [f"channel {CHANNEL.name}", f"key {KEY.name}"]


async def test_without_any_secret_nothing_is_restored(tmp_path: Path) -> None:
    made, _ = await backed_up(settings(tmp_path / "old"), tmp_path / "backup.tar", files=False)
    with pytest.raises(ValueError, match="made under FILMGATE_SECRET_KEY"):
        await restore(settings(tmp_path / "new", secret_key=None), made.path, force=True, now=NOW)


@BOTH
async def test_nothing_is_restored_under_a_gateway_that_runs(tmp_path: Path, kind: str) -> None:
    with place(kind, tmp_path / "old") as old:
        async with gateway_on(old.data_dir, studio(), database_url=old.database_url):
            made = await back_up(old, tmp_path / "backup.tar", files=False, now=NOW, version="tests")
            with pytest.raises(ValueError, match="stop it first"):
                await restore(old, made.path, force=True, now=datetime.now(UTC))


async def test_a_backup_goes_back_to_the_kind_of_database_that_it_is_of(tmp_path: Path) -> None:
    with place("sqlite", tmp_path / "old") as old, place("postgresql", tmp_path / "new") as new:
        await migrate(old.database)
        made = await back_up(old, tmp_path / "backup.tar", files=False, now=NOW, version="tests")
        with pytest.raises(ValueError, match="backup of sqlite, and the database here is postgresql"):
            await restore(new, made.path, force=True, now=NOW)


@pytest.mark.parametrize("harm", ["flipped", "cut", "no backup", "foreign", "missing"])
async def test_a_damaged_backup_is_refused_and_nothing_is_touched(tmp_path: Path, harm: str) -> None:
    old, new = settings(tmp_path / "old"), settings(tmp_path / "new")
    made, _ = await backed_up(old, tmp_path / "backup.tar")
    whole = made.path.read_bytes()
    damaged = {
        "flipped": whole.replace(FILM, FILM.upper()),
        "cut": whole[: len(whole) // 2],
        "no backup": b"not a tar",
        "foreign": tar({"readme.txt": b"hello"}),
        "missing": tar({"manifest.json": members(made.path)["manifest.json"]}),
    }[harm]
    made.path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"is damaged|no backup"):
        await restore(new, made.path, force=True, now=NOW)
    assert not new.data_dir.exists()


@pytest.mark.parametrize(
    ("name", "facts", "said"),
    [
        ("files/../../evil.mp4", {}, "does not hold"),
        ("files/00/film-1.mp4", {}, "does not hold"),
        ("/etc/evil", {}, "does not hold"),
        ("", {"revision": "9999"}, "newer version"),
        ("", {"format": 2}, "another version"),
    ],
)
async def test_what_a_backup_cannot_hold_is_refused(tmp_path: Path, name: str, facts: dict[str, Any], said: str) -> None:
    made, _ = await backed_up(settings(tmp_path / "old"), tmp_path / "backup.tar")
    held = members(made.path)
    manifest = json.loads(held["manifest.json"]) | facts
    if name:
        held[name] = held[next(member for member in held if member.startswith("files/"))]
        manifest["members"][name] = manifest["members"][next(iter(m for m in manifest["members"] if m.startswith("files/")))]
    made.path.write_bytes(tar(held | {"manifest.json": json.dumps(manifest).encode()}))
    with pytest.raises(ValueError, match=said):
        await restore(settings(tmp_path / "new"), made.path, force=True, now=NOW)
    assert not (tmp_path / "new").exists()


async def test_a_backup_overwrites_no_file(tmp_path: Path) -> None:
    old = settings(tmp_path / "old")
    await migrate(old.database)
    (tmp_path / "backup.tar").write_text("precious")
    with pytest.raises(FileExistsError):
        await back_up(old, tmp_path / "backup.tar", files=False, now=NOW, version="tests")
    assert (tmp_path / "backup.tar").read_text() == "precious"


async def test_results_in_a_bucket_are_not_ours_to_back_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with pytest.raises(ValueError, match="in a bucket"):
        await back_up(settings(tmp_path, storage_url="s3://films"), tmp_path / "backup.tar", files=True, now=NOW, version="tests")


async def test_without_the_programs_of_postgresql_the_answer_is_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_database("postgresql", tmp_path) as url:
        await migrate(url)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(OSError, match="pg_dump is not here: install"):
            await back_up(settings(tmp_path, url), tmp_path / "backup.tar", files=False, now=NOW, version="tests")
    assert beside(tmp_path / "backup.tar") == []


def beside(path: Path) -> list[str]:
    """What else is in the folder."""
    return sorted(other.name for other in path.parent.iterdir() if other != path)


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {info.name: found.read() for info in archive if (found := archive.extractfile(info)) is not None}


def tar(held: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, data in held.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def at_revision(given: Settings, revision: str) -> None:
    """Makes the tables as that migration left them; in a thread of its own, because Alembic starts a loop."""
    config = Config()
    config.set_main_option("script_location", str(folder()))
    config.attributes["url"] = given.database
    thread = threading.Thread(target=command.upgrade, args=(config, revision))
    thread.start()
    thread.join()


async def revision(given: Settings) -> str | None:
    database = Database.open(given.database)
    try:
        return await revision_of(database)
    finally:
        await database.close()


async def insert_key(given: Settings, name: str) -> None:
    database = Database.open(given.database)
    async with database.write() as connection:
        await keys.insert_one(connection, replace(KEY, id="key_other", name=name, hash=hash_key(name)))
    await database.close()


async def insert_channel(given: Settings, vault: Vault) -> None:
    database = Database.open(given.database)
    async with database.write() as connection:
        await channels.insert_one(connection, vault, CHANNEL)
    await database.close()


async def key_names(given: Settings) -> list[str]:
    database = Database.open(given.database)
    try:
        async with database.read() as connection:
            return [str(name) for name in (await connection.execute(text("SELECT name FROM keys"))).scalars()]
    finally:
        await database.close()
