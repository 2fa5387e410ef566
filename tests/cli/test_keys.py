"""`filmgate keys`."""

import re

from tests.cli.conftest import Command, printed


def test_a_key_is_printed_alone_so_that_a_script_can_take_it(ready: Command) -> None:
    result = ready("keys", "create", "boats")
    assert result.exit_code == 0
    assert re.fullmatch(r"sk-[A-Za-z0-9_-]{43}\n", result.stdout)
    assert "shown this once" in result.stderr


def test_listed_keys_show_their_hint_and_not_their_text(ready: Command) -> None:
    text = ready("keys", "create", "boats", "--group", "a", "--group", "b", "--model", "m").stdout.strip()
    (key,) = printed(ready("keys", "list", "--json"))
    assert (key["name"], key["groups"], key["models"], key["hint"]) == ("boats", ["a", "b"], ["m"], text[:7])
    table = ready("keys", "list").stdout
    assert key["id"] in table
    assert text not in table


def test_json_of_a_new_key_holds_its_text(ready: Command) -> None:
    key = printed(ready("keys", "create", "boats", "--strict", "--expires", "2100-01-01", "--json"))
    assert key["key"].startswith(key["hint"])
    assert (key["strict"], key["expires_at"]) == (True, 4_102_444_800)


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
