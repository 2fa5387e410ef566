"""What is sealed says nothing, opens with any configured secret, and with no other."""

import pytest

from app.domain.json import JsonObject
from app.store.secrets import Vault, WrongSecret

FIELDS: JsonObject = {"api_key": "canary-🔑\0", "nested": {"list": [1, None, True]}}


def test_what_is_sealed_opens_again_and_says_nothing() -> None:
    vault = Vault(["one"])
    sealed = vault.seal(FIELDS)
    assert "canary" not in sealed
    assert vault.open(sealed) == FIELDS


def test_the_same_fields_are_sealed_differently_each_time() -> None:
    vault = Vault(["one"])
    assert vault.seal(FIELDS) != vault.seal(FIELDS)


def test_an_older_secret_still_opens_and_the_newest_seals() -> None:
    old, both, new = Vault(["old"]), Vault(["new", "old"]), Vault(["new"])
    assert both.open(old.seal(FIELDS)) == FIELDS
    assert new.open(both.seal(FIELDS)) == FIELDS


@pytest.mark.parametrize("changed", ["", "not sealed", "🎬", None])
def test_a_wrong_secret_or_a_changed_text_is_a_clear_error(changed: str | None) -> None:
    sealed = Vault(["one"]).seal(FIELDS)
    with pytest.raises(WrongSecret) as raised:
        Vault(["two"]).open(sealed)
    assert raised.value.code == "wrong_secret_key"
    with pytest.raises(WrongSecret):
        Vault(["one"]).open(sealed[:-8] + "AAAAAAA=" if changed is None else changed)


@pytest.mark.parametrize("secrets", [[], [""], ["one", ""]])
def test_an_empty_secret_is_refused(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Vault(secrets)
