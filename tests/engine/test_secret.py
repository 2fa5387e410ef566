"""Where the secrets come from, and that nobody reads half of one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.engine.secret import FILE, BadSetup, secrets_of
from app.settings import Settings

POSTGRES = "postgresql+asyncpg://db.example.com/filmgate"


def settings(folder: Path, secret: str | None = None, database_url: str = "") -> Settings:
    return Settings(data_dir=folder, secret_key=SecretStr(secret) if secret else None, database_url=database_url, _env_file=None)


def test_given_secrets_are_read_newest_first(tmp_path: Path) -> None:
    assert secrets_of(settings(tmp_path, " new , old ,")) == ("new", "old")
    assert not (tmp_path / FILE).exists()


def test_a_secret_of_commas_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetup):
        secrets_of(settings(tmp_path, " , "))


def test_a_file_is_made_for_its_owner_alone_and_read_from_then_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (made,) = secrets_of(settings(folder))
    assert len(made) >= 43
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert secrets_of(settings(folder)) == (made,)
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_starts_at_the_same_time_agree_on_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(secrets_of, [settings(tmp_path)] * 16))
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_postgresql_needs_a_given_secret(tmp_path: Path) -> None:
    with pytest.raises(BadSetup, match="FILMGATE_SECRET_KEY is required with PostgreSQL"):
        secrets_of(settings(tmp_path, database_url=POSTGRES))
    assert secrets_of(settings(tmp_path, "given", POSTGRES)) == ("given",)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_file_without_a_secret_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BadSetup, match="secret key file"):
        secrets_of(settings(tmp_path))
    assert (tmp_path / FILE).read_bytes() == content


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadSetup, match="cannot be read or made"):
        secrets_of(settings(tmp_path / "file"))
