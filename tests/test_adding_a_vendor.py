"""The walk-through for new vendors is followed to the letter, in a copy of the source tree, and the contract tests judge it."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters.registry import adapters
from tests.test_documents import understand

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "adding-a-vendor.md").read_text(encoding="utf-8")
FILES: dict[str, str] = dict(re.findall(r"^`((?:app|tests)/[^`\n]+)`\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
STORIES = "tests/adapters/fixtures/acme/"
# what the contract tests of one adapter need beside the application
NEEDED = ("pyproject.toml", "tests/__init__.py", "tests/conftest.py", "tests/once.py", "tests/adapters/__init__.py")
CONTRACT = ("tests/adapters/stories.py", "tests/adapters/test_contract.py")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is needed of the source tree, with the page's files in it."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*NEEDED, *CONTRACT):
        written(folder, name, (ROOT / name).read_text(encoding="utf-8"))
    for name, text in FILES.items():
        written(folder, name, text)
    return folder


def written(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the copy, which goes before the installed package."""
    return subprocess.run([sys.executable, *command], cwd=tree, capture_output=True, text=True, check=False, timeout=120)


def judged(tree: Path) -> subprocess.CompletedProcess[str]:
    return run(tree, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", CONTRACT[1], "-k", "acme")


def test_the_page_holds_a_module_a_data_file_and_stories_and_the_tree_none_of_them() -> None:
    assert {"app/adapters/acme.py", "app/adapters/acme.toml"} <= set(FILES)
    assert len([name for name in FILES if name.startswith(STORIES)]) == len(FILES) - 2 >= 4
    assert "acme" not in adapters()
    assert [name for name in FILES if (ROOT / name).exists()] == []


def test_the_vendor_passes_the_contract_tests(tree: Path) -> None:
    ended = judged(tree)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    passed = re.search(r"^(\d+) passed", ended.stdout, re.MULTILINE)
    assert passed is not None
    assert int(passed[1]) >= 4 + 5 + 3  # each story, each check of an adapter, each story once more with hostile fields


@pytest.mark.parametrize(
    ("story", "noticed"),
    [
        ("text_to_video", "test_every_status_word_stands_in_a_story"),
        ("first_frame_withheld", "test_each_claimed_mode_and_input_stands_in_a_story"),
        ("refused_sound", "test_an_input_outside_the_capabilities_is_refused_by_the_clients_name"),
        ("errors", "test_a_vendor_error_body_stands_in_a_story"),
    ],
)
def test_a_story_that_is_left_out_is_missed(tree: Path, story: str, noticed: str) -> None:
    path = tree / STORIES / f"{story}.json"
    path.unlink()
    ended = judged(tree)
    path.write_text(FILES[f"{STORIES}{story}.json"], encoding="utf-8")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert f"{noticed}[acme]" in ended.stdout


def test_the_module_is_written_as_the_others_are(tree: Path) -> None:
    for command in (("format", "--check"), ("check",)):
        ended = run(tree, "-m", "ruff", *command, "--no-cache", "app/adapters/acme.py")
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_vendor_stands_on_the_page_of_models(tree: Path) -> None:
    ended = run(tree, "-m", "app", "models", "document")
    assert "| `acme-film-1` |  | i2v t2v | 5 10 | 720p 1080p | 16:9 9:16 1:1 | first frame ≤ 1 |" in ended.stdout, ended.stderr


def test_the_commands_of_the_page_are_understood() -> None:
    lines = [line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()]
    commands = [shlex.split(line.partition("filmgate ")[2].partition(" >")[0]) for line in lines if "filmgate " in line]
    assert len(commands) == 4
    for words in commands:
        understand(words)


def test_the_stories_of_the_page_are_json() -> None:
    assert all(json.loads(text)["about"] for name, text in FILES.items() if name.endswith(".json"))
