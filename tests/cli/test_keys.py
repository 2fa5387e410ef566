"""`filmgate keys`."""

import re

import pytest

from tests.cli.conftest import Command, printed


def test_a_key_is_printed_alone_so_that_a_script_can_take_it(ready: Command) -> None:
    result = ready("keys", "create", "boats")
    assert result.exit_code == 0
    assert re.fullmatch(r"sk-[A-Za-z0-9_-]{43}\n", result.stdout)
    assert "shown this once" in result.stderr
    assert re.search(r"whsec_[A-Za-z0-9]{44}\n", result.stderr)


def test_listed_keys_show_their_hint_and_not_their_text(ready: Command) -> None:
    text = ready("keys", "create", "boats", "--group", "a", "--group", "b", "--model", "m").stdout.strip()
    (key,) = printed(ready("keys", "list", "--json"))
    assert (key["name"], key["groups"], key["models"], key["hint"]) == ("boats", ["a", "b"], ["m"], text[:7])
    table = ready("keys", "list").stdout
    assert key["id"] in table
    assert text not in table


def test_listed_keys_show_what_they_spent(ready: Command) -> None:
    ready("keys", "create", "boats")
    (key,) = printed(ready("keys", "list", "--json"))
    assert (key["spent_usd"], key["reserved_usd"], key["spent_total_usd"]) == ("0.000000", "0.000000", "0.000000")
    assert "0.000000" in ready("keys", "list").stdout


def test_json_of_a_new_key_holds_its_text(ready: Command) -> None:
    key = printed(ready("keys", "create", "boats", "--strict", "--expires", "2100-01-01", "--json"))
    assert key["key"].startswith(key["hint"])
    assert (key["strict"], key["expires_at"]) == (True, 4_102_444_800)
    assert re.fullmatch(r"whsec_[A-Za-z0-9]{44}", key["webhook_secret"])
    assert key["webhook_secret"] not in ready("keys", "list", "--json").stdout


def test_a_key_is_revoked_by_name_or_id(ready: Command) -> None:
    ready("keys", "create", "boats")
    key = printed(ready("keys", "create", "ships", "--json"))
    assert ready("keys", "revoke", "boats").exit_code == 0
    assert ready("keys", "revoke", key["id"]).exit_code == 0
    assert printed(ready("keys", "list", "--json")) == []
    assert "There are no keys" in ready("keys", "list").stdout


def test_an_unknown_or_doubtful_name_is_one_line_and_exit_code_1(ready: Command) -> None:
    unknown = ready("keys", "revoke", "nobody")
    ready("keys", "create", "twin")
    ready("keys", "create", "twin")
    doubtful = ready("keys", "revoke", "twin")
    for result, said in ((unknown, "There is no key 'nobody'."), (doubtful, "Several keys are named 'twin'")):
        assert result.exit_code == 1
        assert result.stderr.startswith(f"error: {said}")
        assert result.stderr.count("\n") == 1


def test_an_expiry_in_the_past_names_the_field(ready: Command) -> None:
    result = ready("keys", "create", "late", "--expires", "2001-01-01")
    assert (result.exit_code, result.stderr) == (1, "error: expires_at: expires_at lies in the past.\n")


def test_a_key_is_made_with_its_limits(ready: Command) -> None:
    words = ("--budget-usd", "25", "--budget-period", "month", "--rpm", "60", "--max-concurrency", "4")
    others = ("--allow-ip", "10.0.0.0/8", "--allow-ip", "::1", "--model", "m", "--allow-unpriced", "--no-store-prompts")
    ready("keys", "create", "boats", *words, *others)
    (key,) = printed(ready("keys", "list", "--json"))
    assert {name: key[name] for name in ("budget_usd", "budget_period", "rpm", "max_concurrency")} == {
        "budget_usd": "25.000000",
        "budget_period": "month",
        "rpm": 60,
        "max_concurrency": 4,
    }
    assert (key["allowed_ips"], key["models"]) == (["10.0.0.0/8", "::1"], ["m"])
    assert (key["allow_unpriced"], key["store_prompts"]) == (True, False)


def test_a_key_has_no_limits_that_nobody_asked_for(ready: Command) -> None:
    key = printed(ready("keys", "create", "boats", "--json"))
    assert (key["budget_usd"], key["rpm"], key["max_concurrency"], key["allowed_ips"]) == (None, None, None, [])
    assert (key["allow_unpriced"], key["store_prompts"]) == (False, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--budget-usd", "much"), "error: --budget-usd must be a number."),
        (("--budget-usd", "-1"), "error: --budget-usd must be a number."),
        (("--budget-usd", "0.0000001"), "error: --budget-usd must be at most 1000000000 and have at most six decimals."),
        (("--budget-usd", "1e999999"), "error: --budget-usd must be at most 1000000000 and have at most six decimals."),
        (("--allow-ip", "example.com"), "error: --allow-ip must be an address or a network such as 10.0.0.0/8."),
        (("--allow-ip", "10.0.0.7/8"), "error: --allow-ip has bits beyond its length; the network is 10.0.0.0/8."),
    ],
)
def test_a_limit_that_cannot_be_is_one_line_and_exit_code_2(ready: Command, words: tuple[str, ...], said: str) -> None:
    result = ready("keys", "create", "boats", *words)
    assert (result.exit_code, result.stderr) == (2, f"{said}\n")
    assert printed(ready("keys", "list", "--json")) == []


@pytest.mark.parametrize("words", [("--rpm", "0"), ("--max-concurrency", "0"), ("--budget-period", "week")])
def test_a_limit_out_of_its_range_is_not_understood(ready: Command, words: tuple[str, ...]) -> None:
    assert ready("keys", "create", "boats", *words).exit_code == 2


def test_a_key_may_have_an_address_that_is_told(ready: Command) -> None:
    key = printed(ready("keys", "create", "boats", "--callback-url", "https://app.example.com/hook", "--json"))
    assert key["callback_url"] == "https://app.example.com/hook"


@pytest.mark.parametrize(
    ("address", "code"), [("ftp://app.example.com", 2), ("http://app.example.com", 1), ("https://10.0.0.1/", 1)]
)
def test_an_address_that_may_not_be_told_makes_no_key(ready: Command, address: str, code: int) -> None:
    result = ready("keys", "create", "boats", "--callback-url", address)
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert printed(ready("keys", "list", "--json")) == []


@pytest.mark.parametrize(("words", "kept"), [((), None), (("--keep-results",), True), (("--no-keep-results",), False)])
def test_a_key_says_whether_results_are_kept_only_when_told(ready: Command, words: tuple[str, ...], kept: bool | None) -> None:
    assert printed(ready("keys", "create", "boats", *words, "--json"))["keep_results"] is kept
