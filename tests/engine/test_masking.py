"""Credentials as operators see them again."""

import pytest

from app.domain.channels import Credential
from app.domain.errors import InvalidRequest
from app.domain.json import Json
from app.engine.masking import edited, mask, masked

HELD = (Credential("cred_1", {"api_key": "canary-0123456789-wxyz"}), Credential("cred_2", {"api_key": "short"}))


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("canary-0123456789-wxyz", "can****wxyz"),
        ("exactly-16-chars", "exa****hars"),
        ("only-15-chars..", "****"),
        ("", "****"),
        ("-----BEGIN KEY-----\nabcdef", "****"),
        ({"private_key": "canary"}, "****"),
    ],
)
def test_a_long_secret_shows_its_ends_and_a_short_one_nothing(secret: Json, shown: str) -> None:
    assert mask(secret) == shown
    assert masked(Credential("cred_1", {"field": secret})) == {"id": "cred_1", "field": shown}


def test_masked_values_keep_what_is_stored() -> None:
    assert edited(HELD, [masked(one) for one in HELD]) == HELD


def test_an_id_alone_keeps_its_credential_and_others_go() -> None:
    assert edited(HELD, [{"id": "cred_2"}]) == HELD[1:]


def test_a_new_value_replaces_and_an_entry_without_id_is_new() -> None:
    wanted = edited(HELD, [{"id": "cred_1", "api_key": "fresh"}, {"api_key": "****"}])
    assert [(one.id, one.fields) for one in wanted] == [("cred_1", {"api_key": "fresh"}), ("", {"api_key": "****"})]


def test_a_credential_that_the_channel_lacks_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cred_9"):
        edited(HELD, [{"id": "cred_9", "api_key": "x"}])
