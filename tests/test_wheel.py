"""What is shipped: a wheel of this source tree."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel, made by the build backend that is installed; no network, no isolation."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    (path,) = folder.glob("filmgate-*-py3-none-any.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def sources(folder: str, inside: str) -> dict[str, bytes]:
    """Every file of a folder of the source tree, under the name that it should have in the wheel."""
    found = {path.relative_to(ROOT / folder).as_posix(): path for path in (ROOT / folder).rglob("*") if path.is_file()}
    return {f"{inside}/{name}": path.read_bytes() for name, path in found.items() if "__pycache__" not in path.parts}


def metadata_file(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


def test_the_wheel_is_the_source_and_the_migrations_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    shipped = {name: wheel.read(name) for name in wheel.namelist() if ".dist-info/" not in name}
    wanted = sources("app", "app") | sources("migrations", "app/_migrations")
    assert sorted(shipped) == sorted(wanted)
    assert [name for name in wanted if shipped[name] != wanted[name]] == []


def test_the_wheel_holds_what_is_not_a_module(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    modules = {path.stem for path in (ROOT / "app" / "adapters").glob("*.py")}
    data = {path.name for path in (ROOT / "app" / "adapters").glob("*.toml")}
    assert {Path(name).stem for name in data} <= modules
    assert {f"app/adapters/{name}" for name in data} <= names
    assert "app/adapters/sandbox.toml" in names
    assert "app/_migrations/env.py" in names
    assert "app/_migrations/script.py.mako" in names
    assert any(name.startswith("app/_migrations/versions/0001_") for name in names)


def test_the_wheel_changes_nothing_about_the_interpreter(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if name.endswith(".pth") or ".data/" in name] == []


def test_the_wheel_installs_one_command(wheel: zipfile.ZipFile) -> None:
    entry_points = ConfigParser()
    entry_points.read_string(metadata_file(wheel, "entry_points.txt"))
    assert {name: dict(entry_points[name]) for name in entry_points.sections()} == {"console_scripts": {"filmgate": "app.cli:main"}}


def test_the_wheel_says_what_it_needs(wheel: zipfile.ZipFile) -> None:
    lines = metadata_file(wheel, "METADATA").splitlines()
    assert "Name: filmgate" in lines
    assert "Requires-Python: >=3.11" in lines
    assert "License-Expression: Apache-2.0" in lines
    assert any(line.startswith("Requires-Dist: httptools") for line in lines)
