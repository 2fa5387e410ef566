"""`filmgate apply`."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command, printed

SECRET, TEXT = "canary-0123456789-wxyz", "sk-team-0123456789-0123456789-0123456789"
FILE = """
[[groups]]
name = "vip"
price_ratio = 0.8

[[channels]]
name = "boats"
adapter = "ark"
credentials = [{api_key = "${ARK_API_KEY}"}]
priority = 5
prices.boat = {unit = "second", usd = "0.05"}

[[keys]]
name = "team"
rpm = 60
expires_at = 2100-01-01

[[keys]]
name = "fixed"
key = "${TEAM_KEY}"
"""


@pytest.fixture
def file(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file `gate.toml`, and the environment that it needs."""
    monkeypatch.setenv("ARK_API_KEY", SECRET)
    monkeypatch.setenv("TEAM_KEY", TEXT)
    path = machine / "gate.toml"
    path.write_text(FILE)
    return path


def shown_key(output: str) -> str:
    (line,) = [line for line in output.splitlines() if line.startswith("team ")]
    return line.split()[1]


def test_a_file_is_applied_and_its_new_key_shown_once(ready: Command, file: Path) -> None:
    first = ready("apply", "gate.toml")
    assert first.exit_code == 0
    assert "3 made, 1 changed." in first.stdout
    (boats,) = printed(ready("channels", "list", "--json"))
    fixed, team = printed(ready("keys", "list", "--json"))
    assert (boats["name"], boats["priority"], fixed["name"], team["rpm"]) == ("boats", 5, "fixed", 60)
    assert shown_key(first.stdout).startswith(team["hint"])
    assert SECRET not in first.output
    assert TEXT not in first.output


def test_a_second_time_there_is_nothing_to_change(ready: Command, file: Path) -> None:
    ready("apply", "gate.toml")
    for words in ((), ("--dry-run",), ("--prune",)):
        again = ready("apply", "gate.toml", *words)
        assert (again.exit_code, again.stdout, again.stderr) == (0, "There is nothing to change.\n", "")


def test_a_dry_run_shows_the_difference_and_writes_nothing(ready: Command, file: Path) -> None:
    shown = ready("apply", "gate.toml", "--dry-run")
    assert shown.exit_code == 0
    assert shown.stdout == (
        "~ group vip\n"
        "    price_ratio: 1 -> 0.8\n"
        "+ channel boats\n"
        "    adapter: ark\n"
        "    priority: 5\n"
        '    prices: {"boat": {"unit": "second", "usd": "0.05"}}\n'
        '    credentials: [{"api_key": "****"}]\n'
        "+ key team\n"
        "    expires_at: 2100-01-01 00:00:00 UTC\n"
        "    rpm: 60\n"
        "+ key fixed\n"
        "    key: ****\n"
        "3 to be made, 1 to be changed; nothing is written.\n"
    )
    assert printed(ready("channels", "list", "--json")) == printed(ready("keys", "list", "--json")) == []


def test_a_change_shows_both_sides(ready: Command, file: Path) -> None:
    ready("apply", "gate.toml")
    file.write_text(FILE.replace("rpm = 60", 'rpm = "none"').replace('usd = "0.05"', 'usd = {720p = "0.05"}'))
    shown = ready("apply", "gate.toml").stdout
    was, becomes = '{"boat": {"unit": "second", "usd": "0.05"}}', '{"boat": {"unit": "second", "usd": {"720p": "0.05"}}}'
    assert shown == f"~ channel boats\n    prices: {was} -> {becomes}\n~ key team\n    rpm: 60 -> none\n2 changed.\n"


def test_what_a_file_no_longer_names_goes_only_when_asked(ready: Command, file: Path) -> None:
    ready("apply", "gate.toml")
    assert "nothing to change" in ready("apply", "-", text="").stdout
    pruned = ready("apply", "-", "--prune", text="")
    assert pruned.stdout == "- channel boats\n- key team\n- key fixed\n3 deleted.\n"
    assert printed(ready("channels", "list", "--json")) == printed(ready("keys", "list", "--json")) == []


def test_programs_get_json(ready: Command, file: Path) -> None:
    found = printed(ready("apply", "gate.toml", "--json"))
    assert [(one["action"], one["kind"], one["name"]) for one in found["changes"]] == [
        ("update", "group", "vip"),
        ("create", "channel", "boats"),
        ("create", "key", "team"),
        ("create", "key", "fixed"),
    ]
    assert [key["name"] for key in found["keys"]] == ["team"]
    assert printed(ready("apply", "gate.toml", "--dry-run", "--json")) == {"dry_run": True, "changes": [], "keys": []}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"0.05"', '"much"', "channels[0].prices.boat: The price of 'boat' is not usable: 'much' is not an amount in USD."),
        ("priority", "priorities", "channels[0].priorities: `priorities` is not a known field."),
        ("${TEAM_KEY}", "${NO_SUCH_KEY}", "keys[1].key: The environment variable NO_SUCH_KEY is not set."),
        ("[[keys]]", "[[keys]", "The file is not TOML: "),
        ("rpm = 60", "rpm = 0", "keys[0].rpm: `rpm` must be from 1 to 1000000."),
        ("rpm = 60", 'callback_url = "http://app.example.com/hook"', "keys[0].callback_url: The URL is not https."),
    ],
)
def test_what_cannot_be_is_one_line_with_its_place_and_nothing_is_done(
    ready: Command, file: Path, before: str, after: str, said: str
) -> None:
    file.write_text(FILE.replace(before, after))
    result = ready("apply", "gate.toml")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {said}")
    assert result.stderr.count("\n") == 1
    assert printed(ready("channels", "list", "--json")) == printed(ready("keys", "list", "--json")) == []


def test_a_file_that_cannot_be_read_is_one_line(ready: Command, machine: Path) -> None:
    (machine / "latin.toml").write_bytes(b'name = "\xe9"')
    for name in ("none.toml", "latin.toml"):
        result = ready("apply", name)
        assert (result.exit_code, result.stderr.startswith(f"error: {name}: "), result.stderr.count("\n")) == (1, True, 1)


def test_without_a_database_apply_says_so_and_makes_nothing(filmgate: Command, file: Path, machine: Path) -> None:
    assert filmgate("apply", "gate.toml").stderr.startswith("error: There is no database ")
    assert list(machine.iterdir()) == [file]


def test_a_file_may_name_an_address_at_a_host_that_the_settings_allow(
    ready: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(FILE.replace("rpm = 60", 'callback_url = "http://hooks.lan/hook"'))
    monkeypatch.setenv("FILMGATE_ALLOW_HOSTS", "hooks.lan")
    assert ready("apply", "gate.toml").exit_code == 0
    _, team = printed(ready("keys", "list", "--json"))
    assert team["callback_url"] == "http://hooks.lan/hook"
