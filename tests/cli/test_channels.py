"""`filmgate channels` and `filmgate models`."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, printed
from tests.servers import refused_port

SECRET = "canary-0123456789-wxyz"


def add(filmgate: Command, *words: str) -> None:
    assert filmgate("channels", "add", *words).exit_code == 0


def test_a_channel_is_added_and_listed_with_its_credential_masked(ready: Command) -> None:
    add(
        ready,
        "boats",
        "--adapter",
        "ark",
        "--credential",
        f"api_key={SECRET}",
        "--model",
        "boat=up-boat",
        "--model",
        "ship",
        "--priority",
        "3",
        "--max-concurrency",
        "5",
    )
    shown = ready("channels", "list", "--json")
    (channel,) = printed(shown)
    assert channel["credentials"][0]["api_key"] == "can****wxyz"
    assert channel["models"] == {"boat": "up-boat", "ship": "ship"}
    assert (channel["priority"], channel["max_concurrency"]) == (3, 5)
    assert SECRET not in shown.output + ready("channels", "list").output


@pytest.mark.parametrize(("words", "kept"), [((), None), (("--keep-results",), True), (("--no-keep-results",), False)])
def test_a_channel_says_whether_results_are_kept_only_when_told(ready: Command, words: tuple[str, ...], kept: bool | None) -> None:
    add(ready, "boats", "--adapter", "sandbox", *words)
    (channel,) = printed(ready("channels", "list", "--json"))
    assert channel["keep_results"] is kept


def test_a_secret_may_come_from_a_file_or_a_prompt(ready: Command, machine: Path) -> None:
    (machine / "key.txt").write_text(f"{SECRET}\n")
    add(ready, "from-file", "--adapter", "ark", "--credential", "api_key=@key.txt")
    asked = ready("channels", "add", "asked", "--adapter", "ark", "--credential", "api_key=-", text=f"{SECRET}\n")
    assert asked.exit_code == 0
    assert SECRET not in asked.output
    assert {channel["credentials"][0]["api_key"] for channel in printed(ready("channels", "list", "--json"))} == {"can****wxyz"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--adapter", "nobody"), 1, "error: adapter: There is no adapter 'nobody'."),
        (("--adapter", "ark"), 1, "error: credentials: The adapter 'ark' needs a credential with api_key."),
        (("--adapter", "ark", "--credential", "api_key"), 2, "error: --credential must be name=value."),
        (("--adapter", "ark", "--credential", "api_key=@none.txt"), 2, "error: --credential: "),
        (("--adapter", "sandbox", "--price-ratio", "cheap"), 2, "error: --price-ratio must be a number."),
        (("--adapter", "ark", "--credential", "api_key=x", "--base-url", "nowhere"), 1, "error: base_url: "),
    ],
)
def test_what_cannot_be_is_one_line(ready: Command, words: tuple[str, ...], code: int, said: str) -> None:
    result = ready("channels", "add", "boats", *words)
    assert result.exit_code == code
    assert result.stderr.startswith(said)
    assert result.stderr.count("\n") == 1


def test_a_channel_is_disabled_and_enabled(ready: Command) -> None:
    add(ready, "try", "--adapter", "sandbox")
    assert ready("channels", "disable", "try").exit_code == 0
    assert not printed(ready("channels", "list", "--json"))[0]["enabled"]
    assert printed(ready("models", "list", "--json")) == []
    assert ready("channels", "enable", "try").exit_code == 0
    assert printed(ready("channels", "list", "--json"))[0]["enabled"]


def test_tests_tell_by_exit_code_which_channel_works(ready: Command) -> None:
    add(ready, "good", "--adapter", "sandbox")
    add(
        ready,
        "dead",
        "--adapter",
        "openai",
        "--credential",
        f"api_key={SECRET}",
        "--base-url",
        f"http://127.0.0.1:{refused_port()}",
    )
    assert printed(ready("channels", "test", "good", "--json"))[0]["ok"] is True
    both = ready("channels", "test", "--json")
    assert both.exit_code == 1
    assert {one["channel"]: one["ok"] for one in json.loads(both.stdout)} == {"good": True, "dead": False}
    assert "could not be reached" in ready("channels", "test", "dead").stdout
    assert SECRET not in both.output


def test_models_are_what_enabled_channels_serve(ready: Command) -> None:
    add(ready, "try", "--adapter", "sandbox", "--model", "boat=sandbox-video", "--group", "vip")
    (model,) = printed(ready("models", "list", "--json"))
    assert (model["id"], model["op"], model["channels"]) == ("boat", "video", ["try"])
    assert "t2v" in model["modes"]
    assert printed(ready("models", "list", "--group", "default", "--json")) == []
    assert "boat" in ready("models", "list").stdout
