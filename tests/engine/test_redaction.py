import random

import pytest

from app.domain.channels import Credential
from app.domain.json import Json
from app.engine import redaction
from app.engine.redaction import MASK, TEXT_LIMIT, redact, redact_headers, secrets_of

CANARY = "canary-4f1b7c9e2d"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"authorization: bearer: {CANARY}",
        f"https://cdn.example.com/a.mp4?Expires=1&Signature={CANARY}",
        f"https://cdn.example.com/a.mp4?X-Amz-Security-Token={CANARY}&x=1",
        f"https://cdn.example.com/a.mp4?X-Tos-Signature={CANARY}",
        f"https://cdn.example.com/a.mp4?OSSAccessKeyId={CANARY}",
        f"https://api.example.com/v1/x?key={CANARY}",
        f"https://user:{CANARY}@api.example.com/",
        f'{{"api_key": "{CANARY}"}}',
        f"api-key={CANARY}",
        f"password: {CANARY}",
        f"Incorrect API key provided: sk-{CANARY}",
        f"HMAC-SHA256 Credential={CANARY}/20261120/region",
    ],
)
def test_a_secret_in_a_text_is_masked(text: str) -> None:
    assert CANARY not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize(
    "name", ["Authorization", "api_key", "apiKey", "X-Api-Key", "accessToken", "secret_key", "Set-Cookie", "sig"]
)
def test_a_value_under_a_secret_name_is_masked(name: str) -> None:
    assert redact({name: CANARY}) == {name: MASK}


@pytest.mark.parametrize("name", ["total_tokens", "design", "keyboard", "signal", "monkey"])
def test_a_value_under_an_innocent_name_stays(name: str) -> None:
    assert redact({name: "seven birds"}) == {name: "seven birds"}


def test_nested_json_keeps_its_shape() -> None:
    body: Json = {"model": "m", "items": [{"token": CANARY, "n": 2}, "plain", None, True, 1.5]}
    assert redact(body) == {"model": "m", "items": [{"token": MASK, "n": 2}, "plain", None, True, 1.5]}


def test_given_secrets_are_masked_wherever_they_stand() -> None:
    assert redact({"message": f"no access for <{CANARY}>"}, [CANARY]) == {"message": f"no access for <{MASK}>"}


def test_a_very_short_secret_does_not_mask_ordinary_words() -> None:
    assert redact("a red fox", ["red"]) == "a red fox"


def test_secrets_of_a_credential_are_found_in_every_spelling() -> None:
    credential = Credential("c", {"api_key": "kk/ll mm+nn", "service_account": {"private_key": "line one\nline two"}})
    text = redact("kk%2Fll%20mm%2Bnn line one\\nline two kk/ll mm+nn", secrets_of(credential))
    assert text == f"{MASK} {MASK} {MASK}"


def test_a_data_uri_is_cut_to_a_note_of_its_length() -> None:
    assert redact("data:image/png;base64," + "A" * 12_345) == "data:image/png;base64,…(12345 chars)"


def test_bare_base64_is_cut_to_a_note_of_its_length() -> None:
    assert redact({"b64_json": "QUJD" * 1000}) == {"b64_json": "…(4000 chars)"}


def test_a_long_text_is_cut() -> None:
    text = redact("so long, " * 1000)
    assert len(text) < TEXT_LIMIT + 30
    assert text.endswith("…(9000 chars)")


def test_what_the_first_look_lets_pass_holds_nothing_to_mask() -> None:
    words = (
        *("token", "Bearer", "basic", "HMAC-SHA256", "sk", "xai", "whsec", "ark", "rk", "pk", "AIza", "AKLT", "ya29", "eyJ"),
        *("api", "key", "secret", "password", "signature", "authorization", "credential", "\u017fk", "to\u212aen", "Ba\u017fic"),
        *("a", "kite", "Abcdef123456", "abcdefghijklmnopqrstuvwxyz0123456789", "9" * 30, "user", "example.com"),
    )
    signs = ("", "", "-", "_", ".", " ", " ", "=", ":", ": ", "?", "&", "://", "@", '"', "\n")
    rng = random.Random(7)
    for _ in range(50_000):
        text = "".join(rng.choice(words) + rng.choice(signs) for _ in range(rng.randrange(1, 6)))
        assert redact(text) == redaction._masked(text), text


def test_headers_keep_their_names() -> None:
    headers = {"Authorization": f"Bearer {CANARY}", "X-Date": "20261120", "X-Note": f"Bearer {CANARY}"}
    assert redact_headers(headers) == {"Authorization": MASK, "X-Date": "20261120", "X-Note": f"Bearer {MASK}"}
